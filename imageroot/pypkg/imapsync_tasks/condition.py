"""In one word how it stands with a task: what it does, else how its last run ended. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json
    from imapsync_tasks.runtime import State

NEVER: Final = "never"
WAITING: Final = "waiting"
RUNNING: Final = "running"
SERVER: Final = "server"
DONE: Final = "done"
PROBLEMS: Final = "problems"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
STOPPED: Final = "stopped"

#: `error` of a result: a server asked to wait.
PARKED: Final = "parked"


class Condition(NamedTuple):
    """A word, and how far an interrupted run had come, in percent (None: not known, or not interrupted)."""

    word: str
    interrupted_percent: int | None = None


def condition(state: State, progress: Json | None, result: Json | None) -> Condition:
    """Give how it stands with a task; `progress` of its run, also of one that was cut off."""
    if state.state == "running":
        return Condition(SERVER if (progress or {}).get("phase") == "waiting" else RUNNING)
    if state.mark == INTERRUPTED:
        return Condition(INTERRUPTED, percent(progress))
    if state.state == "queued":
        return Condition(WAITING)
    return Condition(STOPPED if state.mark == STOPPED else of_result(result))


def percent(progress: Json | None) -> int | None:
    """Give how far a run had come, by bytes, else by messages; None while it had not counted."""
    found = progress or {}
    for unit in ("bytes", "messages"):
        done, total = found.get(f"{unit}_done"), found.get(f"{unit}_total")
        if isinstance(done, int) and isinstance(total, int) and 0 <= done <= total and total > 0:
            return 100 * done // total
    return None


def of_result(result: Json | None) -> str:
    """Give how the last run ended; NEVER when there was none."""
    if result is None:
        return NEVER
    if result["error"] == PARKED:
        return SERVER
    if result["messages_failed"] and (result["error"] is None or result["exit_code"] == 0):
        return PROBLEMS
    return DONE if result["exit_code"] == 0 else FAILED
