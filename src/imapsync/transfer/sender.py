"""The destination half of a lane: messages go out, answers come back, and a refusal is looked into.

Each batch goes out as one APPEND of several messages where the server has MULTIAPPEND, without waiting, up to
APPENDS_IN_FLIGHT behind. A batch that was refused is decided upon once nothing else is under way: a server
may say NO and have stored it. Where the folder's numbers say that nothing arrived, the batch is cut in half
until the message that the server does not want stands alone; where they do not, its messages are in doubt,
and nothing is sent again before the lane has looked for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.flags import all_kept, system_flags, unpromised
from imapsync.plan.folders import INBOX
from imapsync.plan.odd import is_odd
from imapsync.plan.stored import nothing_more
from imapsync.report import events
from imapsync.session.errors import CommandRefused, SyncError
from imapsync.terms import Numbers, Reason, Side
from imapsync.transfer import telling
from imapsync.transfer.context import StopRun
from imapsync.transfer.copylist import DONE
from imapsync.transfer.failures import append_reason, message_failed
from imapsync.transfer.outcome import Stop
from imapsync.wire.dates import epoch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence

    from imapsync.account import Account
    from imapsync.session.fetch import FetchStream
    from imapsync.session.pending import Pending
    from imapsync.session.session import Appended, Message
    from imapsync.transfer.context import Run
    from imapsync.transfer.delivering import Deliverer
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.work import Work

#: Sent to the destination and not yet answered.
APPENDS_IN_FLIGHT = 4
SINGLE_APPENDS_IN_FLIGHT = 100
APPEND_BYTES_IN_FLIGHT = 4 * 1024 * 1024
#: Reasons behind which a keyword that the server does not take may hide.
_PERHAPS_FLAGS = (Reason.APPEND, Reason.PROTOCOL)
#: What a server says of a date that it does not take.
_OF_A_DATE = re.compile(r"\bdate", re.IGNORECASE)


@dataclass(slots=True)
class Sent:
    """Messages in one APPEND whose answer is awaited; of a streamed one only the beginning is kept."""

    job: FolderJob
    rows: list[int]
    messages: list[Message]
    sizes: list[int]
    flags: list[int]
    answer: Pending[Appended]
    look: Look | None = None

    @property
    def held_bytes(self) -> int:
        """What it takes of memory until it is answered."""
        return sum([len(message.content) for message in self.messages])

    @property
    def is_confirmed(self) -> bool:
        """Whether it has arrived, and nothing more has to be asked about it."""
        return self.answer.done and self.answer.error is None and self.look is None


class Look(NamedTuple):
    """A question behind a batch whether its flags stayed: the answer to come, and what should be there."""

    answer: FetchStream
    wanted: list[tuple[bytes, ...]]


class Doubted(NamedTuple):
    """A message that was refused although something arrived: it is looked for before anything else.

    alone: whether it was refused without others; then, if it is not there, it has failed.
    """

    job: FolderJob
    row: int
    error: CommandRefused
    alone: bool
    head: bytes


class Sender:
    """Sends to the destination, over one connection; rows end as DONE or FAILED, or in `doubted`."""

    def __init__(self, run: Run, destination: Account, work: Work) -> None:
        self._run = run
        self._destination = destination
        self._work = work
        self._multi = destination.has("MULTIAPPEND")
        self._names = destination.has("UIDPLUS")
        self._sent: deque[Sent] = deque()
        self._refused: list[Sent] = []
        self._append_bytes = 0
        self.doubted: list[Doubted] = []
        #: Messages that have to be asked for once more, to go out without keywords: (job, row, large).
        self.again: list[tuple[FolderJob, int, bool]] = []
        self._bare: set[tuple[int, int]] = set()
        #: Messages that go without their date, which was refused.
        self._undated: set[tuple[int, int]] = set()
        self._deliverer: Deliverer | None = None
        if run.settings.delivery is not None:
            from imapsync.transfer.delivering import deliverer

            self._deliverer = deliverer(run, destination, run.settings.delivery, self._count)

    @property
    def unanswered(self) -> bool:
        """Whether anything was sent whose answer was not taken."""
        return bool(self._sent)

    def oldest_unanswered_s(self, now: float) -> float:
        """Give how long the oldest message that went out whole has been without an answer, 0 without any."""
        return max((now - sent.answer.sent_at for sent in self._sent if sent.answer.sent_at), default=0.0)

    async def send(self, job: FolderJob, rows: list[int], messages: list[Message], flags: list[int]) -> None:
        """Send a batch; flags: the journal's numbers of the originals' flags."""
        if self._deliverer is not None and is_delivered(job):
            await self._deliverer.send(job, rows, messages, flags)
            return
        messages = [self._fit(job, row, message) for row, message in zip(rows, messages, strict=True)]
        together = len(rows) if self._multi else 1
        together = min(together, self._destination.server.message_limit or together)
        for at in range(0, len(rows), together):
            part = slice(at, at + together)
            self._append(job, rows[part], messages[part], flags[part])
        self._note_odd(job, rows, messages)
        self._look_at_flags(job, messages)
        await self._destination.server.drain()

    async def stream(self, job: FolderJob, row: int, body: Peek, form: Message, number: int) -> bool:
        """Pass one message on from socket to socket; false when the server wants nothing of it.

        form: its flags and date, without content. number: the journal's of the original's flags.
        """
        if self._deliverer is not None and is_delivered(job):
            await self._deliverer.stream(job, row, body, form, number)
            return True
        job.copying.send([row])
        form = self._fit(job, row, form)
        chunks = self._passing(job, row, body)
        answer = await self._destination.open(job.destination).append_stream(body.size, chunks, form)
        message = form._replace(content=body.first)
        self._append_bytes += len(body.first)
        self._sent.append(Sent(job, [row], [message], [body.size], [number], answer))
        self._note_odd(job, [row], [message])
        self._look_at_flags(job, [message])
        return answer.error is None

    async def _passing(self, job: FolderJob, row: int, body: Peek) -> AsyncIterator[bytes]:
        """Pass a body on, tell how much of it has gone out, and take confirmations that come meanwhile.

        On a slow line a large message takes minutes: what was sent before it has long arrived.
        """
        passed = 0
        async for chunk in body:
            yield chunk
            passed += len(chunk)
            self._run.sink(events.PartSent(job.name, job.copying.uids[row], passed))
            await self._take_confirmed()

    async def _take_confirmed(self) -> None:
        """Take confirmations without a word to the server, to which a message is being given.

        Nothing that could end the run or make it pause is done in the middle of a message.
        """
        throttle = self._work.throttle
        paced = throttle.active or throttle.most_messages is not None
        if paced or self._run.settings.limits.exit_when_over_bytes is not None:
            return
        while self._sent:
            first, together = self._sent[0], []
            while self._sent and self._sent[0].job is first.job and self._sent[0].is_confirmed:
                together.append(self._sent.popleft())
            if not together:
                return
            await self._accepted(together)

    async def take_answered(self) -> None:
        """Take the answers that are there, and wait for the oldest while too much is in flight.

        Of single APPENDs half are waited for at once, so that they are recorded and told together.
        """
        limit = APPENDS_IN_FLIGHT if self._multi else SINGLE_APPENDS_IN_FLIGHT
        if not self._work.whole:
            limit = 0  # after a lost connection: one batch at a time, until one has arrived
        while self._sent and (
            self._sent[0].answer.done
            or len(self._sent) > limit
            or self._append_bytes > self._work.company.part(APPEND_BYTES_IN_FLIGHT) // self._work.lanes
        ):
            if not self._sent[0].answer.done:
                awaited = 0 if self._multi else len(self._sent) // 2
                with contextlib.suppress(CommandRefused):
                    await self._sent[awaited].answer
            await self._take_done()
            await self._decide_refused()

    async def take_all(self) -> None:
        """Wait for the answers to everything that was sent."""
        if self._deliverer is not None:
            await self._deliverer.close()
        while self._sent:
            with contextlib.suppress(SyncError):
                await self._sent[0].answer
            await self._take_done()
            await self._decide_refused()

    async def arrived(
        self,
        job: FolderJob,
        rows: list[int],
        sizes: list[int],
        uids: tuple[int, ...],
        flags: list[int],
        *,
        dates: tuple[int, int] | None = None,
    ) -> None:
        """Record that messages are on the destination; uids: theirs there, none when nobody told.

        dates: the first and the last internal date among them, where it is known.
        """
        run = self._run
        job.copying.arrive(rows, uids)
        source_uids = [job.copying.uids[row] for row in rows]
        if run.journal is not None and job.record is not None and uids:
            run.journal.add(job.record.id, job.copying.pairs(rows, uids, flags))
            if run.settings.sieve_delivery:
                run.journal.add_unfiltered(job.record.id, uids)
            run.journal.commit()
        elif run.journal is not None:
            job.copying.flags.update(zip(source_uids, flags, strict=True))
        await self._count(job, rows, sizes, uids, dates)

    async def _count(
        self,
        job: FolderJob,
        rows: Sequence[int],
        sizes: Sequence[int],
        uids: Sequence[int] = (),
        dates: tuple[int, int] | None = None,
    ) -> None:
        """Tell and count that messages have arrived; StopRun when that is as much as may be copied."""
        run = self._run
        run.errors += max(0, job.copying.refused - 1)
        job.copying.refused = 0
        source_uids = [job.copying.uids[row] for row in rows]
        run.sink(events.MessagesCopied(job.name, job.pair.destination, source_uids, sizes, uids, dates))
        size_bytes = sum(sizes)
        run.copied_messages += len(rows)
        run.copied_bytes += size_bytes
        self._work.recover()
        limit = run.settings.limits.exit_when_over_bytes
        if limit is not None and run.copied_bytes >= limit:
            raise StopRun(Stop.TRANSFER_EXCEEDED)
        await self._work.throttle.passed(len(rows), size_bytes)

    def _append(self, job: FolderJob, rows: list[int], messages: list[Message], flags: list[int]) -> None:
        job.copying.send(rows)
        answer = self._destination.open(job.destination).append(messages)
        sizes = [len(message.content) for message in messages]
        self._append_bytes += sum(sizes)
        self._sent.append(Sent(job, rows, messages, sizes, flags, answer))

    def _fit(self, job: FolderJob, row: int, message: Message) -> Message:
        """Take off what the destination refuses messages for: the date, and keywords, which are set later."""
        if (job.position, row) in self._undated:
            message = message._replace(internaldate=None)
        if not self._work.keywords_later and (job.position, row) not in self._bare:
            return message
        kept = system_flags(message.flags)
        job.copying.flags_open = job.copying.flags_open or kept != message.flags
        return message._replace(flags=kept)

    def _note_odd(self, job: FolderJob, rows: list[int], messages: list[Message]) -> None:
        """Note which messages are to be read back, where the server names no copies."""
        if not self._names:
            job.copying.odd.update(
                row for row, message in zip(rows, messages, strict=True) if is_odd(message.content)
            )

    def _look_at_flags(self, job: FolderJob, messages: list[Message]) -> None:
        """Ask, behind a batch with flags that are new here and that nobody promised to keep, which stayed."""
        if job.copying.flags_open:
            return
        selected = job.destination.opened
        permanent = selected.permanent_flags if selected is not None else None
        flags = {flag for given in {m.flags for m in messages} for flag in unpromised(given, permanent)}
        if flags <= job.copying.seen_flags:
            return
        job.copying.seen_flags |= flags
        since = max(job.copying.floor, max(job.copying.copies) + 1)
        stream = self._destination.open(job.destination).fetch(b"%d:*" % since, b"(UID FLAGS)")
        self._sent[-1].look = Look(stream, [message.flags for message in messages])

    # -- answers

    async def _take_done(self) -> None:
        """Take the oldest answer, with those behind it that are there and say the same of the same folder."""
        first = self._sent.popleft()
        if first.answer.error is not None or not first.answer.done:
            await self._take(first)
            return
        together = [first]
        while self._sent and self._sent[0].job is first.job:
            answer = self._sent[0].answer
            if not answer.done or answer.error is not None:
                break
            together.append(self._sent.popleft())
        await self._accepted(together)

    async def _take(self, sent: Sent) -> None:
        try:
            await sent.answer
        except CommandRefused:
            self._append_bytes -= sent.held_bytes
            if sent.look is not None:
                sent.look.answer.discard()
                sent.job.copying.flags_open = True
            self._refused.append(sent)
            return
        await self._accepted([sent])

    async def _accepted(self, together: list[Sent]) -> None:
        """Record APPENDs into one folder that the server confirmed."""
        job = together[0].job
        rows: list[int] = []
        sizes: list[int] = []
        flags: list[int] = []
        uids: list[int] = []
        dates: list[int | None] = []
        now = asyncio.get_running_loop().time()
        for sent in together:
            self._append_bytes -= sent.held_bytes
            appended = await sent.answer
            self._work.slowest_answer_s = max(self._work.slowest_answer_s, now - sent.answer.sent_at)
            rows += sent.rows
            flags += sent.flags
            sizes += sent.sizes
            dates += [epoch_of(message.internaldate) for message in sent.messages if message.internaldate]
            if _is_of(appended, job):
                uids += appended.uids or ()
            if sent.look is not None:
                await _take_look(job, sent.look)
            if (job.position, sent.rows[0]) in self._bare:
                self._work.keywords_later = True
        known = tuple(uids) if len(uids) == len(rows) else ()
        await self.arrived(job, rows, sizes, known, flags, dates=telling.span(dates))

    # -- refusals

    async def _decide_refused(self) -> None:
        """Decide about refused APPENDs once all others are answered."""
        if not self._refused:
            return
        while self._sent:
            with contextlib.suppress(CommandRefused):
                await self._sent[0].answer
            await self._take_done()
        refused, self._refused = self._refused, []
        untouched: dict[int, bool] = {}
        for sent in refused:
            job = sent.job
            if job.position not in untouched:
                untouched[job.position] = await self._nothing_arrived(job)
            error = sent.answer.error
            assert isinstance(error, CommandRefused)  # noqa: S101 - that is why it is among the refused
            if untouched[job.position]:
                self._send_halves(sent, error)
            else:
                alone = len(sent.rows) == 1
                self.doubted += [
                    Doubted(job, row, error, alone, sent.messages[at].content[:16384])
                    for at, row in enumerate(sent.rows)
                ]

    def _send_halves(self, sent: Sent, error: CommandRefused) -> None:
        job = sent.job
        if len(sent.rows) == 1:
            if not (self._retry_bare(sent, error) or self._retry_undated(sent, error)):
                message_failed(self._run, job, sent.rows[0], error, content=sent.messages[0].content)
            return
        middle = len(sent.rows) // 2
        for part in (slice(None, middle), slice(middle, None)):
            self._append(job, sent.rows[part], sent.messages[part], sent.flags[part])

    def _retry_bare(self, sent: Sent, error: CommandRefused) -> bool:
        """Send a refused message without its keywords, if these may be the reason and it has any."""
        job, row, message = sent.job, sent.rows[0], sent.messages[0]
        if system_flags(message.flags) == message.flags or append_reason(error) not in _PERHAPS_FLAGS:
            return False
        self._bare.add((job.position, row))
        self._send_once_more(sent)
        return True

    def _retry_undated(self, sent: Sent, error: CommandRefused) -> bool:
        """Send a refused message without its date, if the server speaks of that: some take no old ones."""
        job, row, message = sent.job, sent.rows[0], sent.messages[0]
        if not message.internaldate or _OF_A_DATE.search(error.server_text) is None:
            return False
        self._undated.add((job.position, row))
        told = message.internaldate.decode("latin-1")
        text = f"{job.name}: host2 refuses the date {told!r}; the message gets the date of copying"
        self._run.warn(text, Side.DESTINATION)
        self._send_once_more(sent)
        return True

    def _send_once_more(self, sent: Sent) -> None:
        """Send a single message again, as it fits now; a large one is asked for again."""
        job, row, message = sent.job, sent.rows[0], sent.messages[0]
        if len(message.content) == sent.sizes[0]:
            self._append(job, [row], [self._fit(job, row, message)], sent.flags)
        else:
            job.copying.wait(row)
            self.again.append((job, row, True))

    async def _nothing_arrived(self, job: FolderJob) -> bool:
        """Tell whether the folder holds nothing beyond what was confirmed; one STATUS."""
        if job.pair.shared:
            return False
        try:
            status = await self._destination.server.status(job.destination.mailbox, ("UIDNEXT",))
        except CommandRefused:
            return False
        return nothing_more(
            job.copying.floor, Numbers(uidnext=status.uidnext or 0), job.copying.states.count(DONE)
        )


def is_delivered(job: FolderJob) -> bool:
    """Tell whether a folder gets its messages by local delivery where there is one."""
    return job.pair.destination.upper() == INBOX


class Peek:
    """Passes a body of `size` bytes on and keeps its beginning, to describe the message if it is refused."""

    def __init__(self, body: AsyncIterable[bytes], size: int) -> None:
        self._body = aiter(body)
        self.size = size
        self.first = b""

    def __aiter__(self) -> Peek:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._body)
        if len(self.first) < 16384:
            self.first += bytes(chunk[:16384])
        return chunk


async def _take_look(job: FolderJob, look: Look) -> None:
    """Note when flags did not stay, or nobody could say so."""
    found: list[tuple[bytes, ...]] = []
    with contextlib.suppress(CommandRefused):
        found = [record.flags or () for record in await look.answer.collect()]
    if not all_kept(look.wanted, found):
        job.copying.flags_open = True


def _is_of(appended: Appended, job: FolderJob) -> bool:
    """Tell whether an APPENDUID speaks of the folder that is open; another UIDVALIDITY makes it none."""
    known = job.destination.uidvalidity
    return not known or appended.uidvalidity == known
