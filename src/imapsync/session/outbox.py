"""The sending side of a connection: commands in order, and literals that wait for "+" or for their bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.errors import SyncError
    from imapsync.session.pending import Pending
    from imapsync.session.trace import Trace


#: Segments up to this size are copied into one write with their neighbours, at most so many at once: a TLS
#: record holds 16 KiB.
_JOINED_BYTES = 16_384
_JOINED_SEGMENTS = 64


class Outbox:
    """Queues commands; one may block the others until the server says "+", or its literal is written.

    One that goes alone does so until it is answered.

    send: writes bytes to the transport. trace: told of each segment.
    """

    def __init__(self, send: Callable[[bytes], None], trace: Trace | None) -> None:
        self._send = send
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Pending[Any]] = deque()
        self._blocked: Pending[Any] | None = None
        #: Resolves when the server lets the blocked command go on; None while its streamed literal is being
        #: written.
        self._turn: asyncio.Future[None] | None = None
        self._full = False
        self._change_waiters: list[asyncio.Future[None]] = []
        self._error: SyncError | None = None

    @property
    def waits_for_producer(self) -> bool:
        """Whether the server waits for a literal that its producer has not delivered yet."""
        return self._blocked is not None and self._turn is None and not self._full

    def push(self, pending: Pending[Any]) -> None:
        """Send a command's segments when its turn comes."""
        self._queue.append(pending)
        self._pump()

    def set_full(self, *, full: bool) -> None:
        """Note that the transport wants no more for now, or again."""
        self._full = full
        if not full:
            self._announce_change()

    async def drain(self) -> None:
        """Return when the transport takes more; raises when the connection is gone."""
        while self._full and self._error is None:
            await self._change()
        if self._error is not None:
            raise self._error

    async def literal_turn(self, pending: Pending[Any]) -> bool:
        """Wait until a streamed literal may be written; false when the command was refused before."""
        while not pending.done and not (self._blocked is pending and self._turn is None):
            if self._blocked is pending and self._turn is not None:
                await asyncio.shield(self._turn)
            else:
                await self._change()
        return not pending.done

    def end_literal(self, pending: Pending[Any]) -> None:
        """Send the rest of a command whose literal has been written in full."""
        self._send(b"\r\n")
        pending.sent_at = self._loop.time()
        self._unblock(pending)
        self._pump()

    def continued(self, text: bytes) -> bool:
        """Go on after the server's "+"; false when nothing waits for it."""
        pending = self._blocked
        if pending is None or self._turn is None or (pending.alone and pending.sent_at):
            return False
        if pending.on_continuation is not None:
            pending.on_continuation(text)
        elif pending.streamed:
            turn, self._turn = self._turn, None
            turn.set_result(None)
        else:
            self._unblock(pending)
            self._queue.appendleft(pending)
            self._pump()
        return True

    def completed(self, pending: Pending[Any]) -> None:
        """Note an answered command; the rest of one that was answered in place of "+" is not sent."""
        if self._blocked is pending and self._turn is not None:
            self._unblock(pending)
            self._pump()

    def close(self, error: SyncError) -> None:
        """Forget everything; whoever waits goes on and finds the error."""
        self._error = error
        self._queue.clear()
        if self._blocked is not None:
            self._unblock(self._blocked)
        self._announce_change()

    def _pump(self) -> None:
        # What may go now goes together: the end of one command and the begin of the next are one packet.
        ready: list[bytes] = []
        while self._queue and self._blocked is None:
            pending = self._queue.popleft()
            if not pending.segments:
                continue
            segment = pending.segments.popleft()
            if self._trace is not None:
                self._trace.sent(segment, pending.tag, pending.verb, secret=pending.secret)
            ready.append(segment)
            if len(segment) > _JOINED_BYTES or len(ready) == _JOINED_SEGMENTS:
                self._flush(ready)
            if not pending.segments:
                pending.sent_at = self._loop.time()
            if pending.segments or pending.on_continuation is not None:
                self._blocked = pending
                goes_on = pending.streamed and segment.endswith(b"+}\r\n")
                self._turn = None if goes_on else self._loop.create_future()
                self._announce_change()
            elif pending.alone:
                self._blocked = pending
                self._turn = self._loop.create_future()
        self._flush(ready)

    def _flush(self, ready: list[bytes]) -> None:
        if ready:
            self._send(b"".join(ready) if len(ready) > 1 else ready[0])
            ready.clear()

    def _unblock(self, pending: Pending[Any]) -> None:
        if self._blocked is pending:
            self._blocked = None
            turn, self._turn = self._turn, None
            if turn is not None and not turn.done():
                turn.set_result(None)
            self._announce_change()

    async def _change(self) -> None:
        """Wait until the queue or the transport's state has changed."""
        waiter = self._loop.create_future()
        self._change_waiters.append(waiter)
        await waiter

    def _announce_change(self) -> None:
        waiters, self._change_waiters = self._change_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
