"""What a provider lets an account read in a day, over all runs and tasks of the instance.

The providers' facts are a file that comes with the engine. What was read is kept in a file of the instance,
for the day (UTC) alone; callers hold the instance lock.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files
from syncctl import facts

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.task import Task

#: The exit codes "the transfer limit is reached" and "a server asked to wait" (docs/exit-codes.md).
EXCEEDED: Final = 118
PARKED: Final = 124


def left(paths: Paths, task: Task, now: float) -> int | None:
    """Give how many bytes may still be read today from the task's remote account; None: there is no limit."""
    allowed = daily_bytes(task.remotehostname)
    return allowed - _spent(paths, now).get(account(task), 0) if allowed else None


def spend(paths: Paths, task: Task, size_bytes: int, now: float) -> None:
    """Count what a run has read from the task's remote account, where its provider has a limit."""
    if size_bytes <= 0 or not daily_bytes(task.remotehostname):
        return
    spent = _spent(paths, now)
    name = account(task)
    spent[name] = spent.get(name, 0) + size_bytes
    files.replace(paths.budgets, json.dumps({"day": _day(now), "spent": spent}))


def parked(now: float) -> Json:
    """Give the members of a result that say: today's bytes are used up, it goes on tomorrow."""
    return {
        "exit_code": PARKED,
        "exit_name": "EXIT_PARKED",
        "exit_text": "today's bytes of the provider are used up",
        "error": "parked",
        "error_side": "host1",
        "run_again_at": tomorrow(now).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def tomorrow(now: float) -> datetime:
    """Give when the next day begins (UTC)."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def daily_bytes(host: str) -> int:
    """Give how many bytes a day the host's provider lets an account read; 0: no limit is known."""
    down = (facts.of_host(host) or {}).get("down")
    return down if isinstance(down, int) else 0


def _spent(paths: Paths, now: float) -> dict[str, int]:
    """Give the bytes read today, by account; what is damaged counts as nothing."""
    found = files.read_json(paths.budgets) or {}
    spent = found.get("spent")
    if found.get("day") != _day(now) or not isinstance(spent, dict):
        return {}
    return {name: size for name, size in spent.items() if isinstance(size, int) and size >= 0}


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def account(task: Task) -> str:
    """Give what stands for a task's remote account, over all tasks of it."""
    return f"{task.remoteusername} {task.remotehostname.lower().rstrip('.')}"
