"""Processes found again safely: a number alone may mean another process by now."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process id with the time it began, in clock ticks since boot: together they are never reused."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """Describe a living process. ProcessLookupError when there is none."""
        return cls(pid, _started(pid))

    @classmethod
    def from_json(cls, value: object) -> Process | None:
        """Read what `list(process)` gave."""
        match value:
            case [int() as pid, int() as started]:
                return cls(pid, started)
        return None

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to exactly this process; False when it has gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if _started(self.pid) != self.started:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


def _started(pid: int) -> int:
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    return int(content.rpartition(")")[2].split()[19])
