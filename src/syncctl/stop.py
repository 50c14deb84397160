"""Ending runs: asked first, killed when that takes too long, and waited for."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, runtime
from syncctl import dispatch, holder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from syncctl.context import Context

#: The engine settles what is in flight within 2 s; a whole stop ends within 5 s.
_GRACE_S: Final = 2.5
_KILL_S: Final = 2.0
_STEP_S: Final = 0.02


def stop(context: Context, tasks: Iterable[str]) -> list[str]:
    """Take tasks out of the queue and end their runs; give those that still run after 5 seconds."""
    wanted = list(tasks)
    with context.store.locked():
        dispatch.forget(context, wanted)
        running = {task for task in wanted if files.is_locked(context.paths.lock(task))}
        for task in wanted:
            if task not in running and context.store.exists(task) and runtime.is_parked(context.paths, task):
                holder.note_stop(context.paths, task)
        for task in running:
            engine = holder.ask_to_stop(context.paths, task).engine
            if engine:
                engine.send(signal.SIGTERM)
    running = _wait(context, running, _GRACE_S)
    _kill(context, running)
    return sorted(_wait(context, running, _KILL_S))


def _wait(context: Context, tasks: AbstractSet[str], seconds: float) -> set[str]:
    """Wait until the tasks' locks are free; give those that are not in time."""
    end = time.monotonic() + seconds
    left = set(tasks)
    while True:
        left = {task for task in left if _is_ending(context, task)}
        if not left or time.monotonic() >= end:
            return left
        time.sleep(_STEP_S)


def _kill(context: Context, tasks: AbstractSet[str]) -> None:
    """Kill the engines that did not end, and workers that have none."""
    with context.store.locked():
        for task in tasks:
            if not files.is_locked(context.paths.lock(task)):
                continue
            found = holder.read(context.paths, task)
            target = found.engine or found.worker
            if found.stop and target:
                target.send(signal.SIGKILL)


def _is_ending(context: Context, task: str) -> bool:
    """Tell whether the run that was asked to end goes on; a later start is another run."""
    return files.is_locked(context.paths.lock(task)) and holder.read(context.paths, task).stop
