"""The report for people: one HTML file that asks nobody for anything and prints well.

Made from the JSON report alone, whose fingerprint it carries. Text from servers and messages stays text:
Jinja2 escapes it, control characters and direction marks are spelled out.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync.report.events import FAULTS
from imapsync.report.files import replace_file
from imapsync.report.safe import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = Mapping[str, object]

#: Languages that the report can be written in.
LANGUAGES: Final = ("en", "it")
#: Longest piece of foreign text in a cell.
_CELL: Final = 300
#: What a verification counts, in the order in which it is told.
_FOUND: Final = ("checked", "equal", "missing", "different", "extra", "left_out", "removed", "unproven")
_COLUMNS: Final = ("messages", "copied", "already", "left_out", "removed", "failed")


class Who(NamedTuple):
    """Whose report it is: both accounts as user and server, and the options, without secrets.

    options: of a run whose report does not tell them.
    """

    source: str
    destination: str
    options: str


def is_possible() -> bool:
    """Tell whether the extra `report` (Jinja2) is installed."""
    from importlib.util import find_spec

    return find_spec("jinja2") is not None


def write_page(path: str, report: bytes, who: Who, language: str, *, subjects: bool) -> None:
    """Replace the HTML file, owner only. Raises OSError.

    report: the JSON report, as it stands in its file. subjects: whether messages are named by their subject.
    """
    replace_file(path, page(report, who, language, subjects=subjects).encode())


def page(report: bytes, who: Who, language: str, *, subjects: bool) -> str:
    """Give the report as HTML."""
    from jinja2 import Environment, StrictUndefined

    texts = json.loads(_resource(f"{language}.json"))
    facts = json.loads(report)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_resource("report.html.j2"))
    rows = [_folder(row) for row in facts["folders"]]
    verify = facts.get("verify")
    failures, problems = facts["failures"], facts["errors"]
    return template.render(
        language=language,
        t=texts,
        who=Who(*(printable(text) for text in who._replace(options=facts.get("options") or who.options))),
        run={
            "engine": facts["engine"],
            "began": _moment(facts["started_at"]),
            "ended": _moment(facts["ended_at"]),
            "seconds": f"{facts['seconds']:.1f}",
            "exit_code": facts["exit_code"],
            "exit_name": facts["exit_name"],
            "dry": facts["dry"],
        },
        good=facts["exit_code"] == 0 and not facts["dry"],
        verdict=_verdict(facts, rows, texts),
        folders=rows,
        total={name: sum(row[name] for row in rows) for name in _COLUMNS}
        | {"size": _size(facts["bytes_transferred"])},
        failures=[_failure(one, texts, subjects=subjects) for one in failures],
        problems=[_problem(one, texts) for one in problems],
        not_shown=max(0, facts["errors_total"] - len(failures) - len(problems) - _faults(verify)),
        on_purpose=[
            {"why": texts["skips"].get(why, why), "count": count}
            for why, count in facts["skipped"].items()
            if why != "present"
        ],
        verify=None if verify is None else _verification(verify, texts, subjects=subjects),
        not_verified=[row["source"] for row in rows if row.get("verified") is False],
        verified_at=_moment(facts.get("verified_at") or facts["ended_at"]),
        digest=hashlib.sha256(report).hexdigest(),
    )


def _resource(name: str) -> str:
    return resources.files("imapsync.report").joinpath("page", name).read_text("utf-8")


def _verdict(facts: Json, rows: Sequence[Mapping[str, int]], texts: Mapping[str, str]) -> str:
    if facts["messages_missing"]:
        return texts["missing"].format(count=facts["messages_missing"])
    if facts["exit_code"] or facts["dry"]:
        return texts["not_complete"] if facts["exit_code"] else texts["dry"]
    there = sum(row["messages"] - row["left_out"] - row["removed"] for row in rows)
    return texts["all_here"].format(count=there)


def _folder(row: Json) -> dict[str, int]:
    found = dict(row)
    found["source"] = printable(str(row["source"]), _CELL)
    found["destination"] = printable(str(row["destination"]), _CELL)
    found["size"] = _size(int(str(row["bytes"])))
    found["dates"] = [str(row[name])[:10] for name in ("first_date", "last_date") if row.get(name)]
    return found  # type: ignore[return-value]  # names, sizes, dates are text, what is summed up are numbers


def _failure(one: Json, texts: Mapping[str, Mapping[str, Json]], *, subjects: bool) -> dict[str, str]:
    reason = texts["reasons"][str(one["reason"])]
    size = one["size_bytes"]
    return {
        "folder": _cell(one["folder"]),
        "message": _message(one, subjects=subjects),
        "date": _cell(one["date"]),
        "size": _size(size) if isinstance(size, int) else "",
        "why": str(reason["text"]),
        "words": _cell(one["server_text"]),
        "remedy": str(reason["remedy"]),
    }


def _problem(one: Json, texts: Mapping[str, Mapping[str, Json]]) -> dict[str, str]:
    reason = texts["reasons"][str(one["code"])]
    return {
        "where": _cell(" ".join(str(part) for part in (one["side"], one["folder"]) if part)),
        "why": str(reason["text"]),
        "words": _cell(one["text"]),
        "remedy": str(reason["remedy"]),
    }


def _verification(
    verify: Json, texts: Mapping[str, Mapping[str, str]], *, subjects: bool
) -> dict[str, object]:
    exceptions = verify["exceptions"]
    return {
        "by_content": verify.get("method") == "content",
        "counts": [(texts["found_counts"][name], verify[name]) for name in _FOUND if name in verify],
        "total": verify["exceptions_total"],
        "exceptions": [
            {
                "folder": _cell(one["folder"]),
                "message": _message(one, subjects=subjects),
                "date": _cell(one.get("date")),
                "size": _size(one["size_bytes"]) if isinstance(one.get("size_bytes"), int) else "",
                "kind": texts["kinds"].get(one["kind"], one["kind"]),
                "expected": _compared(one["kind"], one["expected"]),
                "found": _compared(one["kind"], one["found"]),
                "remedy": texts["kind_remedies"].get(one["kind"], ""),
            }
            for one in (exceptions if isinstance(exceptions, list) else [])
        ],
    }


def _message(one: Json, *, subjects: bool) -> str:
    """Give what a message is called: by its subject only where that may be told."""
    name = one.get("subject") if subjects else None
    return _cell(name or one["message_id"] or f"UID {one['uid']}")


def _compared(kind: object, value: object) -> str:
    """Give what one side has; moments stand in the report as seconds."""
    text = str(value or "")
    return _moment(int(text)) if kind == "date" and text.isdecimal() and len(text) <= 11 else _cell(text)


def _faults(verify: Json | None) -> int:
    """Give how many of the exceptions that a verification lists are errors of the run, too."""
    listed = verify["exceptions"] if verify is not None else []
    return sum(one["kind"] in FAULTS for one in (listed if isinstance(listed, list) else []))


def _cell(text: object) -> str:
    return "" if text is None else printable(str(text), _CELL)


def _size(size_bytes: int) -> str:
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
