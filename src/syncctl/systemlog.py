"""Lines for the system log: what the container's first process prints goes there."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from imapsync_tasks import rules

_FIRST_PROCESS_OUTPUT = "/proc/1/fd/1"


def write(text: str) -> None:
    """Write one line. Neither cron's nor a detached process's own output reaches the log.

    SYNCCTL_SYSTEM_LOG names a file to append to instead (outside of a container).
    """
    line = (rules.printable(text) + "\n").encode("utf-8", "replace")
    target = os.environ.get("SYNCCTL_SYSTEM_LOG", _FIRST_PROCESS_OUTPUT)
    with suppress(OSError):
        descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
        return
    sys.stderr.write(line.decode())
