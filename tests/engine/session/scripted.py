"""A server that says exactly what a test tells it to."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.servers.certificates import Certificate

#: A test that waits longer for its client has failed.
PATIENCE_S = 60


class Peer:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tag = b""
        self.lines: list[bytes] = []

    async def expect(self, pattern: str) -> re.Match[str]:
        """Read a command line and check it (without its tag, which is kept for answer())."""
        line = await asyncio.wait_for(self._reader.readline(), PATIENCE_S)
        self.lines.append(line)
        self.tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
        match = re.fullmatch(pattern, rest.decode())
        assert match is not None, f"{rest!r} is not {pattern}"
        return match

    async def read_line(self) -> bytes:
        """Read any line; empty when the client is gone."""
        try:
            return await asyncio.wait_for(self._reader.readline(), PATIENCE_S)
        except ConnectionError:
            return b""

    async def read(self, count: int) -> bytes:
        """Read a literal."""
        return await asyncio.wait_for(self._reader.readexactly(count), PATIENCE_S)

    async def send(self, *lines: bytes) -> None:
        """Send lines; their CRLF is added."""
        self._writer.write(b"".join(line + b"\r\n" for line in lines))
        await self._writer.drain()

    async def write(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(content)
        await self._writer.drain()

    async def answer(self, text: bytes = b"OK done", *untagged: bytes) -> None:
        """Complete the command that was expected last."""
        await self.send(*untagged, self.tag + b" " + text)

    async def start_tls(self, certificate: Certificate) -> None:
        """Take the client's handshake on this connection."""
        await self._writer.start_tls(server_context(certificate))

    async def until_closed(self) -> bytes:
        """Read whatever still comes until the client closes."""
        try:
            return await asyncio.wait_for(self._reader.read(), PATIENCE_S)
        except (ConnectionError, ssl.SSLError):
            return b""


class ScriptedServer:
    """Runs a script for each connection; use as an async context manager. Its failures fail the test."""

    def __init__(
        self, script: Callable[[Peer], Awaitable[None]], certificate: Certificate | None = None
    ) -> None:
        self._script = script
        self._context = None if certificate is None else server_context(certificate)
        self._server: asyncio.Server | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self.peers: list[Peer] = []
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        results = await asyncio.gather(*self._runs, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures and kind is None:
            raise failures[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        run = asyncio.current_task()
        assert run is not None
        self._runs.add(run)
        try:
            await self._script(peer)
        finally:
            writer.close()


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Give a TLS context for a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context
