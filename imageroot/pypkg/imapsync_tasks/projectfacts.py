"""What the report of a project says: the same while nothing happens, so that its fingerprint holds."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, projectactions, runtime, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from imapsync_tasks.paths import Paths

#: Exceptions that a report names; the others are counted.
MAX_EXCEPTIONS: Final = 10_000
#: Longest report of the engine that is read.
_MAX_BYTES: Final = 64 << 20
#: What is of this moment only.
_PASSING: Final = ("running", "waiting", "bytes_per_second", "ends_between")
#: Why messages of the source get no copy, where that is no choice of anybody.
_NOT_CHOSEN: Final = ("present", "dry")
_FAILURE: Final = ("folder", "uid", "message_id", "subject", "date", "size_bytes", "reason", "server_text")
_PROBLEM: Final = ("side", "folder", "code", "text")
_DIFFERENCE: Final = (
    *("folder", "uid", "message_id", "subject", "date", "size_bytes"),
    *("kind", "expected", "found"),
)


def facts(name: str) -> Json:
    """Give a project as get-project does, with all of its mailboxes and every exception. RefusedError.

    failures: messages that did not arrive in the last runs. problems: what else went wrong in them.
    differences: what the last verifications found. left_out: messages left out on purpose, by reason.
    """
    found = projectactions.whole(name)
    paths = steps.store().paths
    rows = found["mailboxes"]
    exceptions: dict[str, list[Json]] = {"failures": [], "problems": [], "differences": []}
    total = 0
    engines: set[str] = set()
    options: Counter[str] = Counter()
    mailboxes = []
    for row in rows if isinstance(rows, list) else []:
        task = _task(row)
        told = _read(paths.told(task)) if task else {}
        by_kind, count = _exceptions(paths, task, row, told) if task else ({}, 0)
        total += count
        for kind, some in by_kind.items():
            room = MAX_EXCEPTIONS - sum(map(len, exceptions.values()))
            who = {"localuser": row["localuser"], "task_id": row["task_id"]}
            exceptions[kind] += [who | one for one in some[: max(0, room)]]
        engines |= {str(told["engine"])} if "engine" in told else set()
        options[str(told.get("options") or "")] += bool(told)
        mailboxes.append(_mailbox(row, told))
    return {
        **{key: value for key, value in found.items() if key not in _PASSING},
        "engines": sorted(engines),
        "options": [{"options": text, "mailboxes": count} for text, count in options.most_common() if count],
        "left_out": _left_out(mailboxes),
        **exceptions,
        "exceptions_total": total,
        "mailboxes": mailboxes,
    }


def machine(found: Json) -> str:
    """Give the facts as they stand in the JSON file."""
    return json.dumps(found, indent=1)


def _task(row: Json) -> str:
    """Give the name of a mailbox's task; empty when it was removed a moment ago."""
    try:
        return steps.store().named(row)
    except (NoSuchTaskError, RefusedError):
        return ""


def _read(path: Path) -> Json:
    try:
        found = json.loads(files.read(path, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _mailbox(row: Json, told: Json) -> Json:
    skipped = told.get("skipped")
    reasons = skipped.items() if isinstance(skipped, dict) else ()
    left_out = {
        why: count for why, count in reasons if why not in _NOT_CHOSEN and isinstance(count, int) and count
    }
    kept = {key: value for key, value in row.items() if key != "progress"}
    return kept | {"result": _sized(row["result"], row["audit"]), "left_out": left_out}


def _sized(result: object, audit: object) -> object:
    """Give a result with the bytes that are there: the audit's, where the run met as many messages as it."""
    if not isinstance(result, dict) or not isinstance(audit, dict) or result["bytes_here"] is not None:
        return result
    same = result["messages_here"] == audit["messages"]
    return result | {"bytes_here": audit["bytes"] if same else None}


def _left_out(mailboxes: list[Json]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for one in mailboxes:
        found = one["left_out"]
        sums.update(found if isinstance(found, dict) else {})
    return dict(sorted(sums.items()))


def _exceptions(paths: Paths, task: str, row: Json, told: Json) -> tuple[dict[str, list[Json]], int]:
    """Give a mailbox's exceptions by kind, and how many there were: of very many only the first are kept."""
    failures = runtime.failures(paths, task)
    verify = _read(paths.verified(task)).get("verify")
    verify = verify if isinstance(verify, dict) else {}
    found = {
        "failures": _rows(failures["failures"], _FAILURE),
        "problems": _problems(row, told),
        "differences": _rows(verify.get("exceptions"), _DIFFERENCE),
    }
    totals = {"failures": failures["total"], "differences": verify.get("exceptions_total")}
    return found, sum(_counted(rows, totals.get(kind)) for kind, rows in found.items())


def _counted(rows: list[Json], total: object) -> int:
    return max(len(rows), total) if isinstance(total, int) else len(rows)


def _problems(row: Json, told: Json) -> list[Json]:
    """Give what went wrong beside single messages in the last run; none when it went well."""
    result = row["result"]
    if not isinstance(result, dict) or result["exit_code"] == 0:
        return []
    same_run = told.get("exit_code") == result["exit_code"]
    problems = _rows(told.get("errors"), _PROBLEM) if same_run else []
    if problems or result["messages_failed"]:
        return problems
    return [{"side": result["error_side"], "folder": None, "code": result["error"], "text": None}]


def _rows(found: object, members: tuple[str, ...]) -> list[Json]:
    return [
        {name: one.get(name) for name in members}
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
