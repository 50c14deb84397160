"""The first process of the container: it keeps crond and the watcher, and ends with crond."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

from syncctl import systemlog, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncctl.context import Context

#: A watcher that has ended is started again after so long.
RESTART_S: Final = 5.0
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(context: Context, command: Sequence[str]) -> int:
    """Run a command, and the watcher beside it, until the command ends; give its exit code as a shell does.

    Signals that end are passed on. Processes that nobody waits for any more are waited for here. OSError when
    the command cannot be started.
    """
    main = subprocess.Popen(command)
    for number in _ENDING:
        signal.signal(number, lambda number, _frame: main.send_signal(number))
    watcher = _watcher(context, 0.0)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == main.pid:
            break
        if pid == watcher:
            watcher = _watcher(context, RESTART_S)
    os.kill(watcher, signal.SIGTERM)
    os.waitpid(watcher, 0)
    main.returncode = os.waitstatus_to_exitcode(status)
    return main.returncode if main.returncode >= 0 else 128 - main.returncode


def _watcher(context: Context, delay_s: float) -> int:
    """Give the process id of a watcher that begins after a while."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        time.sleep(delay_s)
        watch.watch(context)
        code = 0
    except Exception as error:  # noqa: BLE001 - the last frame of a process: nobody else can tell of it
        systemlog.write(f"syncctl watch: {type(error).__name__}: {error}")
    finally:
        os._exit(code)
