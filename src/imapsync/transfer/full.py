"""Compare a folder pair of which nothing is known: both sides are read and matched by identity.

When the destination is empty nothing is read there, and of the source only what the copy needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.index import MessageIndex
from imapsync.report.events import Reason, Side
from imapsync.session.errors import CommandRefused
from imapsync.transfer import planning
from imapsync.transfer.focus import opened
from imapsync.transfer.pairing import pair
from imapsync.transfer.salvage import all_from, lacks, read_rest
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account.index import IndexReader
    from imapsync.session.fetch import FetchStream
    from imapsync.session.pending import Pending
    from imapsync.session.session import Selected
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

ALL = b"1:*"


class FullComparison:
    """One folder pair.

    `ask` sends, `take` reads the first answers, `conclude` asks what is left and decides.
    """

    def __init__(self, run: Run, focus: Focus, job: FolderJob, reading: Reading) -> None:
        self.job = job
        self._run = run
        self._focus = focus
        self._reading = reading
        there = job.destination_status
        self._destination_known = job.pair.exists or not run.dry
        self._destination_filled = job.pair.shared or (
            job.pair.exists and (there is None or there.messages is None or there.messages > 0)
        )
        recognise = self._destination_filled or not reading.sync_duplicates
        self._source_reader = reading.source(identity=recognise, flags=self._destination_filled)
        self._destination_reader = reading.destination()
        self._source_open: Pending[Selected] | None = None
        self._destination_open: Pending[Selected] | None = None
        self._source_stream: FetchStream | None = None
        self._destination_stream: FetchStream | None = None
        self._source_search: Pending[UidSet] | None = None
        self._destination_search: Pending[UidSet] | None = None
        self._source = MessageIndex(reading.table)
        self._destination = MessageIndex(reading.table)
        self._source_refused: CommandRefused | None = None
        self._destination_refused: CommandRefused | None = None
        self._selected: UidSet | None = None
        self._there: UidSet | None = None

    def ask(self) -> None:
        """Send all that can be asked before anything is known."""
        job, run, reading = self.job, self._run, self._reading
        self._source_open = self._focus.source(job, condstore=planning.wants_modseq(run))
        if run.settings.deletion.source_expunge and not run.dry:
            run.source.expunge()
        if self._destination_known:
            self._destination_open = self._focus.destination(job)
            if run.settings.deletion.destination_expunge_first and not run.dry:
                run.destination.expunge()
        status = job.source_status
        if status is None or status.messages is None or status.messages > 0:
            if reading.source_search:
                self._source_search = run.source.search(reading.source_search)
            if not reading.source_search or reading.mirrors:
                self._source_stream = self._source_reader.ask(run.source, all_from(1, job))
        if self._destination_known and self._destination_filled:
            if reading.destination_search:
                self._destination_search = run.destination.search(reading.destination_search)
            else:
                self._destination_stream = self._destination_reader.ask(run.destination, ALL)

    async def take(self) -> None:
        """Read the answers; a folder that cannot be opened is reported and finished."""
        job, run, reading = self.job, self._run, self._reading
        if self._source_open is None:
            return
        source = await opened(self._source_open)
        refused: list[tuple[CommandRefused, Side]] = []
        if isinstance(source, CommandRefused):
            refused.append((source, Side.SOURCE))
        else:
            job.source_selected = source
            job.source_uidvalidity = source.uidvalidity or 0
            self._selected, self._source_refused = await _found(self._source_search)
            if self._source_refused is None:
                self._source_refused = await _read(self._source_reader, self._source_stream, self._source)
        if self._destination_open is not None:
            destination = await opened(self._destination_open)
            if isinstance(destination, CommandRefused):
                refused.append((destination, Side.DESTINATION))
            else:
                job.destination_selected = destination
                self._there, self._destination_refused = await _found(self._destination_search)
                if self._destination_refused is None:
                    self._destination_refused = await _read(
                        self._destination_reader, self._destination_stream, self._destination
                    )
        if refused:
            planning.abandon(run, job)
            for error, side in refused:
                name = job.name if side is Side.SOURCE else job.pair.destination
                run.problem(error, f"folder {name} cannot be opened", folder=job.name, reason=Reason.SELECT)
        job.source_list_complete = self._source_refused is None and not reading.source_search

    async def conclude(self) -> None:
        """Read what needed a first answer, match, and fill the job."""
        job, run, reading = self.job, self._run, self._reading
        await self._second_questions()
        if reading.selector.oversized:
            planning.tell_oversized(run, job, reading)
        source, destination = self._source, self._destination
        if self._selected is not None and reading.mirrors:
            chosen = set(self._selected)
            source.excluded.update(uid for uid in source.uids if uid not in chosen)
        if not source.digests and not destination.uids:
            planning.plan_copy_of_all(run, job, source, reading)
            return
        matching = await pair(
            run,
            self._focus,
            job,
            source,
            destination,
            identity=run.identity,
            sync_duplicates=reading.sync_duplicates,
        )
        planning.plan_full(run, job, planning.Compared(source, destination, matching), reading)

    async def _second_questions(self) -> None:
        run, job = self._run, self.job
        if self._selected is not None and not self._reading.mirrors and self._selected:
            self._focus.source(job)
            for some in self._selected.without(job.breaking).split(planning.UIDS_PER_QUESTION):
                stream = self._source_reader.ask(run.source, some)
                self._source_refused = self._source_refused or await _read(
                    self._source_reader, stream, self._source
                )
        if self._there:
            self._focus.destination(job)
            for some in self._there.split(planning.UIDS_PER_QUESTION):
                stream = self._destination_reader.ask(run.destination, some)
                self._destination_refused = self._destination_refused or await _read(
                    self._destination_reader, stream, self._destination
                )
        if self._source_refused is not None or (
            self._source_stream is not None and lacks(self._source, job.source_selected)
        ):
            self._focus.source(job)
            await read_rest(run, job, run.source, self._source_reader, self._source)
        if self._destination_refused is not None or (
            self._destination_stream is not None and lacks(self._destination, job.destination_selected)
        ):
            self._focus.destination(job)
            await read_rest(run, job, run.destination, self._destination_reader, self._destination)
        if 0 in self._source.digests:
            self._focus.source(job)
            await self._source_reader.complete(run.source, self._source)
        if 0 in self._destination.digests:
            self._focus.destination(job)
            await self._destination_reader.complete(run.destination, self._destination)

    @property
    def invalid(self) -> bool:
        """A comparison from scratch has nothing that could turn out wrong."""
        return False


async def _found(search: Pending[UidSet] | None) -> tuple[UidSet | None, CommandRefused | None]:
    if search is None:
        return None, None
    try:
        return await search, None
    except CommandRefused as error:
        return UidSet(), error


async def _read(
    reader: IndexReader, stream: FetchStream | None, index: MessageIndex
) -> CommandRefused | None:
    if stream is None:
        return None
    try:
        await reader.read(stream, index.flag_table, into=index)
    except CommandRefused as error:
        return error
    return None
