"""What happens to the tasks now and what happened last: states, progress, results, logs, counters.

Running, queued and stopped come from locks alone; no file left behind by a killed process can say "running".
"""

from __future__ import annotations

import json
import os
import stat
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition, files, live, queue
from imapsync_tasks.queue import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.errors import Json
    from imapsync_tasks.live import Standing
    from imapsync_tasks.paths import Paths

RUNNING: Final = "running"
QUEUED: Final = "queued"
STOPPED: Final = "stopped"

NO_LOG: Final[Json] = {"log_content": "", "truncated": False}
NO_FAILURES: Final[Json] = {"failures": [], "total": 0}
LOG_BYTES: Final = 100 * 1024
MAX_FAILURES: Final = 1000
_HOUR_S: Final = 3600
_LONGEST_PARKED_S: Final = 24 * _HOUR_S
_HOURS: Final = 168
_COUNTERS: Final = ("messages", "bytes", "failed", "runs")


class State(NamedTuple):
    """What a task does; position is 1 for the next in the queue.

    mark: what its last run left in its lock: condition.STOPPED (an administrator ended it),
    condition.INTERRUPTED (it came to no end), or nothing. standing: of a live task, how its account is
    watched.
    """

    state: str
    position: int | None = None
    mark: str = ""
    standing: Standing | None = None


def states(paths: Paths, names: Iterable[str]) -> dict[str, State]:
    """Give the state of each task; the caller holds the instance lock."""
    standings = live.read(paths)
    places = {name: place for place, name in enumerate(waiting(paths), 1)}
    found = {}
    for name in names:
        locked, written = files.peek(paths.lock(name))
        if locked:
            found[name] = State(RUNNING, standing=standings.get(name))
            continue
        mark = _mark(paths, name) if written else ""
        position = places.get(name)
        found[name] = State(QUEUED if position else STOPPED, position, mark, standings.get(name))
    return found


def waiting(paths: Paths) -> list[str]:
    """Give the tasks in the queue whose turn has come, in their order, while somebody serves it."""
    if not queue.is_served(paths):
        return []
    now = time.time()
    entries = queue.in_order(queue.read(paths), now)
    return list(dict.fromkeys(entry.task for entry in entries if entry.due <= now))


def _mark(paths: Paths, name: str) -> str:
    """Give what the note in a lock that nobody holds says of the last run."""
    if was_interrupted(paths, name):
        return condition.INTERRUPTED
    note = files.read_json(paths.lock(name))
    return condition.STOPPED if note is not None and note.get("stop") is True else ""


def is_parked(paths: Paths, name: str) -> bool:
    """Tell whether a task's last run, whose lock nobody holds, ended because a server asked to wait.

    Nobody has stopped the task since.
    """
    note = files.read_json(paths.lock(name))
    ended = result(paths, name)
    return note is None and ended is not None and ended["error"] == condition.PARKED


def was_interrupted(paths: Paths, name: str) -> bool:
    """Tell whether a task's last run, whose lock nobody holds, came to no end and nobody asked it to stop.

    Its note is still there then, and there is no result of it: one that was killed when it had published
    that has ended.
    """
    note = files.read_json(paths.lock(name))
    if note is None or note.get("stop") is True:
        return False
    ended = result(paths, name)
    return ended is None or ended["started_at"] != note.get("began")


def progress(paths: Paths, name: str) -> Json | None:
    """Give the engine's progress of a running task."""
    return files.read_json(paths.progress(name))


#: What a result is nothing without: a file that lacks it is damaged.
_NEEDED: Final = ("exit_code", "started_at")
#: member of `result` -> its type, and its value when an older or damaged file lacks it.
_RESULT: Final[dict[str, tuple[type, object]]] = {
    "exit_code": (int, 1),
    "exit_name": (str, ""),
    "started_at": (float, 0.0),
    "ended_at": (float, 0.0),
    "seconds": (float, 0.0),
    "messages_transferred": (int, 0),
    "messages_skipped": (int, 0),
    "messages_failed": (int, 0),
    "bytes_transferred": (int, 0),
    "messages_here": (int, None),
    "bytes_here": (int, None),
    "error": (str, None),
    "error_side": (str, None),
    "run_again_at": (str, None),
    "stage": (str, None),
    "brake_messages": (int, None),
    "brake_of": (int, None),
}
#: What is remembered of each of the last runs.
_RUN: Final = (
    *("started_at", "ended_at", "exit_code", "error", "stage"),
    *("messages_transferred", "messages_failed", "bytes_transferred"),
)
MAX_RUNS: Final = 60
#: What an audit counts; `at` is when, in unix seconds; the last two are of the local account.
AUDIT: Final = ("at", "folders", "messages", "bytes", "messages_there", "bytes_there")
#: Names of folders that an audit keeps.
MAX_FOLDERS: Final = 100
#: A number beyond is damage.
_LARGEST: Final = 1e18


