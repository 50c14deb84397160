"""Commands about messages: reading, flags, removal, and appending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.answers import (
    Appended,
    Copied,
    Message,
    appended_reader,
    code_arguments,
    set_told,
    validity_of,
)
from imapsync.session.errors import AnswerUnusable, CommandRefused, ConnectionFailed
from imapsync.session.fetch import SPARE_RECORDS, BodyStream, FetchStream
from imapsync.session.limited import SPARE_COMMANDS, Course, LimitedCommands
from imapsync.session.pending import Pending
from imapsync.wire.errors import LimitExceeded
from imapsync.wire.responses import Filtered, Search, Status, Vanished
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Sequence

    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import Code, Response, Tagged


_SEARCH = frozenset({"SEARCH", "ESEARCH"})
#: Lines of one answer to SEARCH beyond one a message.
SPARE_LINES = 1000


class MessageCommands(LimitedCommands):
    """FETCH, SEARCH, STORE, EXPUNGE, COPY, MOVE, FILTER of the selected mailbox, and APPEND to any."""

    def fetch(
        self,
        uids: UidSet | bytes,
        items: bytes,
        *,
        changedsince: int | None = None,
        vanished: bool = False,
        on_vanished: Callable[[UidSet], None] | None = None,
    ) -> FetchStream:
        """UID FETCH; records come in batches from the stream.

        uids: bytes such as b"1:*" for open sets. items: such as b"(UID FLAGS INTERNALDATE RFC822.SIZE
        BODY.PEEK[])". A server that tells of a part only (RFC 9738) is asked for the rest. Bodies larger than
        the inline limit come with body None and their size: read those with fetch_body. changedsince:
        CONDSTORE; vanished: QRESYNC, expunged UIDs go to on_vanished.
        """
        known = None if isinstance(uids, bytes) else len(uids)
        stream = FetchStream(
            self._link,
            uids,
            items,
            most=lambda: SPARE_RECORDS + (2 * self.most_exists if known is None else 2 * known),
        )

        def consume(response: Response) -> bool:
            if on_vanished is not None and isinstance(response, Vanished) and response.earlier:
                on_vanished(response.uids)
                return True
            return False

        def send(some: UidSet | bytes) -> Pending[None]:
            command = self._command(b"UID FETCH").numbers(some).phrase(items)
            if changedsince is not None:
                command.phrase(b"(CHANGEDSINCE %d%s)" % (changedsince, b" VANISHED" if vanished else b""))
            return self._send(command, consume=consume)

        stream.go_on = Course(self, uids, send).further
        stream.begin(send(uids))
        return stream

    def fetch_body(self, uid: int) -> BodyStream:
        """UID FETCH BODY.PEEK[] of one message, as a stream of chunks."""
        stream = BodyStream(self._link, uid)
        command = self._command(b"UID FETCH").number(uid).phrase(b"(UID BODY.PEEK[])")
        stream.begin(self._send(command))
        return stream

    def search(self, criteria: str) -> Pending[UidSet]:
        """UID SEARCH with criteria as a person writes them: 'SENTSINCE 1-Jan-2020 NOT FROM "Müller"'.

        Answers by ESEARCH ranges where announced. A server that looks at a part only (RFC 9738) is asked for
        the rest; one whose answer cannot be used, who tells none or refuses ESEARCH, is asked once more and
        plainly: some have no words for "nothing". EncodingRefused at once when quotes or parentheses do not
        match.
        AnswerUnusable for more messages than the folder has: a set from a server is never worth more.
        """
        whole: Pending[UidSet] = self._made_of("UID SEARCH")
        ranges: list[tuple[int, int]] = []
        again = False

        def send(some: UidSet | None) -> Pending[UidSet | None]:
            piece = self._search(criteria, some, plainly=again)
            piece.when_done(lambda: taken(piece))
            return piece

        def taken(piece: Pending[UidSet | None]) -> None:
            nonlocal again
            error, found = piece.error, piece.result
            if error is None and len(found or ()) > max(self.most_exists, self.message_limit or 0):
                why = f"{len(found or ())} messages in a folder of {self.exists}"
                error = AnswerUnusable("UID SEARCH", why, side=self.side)
            untold = found is None if error is None else isinstance(error, AnswerUnusable)
            refused = isinstance(error, CommandRefused) and self.has("ESEARCH")
            if (untold or refused) and not again:
                again = True
                if course.once_more() is not None:
                    return
            if error is not None:
                whole.fail(error)
                return
            found = found or UidSet()
            ranges.extend(found.ranges)
            lowest = min((first for first, _ in found.ranges), default=0)
            if course.further(piece.code, len(found), lowest) is None:
                whole.give(UidSet(ranges))

        course = Course(self, b"1:*", send)
        send(None)
        return whole

    def _search(self, criteria: str, uids: UidSet | None, *, plainly: bool) -> Pending[UidSet | None]:
        """Send one UID SEARCH, in a part of the folder when UIDs are given; None when no result was told."""
        found: list[UidSet] = []

        def consume(response: Response) -> bool:
            if not isinstance(response, Search):
                return False
            if response.tag is None:
                # Answers of plain SEARCH come in order; one of several lines is taken when no other can be
                # meant.
                if found and sum(other.verb == pending.verb for other in self._link.in_flight.values()) > 1:
                    return False
            elif response.tag != pending.tag:
                return False
            found.append(response.numbers)
            if len(found) > SPARE_LINES + self.most_exists:
                raise LimitExceeded("the server tells of messages without end")
            return True

        def finish(_: Tagged) -> UidSet | None:
            return UidSet(pair for part in found for pair in part.ranges) if found else None

        command = self._command(b"UID SEARCH")
        if self.has("ESEARCH") and not plainly:
            command.phrase(b"RETURN (ALL)")
        command.search_criteria(criteria)
        if uids is not None:
            command.phrase(b"UID").numbers(uids)
        pending = Pending("UID SEARCH", finish, consume)
        pending.answers = _SEARCH
        return self._link.submit(pending, command)

    def store(
        self, uids: UidSet, action: bytes, flags: Iterable[bytes], *, unchangedsince: int | None = None
    ) -> Pending[UidSet]:
        """UID STORE, silent; action b"+FLAGS", b"-FLAGS" or b"FLAGS".

        Gives the UIDs that were left alone because they changed after `unchangedsince` (CONDSTORE).
        """
        wanted = tuple(flags)

        def finish(tagged: Tagged) -> UidSet:
            modified = code_arguments(tagged.code, "MODIFIED")
            return set_told(modified[0]) if modified else UidSet()

        def send(some: UidSet) -> Pending[UidSet]:
            command = self._command(b"UID STORE").numbers(some)
            if unchangedsince is not None:
                command.phrase(b"(UNCHANGEDSINCE %d)" % unchangedsince)
            command.phrase(action + b".SILENT").flags(wanted)
            return self._link.submit(Pending("UID STORE", finish), command)

        return self._in_pieces(
            uids, send, lambda parts: UidSet(pair for part in parts for pair in part.ranges)
        )

    def store_labels(self, uids: UidSet, action: bytes, labels: Iterable[bytes]) -> Pending[None]:
        """UID STORE of Gmail's labels (X-GM-EXT-1); action b"+X-GM-LABELS" or b"-X-GM-LABELS".

        Not silent: hoodiecrow knows no X-GM-LABELS.SILENT.
        """
        wanted = tuple(labels)

        def send(some: UidSet) -> Pending[None]:
            return self._send(self._command(b"UID STORE").numbers(some).phrase(action).labels(wanted))

        return self._in_pieces(uids, send, lambda _: None)

    def expunge(self, uids: UidSet | None = None) -> Pending[None]:
        r"""UID EXPUNGE of these (needs UIDPLUS), or EXPUNGE of all that are marked \Deleted."""
        if uids is None:
            return self._expunge_all()
        return self._in_pieces(
            uids, lambda some: self._send(self._command(b"UID EXPUNGE").numbers(some)), lambda _: None
        )

    def _expunge_all(self) -> Pending[None]:
        """EXPUNGE until the server has gone through the whole folder, as long as that is the one open."""
        opened = self.opened
        whole: Pending[None] = self._made_of("EXPUNGE")
        left = SPARE_COMMANDS + self.exists

        def send() -> None:
            piece = self._send(self._command(b"EXPUNGE"))
            piece.when_done(lambda: taken(piece))

        def taken(piece: Pending[None]) -> None:
            nonlocal left
            left -= 1
            if piece.error is not None:
                whole.fail(piece.error)
            elif piece.code is None or piece.code.name != "MESSAGELIMIT":
                whole.give(None)
            elif self.opened is not opened or left <= 0:
                whole.fail(
                    AnswerUnusable("EXPUNGE", "the server expunged a part of the folder", side=self.side)
                )
            else:
                send()

        send()
        return whole

    def copy(self, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        """UID COPY; gives the pairs when the server tells (UIDPLUS)."""
        return self._copy(b"UID COPY", uids, name)

    def move(self, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        """UID MOVE (RFC 6851); gives the pairs when the server tells."""
        return self._copy(b"UID MOVE", uids, name)

    def filter_sieve(self, uids: UidSet) -> Pending[list[Filtered]]:
        r"""FILTER SIEVE DELIVERY (Pigeonhole's FILTER=SIEVE): run the user's script.

        Gives one record per message that the script acted upon; those it filed elsewhere are marked \Deleted.
        Refused with CommandRefused when the user has no script.
        """
        found: list[Filtered] = []

        def consume(response: Response) -> bool:
            if isinstance(response, Filtered):
                found.append(response)
                return True
            return False

        command = self._command(b"FILTER SIEVE DELIVERY UID").numbers(uids)
        return self._link.submit(Pending("FILTER", lambda _: found, consume), command)

    def append(self, name: MailboxName, messages: Sequence[Message]) -> Pending[Appended]:
        """APPEND; several messages go in one command, which needs MULTIAPPEND: all or nothing (RFC 3502).

        Several APPENDs may be in flight. Call drain() now and then.
        """
        command = self._command(b"APPEND").mailbox(name)
        for message in messages:
            command.message(message.content, message.flags, message.internaldate)
        return self._link.submit(Pending("APPEND", appended_reader(len(messages))), command)

    async def append_stream(
        self,
        name: MailboxName,
        size_bytes: int,
        chunks: AsyncIterable[bytes],
        flags: tuple[bytes, ...] = (),
        internaldate: bytes | None = None,
    ) -> Pending[Appended]:
        """APPEND one message of exactly size_bytes, which come from elsewhere; waits for the network.

        Gives the answer to come once all is written, or, when the server wants nothing of it, its refusal.
        If the producer fails, or gives more or less than size_bytes, the connection is closed (a literal
        cannot be broken off otherwise) and the error is raised; the server keeps nothing of the message.
        """
        command = self._command(b"APPEND").mailbox(name).streamed_message(size_bytes, flags, internaldate)
        pending: Pending[Appended] = Pending("APPEND", appended_reader(1))
        pending.streamed = True
        self._link.submit(pending, command)
        try:
            if await self._link.outbox.literal_turn(pending):
                await self._write_literal(size_bytes, chunks)
                self._link.outbox.end_literal(pending)
        except BaseException:
            self._link.abort()
            raise
        return pending

    async def _write_literal(self, size_bytes: int, chunks: AsyncIterable[bytes]) -> None:
        written = 0
        async for chunk in chunks:
            written += len(chunk)
            if written > size_bytes:
                break
            self._link.write(chunk)
            await self._link.outbox.drain()
        if written != size_bytes:
            raise ConnectionFailed(
                f"a message of {size_bytes} bytes came with {written}", side=self.side, retryable=False
            )

    def _copy(self, verb: bytes, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        def send(some: UidSet) -> Pending[Copied | None]:
            moved: list[Code] = []

            def consume(response: Response) -> bool:
                # RFC 6851 §4.3: MOVE sends COPYUID in an untagged OK.
                if not isinstance(response, Status) or response.code is None:
                    return False
                if response.code.name == "COPYUID":
                    moved[:] = [response.code]
                return response.code.name == "COPYUID"

            def finish(tagged: Tagged) -> Copied | None:
                return _copied(moved[-1] if moved else tagged.code, len(some))

            command = self._command(verb).numbers(some).mailbox(name)
            return self._link.submit(Pending(verb.decode("ascii"), finish, consume), command)

        return self._in_pieces(uids, send, _joined)


def _copied(code: Code | None, most: int) -> Copied | None:
    """Read COPYUID; None when the server does not tell, or tells of more than was asked for."""
    arguments = code_arguments(code, "COPYUID")
    validity = validity_of(arguments)
    if validity is None or len(arguments) != 3:
        return None
    source, target = map(set_told, arguments[1:])
    if not len(source) == len(target) <= most:
        return None
    return Copied(validity, tuple(source), tuple(target))


def _joined(parts: Sequence[Copied | None]) -> Copied | None:
    """Put the answers for pieces of a set together; None when one of them does not tell."""
    told = [part for part in parts if part is not None]
    if len(told) < len(parts) or len({part.uidvalidity for part in told}) != 1:
        return None
    source = tuple(uid for part in told for uid in part.source)
    return Copied(told[0].uidvalidity, source, tuple(uid for part in told for uid in part.target))
