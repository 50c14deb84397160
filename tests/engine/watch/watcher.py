"""The command with --watch, as people and service managers run it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.base import ImapServer

PATIENCE_S = 30
ENGINE = str(Path(sys.executable).with_name("imapsync"))


def until(condition: Callable[[], object], what: str = "", seconds: float = PATIENCE_S) -> None:
    """Wait for something that others do."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"waited {seconds} s for {what or condition}"
        time.sleep(0.01)


class Watcher:
    """A running `imapsync --watch` from one server to another; use as a context manager."""

    def __init__(
        self, folder: Path, source: tuple[str, int], destination: ImapServer, user: str, *more: str
    ) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.notified = folder / "notify"
        self.passfile1 = folder / "pass1"
        (folder / "pass2").write_text(destination.passwords[user])
        self._words = [
            *("--host1", source[0], "--port1", str(source[1]), "--user1", user),
            *("--passfile1", str(self.passfile1), "--passfile2", str(folder / "pass2")),
            *("--host2", destination.host, "--port2", str(destination.port), "--user2", user),
            *("--tls2", "--trust2", "any", "--trust1", "any", "--state", str(folder / "state")),
            *("--nolog", "--pidfile", str(folder / "pid"), "--watch", *more),
        ]
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.setblocking(False)
        self._messages: list[str] = []

    def __enter__(self) -> Self:
        self._manager.bind(str(self.notified))
        self.start()
        return self

    def start(self) -> None:
        """Run the command."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [ENGINE, *self._words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"NOTIFY_SOCKET": str(self.notified), "WATCHDOG_USEC": "600000"},
            )

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._manager.close()

    @property
    def text(self) -> str:
        """What was printed so far."""
        return self.output.read_text(errors="replace")

    def told(self) -> list[str]:
        """Give what the service manager heard so far."""
        while True:
            try:
                self._messages.append(self._manager.recv(4096).decode())
            except BlockingIOError:
                return self._messages

    def says(self, words: str, times: int = 1, seconds: float = PATIENCE_S) -> None:
        """Wait until words were printed so often."""
        try:
            until(lambda: self.text.count(words) >= times, words, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """End it by a signal; give exit code and seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S), time.monotonic() - began
