"""One connection: a transport, the wire reader, commands in flight, back-pressure both ways, the idle clock.

Knows framing, tags and continuation requests; what commands mean is the session's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from imapsync.session.errors import CommandRefused, ConnectionFailed, ProtocolViolation, TimedOut
from imapsync.wire.errors import ProtocolError
from imapsync.wire.limits import DEFAULT_LIMITS, Limits
from imapsync.wire.reader import Reader
from imapsync.wire.responses import BodyChunk, BodyStart, Continuation, Fetch, Status, Tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.errors import Side, SyncError
    from imapsync.session.fetch import Sink
    from imapsync.session.pending import Pending
    from imapsync.session.trace import Trace
    from imapsync.wire.command import Command
    from imapsync.wire.responses import Response

T = TypeVar("T")

#: Received bytes that may wait for consumers before reading stops, and when it goes on.
READ_HIGH_BYTES = 4 * 1024 * 1024
READ_LOW_BYTES = 1 * 1024 * 1024
#: Bytes that may wait while a consumer needs something that comes behind them; beyond, bodies are given up.
READ_MOST_BYTES = 24 * 1024 * 1024
#: Bytes that may wait in the transport before drain() blocks.
WRITE_HIGH_BYTES = 512 * 1024
#: The idle clock is looked at this often per timeout.
_IDLE_LOOKS = 4
#: When it is we who make the server wait, the clock is this much more patient; it still ends a stand-still.
_OWN_FAULT = 10


class Counters:
    """What went over a connection."""

    __slots__ = ("bytes_in", "bytes_out", "commands", "round_trips")

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.commands = 0
        #: Times that we sent with nothing in flight: lower bound of the waits for the network.
        self.round_trips = 0


class Link(asyncio.BufferedProtocol):
    """The protocol object of one connection.

    side, timeout_s: for errors and the idle clock (0: none). trace: told of everything sent and received.
    """

    def __init__(
        self,
        side: Side | None,
        timeout_s: float,
        trace: Trace | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.side = side
        self.counters = Counters()
        self.bye = ""
        #: Called with each untagged response that no command took.
        self.observe: Callable[[Response], None] = _ignore
        #: Commands sent or queued, oldest first.
        self.in_flight: dict[bytes, Pending[Any]] = {}
        self._trace = trace
        self._reader = Reader(limits)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._send_queue: deque[Pending[Any]] = deque()
        #: The command that waits for "+", or whose literal is being streamed.
        self._blocked: Pending[Any] | None = None
        self._blocked_turn: asyncio.Future[None] | None = None
        self._tag_count = 0
        self._error: SyncError | None = None
        self._greeting: asyncio.Future[Response] = self._loop.create_future()
        self._greeted = False
        #: Who takes FETCH responses, in the order of their commands.
        self._sinks: list[Sink] = []
        self._touched: list[Sink] = []
        #: Who took the start of the body under way.
        self._body_taker: Sink | None = None
        #: Whether the oldest command in flight opens a mailbox: all mailbox data is its own.
        self._head_takes_all = False
        self._waiting_bytes = 0
        #: Consumers that need more from the server to go on.
        self._starving = 0
        self._reading_paused = False
        self._write_paused = False
        self._change_waiters: list[asyncio.Future[None]] = []
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._timeout_s = timeout_s
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_activity = self._loop.time()
        self._last_out = 0

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.use(transport)

    def use(self, transport: asyncio.BaseTransport) -> None:
        """Write to this transport from now on (the TLS one after STARTTLS)."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells mypy what asyncio promises
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._touch()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the reader's buffer is what it is
        """Give the reader's free space."""
        return self._reader.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Handle all complete responses."""
        self.counters.bytes_in += nbytes
        self._last_activity = self._loop.time()
        self._reader.advance(nbytes)
        try:
            self._handle_responses()
        except ProtocolError as error:
            self._end(ProtocolViolation(f"the server broke the protocol: {error}", side=self.side))
            self.abort()
        for sink in self._touched:
            sink.flush()
        self._touched.clear()

    def eof_received(self) -> bool:
        """Close when the server does."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whatever still waits."""
        reason = f": {exc}" if exc is not None else ""
        self._end(
            ConnectionFailed(
                f"the server closed the connection{reason}", side=self.side, server_text=self.bye
            )
        )
        self._transport = None
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        """Make drain() wait."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Let drain() go on."""
        self._write_paused = False
        self._announce_change()

    # -- what sessions call

    @property
    def error(self) -> SyncError | None:
        """Why the connection is unusable, None while it is usable."""
        return self._error

    @property
    def transport(self) -> asyncio.Transport:
        """The transport; ConnectionFailed when the connection is gone."""
        if self._error is not None:
            raise self._error
        if self._transport is None:
            raise ConnectionFailed("not connected", side=self.side)
        return self._transport

    async def greeting(self) -> Response:
        """Give the first response; the caller bounds the wait."""
        return await asyncio.shield(self._greeting)

    def submit(self, pending: Pending[T], command: Command) -> Pending[T]:
        """Send a command, or queue it behind one that waits; its answer is the Pending's."""
        if self._error is not None:
            pending.fail(self._error)
            return pending
        self._tag_count += 1
        pending.tag = b"a%d" % self._tag_count
        pending.segments = deque(command.segments(pending.tag))
        pending.note_starving = self.note_starving
        if not self.in_flight:
            self.counters.round_trips += 1
            self._head_takes_all = pending.takes_all
            self._touch()
        self.counters.commands += 1
        self.in_flight[pending.tag] = pending
        self._send_queue.append(pending)
        self._pump()
        return pending

    def write(self, content: bytes) -> None:
        """Send bytes that belong to the command whose turn it is."""
        if self._transport is not None and self._error is None:
            self.counters.bytes_out += len(content)
            self._transport.write(content)

    async def drain(self) -> None:
        """Return when little enough waits to be sent; raises when the connection is gone."""
        if self._error is not None:
            raise self._error
        while self._write_paused:
            await self._change()
            if self._error is not None:
                raise self._error

    async def literal_turn(self, pending: Pending[Any]) -> bool:
        """Wait until a streamed literal may be written; false when the command was refused before."""
        while not pending.done and not (self._blocked is pending and self._blocked_turn is None):
            if self._blocked is pending and self._blocked_turn is not None:
                await asyncio.shield(self._blocked_turn)
            else:
                await self._change()
        return not pending.done

    def end_literal(self, pending: Pending[Any]) -> None:
        """Send the rest of a command whose literal has been written in full."""
        self.write(b"\r\n")
        self._unblock(pending)
        self._pump()

    def attach(self, sink: Sink) -> None:
        """Let a sink take the FETCH responses of its command."""
        self._sinks.append(sink)

    def detach(self, sink: Sink) -> None:
        """Forget a sink whose command is complete."""
        self._sinks.remove(sink)

    def note_waiting(self, delta_bytes: int) -> None:
        """Count received bytes that consumers have not taken yet; stops and restarts reading."""
        self._waiting_bytes += delta_bytes
        if delta_bytes < 0:
            self._last_activity = self._loop.time()
        self._regulate()

    def note_starving(self, delta: int) -> None:
        """Count consumers that wait for the server: while there are any, reading goes on.

        Dovecot withholds the tagged answers of pipelined FETCHes until all are done: who waits for an early
        one must not be stopped by the records of a later one.
        """
        self._starving += delta
        self._regulate()

    @property
    def overfull(self) -> bool:
        """Whether so much waits that bodies nobody has begun to read must be given up."""
        return self._waiting_bytes > READ_MOST_BYTES

    @property
    def received_anything(self) -> bool:
        """Whether the server has sent a byte."""
        return self.counters.bytes_in > 0

    def freeze(self) -> None:
        """Read nothing more in clear: the answer to STARTTLS was handled this moment.

        Bytes already there are an injection (CVE-2011-0411 and its kin) and end the connection.
        """
        if self._reader.buffered:
            self.end(ProtocolViolation("the server sent more after STARTTLS, in clear", side=self.side))
        elif self._transport is not None:
            self._transport.pause_reading()

    def end(self, error: SyncError) -> None:
        """Make the connection unusable for a reason; everything in flight fails with it."""
        self._end(error)
        self.abort()

    def abort(self) -> None:
        """Close the socket now."""
        self._end(ConnectionFailed("the connection was closed by us", side=self.side, retryable=False))
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Return when the transport has let go of the socket."""
        if self._transport is not None:
            await asyncio.shield(self._closed)

    # -- inside

    def _regulate(self) -> None:
        """Stop or restart reading."""
        limit = READ_LOW_BYTES if self._reading_paused else READ_HIGH_BYTES
        pause = self._waiting_bytes > limit and not self._starving
        if pause == self._reading_paused:
            return
        self._reading_paused = pause
        if self._transport is None or self._transport.is_closing():
            return
        if pause:
            self._transport.pause_reading()
        else:
            self._touch()
            self._transport.resume_reading()

    def _handle_responses(self) -> None:
        next_response = self._reader.next
        trace = self._trace
        while True:
            response = next_response()
            if response is None:
                return
            if trace is not None:
                trace.received(response)
            kind = type(response)
            if kind is Fetch or kind is BodyChunk or kind is BodyStart:
                if not self._offer(response):
                    self._route(response)
            elif isinstance(response, Tagged):
                self._finish(response)
            elif isinstance(response, Continuation):
                self._continue(response.text)
            else:
                self._route(response)

    def _offer(self, response: Response) -> bool:
        """Offer a message or a piece of one to the commands that read messages; tell whether one took it."""
        if type(response) is BodyChunk:
            taker = self._body_taker
            if taker is not None:
                taker.add(response)
        else:
            taker = None
            if not self._head_takes_all:
                for sink in self._sinks:
                    if sink.add(response):
                        taker = sink
                        break
            self._body_taker = taker
        if taker is not None and not taker.touched:
            taker.touched = True
            self._touched.append(taker)
        return taker is not None

    def _route(self, response: Response) -> None:
        if not self._greeted:
            self._greeted = True
            if not self._greeting.done():
                self._greeting.set_result(response)
            return
        if isinstance(response, Status) and response.status == "BYE":
            self.bye = response.text
        for pending in self.in_flight.values():
            if pending.consume is not None and pending.consume(response):
                return
        self.observe(response)

    def _finish(self, tagged: Tagged) -> None:
        # Batches must be delivered before their command completes.
        pending = self.in_flight.pop(tagged.tag, None)
        if self.in_flight:
            self._head_takes_all = next(iter(self.in_flight.values())).takes_all
        if pending is None:
            raise ProtocolError(f"an answer to no command of ours: {tagged.tag[:20]!r}")
        if tagged.status == "OK":
            pending.succeed(tagged)
        else:
            code = "" if tagged.code is None else tagged.code.name
            pending.fail(
                CommandRefused(
                    f"{pending.verb} refused: {tagged.text or tagged.status}",
                    status=tagged.status,
                    verb=pending.verb,
                    response_code=code,
                    side=self.side,
                    server_text=tagged.text,
                )
            )
        if self._blocked is pending and self._blocked_turn is not None:
            # Refused in place of "+": the rest of the command is not sent.
            self._unblock(pending)
            self._pump()

    def _continue(self, text: bytes) -> None:
        pending = self._blocked
        if pending is not None and pending.on_continuation is not None:
            pending.on_continuation(text)
            return
        if pending is None or self._blocked_turn is None:
            # Servers may say "+" unasked after IDLE-like commands only; we send none.
            raise ProtocolError("a continuation request that nothing waits for")
        if pending.streamed:
            turn, self._blocked_turn = self._blocked_turn, None
            turn.set_result(None)
            return
        self._unblock(pending)
        self._send_queue.appendleft(pending)
        self._pump()

    def _pump(self) -> None:
        """Send what may be sent now."""
        while self._send_queue and self._blocked is None:
            pending = self._send_queue.popleft()
            if not pending.segments:
                continue
            segment = pending.segments.popleft()
            if self._trace is not None:
                self._trace.sent(segment, pending.tag, pending.verb, secret=pending.secret)
            self.write(segment)
            if pending.segments or pending.on_continuation is not None:
                self._blocked = pending
                waits = not (pending.streamed and segment.endswith(b"+}\r\n"))
                self._blocked_turn = self._loop.create_future() if waits else None
                if pending.streamed:
                    self._announce_change()

    def _unblock(self, pending: Pending[Any]) -> None:
        if self._blocked is pending:
            self._blocked = None
            turn, self._blocked_turn = self._blocked_turn, None
            if turn is not None and not turn.done():
                turn.set_result(None)
            self._announce_change()

    async def _change(self) -> None:
        """Wait until the send queue or the transport's buffer has changed."""
        waiter = self._loop.create_future()
        self._change_waiters.append(waiter)
        await waiter

    def _announce_change(self) -> None:
        waiters, self._change_waiters = self._change_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _end(self, error: SyncError) -> None:
        if self._error is not None:
            return
        self._error = error
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if not self._greeting.done():
            self._greeting.set_exception(error)
            self._greeting.exception()  # retrieved: no warning when nobody waits
        self._blocked = None
        turn, self._blocked_turn = self._blocked_turn, None
        pending_commands, self.in_flight = list(self.in_flight.values()), {}
        self._send_queue.clear()
        for pending in pending_commands:
            pending.fail(error)
        if turn is not None and not turn.done():
            turn.set_result(None)
        self._announce_change()

    def _touch(self) -> None:
        """Start the idle clock anew."""
        self._last_activity = self._loop.time()
        if self._timeout_s and self._idle_timer is None and self._error is None:
            self._idle_timer = self._loop.call_later(self._timeout_s / _IDLE_LOOKS, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._idle_timer = None
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        sent = self.counters.bytes_out - unsent
        if sent != self._last_out or not self.in_flight:
            self._last_out = sent
            self._last_activity = self._loop.time()
        patience_s = self._timeout_s * (_OWN_FAULT if self._reading_paused or self._blocked_by_us() else 1)
        if self._loop.time() - self._last_activity >= patience_s:
            message = f"the server sent nothing for {self._timeout_s:g} seconds"
            self.end(TimedOut(message, side=self.side))
            return
        self._idle_timer = self._loop.call_later(self._timeout_s / _IDLE_LOOKS, self._look_at_clock)

    def _blocked_by_us(self) -> bool:
        """Whether the server waits for a literal that its producer has not delivered yet."""
        return (
            self._blocked is not None
            and self._blocked.streamed
            and self._blocked_turn is None
            and not self._write_paused
        )


def _ignore(_: object) -> None:
    """Take a response that nobody waits for."""
