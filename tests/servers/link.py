"""The process behind tests.servers.proxy.Proxy: settings as JSON in argv, questions on standard input."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes read at once; small under a bandwidth limit, so that connections take turns.
CHUNK_BYTES = 1 << 18
CHUNK_BYTES_LIMITED = 1 << 13
#: What a connection may have on its way in one direction, as a TCP window has.
WINDOW_BYTES = 16 << 20
#: Seconds of data that wait before a full link, as a router's buffer holds.
ROUTER_BUFFER_S = 0.05
#: Seconds between two notes of how much has come from the server.
SAMPLE_S = 0.02


class Settings(NamedTuple):
    """As Proxy's arguments; cut_on in base64."""

    host: str
    port: int
    rtt_s: float
    bits_per_second: int
    cut_after_up: int
    cut_after_down: int
    cut_on: str
    max_cuts: int
    record: bool


class Direction:
    """The link in one direction: when data that is read now may leave at the other end."""

    def __init__(self, delay_s: float, bytes_per_second: float) -> None:
        self.delay_s = delay_s
        self.bytes_per_second = bytes_per_second
        self.free_at = 0.0

    def due(self, now: float, size: int) -> float:
        """Book the link for so many bytes; give the time of arrival."""
        if self.bytes_per_second:
            self.free_at = max(now, self.free_at) + size / self.bytes_per_second
            return self.free_at + self.delay_s
        return now + self.delay_s

    def backlog_s(self, now: float) -> float:
        """Give how long a sender has to wait before the router takes more."""
        return self.free_at - now - ROUTER_BUFFER_S if self.bytes_per_second else 0.0


class Connection:
    """One client and its connection to the server."""

    def __init__(self, link: Link, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._link = link
        self._writers = (near, far)
        self._spoken_to = False
        self._up = self._down = 0
        self._tail = b""

    def said(self, chunk: bytes) -> None:
        """Count what the client says."""
        link = self._link
        link.to_server += len(chunk)
        link.turns += self._spoken_to
        self._spoken_to = False
        self._up += len(chunk)
        if link.settings.record:
            link.record += chunk

    def heard(self, chunk: bytes) -> None:
        """Count what the server says."""
        self._link.from_server += len(chunk)
        self._link.sample()
        self._spoken_to = True
        self._down += len(chunk)

    def must_break(self, chunk: bytes) -> bool:
        """Give whether the connection ends after this chunk."""
        settings, link = self._link.settings, self._link
        if link.cuts >= settings.max_cuts:
            return False
        reached = 0 < settings.cut_after_up <= self._up or 0 < settings.cut_after_down <= self._down
        if not reached and link.cut_on:
            seen = self._tail + chunk
            reached = link.cut_on in seen
            self._tail = seen[-len(link.cut_on) + 1 :] if len(link.cut_on) > 1 else b""
        return reached

    def cut(self) -> None:
        """Break both sides at once, as a network does."""
        self._link.cuts += 1
        self.abort()

    def abort(self) -> None:
        """Close both sides without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        count: Callable[[bytes], None],
    ) -> None:
        """Move one direction: read, let it wait in the link, deliver in order, until the stream ends."""
        loop = asyncio.get_running_loop()
        waiting: deque[tuple[float, bytes]] = deque()
        arrived, room = asyncio.Event(), asyncio.Event()
        in_flight = 0

        async def deliver() -> None:
            nonlocal in_flight
            while True:
                while not waiting:
                    arrived.clear()
                    await arrived.wait()
                due, chunk = waiting.popleft()
                if (pause := due - loop.time()) > 0:
                    await asyncio.sleep(pause)
                if not chunk:
                    break
                writer.write(chunk)
                await writer.drain()
                if self.must_break(chunk):
                    self.cut()
                in_flight -= len(chunk)
                room.set()
            if writer.can_write_eof():
                writer.write_eof()

        deliverer = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(self._link.chunk):
                    count(chunk)
                    in_flight += len(chunk)
                    waiting.append((direction.due(loop.time(), len(chunk)), chunk))
                    arrived.set()
                    if (backlog := direction.backlog_s(loop.time())) > 0:
                        await asyncio.sleep(backlog)
                    while in_flight > WINDOW_BYTES:
                        room.clear()
                        await room.wait()
            waiting.append((direction.due(loop.time(), 0), b""))
            arrived.set()
            with contextlib.suppress(OSError):
                await deliverer
        finally:
            deliverer.cancel()


class Link:
    """All connections of one proxy."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cut_on = base64.b64decode(settings.cut_on)
        bytes_per_second = settings.bits_per_second / 8
        self.up = Direction(settings.rtt_s / 2, bytes_per_second)
        self.down = Direction(settings.rtt_s / 2, bytes_per_second)
        self.chunk = CHUNK_BYTES_LIMITED if bytes_per_second else CHUNK_BYTES
        self.connections = self.to_server = self.from_server = self.turns = self.cuts = 0
        self.record = bytearray()
        self.open_connections: set[Connection] = set()
        self._samples: list[tuple[float, int]] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        settings = self.settings
        try:
            far_reader, far_writer = await asyncio.open_connection(
                settings.host, settings.port, limit=self.chunk
            )
        except OSError:
            writer.close()
            return
        self.connections += 1
        connection = Connection(self, writer, far_writer)
        self.open_connections.add(connection)
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.carry(reader, far_writer, self.up, connection.said))
            group.create_task(connection.carry(far_reader, writer, self.down, connection.heard))
        self.open_connections.discard(connection)
        writer.close()
        far_writer.close()

    def limit(self, bits_per_second: int) -> None:
        """Change the bandwidth of both directions; 0 takes the limit away."""
        for direction in (self.up, self.down):
            direction.bytes_per_second = bits_per_second / 8
            direction.free_at = 0.0

    def cut(self) -> None:
        """Break every connection."""
        for connection in self.open_connections:
            connection.abort()

    def sample(self) -> None:
        """Note how much has come from the server, now and then."""
        now = asyncio.get_running_loop().time()
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now, self.from_server))

    def counters(self) -> tuple[int, int, int, int, float, int]:
        """Give the members of proxy.Counters."""
        rate = self._bulk_rate()
        return (self.connections, self.to_server, self.from_server, self.turns, rate, self.cuts)

    def _bulk_rate(self) -> float:
        low, high = self.from_server * 0.05, self.from_server * 0.95
        middle = [(moment, size) for moment, size in self._samples if low <= size <= high]
        if len(middle) < 2:
            return 0.0
        return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])


async def serve(settings: Settings) -> None:
    """Listen on a free port, say which, answer questions until standard input ends."""
    link = Link(settings)
    server = await asyncio.start_server(link.accept, settings.host, 0, limit=link.chunk)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while question := await loop.run_in_executor(None, sys.stdin.readline):
        match question.split():
            case ["said"]:
                print(base64.b64encode(link.record).decode(), flush=True)
            case ["limit", bits_per_second]:
                link.limit(int(bits_per_second))
                print("limited", flush=True)
            case ["cut"]:
                link.cut()
                print("cut", flush=True)
            case _:
                print(json.dumps(link.counters()), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Settings(**json.loads(sys.argv[1]))))
