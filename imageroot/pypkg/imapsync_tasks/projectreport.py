"""The report of a project as a page to sign, as a table and as JSON, made of its facts alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imapsync_tasks import rules
from imapsync_tasks.projectfacts import machine
from imapsync_tasks.spreadsheet import cell

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json

#: Columns of the table, and where a mailbox's row has them.
_COLUMNS: Final = {
    "localuser": ("localuser",),
    "remoteusername": ("remoteusername",),
    "remotehostname": ("remotehostname",),
    "state": ("state",),
    "messages": ("audit", "messages"),
    "messages_here": ("result", "messages_here"),
    "bytes_here": ("result", "bytes_here"),
    "messages_failed": ("result", "messages_failed"),
    "last_run": ("result", "started_at"),
    "error": ("result", "error"),
    "verified_at": ("verified", "at"),
    "verified_by": ("verified", "method"),
    "checked": ("verified", "checked"),
    "equal": ("verified", "equal"),
    "differences": ("verified", "differences"),
}
#: Kinds of exceptions -> their columns of the table, which has them all.
_EXCEPTIONS: Final = {
    "failures": ("folder", "uid", "message_id", "subject", "date", "size_bytes", "reason", "server_text"),
    "problems": ("side", "folder", "code", "text"),
    "differences": (
        *("folder", "uid", "message_id", "subject", "date", "size_bytes"),
        *("kind", "expected", "found"),
    ),
}
#: Longest piece of foreign text in a cell of the page.
_CELL: Final = 300


def written(facts: Json, kind: str, language: str, *, subjects: bool) -> str:
    """Give the report of this kind: html, csv or json; messages are named by subject where that is wanted."""
    if kind == "json":
        return machine(facts)
    if kind == "csv":
        return _table(facts, subjects=subjects)
    return _page(facts, language, subjects=subjects)


def _table(facts: Json, *, subjects: bool) -> str:
    """Give mailboxes, then exceptions; the first column says which."""
    hidden = () if subjects else ("subject",)
    columns = [*_COLUMNS, *(name for names in _EXCEPTIONS.values() for name in names)]
    text = io.StringIO()
    table = csv.DictWriter(text, [name for name in dict.fromkeys(("row", *columns)) if name not in hidden])
    table.writeheader()
    for one in _rows(facts, "mailboxes"):
        table.writerow({"row": "mailbox"} | {name: cell(value) for name, value in _row(one).items()})
    for kind, names in _EXCEPTIONS.items():
        for one in _rows(facts, kind):
            shown = ("localuser", *(name for name in names if name not in hidden))
            table.writerow({"row": kind[:-1]} | {name: cell(one.get(name)) for name in shown})
    return text.getvalue()


def _page(facts: Json, language: str, *, subjects: bool) -> str:
    from jinja2 import Environment, StrictUndefined

    labels, words = (
        json.loads(_resource("project.json"))[language],
        json.loads(_resource("words.json"))[language],
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"size": _size, "moment": _moment, "foreign": _foreign}
    environment.filters["name"] = lambda one: _name(one, subjects=subjects)
    environment.filters["compared"] = _compared
    environment.filters["outcome"] = lambda code: _reason(words["outcomes"], code)
    environment.filters["failure"] = lambda code: _reason(words["failures"], code)
    template = environment.from_string(_resource("project.html.j2"))
    return template.render(
        language=language,
        t=labels,
        words=words,
        facts=facts,
        rows=[
            {name: _value(one, path) for name, path in _COLUMNS.items()} for one in _rows(facts, "mailboxes")
        ],
        named=sum(len(_rows(facts, kind)) for kind in _EXCEPTIONS),
        ended=_latest(facts),
        digest=hashlib.sha256(machine(facts).encode()).hexdigest(),
    )


def _resource(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _rows(facts: Json, name: str) -> list[Json]:
    found = facts[name]
    return found if isinstance(found, list) else []


def _row(mailbox: Json) -> Json:
    return {name: _value(mailbox, path) for name, path in _COLUMNS.items()}


def _value(mailbox: Json, path: tuple[str, ...]) -> object:
    found: object = mailbox
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return _moment(found) if path[-1] in ("started_at", "at") and found is not None else found


def _latest(facts: Json) -> str:
    """Give when the last run or verification ended; empty: there was none."""
    moments = [
        _value(one, path)
        for one in _rows(facts, "mailboxes")
        for path in (("result", "started_at"), ("verified", "at"))
    ]
    return max((str(moment) for moment in moments if moment), default="")


def _reason(words: dict[str, dict[str, str]], code: object) -> dict[str, str]:
    """Give text and remedy of a reason, in general words for one that is not known."""
    found = words.get(str(code)) or words["unknown"]
    return {part: text.replace("{code}", str(code)) for part, text in found.items()}


def _name(one: Json, *, subjects: bool) -> str:
    return _foreign((one["subject"] if subjects else None) or one["message_id"] or f"UID {one['uid']}")


def _compared(one: Json, side: str) -> str:
    """Give what one side has; moments stand in the facts as seconds."""
    text = str(one[side] or "")
    is_moment = one["kind"] == "date" and text.isdecimal() and len(text) <= 11
    return _moment(int(text)) if is_moment else _foreign(text)


def _foreign(text: object) -> str:
    return "" if text is None else rules.printable(str(text)[:_CELL])


def _moment(seconds: object) -> str:
    """Give a moment for people; empty: there is none, or none that a calendar has."""
    if not isinstance(seconds, int | float):
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def _size(size_bytes: object) -> str:
    if not isinstance(size_bytes, int):
        return ""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
