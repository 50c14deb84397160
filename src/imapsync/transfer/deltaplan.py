"""What has changed in a folder pair that the journal knows, and what follows from it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from imapsync.account.index import identify_poor
from imapsync.journal import GONE
from imapsync.plan.identity import UNIDENTIFIED
from imapsync.plan.index import MessageIndex, canonical_flags
from imapsync.plan.match import NONE
from imapsync.transfer import planning
from imapsync.transfer.pairing import pair
from imapsync.transfer.salvage import read_pieces
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.account.index import IndexReader
    from imapsync.journal import FolderState, Pairs
    from imapsync.journal.journal import Journal
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Changed flags looked up in the journal at once.
LOOKUP = 2_000


class DeltaPlan:
    """Gathers the changes of one folder pair, then fills its job.

    vanished: source UIDs that are gone. new: source messages the journal does not know. listed: source UIDs
    that are selected now, when they had to be listed. destination_new: messages on the destination since the
    last run.
    """

    def __init__(self, run: Run, focus: Focus, job: FolderJob, reading: Reading, state: FolderState) -> None:
        self.vanished: set[int] = set()
        self.new = MessageIndex(reading.table)
        self.listed: UidSet | None = None
        self.destination_new = MessageIndex(reading.table)
        self._run = run
        self._focus = focus
        self._job = job
        self._reading = reading
        self._state = state
        self._changed: list[tuple[int, tuple[bytes, ...]]] = []
        self._flag_rows: dict[int, tuple[int, int, int]] = {}
        self._pairs: Pairs | None = None
        self._orphans: list[int] = []
        self._told_vanished: list[tuple[int, int]] = []
        self._known_new = 0

    def note_vanished(self, uids: UidSet) -> None:
        """Note what the server says is gone, be it that some of it has never been (RFC 7162 §3.2.10)."""
        self._told_vanished.extend(uids.ranges)

    @property
    def _journal(self) -> Journal:
        if self._run.journal is None:
            raise RuntimeError("a known folder pair needs the journal it is known from")
        return self._run.journal

    def note_flags(self, rows: Iterable[tuple[int | None, tuple[bytes, ...] | None]]) -> None:
        """Take (source UID, flags now) of messages that may have changed."""
        self._changed.extend((uid, flags) for uid, flags in rows if uid is not None and flags is not None)
        if len(self._changed) >= LOOKUP:
            self._look_up_flags()

    async def conclude(
        self, source_reader: IndexReader, destination_reader: IndexReader, *, qresync: bool
    ) -> None:
        """Ask what is left to ask, match, and fill the job."""
        self._look_up_flags()
        await self._unknown_source(source_reader)
        await self._fill_holes(source_reader)
        await self._find_vanished(qresync=qresync)
        await self._find_removed()
        await self._gather_loose(destination_reader)
        await self._decide()

    # -- flags

    def _look_up_flags(self) -> None:
        changed, self._changed = self._changed, []
        if not changed or not self._reading.resync:
            return
        journal = self._journal
        known = journal.find(self._state.id, (uid for uid, _ in changed))
        translator = planning.translator_of(self._run, self._job)
        for uid, flags in changed:
            row = known.get(uid)
            if row is None:
                continue
            copy, before = row
            now = canonical_flags(flags)
            number = journal.flags_number(now)
            if number == before:
                continue
            self._flag_rows[uid] = (uid, copy, number)
            if copy <= GONE:
                continue
            change = translator.three_way(journal.flags(before), now)
            if change[0] or change[1]:
                self._job.flag_changes.setdefault(change, array("I")).append(copy)

    # -- the source

    async def _unknown_source(self, reader: IndexReader) -> None:
        """Read the source messages that have no partner in the journal."""
        job, run = self._job, self._run
        if self.listed is not None:
            pairs = self._known_pairs()
            known = set(pairs.source_uids)
            unknown = UidSet.of(uid for uid in self.listed if uid not in known)
            self._prove_again(pairs, self.listed)
            if unknown:
                self._focus.source(job)
                for some in unknown.split(planning.UIDS_PER_QUESTION):
                    await reader.read(reader.ask(run.source, some), self._reading.table, into=self.new)
        elif self.new.uids:
            known = set(self._journal.find(self._state.id, self.new.uids))
            self._known_new = len(known)
            if known:
                self.new = self.new.without(known)
        if UNIDENTIFIED in self.new.digests:
            self._focus.source(job)
            await reader.complete(run.source, self.new)

    async def _fill_holes(self, reader: IndexReader) -> None:
        """Hold what the server told of new messages against its count, and ask for those that it left out."""
        job, state, selected = self._job, self._state, self._job.source_selected
        if selected is None or self.listed is not None or not state.settled:
            return
        arrived = self.new.seen + self._known_new
        if state.source_messages + arrived >= selected.exists:
            return
        self._focus.source(job)
        everything = await self._run.source.search("ALL")
        known = set(self._known_pairs().source_uids)
        got = {*self.new.uids, *self.new.dropped}
        missing = UidSet.of(
            uid for uid in everything if uid >= state.source_uidnext and uid not in known and uid not in got
        )
        if missing:
            await read_pieces(self._run, job, self._run.source, reader, self.new, missing=missing)

    def _prove_again(self, pairs: Pairs, selected: UidSet) -> None:
        """Take known messages that are selected as proven.

        The last run could not mark them, or had no need to.
        """
        settings = self._run.settings
        if settings.flags.set_on_source or settings.deletion.source:
            proven = {
                uid
                for uid, copy in zip(pairs.source_uids, pairs.destination_uids, strict=True)
                if copy >= GONE
            }
            self._job.proven.extend(uid for uid in selected if uid in proven)

    async def _find_vanished(self, *, qresync: bool) -> None:
        """Find pairs whose source message is gone; their copies are without a partner from now on."""
        job, state, selected = self._job, self._state, self._job.source_selected
        if selected is None:
            return
        if not qresync:
            known_before = state.source_messages
            arrived = sum(1 for uid in self.new.uids if uid >= state.source_uidnext)
            if self.listed is not None and not self._reading.source_search:
                everything: Iterable[int] = self.listed
            elif state.settled and known_before + arrived <= selected.exists:
                return
            else:
                self._focus.source(job)
                everything = await self._run.source.search("ALL")
            present = set(everything)
            pairs = self._known_pairs()
            self.vanished.update(uid for uid in pairs.source_uids if uid not in present)
        told = UidSet(self._told_vanished)
        if told:
            # A long list is held against what is known; a short one is looked up.
            self.vanished.update(told if len(told) <= LOOKUP else told.among(self._known_pairs().source_uids))
        if not self.vanished:
            return
        found = self._journal.find(state.id, self.vanished)
        self._orphans = [copy for copy, _ in found.values() if copy > GONE]
        for uid in self.vanished:
            self._flag_rows.pop(uid, None)
        if not self._run.dry:
            self._journal.remove(state.id, self.vanished)

    # -- the destination

    async def _find_removed(self) -> None:
        """Find copies that the user removed on the destination: they stay in the journal, as gone."""
        job, state = self._job, self._state
        status = job.destination_status
        if status is None:
            return
        arrived = len(self.destination_new)
        recopy = self._run.settings.deletion.recopy_deleted
        if (
            not recopy
            and state.destination_messages >= 0
            and (status.messages or 0) >= state.destination_messages + arrived
            and state.settled
        ):
            return
        self._focus.destination(job)
        present = set(await self._run.destination.search("ALL"))
        pairs = self._known_pairs()
        removed = [
            row
            for row, copy in enumerate(pairs.destination_uids)
            if (copy > GONE and copy not in present) or (copy == GONE and recopy)
        ]
        vanished = self.vanished
        removed = [row for row in removed if pairs.source_uids[row] not in vanished]
        loose_gone = [uid for uid in self._journal.loose(state.id) if uid not in present]
        self._orphans = [uid for uid in self._orphans if uid in present]
        if self._run.dry:
            return
        self._journal.remove_loose(state.id, loose_gone)
        if recopy:
            await self._recopy([pairs.source_uids[row] for row in removed])
            return
        for row in removed:
            uid = pairs.source_uids[row]
            flags = self._flag_rows.pop(uid, (0, 0, pairs.flags[row]))[2]
            self._journal.add(state.id, [(uid, GONE, flags)])

    async def _recopy(self, uids: list[int]) -> None:
        """Treat source messages whose copies were removed as unknown (--recopydeleted)."""
        if not uids:
            return
        self._journal.remove(self._state.id, uids)
        for uid in uids:
            self._flag_rows.pop(uid, None)
        self._focus.source(self._job)
        reader = self._reading.source(identity=True, flags=True)
        for some in UidSet.of(uids).split(planning.UIDS_PER_QUESTION):
            await reader.read(reader.ask(self._run.source, some), self._reading.table, into=self.new)
        if UNIDENTIFIED in self.new.digests:
            await reader.complete(self._run.source, self.new)

    async def _gather_loose(self, reader: IndexReader) -> None:
        """Complete what is known of destination messages without a partner."""
        job, run, state = self._job, self._run, self._state
        if self.destination_new.uids and not (state.settled and state.destination_messages >= 0):
            claimed = {copy for copy in self._known_pairs().destination_uids if copy > GONE}
            self.destination_new = self.destination_new.without(claimed)
        if self._orphans:
            self._focus.destination(job)
            for some in UidSet.of(self._orphans).split(planning.UIDS_PER_QUESTION):
                await reader.read(
                    reader.ask(run.destination, some), self._reading.table, into=self.destination_new
                )
        index = self.destination_new
        poor = {index.uids[row]: row for row, digest in enumerate(index.digests) if digest == UNIDENTIFIED}
        if poor:
            self._focus.destination(job)
            await identify_poor(run.destination, self._reading.identity, index, poor)
        if index.uids and not run.dry:
            self._journal.add_loose(state.id, zip(index.uids, index.digests, index.sizes, strict=True))

    # -- the decision

    async def _decide(self) -> None:
        run, job, state, reading = self._run, self._job, self._state, self._reading
        loose = self._loose_index()
        matching = await pair(
            run,
            self._focus,
            job,
            self.new,
            loose,
            identity=run.identity,
            sync_duplicates=reading.sync_duplicates,
        )
        paired = [row for row, partner in enumerate(matching.partner) if partner != NONE]
        if job.destination_selected is None and (matching.missing or job.flag_changes or job.doomed):
            job.destination_selected = await self._focus.destination(job)
        status = job.destination_status
        selected = job.destination_selected
        destination_messages = selected.exists if selected else (status.messages if status else 0) or 0
        if not run.dry:
            self._journal.unsettle(state.id)
            job.flag_rows = list(self._flag_rows.values())
            self._journal.remove_loose(state.id, (loose.uids[matching.partner[row]] for row in paired))
        planning.plan_delta(
            run, job, planning.Compared(self.new, loose, matching), reading, destination_messages
        )

    def _loose_index(self) -> MessageIndex:
        loose = MessageIndex(self._reading.table)
        if not self.new.uids and not self._run.settings.deletion.destination:
            return loose
        known = self._journal.loose(self._state.id)
        if self._run.dry:
            new = self.destination_new
            known.update(
                (uid, (digest, size))
                for uid, digest, size in zip(new.uids, new.digests, new.sizes, strict=True)
            )
        for uid in sorted(known):
            digest, size = known[uid]
            loose.uids.append(uid)
            loose.digests.append(digest)
            loose.sizes.append(size)
        return loose

    def _known_pairs(self) -> Pairs:
        if self._pairs is None:
            self._pairs = self._journal.pairs(self._state.id)
        return self._pairs
