"""Tasks from a table of accounts.

One implementation for import-csv-tasks on the command line and for the page.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import (
    create,
    csvtable,
    files,
    lifecycle,
    mailserver,
    rules,
    sourcestore,
    steps,
    timetable,
)
from imapsync_tasks.csvprogress import Progress
from imapsync_tasks.csvtable import Issue, Layout
from imapsync_tasks.errors import ERRORS, Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError
from imapsync_tasks.interruption import INTERRUPTED, InterruptedWaitError, Interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imapsync_tasks.csvtable import Row, Table
    from imapsync_tasks.store import Store
    from imapsync_tasks.task import Task

NEW: Final = "new"
EXISTING: Final = "existing"
REPEATED: Final = "repeated"
INVALID: Final = "invalid"
#: An outcome: the import was asked to end before this row.
NOT_DONE: Final = "not_done"
#: An outcome: both logins work, and nothing was made of it.
VERIFIED: Final = "verified"
COUNTED: Final = ("created", "updated", "skipped", "failed", NOT_DONE)

#: Logins may take longer here than in a form: after one wrong password servers answer the next logins slowly.
_LOGIN_S: Final = 60.0
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


class Way(NamedTuple):
    """How an import is done.

    update: the file is applied to tasks that exist. verify: logins are checked, and nothing is made.
    start: "now"; "no": by hand or by schedule; or a date and time, for tasks that have no schedule.
    """

    update: bool = False
    verify: bool = False
    start: str = "now"

    @classmethod
    def of(cls, request: Json) -> Way:
        """Read it from the members of a request. RefusedError: there is no such start, or it has passed."""
        start = request.get("start", "now")
        moment = timetable.once(start) if isinstance(start, str) else None
        if start not in ("now", "no") and (moment is None or moment.timestamp() < time.time()):
            raise rules.refused("start", start)
        return cls(request.get("update") is True, request.get("verify") is True, str(start))

    @property
    def counted(self) -> tuple[str, ...]:
        """Give the outcomes that rows can have."""
        return (VERIFIED, *COUNTED) if self.verify else COUNTED

    def planned(self, request: Json) -> Json:
        """Give a row's request with the date of its single start, when it is to have one."""
        return request if self.start in ("now", "no") or request["cron"] else {**request, "cron": self.start}


class Outcome(NamedTuple):
    """What became of a row: created, updated, verified, skipped, failed or not_done."""

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

    def remembered(self) -> Json:
        """Give what is kept of it: who it is, too, for a reader without the file."""
        return {**self.as_json(), "remoteusername": self.plan.row.cells.get("remoteusername", "")}


def plan(table: Table, store: Store) -> list[Plan]:
    """Decide what each row means for the tasks that exist."""
    existing: dict[tuple[str, str, str], Task] = {}
    names = set(store.names())
    taken = set()
    for name in names:
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
        try:
            host = _host(row, store)
        except TaskFileError:
            issue = Issue(
                "source", "source_not_found", f"Invalid source {row.cells['source'][:60]!r}: there is none"
            )
            plans.append(Plan(row._replace(issues=(issue,)), INVALID))
            continue
        key = tuple(one.casefold() for one in (row.cells["localusername"], row.cells["remoteusername"], host))
        known = existing.get((key[0], key[1], key[2]))
        if key in seen:
            plans.append(Plan(row, REPEATED, known, known.task_id if known else ""))
        elif known:
            plans.append(Plan(row, EXISTING, known, known.task_id))
        else:
            plans.append(_new(csvtable.as_new(row, names), taken))
            names.add(f"{row.cells['localusername']}_{plans[-1].task_id}")
        seen.add(key)
    return plans


def _host(row: Row, store: Store) -> str:
    """Give the server of a row, that of its source if it names one. TaskFileError."""
    name = row.cells.get("source")
    return sourcestore.load(store.paths, name).source.remotehostname if name else row.cells["remotehostname"]


def _new(row: Row, taken: set[str]) -> Plan:
    if row.issues:
        return Plan(row, INVALID)
    return Plan(row, NEW, None, row.cells.get("task_id") or lifecycle.new_task_id(taken))


