"""Compare a folder pair of which nothing is known: both sides are read and matched by identity.

When the destination is empty nothing is read there, and of the source only what the copy needs. What is asked
before the folders are open is chosen by what the listing told; what opening them tells decides whether it was
enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.belief import same_messages
from imapsync.plan.decisions import NOTHING, Compared
from imapsync.plan.index import MessageIndex
from imapsync.plan.match import PairingRules
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import planning, telling
from imapsync.transfer.contents import tell_apart
from imapsync.transfer.halving import all_from, lacks, list_all, read_pieces, read_rest
from imapsync.transfer.originals import older_than
from imapsync.transfer.overlooked import overlooked
from imapsync.transfer.pairing import pair_job
from imapsync.transfer.planning import Kept
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from imapsync.account import Account, IndexReader, OpenFolder
    from imapsync.account.opened import UidListing
    from imapsync.plan.decisions import FolderPlan
    from imapsync.session.fetch import FetchStream
    from imapsync.session.pending import Pending
    from imapsync.session.session import Selected
    from imapsync.terms import FolderRecord
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

ALL = b"1:*"


class FullComparison:
    """One folder pair.

    `ask` sends, `take` reads the first answers, `conclude` asks what is left and decides. remember: gives
    what counts of a record that is not believed, once both folders are open. begun: the record of a first
    comparison that was interrupted; its pairs count. invalid: they turn out to be of other messages, and
    everything has to be compared without them; replaced: others were seen under their UIDs.
    """

    def __init__(
        self,
        run: Run,
        job: FolderJob,
        reading: Reading,
        remember: Callable[[], Kept],
        begun: FolderRecord | None = None,
    ) -> None:
        self.job = job
        self.invalid = False
        self.replaced = False
        self._run = run
        self._reading = reading
        self._remember = remember
        self._remembered = Kept()
        self._begun = begun
        job.source.begin()
        job.destination.begin()
        there = job.destination.listed
        self._destination_known = job.pair.exists or not run.dry
        self._destination_filled = job.pair.shared or (
            job.pair.exists and (there is None or there.messages is None or there.messages > 0)
        )
        self._set_readers()
        self._forget()

    def _forget(self) -> None:
        """Have asked nothing."""
        reading = self._reading
        #: Accounts whose folders are opened with mod-sequences.
        self._counting: list[Account] = []
        self._source_folder: OpenFolder | None = None
        self._destination_folder: OpenFolder | None = None
        self._source_stream: FetchStream | None = None
        self._destination_stream: FetchStream | None = None
        self._source_search: Pending[UidSet] | None = None
        self._source_listing: UidListing | None = None
        self._source_shown: UidSet | None = None
        self._destination_search: Pending[UidSet] | None = None
        self._source = MessageIndex(reading.table)
        self._destination = MessageIndex(reading.table)
        self._source_refused: CommandRefused | None = None
        self._destination_refused: CommandRefused | None = None
        self._selected: UidSet | None = None
        self._there: UidSet | None = None

    def _set_readers(self) -> None:
        run = self._run
        moves = run.journal is not None and run.settings.deletion.empties_source
        recognise = self._destination_filled or not self._reading.sync_duplicates or moves
        self._source_reader = self._reading.source(identity=recognise, flags=self._destination_filled)
        self._destination_reader = self._reading.destination()

    def ask(self) -> None:
        """Send all that can be asked before anything is known."""
        job, run = self.job, self._run
        self._counting = [account for account in run.accounts if account.opens_with_changes]
        source = self._source_folder = run.source.open(job.source)
        if run.settings.deletion.source_expunge and not run.dry:
            source.expunge_marked()
        if self._destination_known:
            destination = self._destination_folder = run.destination.open(job.destination)
            if run.settings.deletion.destination_expunge_first and not run.dry:
                destination.expunge_marked()
        listed = job.source.listed
        if listed is None or listed.messages is None or listed.messages > 0:
            self._ask_source(source)
        if self._destination_folder is not None and self._destination_filled:
            self._ask_destination(self._destination_folder)

    def _ask_destination(self, folder: OpenFolder) -> None:
        if self._reading.destination_search:
            self._destination_search = folder.search(self._reading.destination_search)
        else:
            uids = all_from(1, self.job.destination.breaking)
            self._destination_stream = self._destination_reader.ask(folder, uids)

    def _ask_source(self, source: OpenFolder) -> None:
        reading = self._reading
        if reading.searches:
            self._source_search = source.search(reading.source_search(self.job.name))
        if reading.counts_besides:
            self._source_listing = source.ask_uids_beside(all_from(1, self.job.source.breaking))
        if not reading.searches or reading.mirrors:
            self._source_stream = self._source_reader.ask(source, all_from(1, self.job.source.breaking))

    async def take(self) -> None:
        """Read the answers; a folder that cannot be opened is reported and finished."""
        job, run = self.job, self._run
        refused: list[tuple[str, CommandRefused]] = []
        plainer = False
        for name, folder, take in (
            (job.name, self._source_folder, self._take_source),
            (job.pair.destination, self._destination_folder, self._take_destination),
        ):
            if folder is not None:
                try:
                    await folder.selected()
                except CommandRefused as error:
                    refused.append((name, error))
                    plainer |= self._open_plainly(error)
                else:
                    await take()
        if plainer:
            self._forget()
            self.ask()
            await self.take()
            return
        if job.source.opened is not None and not job.source.opened.uids_last:
            job.unsteady = True
        if refused and not all(telling.postpone(run, job, refusal) for _, refusal in refused):
            telling.abandon(run, job)
            for name, refusal in refused:
                run.problem(refusal, f"folder {name} cannot be opened", folder=job.name, reason=Reason.SELECT)
        elif not refused:
            self._check_begun()

    def _open_plainly(self, error: CommandRefused) -> bool:
        """Do without mod-sequences where a server does not know them after all; tell whether to ask anew."""
        account = self._run.source if error.side is Side.SOURCE else self._run.destination
        if error.status != "BAD" or account not in self._counting:
            return False
        account.condstore = False
        account.anew()
        return True

    async def _take_source(self) -> None:
        self._selected, self._source_refused = await _found(self._source_search)
        if self._source_listing is not None:
            self._source_shown, _ = await _found(self._source_listing)
        if self._source_refused is not None:
            error = self._source_refused
            telling.abandon(self._run, self.job)
            text = f"folder {self.job.name} cannot be searched"
            self._run.problem(error, text, folder=self.job.name, reason=Reason.FETCH)
        else:
            self._source_refused = await _read(self._source_reader, self._source_stream, self._source)

    async def _take_destination(self) -> None:
        self._there, self._destination_refused = await _found(self._destination_search)
        if self._destination_refused is None:
            self._destination_refused = await _read(
                self._destination_reader, self._destination_stream, self._destination
            )

    async def conclude(self) -> FolderPlan:
        """Read what needed a first answer, match, and decide."""
        job, run, reading = self.job, self._run, self._reading
        if job.finished:
            return NOTHING
        self._remembered = self._remember()
        whole = self._source_refused is None and (not reading.searches or reading.mirrors)
        await self._what_came_since_the_listing()
        await self._second_questions()
        telling.oversized(run, job, reading)
        source, destination = self._source, self._destination
        if self._selected is not None and reading.mirrors:
            chosen = set(await self._with_overlooked(self._selected, UidSet.of(source.uids)))
            source.excluded.update(uid for uid in source.uids if uid not in chosen)
        if not source.digests and not destination.uids:
            return planning.plan_copy_of_all(run, job, source, reading, self._remembered)
        planning.take_off_marks(source, self._remembered.ours)
        known = self._known_pairs()
        if self.invalid:
            return NOTHING
        sizes_differ = await tell_apart(
            run,
            job,
            reading,
            (source, destination),
            known=known,
            leaving=await self._leaving(),
        )
        rules = PairingRules(
            reading.sync_duplicates,
            known,
            sizes_differ,
            keep_copies_of_duplicates=not run.settings.deletion.destination_duplicates,
        )
        matching = await pair_job(run, job, (source, destination), rules)
        compared = Compared(source, destination, matching)
        return planning.plan_first(run, job, compared, reading, self._remembered, known=known, complete=whole)

    async def _leaving(self) -> Collection[int]:
        """Give the UIDs of source messages that go at the end of the run when a copy of theirs is found."""
        run, source, rules = self._run, self._source, self._run.settings.deletion
        if run.settings.content.changes:
            return ()  # copies are meant to be others
        if rules.source:
            return set(source.uids) - source.excluded
        if rules.source_older_days is None or set(source.digests).isdisjoint(self._destination.digests):
            return ()
        folder = await run.source.opened(self.job.source)
        return await older_than(folder, rules.source_older_days, run.started_at)

    async def _what_came_since_the_listing(self) -> None:
        """Ask what was not asked because a folder was empty when it was listed, and no longer is."""
        job, run, reading = self.job, self._run, self._reading
        source, destination = job.source.opened, job.destination.opened
        fills = not self._destination_filled and destination is not None and destination.exists > 0
        asked = self._source_stream is not None or self._source_search is not None
        if fills:
            self._destination_filled = True
            self._set_readers()
            self._destination_reader = reading.destination()
            self._ask_destination(await run.destination.opened(job.destination))
            await self._take_destination()
            if asked:
                self._source = reading.new_index()
        if source is not None and source.exists and (not asked or fills):
            self._ask_source(await run.source.opened(job.source))
            await self._take_source()

    def _known_pairs(self) -> dict[int, int]:
        """Give the pairs that an interrupted first comparison has left, held against what lies there now."""
        if self._begun is None or self._run.journal is None:
            return {}
        pairs = [pair for pair in self._run.journal.all_pairs(self._begun.id) if pair.copy > 0]
        here = dict(zip(self._source.uids, self._source.digests, strict=True))
        there = dict(zip(self._destination.uids, self._destination.digests, strict=True))
        altered = self._run.settings.content.alters_headers
        if not same_messages(pairs, here, there, altered=altered):
            telling.replaced(self._run, self.job)
            self.invalid = self.replaced = True
        return {pair.source_uid: pair.copy for pair in pairs}

    async def _second_questions(self) -> None:
        run, job = self._run, self.job
        if self._selected is not None and not self._reading.mirrors and self._selected:
            folder = await run.source.opened(job.source)
            for some in self._selected.without(job.source.breaking).split(planning.UIDS_PER_QUESTION):
                stream = self._source_reader.ask(folder, some)
                self._source_refused = self._source_refused or await _read(
                    self._source_reader, stream, self._source
                )
        if self._there:
            folder = await run.destination.opened(job.destination)
            for some in self._there.split(planning.UIDS_PER_QUESTION):
                stream = self._destination_reader.ask(folder, some)
                self._destination_refused = self._destination_refused or await _read(
                    self._destination_reader, stream, self._destination
                )
        await self._complete_source()
        if self._destination_refused is not None or (
            self._destination_stream is not None and lacks(self._destination, job.destination.opened)
        ):
            folder = await run.destination.opened(job.destination)
            await read_rest(run, job, folder, self._destination_reader, self._destination)
        if 0 in self._source.digests:
            await self._source_reader.complete(await run.source.opened(job.source), self._source)
        if 0 in self._destination.digests:
            folder = await run.destination.opened(job.destination)
            await self._destination_reader.complete(folder, self._destination)

    async def _complete_source(self) -> None:
        """Hold what the source told against its count; what it keeps back is looked for, then reported."""
        run, job, index = self._run, self.job, self._source
        if self._selected is not None and not self._reading.mirrors:
            if self._source_shown is not None:
                self._selected = await self._with_overlooked(self._selected, self._source_shown)
            known = {*index.uids, *index.dropped}
            left = UidSet.of(uid for uid in self._selected if uid not in known)
            if left:
                folder = await run.source.opened(job.source)
                await read_pieces(run, job, folder, self._source_reader, index, missing=left)
            shown = len(self._source_shown or ()) + len(job.source.breaking)
            if self._source_listing is not None and shown < _count(job.source.opened):
                await list_all(run, job, await run.source.opened(job.source))
            return
        if self._source_refused is not None or (
            self._source_stream is not None and lacks(index, job.source.opened)
        ):
            folder = await run.source.opened(job.source)
            await read_rest(run, job, folder, self._source_reader, index)

    async def _with_overlooked(self, selected: UidSet, shown: UidSet) -> UidSet:
        """Give what a search names, and what it should have named."""
        run, job = self._run, self.job
        criteria = self._reading.source_search(job.name)
        if len(selected) >= len(shown) or not self._reading.checks_searches:
            return selected
        folder = await run.source.opened(job.source)
        left_out = await overlooked(run, job, folder, criteria, found=selected, listed=shown)
        return UidSet.of([*selected, *left_out])

    def _check_begun(self) -> None:
        """Pairs of an interrupted comparison hold for the folders that it was made of, and for no others."""
        job, begun = self.job, self._begun
        if begun is not None and (
            (job.source.uidvalidity, job.destination.uidvalidity)
            != (begun.source.uidvalidity, begun.destination.uidvalidity)
        ):
            self.invalid = True


def _count(selected: Selected | None) -> int:
    return selected.exists if selected is not None else 0


async def _found(search: Awaitable[UidSet] | None) -> tuple[UidSet | None, CommandRefused | None]:
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
