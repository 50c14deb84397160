"""Compare a folder pair that the journal knows: only what is new or different is read.

What the listing told decides what is asked together with the opening of both folders; what the opening
tells decides whether that was enough, and is what the next run builds on. Then the one rule: source messages
without a partner are compared by identity with destination messages without a partner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.belief import (
    PAIRS_LOOKED_AT,
    Belief,
    FlagsAsked,
    Questions,
    drafts_stay,
    is_put_back,
    last_known,
    questions,
    same_messages,
    trust,
)
from imapsync.plan.decisions import NOTHING
from imapsync.plan.match import drafts, is_draft
from imapsync.plan.specialuse import is_for_drafts
from imapsync.session.errors import CommandRefused
from imapsync.transfer import planning, telling
from imapsync.transfer.deltaplan import DeltaPlan
from imapsync.transfer.halving import all_from
from imapsync.transfer.recording import note_restored
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from imapsync.account import IndexReader, OpenFolder
    from imapsync.journal.journal import Journal
    from imapsync.plan.decisions import FolderPlan
    from imapsync.plan.index import MessageIndex
    from imapsync.session.fetch import FetchStream
    from imapsync.terms import FolderRecord, Pair
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


class DeltaComparison:
    """One known folder pair.

    `ask` sends, `take` reads the first answers, `conclude` asks the rest and decides. invalid: the messages
    are not those that the journal knows, or cannot be asked for; the pair has to be compared from scratch.
    replaced: others were seen under their UIDs.
    """

    def __init__(
        self, run: Run, job: FolderJob, reading: Reading, record: FolderRecord, journal: Journal
    ) -> None:
        self.job = job
        job.source.begin(record.source.uidvalidity)
        job.destination.begin(record.destination.uidvalidity)
        self.invalid = False
        self.replaced = False
        self._run = run
        self._reading = reading
        self._record = record
        self._journal = journal
        self._wishes = planning.wishes_of(run, job, reading)
        self._source_reader = reading.source(identity=True, flags=True)
        self._destination_reader = reading.destination()
        self._last = journal.last(record.id, PAIRS_LOOKED_AT)
        self._asked = self._questions()
        self._changes: FetchStream | None = None
        self._new: FetchStream | None = None
        self._listed: Awaitable[UidSet] | None = None
        self._source_look: FetchStream | None = None
        self._destination_new: FetchStream | None = None
        self._destination_look: FetchStream | None = None
        self._plan = DeltaPlan(run, job, reading, record, journal)

    def ask(self) -> None:
        """Send all that can be asked before anything is known."""
        run, job, reading = self._run, self.job, self._reading
        source = self._source_folder = run.source.open(job.source)
        if run.settings.deletion.source_expunge and not run.dry:
            source.expunge_marked()
        self._ask_source(source, self._asked)
        self._source_look = _look(source, [pair.source_uid for pair in self._last], reading.source_plain())
        destination = self._destination_folder = run.destination.open(job.destination)
        if run.settings.deletion.destination_expunge_first and not run.dry:
            destination.expunge_marked()
        self._ask_destination(destination, self._asked)
        self._destination_look = _look(destination, [pair.copy for pair in self._last], reading.plain())

    async def take(self) -> None:
        """Read the answers in the order of the questions.

        Sets `invalid` when the journal turns out not to fit.
        """
        await self._take()
        if self.invalid:
            for stream in (
                self._changes,
                self._new,
                self._source_look,
                self._destination_new,
                self._destination_look,
            ):
                if stream is not None:
                    stream.discard()

    async def _take(self) -> None:
        job, record = self.job, self._record
        try:
            if not (await self._source_folder.selected()).uids_last:
                self.invalid = True
                return
            await self._take_source()
            looked = await _looked(self._source_look, self._reading, self._reading.source_plain())
            here = looked.digests_by_uid()
            await self._destination_folder.selected()
            if self._is_put_back():
                self.invalid = True
                return
            await self._take_destination()
            looked_there = await _looked(self._destination_look, self._reading, self._reading.plain())
            there = looked_there.digests_by_uid()
        except CommandRefused:
            self.invalid = True
            return
        # What is new by the recorded numbers was read by another question.
        plan = self._plan
        last = self._last
        plan.absent_here = any(pair.source_uid not in here for pair in last)
        plan.absent_there = any(pair.copy not in there for pair in last)
        here |= plan.new.digests_by_uid()
        there |= plan.destination_new.digests_by_uid()
        if record.rules != self._reading.rules:  # perhaps other headers identify messages now
            last = [pair._replace(digest=0) for pair in last]
        if not same_messages(last, here, there, altered=self._run.settings.content.alters_headers):
            telling.replaced(self._run, job)
            note_restored(self._run, record)
            self.invalid = self.replaced = True
        elif not drafts_stay(self._drafts(looked), dict(zip(looked.uids, looked.sizes, strict=True))):
            telling.replaced(self._run, job)
            self.invalid = self.replaced = True

    def _drafts(self, looked: MessageIndex) -> list[Pair]:
        """Give those of the last pairs that were or are drafts, by flag or by folder."""
        journal = self._journal
        if is_for_drafts(self.job.pair.source, self._run.source.listing.layout):
            return self._last
        now = {looked.uids[row] for row in drafts(looked, list(range(len(looked))))}
        return [pair for pair in self._last if pair.source_uid in now or is_draft(journal.flags(pair.flags))]

    async def conclude(self) -> FolderPlan:
        """Ask what the opened folders ask for besides, complete the picture and decide."""
        await self._ask_again()
        if self.invalid:
            return NOTHING
        telling.oversized(self._run, self.job, self._reading)
        qresync = self._asked.flags is FlagsAsked.CHANGED and self._run.source.tells_vanished
        plan = await self._plan.conclude(self._source_reader, self._destination_reader, qresync=qresync)
        self.invalid = self._plan.mistaken
        return plan

    def _is_put_back(self) -> bool:
        """Tell whether the opened folders are not those that are recorded, though the listed ones were."""
        here, there = self.job.source.numbers, self.job.destination.numbers
        if trust(self._record, here, there, self._wishes) is not Belief.NOTHING:
            return False
        if is_put_back(self._record.destination, there):
            note_restored(self._run, self._record)
        return True

    # -- questions

    def _questions(self) -> Questions:
        here, there = self.job.source.numbers, self.job.destination.numbers
        return questions(self._record, here, there, self._wishes, self._last)

    def _ask_source(self, source: OpenFolder, wanted: Questions) -> None:
        record = self._record
        old = UidSet(((1, max(1, last_known(record, self._last))),)).without(self.job.source.breaking)
        if not old:
            pass  # all that was known makes the server hang up
        elif wanted.flags is FlagsAsked.CHANGED:
            self._changes = self._ask_changes(source, old)
        elif wanted.flags is FlagsAsked.ALL:
            self._changes = source.fetch(old, b"(UID FLAGS)")
        if wanted.source_list:
            criteria = self._reading.source_search(self.job.name)
            self._listed = source.search(criteria) if criteria else source.ask_uids()
        elif wanted.source_new:
            self._new = self._source_reader.ask(source, all_from(wanted.source_new, self.job.source.breaking))

    def _ask_changes(self, folder: OpenFolder, uids: UidSet) -> FetchStream | None:
        """Ask what changed since the last run; with QRESYNC the answer names what vanished, too."""
        items, since = b"(UID FLAGS)", self._record.source.modseq
        if self._run.source.tells_vanished:
            return folder.fetch(uids, items, changedsince=since, on_vanished=self._plan.note_vanished)
        return folder.fetch(uids, items, changedsince=since) if self._reading.resync else None

    def _ask_destination(self, folder: OpenFolder, wanted: Questions) -> None:
        if wanted.destination_new:
            uids = all_from(wanted.destination_new, self.job.destination.breaking)
            self._destination_new = self._destination_reader.ask(folder, uids)

    async def _ask_again(self) -> None:
        """Ask what the listing had given no reason to ask, and the opened folders do."""
        job, before = self.job, self._asked
        now = self._questions()
        self._asked = now
        more = Questions(
            FlagsAsked.NOBODY if before.flags is not FlagsAsked.NOBODY else now.flags,
            0 if before.source_new or before.source_list else now.source_new,
            now.source_list and not before.source_list,
            0 if before.destination_new else now.destination_new,
            now.destination_list,
        )
        if before.flags is not FlagsAsked.NOBODY:
            self._asked = self._asked._replace(flags=before.flags)
        self._changes = self._new = self._listed = self._destination_new = None
        try:
            if more.flags is not FlagsAsked.NOBODY or more.source_new or more.source_list:
                self._ask_source(await self._run.source.opened(job.source), more)
                await self._take_source()
            if more.destination_new:
                self._ask_destination(await self._run.destination.opened(job.destination), more)
                await self._take_destination()
        except CommandRefused:
            self.invalid = True
        self._plan.wanted = now

    # -- answers

    async def _take_source(self) -> None:
        plan = self._plan
        if self._changes is not None:
            async for batch in self._changes:
                plan.note_flags((fetch.uid, fetch.flags) for fetch in batch)
        if self._listed is not None:
            plan.listed = await self._listed
        if self._new is not None:
            await self._source_reader.read(
                self._new, self._reading.table, at_least=self._record.source.uidnext, into=plan.new
            )

    async def _take_destination(self) -> None:
        if self._destination_new is not None:
            await self._destination_reader.read(
                self._destination_new,
                self._reading.table,
                at_least=self._record.destination.uidnext,
                into=self._plan.destination_new,
            )


def _look(folder: OpenFolder, uids: list[int], reader: IndexReader) -> FetchStream | None:
    return reader.ask(folder, UidSet.of(uids)) if uids else None


async def _looked(stream: FetchStream | None, reading: Reading, reader: IndexReader) -> MessageIndex:
    """Give the messages looked at."""
    if stream is None:
        return reading.new_index()
    return await reader.read(stream, reading.table)
