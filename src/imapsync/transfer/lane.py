"""One lane of the copying: a pair of connections that keeps many messages in flight, in bounded memory.

One coroutine keeps three things going. It sends UID FETCHes of sets ahead of need, across folders, up to
READ_AHEAD_BYTES. It takes their answers in order and hands each to the sender (sender.py), which does not
wait for the destination's answer. It lets the sender take the answers that have come. Messages above
LARGE_BYTES go from socket to socket.

What must be asked a second time (a batch that FETCH refused, a message larger than announced) waits until
nothing else is in flight.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapsync.account.seen import FolderReplaced
from imapsync.plan.bodies import needs_second_look, stays_doubtful
from imapsync.plan.changes import Absence, without_our_marks
from imapsync.plan.index import canonical_flags
from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.session.errors import CommandRefused, MessageGone
from imapsync.session.gate import READ_HIGH_BYTES
from imapsync.session.session import Message
from imapsync.terms import Reason, Side
from imapsync.transfer.content import Content, ContentError
from imapsync.transfer.copylist import SENT, WAITING
from imapsync.transfer.failures import give_up_refused, message_failed, message_skipped, refuses_everything
from imapsync.transfer.flagging import tell_keyword
from imapsync.transfer.measure import measured
from imapsync.transfer.planning import translator_of
from imapsync.transfer.resolve import arrived_unseen, find_copies
from imapsync.transfer.sender import Peek, Sender
from imapsync.transfer.steady import is_another, looks_like_another, what_is_unlisted
from imapsync.transfer.telling import postpone
from imapsync.transfer.work import BATCH_BYTES, LARGE_BYTES
from imapsync.wire.dates import exact_date_time
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync.account import Account, OpenFolder
    from imapsync.plan.flags import FlagTranslator
    from imapsync.session.fetch import BodyStream, FetchStream
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading
    from imapsync.transfer.resolve import Found
    from imapsync.transfer.work import Piece, Work
    from imapsync.wire.responses import Fetch

#: Asked for and not yet taken from the source.
READ_AHEAD_BYTES = 3 * 1024 * 1024
SINGLE_READ_AHEAD_BYTES = 1024 * 1024  # messages go out one by one: what waits may go to another lane
READ_AHEAD_BATCHES = 40
LEAST_READ_AHEAD = 2  # so that a large message comes while the end of the one before it goes out
#: A larger body is asked for when all that was asked before has come: a server that works on several FETCHes
#: at once (Dovecot) would send it before the small messages that are awaited, and nobody could take it.
AHEAD_BODY_BYTES = 1024 * 1024
#: A server is known to send a stray line end behind each body when so many were looked at a second time.
MOST_ODD_ENDS = 3
#: Large messages whose flags and dates are asked for at once.
META_MESSAGES = 100
_ITEMS = b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
_META_ITEMS = b"(UID FLAGS INTERNALDATE)"


@dataclass(slots=True)
class _Batch:
    """Rows asked for together."""

    job: FolderJob
    rows: list[int]
    size_bytes: int
    folder: OpenFolder
    stream: FetchStream | None = None
    body: BodyStream | None = None
    large: bool = False


class Lane:
    """Copies what the work gives it, over a connection to each side; rows end as DONE, FAILED or SKIPPED."""

    def __init__(self, run: Run, source: Account, destination: Account, work: Work, reading: Reading) -> None:
        self._run = run
        self._source = source
        self._destination = destination
        self._work = work
        self._reading = reading
        #: The destination half.
        self.sender = Sender(run, destination, work)
        self._multi = destination.has("MULTIAPPEND")
        self._content = Content(run.settings.content, run.settings.selection, run.identity)
        self._fetching: deque[_Batch] = deque()
        self._read_ahead = 0
        self._later: list[tuple[FolderJob, int, bool]] = []
        self._translators: dict[int, FlagTranslator] = {}
        self._flag_numbers: dict[tuple[bytes, ...], int] = {}
        self._meta: dict[tuple[int, int], Fetch] = {}
        self._retired = False
        #: What is asked for next, when it had to wait.
        self._next: Piece | None = None
        #: Rows whose body came too short once.
        self._short: set[tuple[int, int]] = set()
        #: Whether the folder under way was opened once more since it was compared.
        self._reopened = False
        #: What is being taken from the source.
        self.forwarding: list[tuple[FolderJob, int]] = []

    async def copy(self) -> None:
        """Copy until nothing waits.

        Raises ConnectionFailed when a connection is lost, and StopRun.
        """
        pieces = self._work.pieces(lambda: not self._retired)
        while True:
            self._ask_ahead(pieces)
            if self._fetching:
                await self._forward(self._fetching.popleft())
                await self.sender.take_answered()
            elif self._later:
                await self._again(*self._later.pop(0))
            else:
                await self.sender.take_all()
                self._later += self.sender.again
                self.sender.again.clear()
                if self.sender.doubted:
                    await self._look_for_doubted()
                elif not self._later and not self._work.budget.renew(self._run.copied_bytes):
                    return

    def retire(self) -> None:
        """Begin no more folders; the one under way is brought to its end."""
        self._retired = True

    # -- asking the source

    def _ask_ahead(self, pieces: Iterator[Piece]) -> None:
        work = self._work
        self._source.server.bound_waiting(work.company.part(READ_HIGH_BYTES))
        bound = READ_AHEAD_BYTES if self._multi else SINGLE_READ_AHEAD_BYTES
        limit = work.company.part(bound) // work.lanes
        while not self._fetching or (
            work.whole
            and len(self._fetching) < READ_AHEAD_BATCHES
            and (len(self._fetching) < LEAST_READ_AHEAD or self._read_ahead < limit)
        ):
            if self._fetching and self._fetching[-1].large:
                return  # its body is asked for next, so its folder has to stay open
            if work.budget.spent and self._next is None:
                return
            piece, self._next = self._next or next(pieces, None), None
            if piece is None:
                return
            if piece[0].position in work.set_aside:
                continue
            if refuses_everything(self._run, piece[0]):
                give_up_refused(self._run, *piece)
                continue
            if self._comes_too_early(*piece):
                self._next = piece
                return
            self._fetching.append(self._ask(*piece))

    def _comes_too_early(self, job: FolderJob, rows: list[int]) -> bool:
        """Tell whether a large body must not be asked for yet."""
        if job.copying.sizes[rows[0]] <= AHEAD_BODY_BYTES or (job.position, rows[0]) not in self._meta:
            return False
        return any(batch.stream is not None and not batch.stream.complete for batch in self._fetching)

    def _ask(self, job: FolderJob, rows: list[int], *, large: bool = False) -> _Batch:
        folder = self._source.open(job.source)
        uids = UidSet.of([job.copying.uids[row] for row in rows])
        size_bytes = sum([job.copying.sizes[row] for row in rows])
        self._read_ahead += size_bytes
        batch = _Batch(job, rows, size_bytes, folder)
        if not large and size_bytes <= BATCH_BYTES and (len(rows) > 1 or size_bytes <= LARGE_BYTES):
            batch.stream = folder.fetch(uids, _ITEMS)
        elif (job.position, rows[0]) in self._meta:
            batch.body = folder.fetch_body(job.copying.uids[rows[0]])
        else:
            batch.stream = folder.fetch(UidSet.of(self._large_uids(job, rows[0])), _META_ITEMS)
            batch.large = True
        return batch

    def _large_uids(self, job: FolderJob, row: int) -> list[int]:
        """Give the UIDs of this and the next large messages: their flags are asked for at once."""
        uids = [job.copying.uids[row]]
        for other in range(row + 1, len(job.copying.uids)):
            if len(uids) >= META_MESSAGES:
                break
            if job.copying.states[other] == WAITING and job.copying.sizes[other] > LARGE_BYTES:
                uids.append(job.copying.uids[other])
        return uids

    # -- from the source to the destination

    async def _forward(self, batch: _Batch) -> None:
        """Take a batch from the source and send it on."""
        job = batch.job
        self._begin(job)
        self.forwarding = [(job, row) for row in batch.rows]
        try:
            if not await self._usable(batch):
                return
            if batch.large or batch.stream is None:
                await self._forward_large(batch)
            else:
                await self._forward_small(batch, batch.stream)
        finally:
            self._read_ahead -= batch.size_bytes

    async def _usable(self, batch: _Batch) -> bool:
        """Check that the source folder could be opened and is still the one that was compared."""
        job = batch.job
        if job.position in self._work.set_aside:
            _discard(batch)
            return False
        try:
            self._reopened = await batch.folder.selected() is not job.source.opened
        except FolderReplaced:
            if not job.unsteady:
                _discard(batch)
                self._set_aside(job)
                return False
            gone = MessageGone("the folder was replaced while it was read", side=self._source.side)
            self._give_up(batch, gone, Reason.FETCH)
            return False
        except CommandRefused as error:
            if postpone(self._run, job, error):
                _discard(batch)
                self._work.set_aside.add(job.position)
            else:
                self._give_up(batch, error, Reason.SELECT)
            return False
        if refuses_everything(self._run, job):
            _discard(batch)
            give_up_refused(self._run, job, batch.rows)
            return False
        return True

    def _give_up(self, batch: _Batch, error: CommandRefused | MessageGone, reason: Reason) -> None:
        _discard(batch)
        for row in batch.rows:
            message_failed(self._run, batch.job, row, error, side=Side.SOURCE, reason=reason)

    async def _forward_small(self, batch: _Batch, stream: FetchStream) -> None:
        job = batch.job
        rows_by_uid = {job.copying.uids[row]: row for row in batch.rows}
        rows: list[int] = []
        messages: list[Message] = []
        flags: list[int] = []
        translate = self._translator(job).translate
        plain = not self._content.active and self._run.settings.content.keep_dates
        self._work.sizes.note(len(batch.rows), 0)
        try:
            async for records in stream:
                for record in records:
                    row = rows_by_uid.pop(record.uid or 0, None)
                    if row is None:
                        self._take_back(job, record, (rows, messages, flags))
                        continue
                    if record.body is None:
                        self._later.append((job, row, True))
                        continue
                    odd = record.mended or len(record.body) != job.copying.sizes[row]
                    if (odd and self._is_short(job, row, record)) or (
                        self._reopened and self._is_suspect(batch, row, record.body)
                    ):
                        continue
                    raw_flags = self._flags_of(job, record)
                    if plain:
                        message = Message(record.body, translate(raw_flags), self._date(job, record))
                    else:
                        changed = await self._changed(job, row, record, record.body)
                        if changed is None:
                            continue
                        message = changed
                    rows.append(row)
                    messages.append(message)
                    flags.append(self._flags_number(raw_flags))
                if not rows_by_uid:
                    # Not waiting for the OK: Dovecot holds it back while it works on the FETCHes behind.
                    stream.discard()
                    break
        except CommandRefused as error:
            self._refused(job, rows_by_uid, error)
        else:
            self._absent(job, list(rows_by_uid.values()))
        self._tell_unnameable(job)
        if rows:
            await self.sender.send(job, rows, messages, flags)

    def _is_short(self, job: FolderJob, row: int, record: Fetch) -> bool:
        """Put a body aside that came too short, or may lack its last line end, for a second look."""
        body = record.body or b""
        if (job.position, row) in self._work.measured:
            return False
        self._work.sizes.note(0, 1)
        exact, lines = self._work.sizes.exact, body.count(b"\n")
        short = needs_second_look(job.copying.sizes[row], len(body), exact=exact, lines=lines, head=body)
        if not short and not (record.mended and self._work.ends_are_odd < MOST_ODD_ENDS):
            return False
        self._later.append((job, row, False))
        self._short.add((job.position, row))
        return True

    def _take_back(
        self, job: FolderJob, record: Fetch, taken: tuple[list[int], list[Message], list[int]]
    ) -> None:
        """Ask once more, alone, for a message whose UID came twice: one of the two is another message."""
        at = next((at for at, row in enumerate(taken[0]) if job.copying.uids[row] == record.uid), None)
        if at is None or record.body == taken[1][at].content:
            return
        self._later.append((job, taken[0][at], False))
        for column in taken:
            del column[at]

    def _is_suspect(self, batch: _Batch, row: int, body: bytes) -> bool:
        """Put a body aside that seems to be another message than was compared, when its folder was reopened.

        Looked at are the first and the last of a batch, and what has another size.
        """
        job = batch.job
        if job.unsteady or job.position in self._work.cleared:
            return False
        if row not in (batch.rows[0], batch.rows[-1]) and len(body) == job.copying.sizes[row]:
            return False
        if not looks_like_another(job, row, body, self._run.identity):
            return False
        self._work.suspects.add((job.position, row))
        self._later.append((job, row, False))
        return True

    def _set_aside(self, job: FolderJob) -> None:
        """Ask for nothing more by UIDs that do not last; the folder is to be read anew."""
        job.unsteady = True
        self._work.set_aside.add(job.position)

    def _report_doubtful(self, job: FolderJob, row: int, given: int, head: bytes) -> None:
        text = f"{job.copying.sizes[row]} bytes were announced, {given} came"
        message_failed(
            self._run,
            job,
            row,
            None,
            side=Side.SOURCE,
            reason=Reason.DOUBTFUL,
            server_text=text,
            content=head,
        )

    def _refused(self, job: FolderJob, rows_by_uid: dict[int, int], error: CommandRefused) -> None:
        """Put the rest of a FETCH that the server broke off aside, one by one.

        A single message has failed.
        """
        if len(rows_by_uid) == 1 and self._work.strikes(job, next(iter(rows_by_uid.values()))) >= 1:
            for row in rows_by_uid.values():
                message_failed(self._run, job, row, error, side=Side.SOURCE, reason=Reason.FETCH)
            return
        for row in rows_by_uid.values():
            self._work.strike(job, row)
            self._later.append((job, row, False))

    def _absent(self, job: FolderJob, rows: list[int]) -> None:
        """Messages that FETCH passed over: expunged meanwhile, or unreadable.

        A second look decides, later.
        """
        for row in rows:
            if self._work.strikes(job, row):
                text = "the server announces the message but does not give it"
                message_failed(
                    self._run, job, row, None, side=Side.SOURCE, reason=Reason.FETCH, server_text=text
                )
            else:
                self._work.strike(job, row)
                self._later.append((job, row, job.copying.sizes[row] > LARGE_BYTES))

    async def _again(self, job: FolderJob, row: int, large: bool) -> None:
        """Ask for one message a second time, with nothing else in flight on the source."""
        if job.position in self._work.set_aside or not job.copying.is_open(row):
            return
        try:
            if not await self._is_wanted(job, row):
                return
        except CommandRefused as error:
            if isinstance(error, FolderReplaced) and not job.unsteady:
                self._set_aside(job)
            else:
                message_failed(self._run, job, row, error, side=Side.SOURCE, reason=Reason.FETCH)
            return
        await self._forward(self._ask(job, [row], large=large))

    async def _is_wanted(self, job: FolderJob, row: int) -> bool:
        """Look why a message has to be asked for again, and whether that is worth while."""
        work, place = self._work, (job.position, row)
        if place in work.suspects:
            work.suspects.discard(place)
            if await is_another(await self._source.opened(job.source), job, row, self._reading):
                self._set_aside(job)
                return False
            work.cleared.add(job.position)
        elif place in self._short:
            self._short.discard(place)
            return not await self._stays_short(job, row)
        elif work.strikes(job, row):
            return await self._is_listed(job, row)
        return True

    async def _is_listed(self, job: FolderJob, row: int) -> bool:
        """Tell whether a message is still listed; take leave of those that are not, if the numbers add up.

        Else the folder has given them other UIDs.
        """
        folder = await self._source.opened(job.source)
        why, gone = await what_is_unlisted(folder, job, self._reading)
        gone = [other for other in gone if job.copying.states[other] == WAITING]
        if row not in gone:
            return True
        if why is not Absence.RENUMBERED:
            job.copying.vanished += len(gone)
            message_skipped(self._run, job, gone, Skip.VANISHED)
        elif not job.unsteady:
            self._set_aside(job)
        else:
            text = "the server lists other messages than it told about"
            for other in gone:
                message_failed(
                    self._run, job, other, None, side=Side.SOURCE, reason=Reason.FETCH, server_text=text
                )
        return False

    async def _stays_short(self, job: FolderJob, row: int) -> bool:
        """Read a body once more that came too short; report it when it is still no copy of the message."""
        now = await measured(await self._source.opened(job.source), job.copying.uids[row])
        if now is None:
            return not await self._is_listed(job, row)
        if stays_doubtful(job.copying.sizes[row], now, exact=self._work.sizes.exact):
            self._report_doubtful(job, row, now.given, now.head)
            return True
        self._work.ends_are_odd += now.mended
        self._work.measured.add((job.position, row))
        return False

    async def _changed(self, job: FolderJob, row: int, record: Fetch, body: bytes) -> Message | None:
        """Apply the content rules; None when the message was skipped or has failed."""
        content = self._content
        why = ""
        try:
            why = content.unwanted(body)
            if not why:
                message = await content.changed(body, job.copying.uids[row])
                flags = self._translator(job).translate(self._flags_of(job, record))
                return Message(message, flags, content.date(message, self._date(job, record)))
        except (ContentError, ValueError) as error:
            message_failed(
                self._run,
                job,
                row,
                None,
                side=Side.SOURCE,
                reason=Reason.TRANSFORM,
                server_text=str(error),
                content=body,
            )
            return None
        message_skipped(self._run, job, [row], Skip(why))
        return None

    async def _forward_large(self, batch: _Batch) -> None:
        """Pass one message on from socket to socket (or, when it is to be changed, as a whole)."""
        job, row, run = batch.job, batch.rows[0], self._run
        body = batch.body
        try:
            if batch.stream is not None:
                await self._take_meta(job, row, batch.stream)
            record = self._meta.pop((job.position, row), None)
            if record is None:
                self._absent(job, [row])
                return
            if body is None:
                body = self._source.open(job.source).fetch_body(job.copying.uids[row])
            size = await body.open()
        except CommandRefused as error:
            message_failed(run, job, row, error, side=Side.SOURCE, reason=Reason.FETCH)
            return
        except MessageGone:
            self._absent(job, [row])
            return
        self._work.sizes.note(1, int(size != job.copying.sizes[row]))
        if (job.position, row) not in self._work.measured and needs_second_look(
            job.copying.sizes[row], size, exact=self._work.sizes.exact
        ):
            body.discard()
            self._later.append((job, row, True))
            self._short.add((job.position, row))
            return
        if self._content.active:
            whole = b"".join([chunk async for chunk in body])
            changed = await self._changed(job, row, record, whole)
            if changed is not None:
                await self.sender.send(
                    job, [row], [changed], [self._flags_number(self._flags_of(job, record))]
                )
            return
        await self._stream(job, row, record, body, size)

    async def _take_meta(self, job: FolderJob, row: int, stream: FetchStream) -> None:
        """Take flags and dates of large messages, as far as this one is concerned."""
        wanted = {job.copying.uids[other]: other for other in range(row, len(job.copying.uids))}
        async for records in stream:
            for record in records:
                if record.uid in wanted:
                    self._meta[job.position, wanted[record.uid]] = record

    async def _stream(self, job: FolderJob, row: int, record: Fetch, body: BodyStream, size: int) -> None:
        run = self._run
        flags = self._translator(job).translate(self._flags_of(job, record))
        self._tell_unnameable(job)
        date = self._date(job, record) if run.settings.content.keep_dates else None
        form = Message(b"", flags, date)
        number = self._flags_number(self._flags_of(job, record))
        if not await self.sender.stream(job, row, Peek(body, size), form, number):
            body.discard()

    async def _look_for_doubted(self) -> None:
        """Look for refused messages where something arrived in spite of it; nothing else is under way.

        What is not there is asked for and sent again, each alone; what was alone already has failed.
        """
        doubted, self.sender.doubted = self.sender.doubted, []
        for job in {doubt.job.position: doubt.job for doubt in doubted}.values():
            # Copies that have no UID yet must not be taken for those that are looked for.
            rows = job.copying.rows(SENT) + job.copying.unnamed()
            found: dict[int, Found] | None = None
            with contextlib.suppress(CommandRefused):
                found = await find_copies(self._source, self._destination, job, rows, self._reading)
            for doubt in (doubt for doubt in doubted if doubt.job is job):
                row = doubt.row
                if found is not None and row in found:
                    arrived_unseen(self._run, job, row, found[row])
                elif found is None or doubt.alone:
                    message_failed(self._run, job, row, doubt.error, content=doubt.head)
                else:
                    job.copying.wait(row)
                    self._later.append((job, row, job.copying.sizes[row] > LARGE_BYTES))

    # -- small things

    def _begin(self, job: FolderJob) -> None:
        if self._work.is_first(job):
            self._run.sink(
                events.FolderStarted(job.name, job.pair.destination, job.position, self._run.folders_total)
            )

    def _translator(self, job: FolderJob) -> FlagTranslator:
        translator = self._translators.get(job.position)
        if translator is None:
            translator = self._translators[job.position] = translator_of(self._run, job)
        return translator

    def _tell_unnameable(self, job: FolderJob) -> None:
        """Say once a run which keywords cannot be carried."""
        for flag in sorted(self._translator(job).unnameable):
            tell_keyword(self._run, job.name, flag, "cannot be sent by IMAP")

    def _date(self, job: FolderJob, record: Fetch) -> bytes | None:
        """Give the internal date as any server accepts it.

        None when the source's is none that a calendar has.
        """
        if not record.internaldate:
            return None
        date = exact_date_time(record.internaldate)
        if date is None and not self._work.warned_of_dates:
            self._work.warned_of_dates = True
            told = record.internaldate[:60].decode("latin-1")
            self._run.warn(
                f"{job.name}: {told!r} is no date; such messages get the date of copying", Side.SOURCE
            )
        return date

    @staticmethod
    def _flags_of(job: FolderJob, record: Fetch) -> tuple[bytes, ...]:
        """Give the flags of a source message, without marks that are ours."""
        flags = record.flags or ()
        return without_our_marks(flags, record.uid or 0, job.plan.ours) if job.plan.ours else flags

    def _flags_number(self, flags: tuple[bytes, ...]) -> int:
        """Give the journal's number of a set of flags, 0 without a journal."""
        journal = self._run.journal
        if journal is None:
            return 0
        number = self._flag_numbers.get(flags)
        if number is None:
            number = self._flag_numbers[flags] = journal.flags_number(canonical_flags(flags))
        return number


def _discard(batch: _Batch) -> None:
    """Drop what was asked for."""
    for answer in (batch.stream, batch.body):
        if answer is not None:
            answer.discard()
