"""`syncctl start` in the foreground: a run that somebody watches."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from imapsync_tasks import runtime
from imapsync_tasks.errors import NoSuchTaskError
from syncctl import dispatch, exitcodes

if TYPE_CHECKING:
    from imapsync_tasks.queue import Release
    from syncctl.context import Context

_STEP_S: Final = 0.2


def run(context: Context, task: str, release: Release) -> int:
    """Start a task, copy its log to standard output until it ends, give the engine's exit code.

    A task that runs or waits already is left alone: exit code 0 at once. Interrupting the command does not
    end the run.
    """
    if not context.store.exists(task):
        raise NoSuchTaskError(task)
    if _state(context, task) != runtime.STOPPED:
        sys.stderr.write(f"{task} is running or queued already\n")
        return exitcodes.OK
    before = context.paths.result(task).stat().st_mtime_ns if context.paths.result(task).exists() else 0
    dispatch.start(context, [task], release=release)
    try:
        _watch(context, task)
    except KeyboardInterrupt:
        sys.stderr.write(f"the run goes on; syncctl stop {task} ends it\n")
        return exitcodes.OK
    result = runtime.result(context.paths, task)
    if result is None or context.paths.result(task).stat().st_mtime_ns == before:
        return exitcodes.OK  # stopped by request
    return int(str(result["exit_code"]))


def _watch(context: Context, task: str) -> None:
    shown = 0
    waiting = False
    while True:
        state = _state(context, task)
        if state == runtime.QUEUED and not waiting:
            waiting = True
            sys.stderr.write(f"{task} waits for its turn\n")
        if state != runtime.QUEUED:
            shown = _copy_log(context, task, shown)
        if state == runtime.STOPPED:
            _copy_log(context, task, shown)
            return
        time.sleep(_STEP_S)


def _copy_log(context: Context, task: str, shown: int) -> int:
    try:
        with context.paths.log(task).open("rb") as file:
            file.seek(shown)
            while chunk := file.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
            return file.tell()
    except FileNotFoundError:
        return shown


def _state(context: Context, task: str) -> str:
    with context.store.locked():
        return runtime.states(context.paths, [task])[task].state
