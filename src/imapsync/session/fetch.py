"""Consumers of FETCH: batches of small records, one large body as a stream. Both slow the server down."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Protocol, Self

from imapsync.session.errors import AnswerUnusable, MessageGone, ProtocolViolation
from imapsync.wire.fetch import section_of
from imapsync.wire.responses import BodyChunk, BodyStart, Fetch
from imapsync.wire.uidset import MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.link import Link
    from imapsync.session.pending import Pending
    from imapsync.wire.responses import Code, Response, Unreadable
    from imapsync.wire.uidset import UidSet

_BODY_ITEM = re.compile(rb"(?:BODY|BINARY)(?:\.PEEK)?\[[^\]]*\]|RFC822(?:\.HEADER|\.TEXT)?(?=[ )])")
#: What a record without a body counts for in back-pressure: its objects in memory.
RECORD_BYTES = 150
#: Records of one FETCH beyond those of its set, or of a whole folder beyond twice what it holds: repetitions
#: and new arrivals. A server that goes on is telling the same for ever.
SPARE_RECORDS = 10_000
#: A streamed body is handed on in pieces of at least this, its end excepted, and of hardly more: who writes a
#: piece holds it several times over for a moment (TLS).
PIECE_BYTES = 64 * 1024


class Taker(Protocol):
    """Takes responses while they are parsed, wakes its consumer once per received piece."""

    touched: bool

    def add(self, response: Response) -> bool:
        """Take a Fetch, BodyStart or BodyChunk; false when it is someone else's.

        A chunk comes to who took the start of its body.
        """

    def brings_news(self, response: Response) -> bool:
        """Tell whether what was taken is of a message that was not told of before."""

    def flush(self) -> None:
        """All responses of this piece were added."""

    def wants_part(self, part: Fetch) -> bool:
        """Tell whether a record that is not whole may be a part of what was asked for."""

    def spoil(self, odd: Unreadable) -> None:
        """Note that a message was told of in words that cannot be read."""


class _Consumer:
    """What both consumers share: the command, its end, a waiter, bytes that wait."""

    def __init__(self, link: Link) -> None:
        self.touched = False
        self._link = link
        self._pending: Pending[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_bytes = 0
        self._discarding = False
        self._lowest_told, self._highest_told = MAX_NUMBER + 1, -1

    def begin(self, pending: Pending[None]) -> None:
        """Follow this command, which is on its way."""
        self._pending = pending
        if not pending.done:
            self._link.attach(self)
            pending.on_done = self._command_done
        else:
            self._wake()

    def add(self, response: Response) -> bool:
        """Take a response."""
        raise NotImplementedError

    def brings_news(self, response: Response) -> bool:
        """Tell whether a message lies above or below all that were told: answers go up, or down."""
        uid = (response.uid or 0) if type(response) is Fetch else 0
        if self._lowest_told <= uid <= self._highest_told:
            return False
        self._lowest_told = min(self._lowest_told, uid)
        self._highest_told = max(self._highest_told, uid)
        return True

    def flush(self) -> None:
        """Wake the consumer."""
        self.touched = False
        self._wake()

    def wants_part(self, part: Fetch) -> bool:  # noqa: ARG002 - who wants parts says so
        """Tell whether a record that is not whole may be a part of what was asked for."""
        return False

    def spoil(self, odd: Unreadable) -> None:
        """Note that a message was told of in words that cannot be read."""

    def _command_done(self) -> None:
        self._link.detach(self)
        self._wake()

    @property
    def _done(self) -> bool:
        return self._pending is not None and self._pending.done

    def _raise_error(self) -> None:
        if self._pending is not None and self._pending.error is not None:
            raise self._pending.error

    def _account(self, delta_bytes: int) -> None:
        self._waiting_bytes += delta_bytes
        self._link.gate.note_waiting(delta_bytes)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        self._link.gate.note_starving(1)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._link.gate.note_starving(-1)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class FetchStream(_Consumer):
    """The records of one FETCH, in batches as they arrive: `async for batch in stream`.

    Must be consumed, or given up by discard(): reading from the server stops while too much waits. Streams in
    flight on one session are to be consumed in the order they were made. Ends with CommandRefused,
    ConnectionFailed and the like; early, before the tagged answer, once each message of the set has come.
    Items of one message that come in several lines are joined; what never comes (a date, flags, a size) is
    None in the end. Records without the body that was asked for (flag updates that the server sends unasked)
    are left out. When something could not be read and not all of a known set came, the end is AnswerUnusable.

    go_on: asked at the end of each command, with the response code of its OK, the number and the lowest UID
    of its records; gives a further command when the server told of a part only. most: gives how many records
    of one command there may be; a server that tells more goes on for ever.
    """

    def __init__(self, link: Link, uids: UidSet | bytes, items: bytes, *, most: Callable[[], int]) -> None:
        super().__init__(link)
        self.go_on: Callable[[Code | None, int, int], Pending[None] | None] | None = None
        self._most = most
        self._told = 0
        self._lowest = MAX_NUMBER + 1
        self._odd: Unreadable | None = None
        self._batch: list[Fetch] = []
        #: How many of the batch are accounted for.
        self._counted = 0
        asked = items.upper()
        body = _BODY_ITEM.search(asked)
        self._section = None if body is None else section_of(body[0].replace(b".PEEK", b""))
        self._wants_flags = b"FLAGS" in asked
        self._wants_date = b"INTERNALDATE" in asked
        self._wants_size = b"RFC822.SIZE" in asked
        self._wants_labels = b"X-GM-LABELS" in asked
        #: Records still to come, when that is known: then the tagged answer need not be waited for. Flag
        #: updates that the server sends unasked have neither body nor date, so they are not counted by
        #: mistake.
        self._missing = -1
        if not isinstance(uids, bytes) and (body is not None or self._wants_date):
            self._missing = len(uids)
        ranges = [(first_of(uids), MAX_NUMBER)] if isinstance(uids, bytes) else sorted(uids.ranges)
        self._first = [first for first, _ in ranges]
        self._last = [last for _, last in ranges]

    def add(self, response: Response) -> bool:
        """Take a record that answers this command; leaves others to the commands behind it.

        Servers may work on several FETCHes at once (Dovecot does): records of a later command then come
        before the end of an earlier one. Bodies above the inline limit are left out, their record has only
        the size.
        """
        if type(response) is Fetch:
            if not self._is_answer(response):
                return False
            self._missing -= 1
            if not self._discarding:
                self._batch.append(response)
            return True
        if type(response) is BodyStart:
            return self._is_section(response.section) and (
                response.uid is None or self._asked_for(response.uid)
            )
        return True

    def flush(self) -> None:
        """Count what came, wake the consumer."""
        self._count_fresh()
        if self._told > self._most():
            self._link.end(
                ProtocolViolation("the server tells of messages without end", side=self._link.side)
            )
        super().flush()

    def _count_fresh(self) -> None:
        fresh = self._batch[self._counted :]
        self._counted = len(self._batch)
        self._told += len(fresh)
        if self.go_on is not None and fresh:
            self._lowest = min(self._lowest, *[record.uid or 0 for record in fresh])
        self._account(len(fresh) * RECORD_BYTES + sum([len(record.body) for record in fresh if record.body]))

    def wants_part(self, part: Fetch) -> bool:
        """Tell whether a record that is not whole may be a part of what was asked for."""
        return (part.section is None or self._is_section(part.section)) and (
            part.uid is None or self._asked_for(part.uid)
        )

    def spoil(self, odd: Unreadable) -> None:
        """Note that a message was told of in words that cannot be read."""
        self._odd = odd

    def _command_done(self) -> None:
        """Take what was told in parts, then end, or go on where the server broke off."""
        pending = self._pending
        if pending is not None and pending.error is None and self._missing:
            for part in self._link.fragments.all():
                whole = _with_empty_section(part)
                if self._is_rest(whole):
                    self._missing -= 1
                    self._link.fragments.drop(part)
                    if not self._discarding:
                        self._batch.append(whole)
            self._count_fresh()
            further = None
            if self.go_on is not None and self._missing:
                further = self.go_on(pending.code, self._told, self._lowest)
            if further is not None:
                self._told = 0
                self._link.detach(self)
                self.begin(further)
                return
        super()._command_done()

    @property
    def complete(self) -> bool:
        """Whether nothing of the answer is still to come."""
        return self._done or not self._missing

    def discard(self) -> None:
        """Drop what came and what will come."""
        self._discarding = True
        self._take()

    async def collect(self) -> list[Fetch]:
        """Give all records; for answers known to be small."""
        records: list[Fetch] = []
        async for batch in self:
            records += batch
        return records

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Fetch]:
        while not self._batch:
            if self._done:
                self._raise_error()
            if self._done and self._missing and self._odd is not None:
                odd, self._odd = self._odd, None
                raise AnswerUnusable("UID FETCH", odd.why, side=self._link.side)
            if self._done or not self._missing:
                raise StopAsyncIteration
            await self._wait()
        return self._take()

    def _take(self) -> list[Fetch]:
        batch, self._batch = self._batch, []
        self._counted = 0
        self._account(-self._waiting_bytes)
        return batch

    def _is_answer(self, record: Fetch) -> bool:
        """Tell whether a record of a message that was asked for has all that was asked for."""
        return (
            record.uid is not None
            and self._is_section(record.section)
            and (self._section is None or record.body_size is not None)
            and (not self._wants_flags or record.flags is not None)
            and (not self._wants_date or record.internaldate is not None)
            and (not self._wants_size or record.size is not None)
            and (not self._wants_labels or record.labels is not None)
            and self._asked_for(record.uid)
        )

    def _is_rest(self, part: Fetch) -> bool:
        """Tell whether what came of a message will do, at the end of the command."""
        return (
            part.uid is not None
            and self._is_section(part.section)
            and (part.body_size is not None or (self._section is None and _tells(part)))
            and self._asked_for(part.uid)
        )

    def _is_section(self, section: bytes | None) -> bool:
        """Tell whether a part of a message is the one asked for; the whole header holds its fields, too."""
        return section == self._section or (section == b"HEADER" and self._section == b"HEADER.FIELDS")

    def _asked_for(self, uid: int) -> bool:
        at = bisect_right(self._first, uid) - 1
        return at >= 0 and uid <= self._last[at]


def first_of(uids: bytes) -> int:
    """Give the lowest UID of a set such as b"7:*".

    That answers with the last message, too, when all UIDs are lower (RFC 3501 §9): nobody asked for that one.
    """
    first = uids.partition(b":")[0]
    return int(first) if first.isdigit() else 1


def _with_empty_section(part: Fetch) -> Fetch:
    """Give a part of a message with an empty body in place of NIL: it has no such header or text."""
    if part.section in (None, b"") or part.body_size is not None:
        return part
    return part._replace(body=b"", body_size=0)


def _tells(record: Fetch) -> bool:
    return record.flags is not None or record.size is not None or record.internaldate is not None


class BodyStream(_Consumer):
    """The body of one message of any size: `size = await body.open()`, then `async for chunk in body`.

    Must be read to its end, or given up by discard(). open() raises MessageGone when the server did not give
    it: it is no longer there, or it came so early that it could not be kept (ask again, alone).
    """

    def __init__(self, link: Link, uid: int) -> None:
        super().__init__(link)
        self.uid = uid
        self.size: int | None = None
        #: What came may lack its last line end: see Fetch. Known at the end.
        self.mended = False
        self._chunks: deque[bytes] = deque()
        self._received = 0
        self._begun = self._opened = False
        self._given_up = False

    def add(self, response: Response) -> bool:
        """Take the beginning, a piece or the whole of the body."""
        if type(response) is BodyChunk:
            if self.size is None or self._received >= self.size:
                return False
            self._take(response.content)
        elif type(response) is BodyStart:
            if response.uid not in (None, self.uid) or response.section or self.size is not None:
                return False
            self.size = response.size
        elif type(response) is Fetch:
            if response.uid != self.uid or response.section != b"" or response.body_size is None:
                return False
            self.mended = bool(response.mended)
            if self.size is None and response.body is not None:
                self.size = len(response.body)
                self._take(response.body)
        return True

    def discard(self) -> None:
        """Drop what came and what will come."""
        self._discarding = True
        self._chunks.clear()
        self._account(-self._waiting_bytes)

    async def end(self) -> None:
        """Wait for the end of the command: by then `mended` is known of a body of any size."""
        while not self._done:
            await self._wait()
        self._raise_error()

    async def open(self) -> int:
        """Give the size in bytes as soon as the server has told it."""
        self._begun = True
        while self.size is None or self._given_up:
            if self._done or self._given_up:
                self._raise_error()
                raise MessageGone(f"the server did not give UID {self.uid}", side=self._link.side)
            await self._wait()
        self._opened = True
        return self.size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await self.open()
        while not self._worth_taking():
            if self._done:
                self._raise_error()
                raise MessageGone(f"the body of UID {self.uid} is incomplete", side=self._link.side)
            await self._wait()
        if not self._chunks:
            raise StopAsyncIteration
        taken = [self._chunks.popleft()]
        size = len(taken[0])
        while self._chunks and size < PIECE_BYTES:
            taken.append(self._chunks.popleft())
            size += len(taken[-1])
        self._account(-size)
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def flush(self) -> None:
        """Wake the consumer for a piece that is worth it: servers send records of a few KiB."""
        self.touched = False
        if not self._opened or self._worth_taking():
            self._wake()

    def _worth_taking(self) -> bool:
        return self._waiting_bytes >= PIECE_BYTES or (self.size is not None and self._received >= self.size)

    def _take(self, content: bytes) -> None:
        self._received += len(content)
        if self._link.gate.overfull and not self._begun:
            self._given_up = True
            self.discard()
        if content and not self._discarding:
            self._chunks.append(content)
            self._account(len(content))
