"""How far a project is: the state of each mailbox, what wants somebody's attention, when it ends. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition, projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imapsync_tasks.errors import Json

#: States of a mailbox, in the order of its way; the last two stand beside it.
SIGN_IN: Final = "sign_in"
CHECKED: Final = "checked"
PRE_STAGED: Final = "pre_staged"
IN_STEP: Final = "in_step"
FINAL_PASS: Final = "final_pass"  # noqa: S105 - no password
VERIFIED: Final = "verified"
CLOSED: Final = "closed"
FAILED: Final = "failed"
PARKED: Final = "parked"
STATES: Final = (SIGN_IN, CHECKED, PRE_STAGED, IN_STEP, FINAL_PASS, VERIFIED, CLOSED, FAILED, PARKED)
#: A login was refused, or there is no token for it: somebody has to enter or to allow something.
_LOGIN_ERRORS: Final = ("authentication", "password_missing", "sign_in_needed")
_BROKEN: Final = (condition.FAILED, condition.PROBLEMS, condition.INTERRUPTED)
#: Exit code of a comparison that found faults (docs/exit-codes.md).
_EXIT_VERIFY: Final = 121
#: Names in a group of what wants attention; the others are counted.
MAX_NAMED: Final = 100
#: A range that is narrower than this part of the time that is left is told as a moment.
_CERTAIN: Final = 0.1
#: Before so much is done no end is foretold.
_LEAST_DONE: Final = 0.005


class Part(NamedTuple):
    """A mailbox's share: bytes that are to be on the destination (None: nobody has counted them), and are."""

    total: int | None
    done: int
    complete: bool


class Forecast(NamedTuple):
    """When all is there, as seconds from now: not before, and most likely by."""

    earliest_s: float
    latest_s: float


def mailbox_state(stage: str, row: Json) -> str:
    """Give the state of a mailbox by its row of list-tasks and the stage of its project."""
    result, word = row["result"], row["condition"]
    if word == condition.SERVER:
        return PARKED
    if word not in _BROKEN and isinstance(result, dict):
        # What it does now, a verification or one more try, does not change how its last run ended.
        word = condition.of_result(result)
    if word in _BROKEN:
        error = result["error"] if isinstance(result, dict) else None
        signs_in = isinstance(error, str) and (error in _LOGIN_ERRORS or error.startswith("token_"))
        return SIGN_IN if signs_in and word == condition.FAILED else FAILED
    return _of_result(stage, result, row["verified"]) if isinstance(result, dict) else CHECKED


def _of_result(stage: str, result: Json, verified: object) -> str:
    if stage == projects.CLOSED:
        return CLOSED
    if _is_verified(verified, result):
        return VERIFIED
    if result["stage"] == projects.PRE_STAGE:
        return PRE_STAGED
    return FINAL_PASS if result["stage"] in (projects.FINAL, projects.AFTER) else IN_STEP


def _is_verified(verified: object, result: Json) -> bool:
    """Tell whether all was found to be there since the last run; seconds are whole in what was found.

    The engine judges: what its owner has read or removed on the local side is told and no fault.
    """
    return isinstance(verified, dict) and verified["exit_code"] == 0 and _is_latest(verified, result)


def _is_latest(verified: Json, result: object) -> bool:
    return not isinstance(result, dict) or int(str(verified["at"])) >= int(float(str(result["ended_at"])))


#: Stages in which something is copied, in their order.
_WAY: Final = (projects.PRE_STAGE, projects.FULL, projects.DELTA, projects.FINAL, projects.AFTER)


def is_complete(stage: str, row: Json) -> bool:
    """Tell whether a mailbox has all that its project's stage is about.

    Then its last run went well and began in that stage, or a later one; one before the task had a project
    brought all mail.
    """
    state = mailbox_state(stage, row)
    if stage == projects.CLOSED:
        return state == CLOSED
    if stage == projects.PREPARED or state in (SIGN_IN, CHECKED, FAILED, PARKED):
        return False
    result = row["result"]
    ran_in = result["stage"] if isinstance(result, dict) else None
    return _WAY.index(ran_in if ran_in in _WAY else projects.FULL) >= _WAY.index(stage)


