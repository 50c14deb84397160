"""Servers that misbehave: a relay that twists what a real server says, and servers of raw bytes.

``Relay`` stands before a real server in clear text. What the server says passes through ``twist`` one
response at a time (its literals inside), what the client says through ``intercept`` one command line at a
time, so that a test can lie about exactly one thing while everything else is real. ``Scripted`` runs a
function on each raw connection.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_CLIENT_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")
HOST = "127.0.0.1"


class Drop(Exception):  # noqa: N818 - it says what to do
    """Raised by ``twist`` or ``intercept``: send these last words, if any, and close the connection."""

    def __init__(self, last_words: bytes = b"") -> None:
        self.last_words = last_words


class Twist(Protocol):
    """Gets a whole response of the real server, gives what the client shall see instead."""

    def __call__(self, response: bytes) -> bytes: ...


class Intercept(Protocol):
    """Gets a command line of the client; gives an answer to send instead of passing it on, or None."""

    def __call__(self, tag: bytes, line: bytes) -> bytes | None: ...


class Scripted:
    """Runs ``handler(connection)`` in a thread for each connection; use as a context manager."""

    def __init__(self, handler: Callable[[socket.socket], None]) -> None:
        self._handler = handler
        self._listener = socket.create_server((HOST, 0))
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.host, self.port = self._listener.getsockname()
        self.accepted = 0

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        # Wakes accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            self._connections.add(connection)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, Drop):
            self._handler(connection)
        self._connections.discard(connection)


class Relay(Scripted):
    """A server in clear text that is the target but for ``twist`` and ``intercept``.

    make: called for each connection, gives (twist, intercept); either may be None. rewrite: gives what the
    server shall get in place of each line of a command, those between its literals too.
    """

    def __init__(
        self,
        target_port: int,
        make: Callable[[], tuple[Twist | None, Intercept | None]],
        rewrite: Callable[[bytes], bytes] = bytes,
    ) -> None:
        super().__init__(self._relay)
        self._rewrite = rewrite
        self._target_port = target_port
        self._make = make

    def _relay(self, client: socket.socket) -> None:
        twist, intercept = self._make()
        lock = threading.Lock()
        with socket.create_connection((HOST, self._target_port)) as server:
            # What comes in pieces is passed on in pieces; waiting to join them would cost 40 ms each time.
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.add(server)
            try:
                down = threading.Thread(target=self._down, args=(server, client, twist, lock))
                down.start()
                self._up(client, server, intercept, lock)
            finally:
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                down.join()
                self._connections.discard(server)

    def _down(
        self, server: socket.socket, client: socket.socket, twist: Twist | None, lock: threading.Lock
    ) -> None:
        with server.makefile("rb") as stream, contextlib.suppress(OSError):
            while response := _response(stream):
                try:
                    shown = twist(response) if twist is not None else response
                except Drop as end:
                    with lock:
                        client.sendall(end.last_words)
                    break
                with lock:
                    client.sendall(shown)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _up(
        self, client: socket.socket, server: socket.socket, intercept: Intercept | None, lock: threading.Lock
    ) -> None:
        with client.makefile("rb") as stream, contextlib.suppress(Drop):
            while line := stream.readline():
                tag = line.split(b" ", 1)[0]
                answer = intercept(tag, line) if intercept is not None else None
                if answer is not None:
                    _swallow(stream, line)
                    with lock:
                        client.sendall(answer)
                    continue
                server.sendall(self._rewrite(line))
                # What belongs to a literal is no command line.
                while literal := _CLIENT_LITERAL.search(line):
                    server.sendall(stream.read(int(literal[1])))
                    line = stream.readline()
                    server.sendall(self._rewrite(line))


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...


def _response(stream: _Readable) -> bytes:
    line = stream.readline()
    parts = [line]
    while literal := _LITERAL.search(line):
        parts.append(stream.read(int(literal[1])))
        line = stream.readline()
        parts.append(line)
    return b"".join(parts)


def _swallow(stream: _Readable, line: bytes) -> None:
    """Read the rest of a command that is not passed on; only literals with + come without our leave."""
    while (literal := _CLIENT_LITERAL.search(line)) and literal[2]:
        stream.read(int(literal[1]))
        line = stream.readline()
