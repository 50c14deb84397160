"""A proxy that knows where commands begin: something may happen exactly before one, or the client be stopped.

``CommandProxy`` stands before a real server in clear text and hands each step of the dialogue to a ``Watch``.
A step is what a client sends before it has to wait: a command line with its non-synchronizing literals, or,
after a continuation request, a literal with what follows it. One watch may serve the proxies of both sides,
and numbers all steps in the order in which they came.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.base import ImapServer

_CLIENT_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")
_SERVER_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
#: Enough of a step to tell people which one it was.
_SHOWN_BYTES = 120


@dataclass(eq=False)
class Step:
    """A step of the dialogue: its number in the watch, the side it went to, what it says without its tag."""

    number: int
    side: int
    text: str
    tag: bytes
    continues: bool


class Watch:
    """Numbers the steps and lets everything pass; subclasses interfere. Called from several threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.steps: list[Step] = []

    def number(self, side: int, text: str, tag: bytes, *, continues: bool) -> Step:
        """Take a step into the list."""
        with self.lock:
            step = Step(len(self.steps) + 1, side, text, tag, continues)
            self.steps.append(step)
            return step

    def sent(self, step: Step) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether the step goes on to the server; False keeps it and all that follows it for ever."""
        return True

    def rewritten(self, step: Step, raw: bytes) -> bytes:  # noqa: ARG002 - for subclasses
        """Give what the server hears in place of a step's bytes."""
        return raw

    def retold(self, step: Step, response: bytes) -> bytes:  # noqa: ARG002 - for subclasses
        """Give what the client hears in place of a completion."""
        return response

    def delays(self, step: Step) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether the answer to a step waits until it is complete and `answered` has been asked."""
        return False

    def answered(self, step: Step) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether a delayed answer goes on to the client; False keeps it and all that follows it."""
        return True

    def passed(self, step: Step) -> None:
        """Hear that the client has got the whole answer to a step."""

    def released(self) -> None:
        """Hear that the client is gone: nobody may wait any longer."""


class Before(Watch):
    """Calls a function once, right before the ``nth`` step to a side that matches is passed on."""

    def __init__(self, side: int, pattern: str, event: Callable[[], object], nth: int = 1) -> None:
        super().__init__()
        self._side, self._pattern, self._event = side, re.compile(pattern, re.IGNORECASE), event
        self._left = nth
        self.fired = False

    def sent(self, step: Step) -> bool:
        with self.lock:
            if step.side == self._side and self._pattern.search(step.text):
                self._left -= 1
                if self._left == 0:
                    self._event()
                    self.fired = True
        return True


class CommandProxy:
    """Listens on ``port`` of the server's host; use as a context manager."""

    def __init__(self, server: ImapServer, side: int, watch: Watch) -> None:
        self._server, self._side, self._watch = server, side, watch
        self._listener = socket.create_server((server.host, 0))
        self._connections: list[_Connection] = []
        self._thread = threading.Thread(target=self._accept)
        self.host = server.host
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections and wait until the server has ended each of them, too."""
        self._watch.released()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.end()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._server.host, self._server.port))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(_Connection(near, far, self._side, self._watch))


class _Connection:
    """One client's dialogue, carried by a thread in each direction."""

    def __init__(self, near: socket.socket, far: socket.socket, side: int, watch: Watch) -> None:
        self._near, self._far, self._side, self._watch = near, far, side, watch
        self._open: deque[Step] = deque()
        self._threads = [threading.Thread(target=self._up), threading.Thread(target=self._down)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let both sides go; returns when the server has closed its end."""
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_WR)
        for thread in self._threads:
            thread.join()
        self._near.close()
        self._far.close()

    def _up(self) -> None:
        with contextlib.suppress(OSError), self._near.makefile("rb") as file:
            tag, rest, literal = b"", b"", 0
            while True:
                raw = file.read(literal) + file.readline() if literal else file.readline()
                if not raw:
                    break
                head = raw
                while (found := _CLIENT_LITERAL.search(raw)) and found[2]:
                    raw += file.read(int(found[1])) + file.readline()
                if tag:
                    text, rest = "...", b""
                else:
                    tag, _, rest = head.partition(b" ")
                    text = rest[:_SHOWN_BYTES].decode("ascii", "replace").strip()
                    if text.upper().startswith(("AUTHENTICATE", "LOGIN")):
                        text = " ".join(text.split()[:2])
                waits = (
                    found is not None
                    or re.fullmatch(rb"AUTHENTICATE \S+", rest.strip(), re.IGNORECASE) is not None
                )
                step = self._watch.number(self._side, text, tag, continues=waits)
                literal = int(found[1]) if found else 0
                tag = tag if waits else b""
                if not self._watch.sent(step):
                    return
                self._open.append(step)
                self._far.sendall(self._watch.rewritten(step, raw))
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_WR)

    def _down(self) -> None:
        with contextlib.suppress(OSError), self._far.makefile("rb") as file:
            waiting: list[bytes] = []
            mute = False
            while response := _response(file):
                step = self._open[0] if self._open else None
                done = self._completed(response)
                owner = done or step
                if done is not None:
                    response = self._watch.retold(done, response)
                if mute:
                    continue
                if owner is not None and self._watch.delays(owner):
                    waiting.append(response)
                    if done is None:
                        continue
                    if not self._watch.answered(done):
                        mute = True
                        continue
                    response = b"".join(waiting)
                    waiting.clear()
                with contextlib.suppress(OSError):  # whoever leaves without waiting has been answered, too
                    self._near.sendall(response)
                if done is not None:
                    self._watch.passed(done)
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_WR)
        # What the server still says has to be read, so that its end is seen.
        with contextlib.suppress(OSError):
            while self._far.recv(65536):
                pass

    def _completed(self, response: bytes) -> Step | None:
        """Give the step that a response completes."""
        if response.startswith(b"* "):
            return None
        tag = response.partition(b" ")[0]
        for step in self._open:
            if step.continues if tag in (b"+", b"+\r\n") else step.tag == tag:
                self._open.remove(step)
                return step
        return None


def _response(file: BinaryIO) -> bytes:
    """Read one response with its literals."""
    line = file.readline()
    parts = [line]
    while match := _SERVER_LITERAL.search(line):
        parts.append(file.read(int(match[1])))
        line = file.readline()
        parts.append(line)
    return b"".join(parts)