def part(stage: str, row: Json, audited: int | None) -> Part:
    """Give a mailbox's share of all bytes; `audited`: what its audit counted."""
    result, progress = row["result"], row["progress"]
    known = result["bytes_here"] if isinstance(result, dict) else None
    complete = is_complete(stage, row)
    done, total = 0, known if isinstance(known, int) and complete else audited
    if complete:
        done = total or 0
    elif isinstance(progress, dict):
        done = _number(progress, "bytes_done") or 0
        total = _number(progress, "bytes_total") or total
    return Part(total, min(done, total) if total is not None else done, complete)


def reason_of(row: Json) -> str | None:
    """Give why somebody has to look at a mailbox, None: nobody has to.

    Where its run went well the last comparison counts, as long as no run has begun after it.
    """
    result = row["result"]
    if row["error"]:
        return "task_unreadable"
    if row["condition"] in _BROKEN:
        error = result["error"] if isinstance(result, dict) else None
        interrupted = row["condition"] == condition.INTERRUPTED
        return str(error) if error is not None else "interrupted" if interrupted else "messages_failed"
    verified = row["verified"]
    if not isinstance(verified, dict) or verified["exit_code"] != _EXIT_VERIFY:
        return None
    return "verify" if _is_latest(verified, result) else None


def rate(rows: Iterable[Json]) -> int:
    """Give how many bytes a second arrive now, by all runs together."""
    going = [row["progress"] for row in rows if row["condition"] == condition.RUNNING]
    rates = [found.get("bytes_per_second") for found in going if isinstance(found, dict)]
    return round(sum(one for one in rates if isinstance(one, int | float) and one > 0))


def attention(rows: Iterable[Json]) -> list[Json]:
    """Group what went wrong by its reason, the largest group first."""
    groups: dict[str, list[Json]] = {}
    for row in rows:
        reason = reason_of(row)
        if reason is not None:
            groups.setdefault(reason, []).append(row)
    return [
        {
            "reason": reason,
            "count": len(found),
            "tasks": [{key: row[key] for key in ("localuser", "task_id")} for row in found[:MAX_NAMED]],
        }
        for reason, found in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    ]


def forecast(parts: Sequence[Part], elapsed_s: float) -> Forecast | None:
    """Foretell when all parts are complete, from what was done in so many seconds; None: too early to say.

    A mailbox costs time by its bytes, and some for being a mailbox; what nobody has counted is taken for the
    mean of what was, and makes the range wider.
    """
    counted = [one.total for one in parts if one.total is not None]
    if not counted or elapsed_s <= 0:
        return None
    mean = sum(counted) / len(counted)
    spread = math.sqrt(sum((size - mean) ** 2 for size in counted) / len(counted))
    unknown = len(parts) - len(counted)
    # A mailbox weighs as much as a twentieth of the mean one even when it is empty.
    weight = mean / 20 or 1.0
    whole = sum(counted) + unknown * mean + len(parts) * weight
    done = sum(one.done + (weight if one.complete else 0) for one in parts)
    if done < whole * _LEAST_DONE:
        return None
    doubt = 2 * spread * math.sqrt(unknown) + (unknown * spread / math.sqrt(len(counted)) if unknown else 0)
    left, rate = whole - done, done / elapsed_s
    # The rate of what is done holds for what is left the better the more is done.
    width = (1 - done / whole) * 0.3 * math.sqrt(0.1 / max(0.1, done / whole))
    earliest, latest = max(0.0, left - doubt) / rate * (1 - width), (left + doubt) / rate * (1 + width)
    if latest - earliest < _CERTAIN * latest:
        earliest = latest = left / rate
    return Forecast(earliest, latest)


def _number(progress: Json, key: str) -> int | None:
    value = progress.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
