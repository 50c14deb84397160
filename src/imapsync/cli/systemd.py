"""What systemd wants to hear of a service: sd_notify(3), in the few lines that it takes."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

#: The watchdog hears of us this often within its time.
_BEATS: Final = 3


class Service:
    """Tells the service manager that started us; does nothing when none did.

    The variables leave the environment: children have nothing to tell. beat_s: how often `beat` is to be
    called, 0 without a watchdog.
    """

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        meant = os.environ.pop("WATCHDOG_PID", "")
        ours = meant in ("", str(os.getpid()))
        self.beat_s = int(usec) / 1e6 / _BEATS if usec.isdigit() and ours and self._address else 0.0

    def ready(self) -> None:
        """Say that the service has begun its work."""
        self._say("READY=1")

    def status(self, text: str) -> None:
        """Say in one line for people how things stand."""
        self._say("STATUS=" + " ".join(text.split()))

    def beat(self) -> None:
        """Say that we are alive."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._say("STOPPING=1")

    def _say(self, line: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # Who cannot be told is not waited for: the manager has its own ways to see what becomes of us.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto(line.encode(), address)
