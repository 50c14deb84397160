"""What is kept of a finished run: made of the engine's report, else of how the engine ended."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json

#: sysexits.h: the engine could not be started, or the task's settings cannot be read.
EX_UNAVAILABLE: Final = 69
EX_CONFIG: Final = 78

#: The reasons that have an exit code of their own (docs/exit-codes.md).
_DECIDING: Final = {
    121: "verify",
    122: "brake_source_empty",
    123: "brake_delete",
    124: "parked",
    125: "brake_vanished",
    126: "source_incomplete",
}
_BRAKES: Final = ("brake_source_empty", "brake_delete", "brake_vanished")


def summary(report: Json, began: float, ended: float, exit_code: int, *, whole: bool) -> Json:
    """Give the result of a run; what the engine could not report any more is made up from its end.

    whole: the run was about all messages.
    """
    decided = _deciding(report.get("errors"), exit_code)
    complete = report.get("exit_code") == exit_code
    code = decided.get("code")
    if exit_code and not complete:
        code = "killed" if exit_code > 128 else "internal"
    return {
        "exit_code": exit_code,
        "exit_name": (complete and _text(report.get("exit_name"))) or _exit_name(exit_code),
        "exit_text": (complete and _text(report.get("exit_text"))) or "",
        "started_at": began,
        "ended_at": ended,
        "seconds": round(ended - began, 3),
        **{
            key: _whole(report.get(key))
            for key in ("messages_transferred", "messages_skipped", "messages_failed", "bytes_transferred")
        },
        **_here(report if whole else {}),
        "error": code if isinstance(code, str) else None,
        "error_side": _text(decided.get("side")),
        "run_again_at": _text(report.get("run_again_at")),
        "brake_messages": _count(decided, "messages") if code in _BRAKES else None,
        "brake_of": _count(decided, "of") if code in _BRAKES else None,
        "host1": report.get("host1"),
        "host2": report.get("host2"),
    }


#: Skips of messages that are on the destination.
_PRESENT: Final = ("present", "duplicate", "cross_duplicate")


def _here(report: Json) -> Json:
    """Give how many of the source's messages are on the destination, and their size when all of them are."""
    skipped, source = report.get("skipped"), report.get("host1")
    if not isinstance(skipped, dict):
        return {"messages_here": None, "bytes_here": None}
    here = _whole(report.get("messages_transferred")) + sum(_whole(skipped.get(why)) for why in _PRESENT)
    whole = isinstance(source, dict) and source.get("messages") == here
    size = source.get("bytes") if whole and isinstance(source, dict) else None
    return {"messages_here": here, "bytes_here": size if isinstance(size, int) else None}


def _deciding(errors: object, exit_code: int) -> Json:
    """Give the error that the exit code tells of: of those that have a code of their own, else the first."""
    if not exit_code or not isinstance(errors, list):
        return {}
    found = [error for error in errors if isinstance(error, dict)]
    own = (error for error in found if error.get("code") == _DECIDING.get(exit_code))
    return next(own, found[0] if found else {})


def _whole(value: object) -> int:
    """Give a number of a report; a script in the engine's place may leave it out."""
    return value if isinstance(value, int) else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(error: Json, name: str) -> int | None:
    """Give a number of an error's details, which the report has as text."""
    text = error.get(name)
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def _exit_name(exit_code: int) -> str:
    try:
        return signal.Signals(exit_code - 128).name
    except ValueError:
        return {0: "EX_OK", EX_UNAVAILABLE: "EX_UNAVAILABLE", EX_CONFIG: "EX_CONFIG"}.get(
            exit_code, "UNKNOWN"
        )