def result(paths: Paths, name: str) -> Json | None:
    """Give the last finished run; of an instance from upstream its start time and exit code."""
    found = files.read_json(paths.result(name))
    if found is None:
        return _upstream_result(paths, name)
    if not all(_fits(found.get(key), _RESULT[key][0]) for key in _NEEDED):
        return None
    return {
        key: found[key] if _fits(found.get(key), kind) else default
        for key, (kind, default) in _RESULT.items()
    }


def parked_until(paths: Paths, name: str) -> float:
    """Give from when a server may be asked again that asked to wait in the last run, unix seconds; else 0.

    A day later schedules try again whatever it said.
    """
    found = result(paths, name)
    if found is None or not isinstance(found["run_again_at"], str):
        return 0.0
    try:
        until = datetime.fromisoformat(found["run_again_at"]).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
    return min(until, float(str(found["ended_at"])) + _LONGEST_PARKED_S)


def _fits(value: object, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        return False
    return -_LARGEST < value < _LARGEST


def _upstream_result(paths: Paths, name: str) -> Json | None:
    try:
        lines = files.read(paths.upstream_status(name)).decode("ascii").split()
        started, exit_code = int(lines[0]), int(lines[1])
    except (OSError, ValueError, IndexError):
        return None
    if not (_fits(started, int) and _fits(exit_code, int)):
        return None
    lacking = {key: default for key, (_, default) in _RESULT.items()}
    return {**lacking, "exit_code": exit_code, "started_at": started, "ended_at": started}


def publish(paths: Paths, name: str, summary: Json, failures: list[Json] | None, failures_total: int) -> None:
    """Make a finished run the last result and count it; the caller holds the instance lock.

    failures: messages that did not arrive, in a file that the engine takes as a report of them; None: those
    that are known stay, because nobody has come to try them again.
    """
    if failures:
        content = {
            "version": 1,
            "failures": failures[:MAX_FAILURES],
            "failures_total": failures_total,
            "total": failures_total,
        }
        files.replace(paths.failures(name), json.dumps(content), durable=False)
    elif failures is not None:
        files.remove(paths.failures(name))
    files.replace(paths.result(name), json.dumps({"version": 1, **summary}))
    _count(paths, summary)
    runs = [*history(paths, name), {key: summary.get(key) for key in _RUN}]
    files.replace(paths.history(name), json.dumps({"runs": runs[-MAX_RUNS:]}), durable=False)


def keep_verification(paths: Paths, name: str, report: Json, method: str, exit_code: int) -> None:
    """Keep the engine's report of a comparison of both accounts, and what it comes to. OSError.

    Without a report only that it was tried, and how it ended, is kept.
    """
    counted = {"at": int(time.time()), "checked": 0, "equal": 0, "differences": 0}
    proof = _verification(report) or {**counted, "exit_code": exit_code, "method": method}
    files.remove(paths.proof(name))  # what is told meanwhile comes from the report
    if report:
        files.replace(paths.verified(name), json.dumps(report, indent=1), durable=False)
    files.replace(paths.proof(name), json.dumps(proof), durable=False)


def verified(paths: Paths, name: str) -> Json | None:
    """Give what the last comparison of both accounts found; None: there was none.

    differences: exceptions of any kind; the exit code tells whether any of them is a fault.
    """
    told = _proof(files.read_json(paths.proof(name)) or {})
    return told or _verification(files.read_json(paths.verified(name)) or {})


def _verification(report: Json) -> Json | None:
    """Give what a report of the engine says of a comparison, None when it says nothing of one."""
    counts = report.get("verify")
    counts = counts if isinstance(counts, dict) else {}
    ended = report.get("ended_at")
    return _proof(
        {
            "at": int(ended) if isinstance(ended, int | float) and _fits(float(ended), float) else None,
            "checked": counts.get("checked"),
            "equal": counts.get("equal"),
            "differences": counts.get("exceptions_total"),
            "exit_code": report.get("exit_code"),
            "method": counts.get("method", METHODS[0]),
        }
    )


def _proof(found: Json) -> Json | None:
    """Give the members of a proof, None when one is missing or damaged."""
    numbers = {
        key: value
        for key in ("at", "checked", "equal", "differences", "exit_code")
        if isinstance(value := found.get(key), int) and _fits(value, int)
    }
    method = found.get("method")
    return {**numbers, "method": method} if len(numbers) == 5 and method in METHODS else None


def history(paths: Paths, name: str) -> list[Json]:
    """Give the last runs, the latest last: when, how they ended, what they brought."""
    found = (files.read_json(paths.history(name)) or {}).get("runs")
    return [
        run
        for run in (found if isinstance(found, list) else [])
        if isinstance(run, dict)
        and run.keys() == set(_RUN)
        and all(_fits(run[key], _RESULT[key][0]) or run[key] == _RESULT[key][1] for key in _RUN)
    ]


def audit(paths: Paths, name: str) -> Json | None:
    """Give what was counted of a task's remote account, and of the local one; None: nobody has.

    Beside `AUDIT`: the largest message that the local side takes (`limit_bytes`) and how many are larger
    (`too_large`), None where it does not say; folders that get another name (`renamed`, the first of
    `renamed_total`), folders that cannot be (`impossible`), days that the bytes which the provider allows
    make of it (`days`, None: no limit).
    """
    found = files.read_json(paths.audit(name)) or {}
    numbers = {key: value for key in AUDIT if isinstance(value := found.get(key), int) and _fits(value, int)}
    if len(numbers) < len(AUDIT):
        return None
    optional = {key: found.get(key) for key in ("limit_bytes", "too_large", "days")}
    renamed, impossible = found.get("renamed"), found.get("impossible")
    pairs = [
        {"source": one["source"], "destination": one["destination"]}
        for one in (renamed if isinstance(renamed, list) else [])
        if isinstance(one, dict) and all(isinstance(one.get(side), str) for side in ("source", "destination"))
    ]
    total = found.get("renamed_total")
    return {
        **numbers,
        **{key: value if _fits(value, int) else None for key, value in optional.items()},
        "renamed": pairs[:MAX_FOLDERS],
        "renamed_total": total if _fits(total, int) else len(pairs),
        "impossible": [one for one in impossible if isinstance(one, str)][:MAX_FOLDERS]
        if isinstance(impossible, list)
        else [],
    }


#: member of a failure -> its type; the first two are always there.
_FAILURE: Final[dict[str, type]] = {
    "folder": str,
    "reason": str,
    "message_id": str,
    "subject": str,
    "date": str,
    "remedy": str,
    "uid": int,
    "uidvalidity": int,
    "size_bytes": int,
    "server_text": str,
}
_NEVER_NULL: Final = ("folder", "reason", "uidvalidity", "server_text", "remedy")


def failures(paths: Paths, name: str) -> Json:
    """Give {failures, total} of the last run."""
    found = files.read_json(paths.failures(name)) or {}
    items = found.get("failures")
    rows = [item for item in items if _is_failure(item)] if isinstance(items, list) else []
    total = found.get("total")
    return {"failures": rows, "total": total if _fits(total, int) else len(rows)}


def _is_failure(item: object) -> bool:
    return (
        isinstance(item, dict)
        and {"folder", "reason"} <= item.keys()
        and all(
            _fits(value, _FAILURE[key]) or (value is None and key not in _NEVER_NULL)
            for key, value in item.items()
            if key in _FAILURE
        )
    )


def log(paths: Paths, name: str) -> Json:
    """Give {log_content, truncated}: the end of the log, from the beginning of a line."""
    try:
        descriptor = os.open(paths.log(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return NO_LOG
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return NO_LOG
        size = found.st_size
        content = os.pread(descriptor, LOG_BYTES + 1, max(0, size - LOG_BYTES - 1))
    finally:
        os.close(descriptor)
    truncated = size > LOG_BYTES
    if truncated:
        content = content[content.find(b"\n") + 1 :]
    return {"log_content": content.decode("utf-8", "replace"), "truncated": truncated}


def statistics(paths: Paths, now: float) -> Json:
    """Give the counters of the last 168 hours, and their sums of a day and of all."""
    hours = _hours(paths, now)
    return {"hours": hours, "day": _sum(hours[-24:]), "week": _sum(hours)}


def week(paths: Paths, now: float) -> dict[str, int]:
    """Give the sums of the last 168 hours."""
    return _sum(_hours(paths, now))


def _hours(paths: Paths, now: float) -> list[dict[str, int]]:
    table = _table(paths)
    last = int(now) // _HOUR_S
    return [
        {
            "start": hour * _HOUR_S,
            **dict(zip(_COUNTERS, table.get(str(hour), [0] * len(_COUNTERS)), strict=True)),
        }
        for hour in range(last - _HOURS + 1, last + 1)
    ]


def _sum(hours: list[dict[str, int]]) -> dict[str, int]:
    return {key: sum(hour[key] for hour in hours) for key in _COUNTERS}


def _count(paths: Paths, summary: Json) -> None:
    table = _table(paths)
    hour = int(float(str(summary["ended_at"]))) // _HOUR_S
    counts = table.setdefault(str(hour), [0] * len(_COUNTERS))
    for index, key in enumerate(("messages_transferred", "bytes_transferred", "messages_failed")):
        counts[index] += int(str(summary[key]))
    counts[-1] += 1
    kept = {key: value for key, value in table.items() if int(key) > hour - _HOURS - 24}
    files.replace(paths.statistics, json.dumps(kept), durable=False)


def _table(paths: Paths) -> dict[str, list[int]]:
    found = files.read_json(paths.statistics) or {}
    return {
        key: [int(number) for number in value]
        for key, value in found.items()
        if key.isascii()
        and key.isdigit()
        and isinstance(value, list)
        and len(value) == len(_COUNTERS)
        and all(isinstance(number, int) for number in value)
    }
