"""The engine that listens to many accounts (its option --listen), kept running."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Final

from syncctl.context import engine_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imapsync_tasks.errors import Json

#: An engine that has ended is started again after so long.
RESTART_S: Final = 5.0
#: How long one that is asked to end may say goodbye.
_END_S: Final = 3.0


class Listening:
    """Watches accounts by name; what it hears is read with `events`.

    Usage: `want` the words of each account, at any time; wait for `fileno` to be readable, or for a second,
    then read `events`.
    """

    def __init__(self, engine: str) -> None:
        self._command = [engine, "--listen"]
        self._wanted: dict[str, list[str]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -RESTART_S
        self._unread = b""

    def want(self, accounts: Mapping[str, Sequence[str]], again: set[str]) -> None:
        """Watch exactly these accounts; those in `again` anew, whatever their words."""
        changed = [
            name for name, words in accounts.items() if name in again or self._wanted.get(name) != list(words)
        ]
        gone = self._wanted.keys() - accounts.keys()
        self._wanted = {name: list(words) for name, words in accounts.items()}
        for name in gone:
            self._send({"name": name})
        for name in changed:
            self._send({"name": name, "words": self._wanted[name]})

    def keep(self) -> None:
        """Start the engine where it is needed and not there, and let it go where nothing is to be watched."""
        if not self._wanted:
            self.end()
        elif self._process is None and time.monotonic() - self._started >= RESTART_S:
            self._started = time.monotonic()
            self._unread = b""
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=engine_environment(),
                start_new_session=True,
            )
            for name, words in self._wanted.items():
                self._send({"name": name, "words": words})

    @property
    def fileno(self) -> int | None:
        """What becomes readable when there are events; None while the engine does not run."""
        return (
            None if self._process is None or self._process.stdout is None else self._process.stdout.fileno()
        )

    def events(self) -> Iterator[Json]:
        """Read what the engine said, waiting for it; one that has ended is noticed here."""
        if self.fileno is None:
            return
        content = os.read(self.fileno, 1 << 16)
        if not content:
            self.end()
            return
        *lines, self._unread = (self._unread + content).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if isinstance(event, dict) and event.get("name") in self._wanted:
                yield event

    def end(self) -> None:
        """End the engine."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, asked: Json) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # `events` finds out
