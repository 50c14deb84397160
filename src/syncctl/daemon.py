"""Processes that outlive who began them: workers and the timer."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from syncctl import systemlog
from syncctl.exitcodes import FAILED, OK

if TYPE_CHECKING:
    from collections.abc import Callable


def begin(keep: set[int], task: Callable[[], None]) -> None:
    """Run `task` in a process of its own that belongs to nobody and has no other open file than `keep`."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    code = FAILED
    try:
        os.setsid()
        if os.fork():
            os._exit(OK)
        _detach(keep)
        task()
        code = OK
    except Exception as error:  # noqa: BLE001  # the last frame of a daemon: nobody else can tell of it
        systemlog.write(f"syncctl: {type(error).__name__}: {error}")
    finally:
        os._exit(code)


def _detach(keep: set[int]) -> None:
    signal.set_wakeup_fd(-1)
    for signalled in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signalled, signal.SIG_DFL)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    lowest = 3
    for number in [*sorted(keep), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(lowest, number)
        lowest = number + 1