def run(
    plans: list[Plan],
    *,
    way: Way,
    interruption: Interruption,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Outcome]:
    """Create, update, verify or skip; an outcome a row as soon as it is known, not in the rows' order.

    Asked to end, also while another import is waited for, the rows that are left are `not_done`. The tasks
    start when no login is checked any more.
    """
    paths = steps.store().paths
    done = 0
    with ExitStack() as held:
        try:
            with interruption.waiting():
                held.enter_context(files.locked(paths.import_lock))
        except InterruptedWaitError:
            yield from map(_not_done, plans)
            return
        kept = Progress(paths, len(plans))
        for outcome in _outcomes(plans, way=way, interruption=interruption):
            tried = outcome.status in ("created", "updated", VERIFIED) or outcome.refusal is not None
            kept.add(outcome.remembered(), done=tried)
            yield outcome
            done += 1
            if progress and (tried or done == len(plans)):
                progress(100 * done // max(1, len(plans)))
        kept.end()


def _outcomes(plans: list[Plan], *, way: Way, interruption: Interruption) -> Iterator[Outcome]:
    todo = []
    for one in plans:
        if one.status == INVALID:
            yield Outcome(one, "failed", text="; ".join(issue.text for issue in one.row.issues))
        elif one.status == REPEATED:
            yield Outcome(one, "skipped", text="this account appears twice in this file")
        elif one.status == EXISTING and not way.update:
            yield Outcome(one, "skipped", text=f"task {one.task_id} already syncs this account")
        else:
            todo.append(one)
    yield from _work(todo, way, interruption)


def _work(plans: list[Plan], way: Way, interruption: Interruption) -> Iterator[Outcome]:
    """Check logins side by side and save what works; start it all in the end."""
    requests = [way.planned(csvtable.request(one.row, one.task_id, one.existing)) for one in plans]
    left = dict(enumerate(plans))
    saved = []
    try:
        for index, refusals in interruption.waits(create.check_many(requests, _LOGIN_S)):
            one = left.pop(index)
            reason = refusals[0] if refusals else None
            if reason is None and way.verify:
                yield Outcome(one, VERIFIED)
                continue
            if reason is None:
                try:
                    new = create.save(requests[index])
                except RefusedError as refused:
                    reason = refused.refusals[0]
            if reason is not None:
                yield Outcome(one, "failed", reason, sentence(reason, one.row.account))
                continue
            saved.append(requests[index])
            yield Outcome(one, "created" if new else "updated")
    except (InterruptedWaitError, RuntimeError):
        if not interruption.asked:  # a signal ends the login check in the container, too
            raise
    finally:
        if way.start == "now":
            create.start_many(saved)
    yield from map(_not_done, left.values())


def _not_done(one: Plan) -> Outcome:
    return Outcome(one, NOT_DONE, text="cancelled before this row")


def sentence(refusal: Refusal, account: str = "") -> str:
    """Give a refusal in words, with the account that it is about and what the server said."""
    field = csvtable.column_of(str(refusal.as_json()["field"]))
    text = _SENTENCES.get(refusal.error) or f"{ERRORS[refusal.error].text.capitalize()} ({field})"
    said = str(refusal.details.get("server_text", ""))
    return ": ".join(part for part in (f"{text} ({account})" if account else text, said) if part)


def check(request: Json) -> Json:
    """Give the answer of check-csv-tasks."""
    try:
        table = _table(request)
    except csvtable.CsvError as error:
        return {"valid": False, "error": str(error), "columns": [], "rows": [], "counts": {}}
    plans = _with_mailboxes(plan(table, steps.store()))
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


def _with_mailboxes(plans: list[Plan]) -> list[Plan]:
    """Find fault with rows whose local user has no mailbox, when Mail says who has one."""
    paths = steps.store().paths
    _, error = mailserver.mailboxes(paths, steps.settings(), refresh=False)
    if error:
        return plans
    unknown = mailserver.unknown_among(paths, (one.row.cells.get("localusername", "") for one in plans))
    issue = csvtable.Issue("localusername", "mailbox_not_found", _SENTENCES["mailbox_not_found"])
    return [
        one._replace(status=INVALID, row=one.row._replace(issues=(issue,)))
        if one.status in (NEW, EXISTING) and one.row.cells["localusername"] in unknown
        else one
        for one in plans
    ]


def run_action(request: Json) -> Json:
    """Give the answer of import-csv-tasks; cancelled, it ends with INTERRUPTED after the answer."""
    import agent

    way = Way.of(request)
    try:
        table = _table(request)
    except csvtable.CsvError as error:
        raise RefusedError(Refusal("invalid_csv", details={"text": str(error)})) from None
    plans = plan(table, steps.store())
    chosen = request.get("rows")
    if isinstance(chosen, list):
        wanted = set(chosen)
        plans = [one for one in plans if one.row.number in wanted]
    with Interruption() as interruption:
        work = run(
            plans,
            way=way,
            interruption=interruption,
            progress=agent.set_progress,
        )
        outcomes = sorted(work, key=lambda one: one.plan.row.number)
    counts = {status: sum(one.status == status for one in outcomes) for status in way.counted}
    answer: Json = {"results": [one.as_json() for one in outcomes], **counts}
    if counts[NOT_DONE]:
        json.dump(answer, sys.stdout)
        sys.exit(INTERRUPTED)
    return answer


def _table(request: Json) -> Table:
    text = str(request["csv_secret"])
    table = csvtable.parse(text, csvtable.separator(text), Layout.of(request))
    changes = request.get("changes")
    return csvtable.change(table, changes if isinstance(changes, list) else [])
