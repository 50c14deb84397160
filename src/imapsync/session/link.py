"""One connection: a transport, the wire reader, commands in flight, back-pressure both ways, the idle clock.

Knows framing, tags and continuation requests; what commands mean is the session's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from imapsync.plan.patience import asked_to_wait
from imapsync.plan.tokens import signed_out
from imapsync.session.breaking import IN_FOLDER, Breaking
from imapsync.session.errors import (
    AnswerUnusable,
    AskedToWait,
    CommandRefused,
    ConnectionFailed,
    ProtocolViolation,
    SignedOut,
    SyncError,
    TimedOut,
)
from imapsync.session.fragments import Fragments
from imapsync.session.gate import Activity, IdleClock, Progress, ReadGate
from imapsync.session.outbox import Outbox
from imapsync.session.redact import Redactor
from imapsync.terms import Side
from imapsync.wire.errors import LimitExceeded, ProtocolError
from imapsync.wire.limits import DEFAULT_LIMITS, FEW_NUMBERS, Bounds
from imapsync.wire.reader import Reader
from imapsync.wire.responses import (
    BodyChunk,
    BodyStart,
    Continuation,
    Expunge,
    Fetch,
    ServerId,
    Status,
    Tagged,
    Unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.fetch import Taker
    from imapsync.session.pending import Pending
    from imapsync.session.trace import Trace
    from imapsync.wire.command import Command
    from imapsync.wire.responses import Response

T = TypeVar("T")

#: Commands whose success shows that the login reaches a mailbox.
MAILBOX_VERBS = frozenset({"SELECT", "EXAMINE", "UID FETCH", "APPEND"})
#: SO_LINGER: at close, or when the process is killed, the kernel drops what it has not sent and resets the
#: connection. Else a slow network would deliver messages after the next run has looked for them.
_DROP_UNSENT = struct.pack("ii", 1, 0)
_DELIVER_UNSENT = struct.pack("ii", 0, 0)
#: Bytes that may wait in the transport before drain() blocks.
WRITE_HIGH_BYTES = 512 * 1024
#: Bytes that go to the transport in one call: TLS keeps the memory that its largest call has taken.
WRITE_PIECE_BYTES = 128 * 1024
#: Responses of one connection that could not be read; a server of more does not speak IMAP.
MAX_ODD = 1000
#: A body counts as progress by pieces of so many bytes: one byte a minute is none.
PROGRESS_BYTES = 4096


#: Responses that hold words of a server.
_WORDY = (Status, Tagged, Unreadable, ServerId)


class Traffic:
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
        limits: Bounds = DEFAULT_LIMITS,
    ) -> None:
        self.side = side
        self.counters = Traffic()
        self.bye = ""
        self.bye_code = ""
        #: Whether a response code alone counts as "later".
        self.believes_codes = True
        #: Whether the login can be made anew with another token; whether this one reached a mailbox.
        self.renewable = False
        self._reached_mailbox = False
        #: What connections to this server ended over.
        self.breaking = Breaking()
        #: Whether the folder that was to be opened last is one that we do not open.
        self._opens_none = False
        #: Called with each untagged response that no command took.
        self.observe: Callable[[Response], None] = self._keep_odd
        #: What could not be read before anybody observed.
        self.early_odd: list[Unreadable] = []
        #: Commands sent or queued, oldest first.
        self.in_flight: dict[bytes, Pending[Any]] = {}
        #: Knows the secrets of this connection.
        self.redactor = trace.redactor if trace is not None else Redactor()
        self._trace = trace
        self._reader = Reader(limits)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tag_count = 0
        self._error: SyncError | None = None
        self._greeting: asyncio.Future[Response] = self._loop.create_future()
        self._greeted = False
        #: Who takes FETCH responses, in the order of their commands.
        self._sinks: list[Taker] = []
        self._touched: list[Taker] = []
        #: Messages whose items come in several lines.
        self.fragments = Fragments()
        self._odd = 0
        #: Answers and records that were asked for, and bytes of bodies.
        self._progress = Progress()
        self._body_bytes = 0
        #: Who took the start of the body under way.
        self._body_taker: Taker | None = None
        #: Whether the oldest command in flight opens a mailbox: all mailbox data is its own.
        self._head_takes_all = False
        self._closed: asyncio.Future[None] = self._loop.create_future()
        #: Back-pressure; consumers report here.
        self.gate = ReadGate(self._switch_reading)
        #: What is to be sent.
        self.outbox = Outbox(self.write, trace)
        self._clock = IdleClock(self._loop, timeout_s, self._activity, self._expired)

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.use(transport)
        self._linger(_DROP_UNSENT)

    def use(self, transport: asyncio.BaseTransport) -> None:
        """Write to this transport from now on (the TLS one after STARTTLS)."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells mypy what asyncio promises
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._clock.start()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the reader's buffer is what it is
        """Give the reader's free space."""
        return self._reader.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Handle all complete responses."""
        self.counters.bytes_in += nbytes
        self._reader.advance(nbytes)
        try:
            self._handle_responses()
        except LimitExceeded as error:
            self._end(ProtocolViolation(f"the server sent more than we take: {error}", side=self.side))
            self.abort()
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
        if self._error is None and self.bye:
            self._asked_to_wait("BYE", self.bye_code, self.bye)
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
        self.outbox.set_full(full=True)

    def resume_writing(self) -> None:
        """Let drain() go on."""
        self.outbox.set_full(full=False)

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
        refusal = self._refusal(pending)
        if refusal is not None:
            pending.fail(refusal)
            return pending
        self._tag_count += 1
        pending.tag = b"a%d" % self._tag_count
        pending.segments = deque(command.segments(pending.tag))
        pending.note_starving = self.gate.note_starving
        pending.alone = self.breaking.suspects(pending)
        if not self.in_flight:
            self.counters.round_trips += 1
            self._head_takes_all = pending.takes_all
            self._clock.start()
        self.counters.commands += 1
        self.in_flight[pending.tag] = pending
        self.outbox.push(pending)
        return pending

    def write(self, content: bytes) -> None:
        """Send bytes that belong to the command whose turn it is."""
        if self._transport is not None and self._error is None:
            self.counters.bytes_out += len(content)
            if len(content) <= WRITE_PIECE_BYTES:
                self._transport.write(content)
                return
            view = memoryview(content)
            for start in range(0, len(content), WRITE_PIECE_BYTES):
                self._transport.write(view[start : start + WRITE_PIECE_BYTES])

    def attach(self, sink: Taker) -> None:
        """Let a sink take the FETCH responses of its command."""
        self._sinks.append(sink)

    def detach(self, sink: Taker) -> None:
        """Forget a sink whose command is complete."""
        self._sinks.remove(sink)
        if not self._sinks:
            self.fragments.clear()

    def expect_numbers(self, most: int) -> None:
        """Read answers that tell of so many messages; of a few more in any case."""
        self._reader.most_numbers = max(FEW_NUMBERS, most)

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

    def abort_politely(self) -> None:
        """Close the socket now; what was written still goes out."""
        self._linger(_DELIVER_UNSENT)
        self.abort()

    async def closed(self) -> None:
        """Return when the transport has let go of the socket."""
        if self._transport is not None:
            await asyncio.shield(self._closed)

    # -- inside

    def _refusal(self, pending: Pending[Any]) -> CommandRefused | None:
        """Refuse what breaks the connection each time, and what is about a folder that is not open for it."""
        refusal: CommandRefused | None = self.breaking.refusal(pending, self.side)
        if pending.takes_all:
            self._opens_none = refusal is not None
        elif self._opens_none and pending.verb in IN_FOLDER:
            refusal = CommandRefused("no folder is open", status="NO", verb=pending.verb, side=self.side)
        return refusal

    def _linger(self, how: bytes) -> None:
        connected = self._transport.get_extra_info("socket") if self._transport is not None else None
        if connected is not None:
            with contextlib.suppress(OSError):  # already closed
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)

    def _switch_reading(self, on: bool) -> None:
        """Stop or restart reading."""
        if self._transport is None or self._transport.is_closing():
            return
        if on:
            self._clock.start()
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _handle_responses(self) -> None:
        next_response = self._reader.next
        trace = self._trace
        while True:
            response = next_response() if self._error is None else None
            if response is None:
                return
            kind = type(response)
            if kind in _WORDY:
                response = self._cleaned(response)
            if trace is not None:
                trace.received(response)
            if kind is Fetch or kind is BodyChunk or kind is BodyStart:
                if not self._offer(response):
                    self._route(response)
            elif isinstance(response, Tagged):
                self._finish(response)
            elif isinstance(response, Continuation):
                if self.outbox.continued(response.text):
                    self._progress.moved()
                else:
                    self._note_odd(Unreadable("+", b"+ " + response.text, "nothing waits for it"))
            elif isinstance(response, Unreadable):
                self._take_odd(response)
            else:
                self._route(response)

    def _cleaned(self, response: Response) -> Response:
        """Take our secrets out of the words of a response, before anybody sees them."""
        clean = self.redactor.clean
        if isinstance(response, Status | Tagged):
            return response._replace(text=clean(response.text))
        if isinstance(response, Unreadable):
            return response._replace(line=clean(response.line.decode("utf-8", "replace")).encode())
        if isinstance(response, ServerId):
            return ServerId(tuple((clean(key), clean(value)) for key, value in response.fields))
        return response

    def _offer(self, response: Response) -> bool:
        """Offer a message or a piece of one to the commands that read messages; tell whether one took it."""
        if type(response) is BodyChunk:
            taker = self._body_taker
            if taker is not None:
                self._body_bytes += len(response.content)
                taker.add(response)
        else:
            taker = None if self._head_takes_all else self._taker(response)
            self._body_taker = taker
            if taker is not None and (type(response) is BodyStart or taker.brings_news(response)):
                self._progress.moved()
        if taker is not None and not taker.touched:
            taker.touched = True
            self._touched.append(taker)
        return taker is not None

    def _taker(self, response: Response) -> Taker | None:
        """Find who takes a message: as it came, or with what came of it before.

        A part is for the first who may use it, because answers come in the order of the questions; a part of
        one answer may be all that a later question asks for.
        """
        for sink in self._sinks:
            if sink.add(response):
                if type(response) is Fetch and self.fragments:
                    self.fragments.drop(response)
                return sink
            if type(response) is Fetch and sink.wants_part(response):
                whole = self.fragments.joined(response)
                if not sink.add(whole):
                    return None
                self.fragments.drop(whole)
                return sink
        return None

    def _take_odd(self, odd: Unreadable) -> None:
        """Go on after a response that cannot be read; what it should have told counts as not told."""
        tag = odd.line.split(b" ", 1)[0]
        if tag in self.in_flight:
            # Nobody knows whether that was done: as if the connection had ended before the answer.
            self.end(
                ConnectionFailed("the server ended a command with words unknown to IMAP", side=self.side)
            )
            return
        if not self._greeted and odd.line:
            raise ProtocolError("that is no greeting of an IMAP server")
        if odd.name in ("FETCH", "UIDFETCH"):
            for sink in self._sinks:
                sink.spoil(odd)
        for pending in self.in_flight.values():
            if odd.name in pending.answers:
                pending.odd = odd
        self._note_odd(odd)

    def _note_odd(self, odd: Unreadable) -> None:
        self._odd += 1
        if self._odd > MAX_ODD:
            raise ProtocolError("too many responses that are not IMAP")
        self.observe(odd)

    def _route(self, response: Response) -> None:
        if not self._greeted:
            self._greeted = True
            if not self._greeting.done():
                self._greeting.set_result(response)
            return
        if isinstance(response, Status) and response.status == "BYE":
            self.bye = response.text
            self.bye_code = "" if response.code is None else response.code.name
        elif isinstance(response, Expunge):
            self.fragments.clear()
        for pending in self.in_flight.values():
            if pending.consume is not None and pending.consume(response):
                self._progress.told(response)
                return
        self.observe(response)

    def _finish(self, tagged: Tagged) -> None:
        # Batches must be delivered before their command completes.
        pending = self.in_flight.get(tagged.tag)
        if pending is not None and pending.takes_all and pending is not next(iter(self.in_flight.values())):
            # What came before is answered by now, or never (RFC 3501 §5.5): its words were not understood. Or
            # the answer is one of who stands before the server and throttles: then all is taken back.
            code = "" if tagged.code is None else tagged.code.name
            if tagged.status == "OK" or self._asked_to_wait(pending.verb, code, tagged.text) is None:
                self.end(ConnectionFailed("the server left a command without an answer", side=self.side))
            return
        self.in_flight.pop(tagged.tag, None)
        if self.in_flight:
            self._head_takes_all = next(iter(self.in_flight.values())).takes_all
        if pending is None:
            self._note_odd(
                Unreadable("", tagged.tag + b" " + tagged.status.encode(), "no command has this tag")
            )
            return
        self._progress.answered()
        self.breaking.answered(pending)
        if pending.takes_all:
            self.fragments.clear()
        self._reached_mailbox |= tagged.status == "OK" and pending.verb in MAILBOX_VERBS
        if tagged.status == "OK" and not pending.sent_at:
            # It cannot have done that. A "+" for it may be on its way, and would be taken for another's.
            words = "the server confirmed a command before it was whole"
            error = ConnectionFailed(words, side=self.side)
            self.end(error)
            pending.fail(error)
            return
        if tagged.status == "OK" and pending.odd is None:
            pending.succeed(tagged)
        elif tagged.status == "OK" and pending.odd is not None:
            pending.fail(AnswerUnusable(pending.verb, pending.odd.why, side=self.side))
        else:
            code = "" if tagged.code is None else tagged.code.name
            ended = None if pending.secret else self._ended_by(pending.verb, code, tagged.text)
            if ended is not None:
                # Refused for now, and so is all that is under way: taken back, to be asked again later.
                pending.fail(ended)
                return
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
        self.outbox.completed(pending)

    def _ended_by(self, verb: str, code: str, text: str) -> ConnectionFailed | None:
        """End the connection when a refusal means "later" or "log in anew"; give its error."""
        if self.renewable and self._reached_mailbox and signed_out(code, text):
            error = SignedOut(f"the server ended the login: {text or code}", side=self.side, server_text=text)
            self.end(error)
            return error
        return self._asked_to_wait(verb, code, text)

    def _asked_to_wait(self, verb: str, code: str, text: str) -> AskedToWait | None:
        """End the connection when a refusal means "later"; give the error that it ends with."""
        later = asked_to_wait(verb, code, text, source=self.side is Side.SOURCE)
        if later is None or (later.bare and not self.believes_codes):
            return None
        error = AskedToWait(
            f"the server asks to wait: {text or code}",
            wait_s=later.wait_s,
            bare=later.bare,
            side=self.side,
            server_text=text or code,
        )
        self.end(error)
        return error

    def _end(self, error: SyncError) -> None:
        if self._error is not None:
            return
        self._error = error
        if type(error) in (ConnectionFailed, TimedOut) and error.retryable:
            self.breaking.lost(self.in_flight)
        self._clock.stop()
        if not self._greeting.done():
            self._greeting.set_exception(error)
            self._greeting.exception()  # retrieved: no warning when nobody waits
        pending_commands, self.in_flight = list(self.in_flight.values()), {}
        for pending in pending_commands:
            pending.fail(error)
        self.outbox.close(error)

    def _activity(self) -> Activity:
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        taken = self.counters.bytes_out - unsent
        moved = self.counters.bytes_in + taken
        progress = self._progress.count + self._body_bytes // PROGRESS_BYTES + taken
        own_fault = not self.gate.open or self.outbox.waits_for_producer
        expecting = any(not pending.resting for pending in self.in_flight.values())
        return Activity(moved, progress, expecting, own_fault)

    def _expired(self, patience_s: float, talks: bool) -> None:
        what = "nothing that was asked for" if talks else "nothing"
        message = f"the server sent {what} for {patience_s:g} seconds"
        self.end(TimedOut(message, side=self.side))

    def _keep_odd(self, response: Response) -> None:
        if isinstance(response, Unreadable):
            self.early_odd.append(response)
