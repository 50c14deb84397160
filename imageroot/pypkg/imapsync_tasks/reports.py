"""get-report: a file for the customer, of one mailbox or of a project."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from imapsync_tasks import container, projectactions, rules, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError
from imapsync_tasks.spreadsheet import cell

MEDIA_TYPES: Final = {"html": "text/html", "csv": "text/csv", "json": "application/json"}
LANGUAGES: Final = ("en", "it")
#: Columns of a project's table, and where a mailbox's row has them.
_COLUMNS: Final = {
    "localuser": ("localuser",),
    "remoteusername": ("remoteusername",),
    "state": ("state",),
    "messages": ("audit", "messages"),
    "messages_here": ("result", "messages_here"),
    "bytes_here": ("result", "bytes_here"),
    "messages_failed": ("result", "messages_failed"),
    "last_run": ("result", "started_at"),
    "error": ("result", "error"),
}


def get_report(request: Json) -> Json:
    """Give the file of a task, by `localuser` and `task_id`, or of a `project`."""
    kind = rules.Choice(tuple(MEDIA_TYPES)).of(request, "format", "html")
    language = rules.Choice(LANGUAGES).of(request, "language", "en")
    if ("project" in request) == ("localuser" in request):
        raise RefusedError(Refusal("invalid_value", "project"))
    if "project" in request:
        name = rules.SOURCE.of(request, "project")
        content = _of_project(name, kind, language)
    else:
        name, content = _of_task(request, kind, language)
    return {"file_name": f"{name}.{kind}", "media_type": MEDIA_TYPES[kind], "content": content}


def _of_task(request: Json, kind: str, language: str) -> tuple[str, str]:
    try:
        name = steps.store().named(request)
    except NoSuchTaskError:
        raise RefusedError(Refusal("report_not_found")) from None
    asked: Json = {
        "task": name,
        "format": kind,
        "language": language,
        "subjects": request.get("subjects") is True,
    }
    return name, str(container.ask("report", asked)["content"])


def _of_project(name: str, kind: str, language: str) -> str:
    facts = projectactions.whole(name) | {"written_at": round(time.time())}
    machine = json.dumps(facts, indent=1)
    if kind == "json":
        return machine
    if kind == "csv":
        return _table(facts)
    return _page(facts, machine, language)


def _value(mailbox: Json, path: tuple[str, ...]) -> object:
    found: object = mailbox
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if path[-1] == "started_at" and isinstance(found, float):
        return _moment(found)
    return found


def _table(facts: Json) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for mailbox in _mailboxes(facts):
        table.writerow([cell(_value(mailbox, path)) for path in _COLUMNS.values()])
    return text.getvalue()


def _page(facts: Json, machine: str, language: str) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["size"] = _size
    template = environment.from_string(_resource("project.html.j2"))
    rows = [
        {column: _value(mailbox, path) for column, path in _COLUMNS.items()} for mailbox in _mailboxes(facts)
    ]
    return template.render(
        language=language,
        t=json.loads(_resource("project.json"))[language],
        facts=facts,
        rows=rows,
        written=_moment(float(str(facts["written_at"]))),
        digest=hashlib.sha256(machine.encode()).hexdigest(),
    )


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _mailboxes(facts: Json) -> list[Json]:
    found = facts["mailboxes"]
    return found if isinstance(found, list) else []


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _size(size_bytes: object) -> str:
    if not isinstance(size_bytes, int):
        return ""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
