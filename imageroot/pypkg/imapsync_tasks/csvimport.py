"""Tasks from a table of accounts.

One implementation for import-csv-tasks on the command line and for the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import create, csvtable, lifecycle, steps
from imapsync_tasks.errors import ERRORS, Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imapsync_tasks.csvtable import Row, Table
    from imapsync_tasks.store import Store
    from imapsync_tasks.task import Task

NEW: Final = "new"
EXISTING: Final = "existing"
REPEATED: Final = "repeated"
INVALID: Final = "invalid"

#: Logins may take longer here than in a form: after one wrong password servers answer the next logins slowly.
_LOGIN_S: Final = 60.0
#: Rows that are checked, saved and started together.
_BATCH: Final = 24
#: Words of the form's error keys, for people.
_SENTENCES: Final = {
    "bad_user_credentials": "The remote server refused the user or password",
    "check_hostname_or_tcp_port": "No IMAP server answers: check remotehostname and remoteport",
    "ssl_encryption_error": "The remote server does not speak TLS here: check security and remoteport",
    "starttls_not_allowed_use_imaps": "The remote server does not offer STARTTLS: use ssl and port 993",
    "encryption_required": "The remote server refuses logins without encryption: use tls or ssl",
    "mailbox_not_found": "The local user has no mailbox",
}


class Plan(NamedTuple):
    """What a row is about to do. `request` is create-task's input when it is to be created or updated."""

    row: Row
    status: str
    existing: Task | None = None
    task_id: str = ""


class Outcome(NamedTuple):
    """What became of a row: created, updated, skipped or failed."""

    plan: Plan
    status: str
    refusal: Refusal | None = None
    text: str = ""

    def as_json(self) -> Json:
        """Give the element of import-csv-tasks' answer."""
        issue = self.plan.row.issues[0] if self.plan.row.issues else None
        field = csvtable.column_of(str(self.refusal.as_json()["field"])) if self.refusal else None
        error = self.refusal.error if self.refusal else None
        return {
            "row": self.plan.row.number,
            "status": self.status,
            "localuser": self.plan.row.cells.get("localusername", ""),
            "task_id": self.plan.task_id or None,
            "field": field or (issue.column if issue else None),
            "error": error or (issue.error if issue else None),
            "text": self.text,
        }


def plan(table: Table, store: Store) -> list[Plan]:
    """Decide what each row means for the tasks that exist."""
    existing: dict[tuple[str, str, str], Task] = {}
    taken = set()
    for name in store.names():
        try:
            task = store.load(name)
        except (TaskFileError, NoSuchTaskError):
            continue
        existing.setdefault(task.account_key, task)
        taken.add(task.task_id)
    plans = []
    seen = set()
    for row in table.rows:
        if row.issues:
            plans.append(Plan(row, INVALID))
            continue
        key = tuple(
            row.cells[name].casefold() for name in ("localusername", "remoteusername", "remotehostname")
        )
        known = existing.get((key[0], key[1], key[2]))
        if key in seen:
            plans.append(Plan(row, REPEATED, known, known.task_id if known else ""))
        elif known:
            plans.append(Plan(row, EXISTING, known, known.task_id))
        else:
            plans.append(Plan(row, NEW, None, row.cells.get("task_id") or lifecycle.new_task_id(taken)))
        seen.add(key)
    return plans


def run(
    plans: list[Plan], *, update: bool, progress: Callable[[int], None] | None = None
) -> Iterator[Outcome]:
    """Create, update or skip; an outcome a row as soon as it is known, not in the rows' order."""
    todo = []
    for one in plans:
        if one.status == INVALID:
            yield Outcome(one, "failed", text="; ".join(issue.text for issue in one.row.issues))
        elif one.status == REPEATED:
            yield Outcome(one, "skipped", text="this account appears twice in this file")
        elif one.status == EXISTING and not update:
            yield Outcome(one, "skipped", text=f"task {one.task_id} already syncs this account")
        else:
            todo.append(one)
    done = len(plans) - len(todo)
    for begin in range(0, len(todo), _BATCH):
        for outcome in _batch(todo[begin : begin + _BATCH]):
            yield outcome
            done += 1
            if progress:
                progress(100 * done // max(1, len(plans)))


def sentence(refusal: Refusal) -> str:
    """Give a refusal in words, with what the server said."""
    field = csvtable.column_of(str(refusal.as_json()["field"]))
    text = _SENTENCES.get(refusal.error) or f"{ERRORS[refusal.error].text.capitalize()} ({field})"
    said = str(refusal.details.get("server_text", ""))
    return f"{text}: {said}" if said else text


def check(request: Json) -> Json:
    """Give the answer of check-csv-tasks."""
    try:
        table = _table(request)
    except csvtable.CsvError as error:
        return {"valid": False, "error": str(error), "columns": [], "rows": [], "counts": {}}
    plans = plan(table, steps.store())
    counts = {
        status: sum(one.status == status for one in plans) for status in (NEW, EXISTING, REPEATED, INVALID)
    }
    rows = [
        {
            "row": one.row.number,
            "status": one.status,
            "task_id": one.existing.task_id if one.existing else None,
            "values": one.row.shown,
            "errors": [issue.as_json() for issue in one.row.issues],
        }
        for one in plans
    ]
    return {"valid": True, "error": None, "columns": list(table.columns), "rows": rows, "counts": counts}


def run_action(request: Json) -> Json:
    """Give the answer of import-csv-tasks."""
    import agent

    try:
        table = _table(request)
    except csvtable.CsvError as error:
        raise RefusedError(Refusal("invalid_csv", details={"text": str(error)})) from None
    plans = plan(table, steps.store())
    chosen = request.get("rows")
    if isinstance(chosen, list):
        plans = [one for one in plans if one.row.number in chosen]
    outcomes = list(run(plans, update=request.get("update") is True, progress=agent.set_progress))
    counts = {
        status: sum(one.status == status for one in outcomes)
        for status in ("created", "updated", "skipped", "failed")
    }
    outcomes.sort(key=lambda one: one.plan.row.number)
    return {"results": [one.as_json() for one in outcomes], **counts}


def _table(request: Json) -> Table:
    table = csvtable.parse(str(request["csv_secret"]))
    changes = request.get("changes")
    return csvtable.change(table, changes if isinstance(changes, list) else [])


def _batch(plans: list[Plan]) -> Iterator[Outcome]:
    """Check a few rows at once, save what works, start it together."""
    requests = [csvtable.request(one.row, one.task_id, one.existing) for one in plans]
    saved = []
    try:
        for index, refusals in create.check_many(requests, _LOGIN_S):
            one = plans[index]
            reason = refusals[0] if refusals else None
            if reason is None:
                try:
                    new = create.save(requests[index])
                except RefusedError as refused:
                    reason = refused.refusals[0]
            if reason is not None:
                yield Outcome(one, "failed", reason, sentence(reason))
                continue
            saved.append(requests[index])
            yield Outcome(one, "created" if new else "updated")
    finally:
        create.start_many(saved)
