"""Gather what has changed in a folder pair that the journal knows, and let `plan` decide what follows."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import chain
from typing import TYPE_CHECKING

from imapsync.account.index import identify_poor
from imapsync.plan.belief import Questions, adds_up, shows_all
from imapsync.plan.changes import (
    flag_change,
    late_duplicates,
    originals_of,
    perhaps_duplicates,
    perhaps_heirs,
    perhaps_put_back,
    put_back,
    removed_copies,
    take_over,
    vanished,
    without_original,
    without_our_marks,
)
from imapsync.plan.decisions import NOTHING, Compared, alike, merged
from imapsync.plan.identity import UNIDENTIFIED
from imapsync.plan.index import MessageIndex, canonical_flags
from imapsync.plan.match import NONE, PairingRules
from imapsync.report.events import Skip
from imapsync.terms import GONE, Copy, Pair
from imapsync.transfer import planning, telling
from imapsync.transfer.contents import read_contents, tell_apart, unlike_copies
from imapsync.transfer.delivered import reused
from imapsync.transfer.flagging import flags_of
from imapsync.transfer.halving import list_all, read_pieces
from imapsync.transfer.overlooked import overlooked
from imapsync.transfer.pairing import pair_job
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.account.index import IndexReader
    from imapsync.journal import Pairs
    from imapsync.journal.journal import Journal
    from imapsync.plan.decisions import FlagChanges, FolderPlan
    from imapsync.plan.match import Matching
    from imapsync.terms import FolderRecord, Numbers
    from imapsync.transfer.contents import Doubtful
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Changed flags looked up in the journal at once.
LOOKUP = 2_000


class DeltaPlan:
    """Gathers the changes of one folder pair, then decides. Nothing is written before all is known.

    vanished: source UIDs that are gone. new: source messages the journal does not know. listed: source UIDs
    that are selected now, when they had to be listed. destination_new: messages on the destination since the
    last run. wanted: what the numbers of the opened folders ask for. absent_here, absent_there: whether one
    of the last pairs was missed, whatever the numbers say. mistaken: a known pair turned out to be two
    messages, and nothing was decided.
    """

    def __init__(
        self, run: Run, job: FolderJob, reading: Reading, record: FolderRecord, journal: Journal
    ) -> None:
        self.vanished: set[int] = set()
        self.new = MessageIndex(reading.table)
        self.listed: UidSet | None = None
        self.destination_new = MessageIndex(reading.table)
        self.wanted: Questions | None = None
        self.absent_here = self.absent_there = False
        self.mistaken = False
        self._run = run
        self._job = job
        self._reading = reading
        self._record = record
        self._journal = journal
        self._changed: list[tuple[int, tuple[bytes, ...]]] = []
        self._flag_rows: dict[int, int] = {}
        self._flag_changes: FlagChanges = {}
        self._marks: dict[int, Copy] = {}
        self._taken_over: dict[int, int] = {}
        self._pairs: Pairs | None = None
        self._orphans: list[Pair] = []
        self._present: set[int] | None = None
        self._everything: set[int] | None = None
        self._whole = True
        self._arrived = 0
        self._late: set[int] = set()
        self._recopied: set[int] = set()
        self._put_back: set[int] = set()
        self._highest = 0
        self._lost = 0
        self._ours: set[int] | None = None

    def note_flags(self, rows: Iterable[tuple[int | None, tuple[bytes, ...] | None]]) -> None:
        """Take (source UID, flags now) of messages that may have changed."""
        self._changed.extend((uid, flags) for uid, flags in rows if uid is not None and flags is not None)
        if len(self._changed) >= LOOKUP:
            self._look_up_flags()

    def note_vanished(self, uids: UidSet) -> None:
        """Take source UIDs that the server says are gone; some may have never been (RFC 7162 §3.2.10)."""
        pairs = self._known_pairs().source_uids
        for first, last in uids.ranges:
            self.vanished.update(pairs[bisect_left(pairs, first) : bisect_right(pairs, last)])

    async def conclude(
        self, source_reader: IndexReader, destination_reader: IndexReader, *, qresync: bool
    ) -> FolderPlan:
        """Ask what is left to ask, match, and decide."""
        self._look_up_flags()
        await self._unknown_source(source_reader)
        await self._take_reused(source_reader)
        await self._complete_source(source_reader, qresync=qresync)
        if self._job.finished:
            return NOTHING
        await self._find_removed(source_reader)
        await self._gather_loose(destination_reader)
        await self._find_put_back()
        await self._find_late_duplicates()
        return await self._decide(source_reader)

    # -- flags

    def _look_up_flags(self) -> None:
        changed, self._changed = self._changed, []
        if not changed or not self._reading.resync:
            return
        journal = self._journal
        if self._ours is None:
            self._ours = journal.marked(self._record.id)
        known = journal.find(self._record.id, (uid for uid, _ in changed))
        translator = planning.translator_of(self._run, self._job)
        for uid, flags in changed:
            pair = known.get(uid)
            if pair is None:
                continue
            before = without_our_marks(journal.flags(pair.flags), uid, self._ours)
            now = without_our_marks(canonical_flags(flags), uid, self._ours)
            if now == before:
                continue
            self._note_flags(uid, now)
            change = flag_change(translator, before, now) if pair.copy > 0 else None
            if change is not None:
                self._flag_changes.setdefault(change, array("I")).append(pair.copy)

    def _note_flags(self, uid: int, flags: tuple[bytes, ...]) -> None:
        """Have the flags of a source message written down once its copy has them."""
        if not self._run.dry:  # the journal numbers sets of flags that are new to it
            self._flag_rows[uid] = self._journal.flags_number(flags)

    # -- the source

    @property
    def _source_now(self) -> Numbers:
        return self._job.source.compared

    async def _unknown_source(self, reader: IndexReader) -> None:
        """Read the source messages that have no partner in the journal."""
        job, run = self._job, self._run
        if self.listed is not None:
            known = set(self._known_pairs().source_uids)
            unknown = UidSet.of(uid for uid in self.listed if uid not in known).without(job.source.breaking)
            self.new = self._reading.new_index()
            if unknown:
                folder = await run.source.opened(job.source)
                for some in unknown.split(planning.UIDS_PER_QUESTION):
                    await reader.read(reader.ask(folder, some), self._reading.table, into=self.new)
        elif self.new.seen:
            self._arrived = self.new.seen_below(self._source_now.uidnext)
            known = set(self._journal.find(self._record.id, self.new.uids))
            if known:
                self.new = self.new.without(known)

    async def _take_reused(self, reader: IndexReader) -> None:
        """Treat messages as unknown that have the UIDs of delivered ones, and are others."""
        selected = self.listed if self._reading.searches else None
        uids = await reused(self._run, self._job, self._reading, self._record, selected)
        await self._read_anew(uids, reader)

    async def _read_anew(self, uids: set[int], reader: IndexReader) -> None:
        """Read known messages as if they were not known."""
        if not uids:
            return
        self._recopied |= uids
        for uid in uids:
            self._flag_rows.pop(uid, None)
        folder = await self._run.source.opened(self._job.source)
        for some in UidSet.of(uids).split(planning.UIDS_PER_QUESTION):
            await reader.read(reader.ask(folder, some), self._reading.table, into=self.new)

    async def _complete_source(self, reader: IndexReader, *, qresync: bool) -> None:
        """Hold what is known of the source against its count; find what vanished and what is kept back."""
        job, record = self._job, self._record
        searched = self.listed is not None and self._reading.searches
        if self.listed is not None:
            await self._list_source(None if searched else self.listed)
        elif record.settled:
            told = len(self.vanished) if qresync else 0
            arrived = self._arrived - told
            if self.absent_here or not adds_up(record.source, self._source_now, arrived):
                await self._list_source(None)
        elif not qresync:
            await self._list_source(None)
        if job.finished or self._everything is None:
            return
        got = {*self.new.uids, *self.new.dropped, *self._known_pairs().source_uids}
        wanted = await self._searched() if searched else self._everything
        missing = UidSet.of(uid for uid in wanted if uid not in got)
        if missing:
            folder = await self._run.source.opened(job.source)
            await read_pieces(self._run, job, folder, reader, self.new, missing=missing)
        if self._whole:
            self.vanished |= vanished(self._known_pairs().source_uids, self._everything)

    async def _searched(self) -> set[int]:
        """Give what a search names, and what it should have named: of that, what has no copy is new."""
        named = set(self.listed or ())
        if not self._reading.checks_searches or self._everything is None:
            return named
        folder = await self._run.source.opened(self._job.source)
        criteria = self._reading.source_search(self._job.name)
        known = named | set(self._known_pairs().source_uids)
        listed = UidSet.of(self._everything)
        return named | set(
            await overlooked(self._run, self._job, folder, criteria, found=known, listed=listed)
        )

    async def _list_source(self, listed: UidSet | None) -> None:
        """Know all UIDs of the source; a list that is shorter than the count is asked for again."""
        job = self._job
        selected = job.source.opened  # the session may have another folder open
        if listed is None or selected is None or not shows_all(listed, job.source.numbers):
            shown = await list_all(self._run, job, await self._run.source.opened(job.source))
            listed = shown.uids if shown is not None else None
            self._whole = shown is None or shown.whole
        self._everything = set(listed) if listed is not None else None

    # -- the destination

    async def _find_removed(self, reader: IndexReader) -> None:
        """Find copies that the user removed on the destination, and originals that vanished."""
        job, record, journal = self._job, self._record, self._journal
        gone = [pair for pair in journal.find(record.id, self.vanished).values() if pair.copy > 0]
        now = job.destination.numbers
        wanted = self.wanted
        listed = self.absent_there or (wanted is not None and wanted.destination_list)
        if listed or not adds_up(record.destination, now, self.destination_new.seen_below(now.uidnext)):
            shown = await list_all(self._run, job, await self._run.destination.opened(job.destination))
            if shown is None:  # who knows which copies are there; nothing is concluded from it
                self._orphans = gone
                return
            self._present = set(shown.uids)
            pairs = self._known_pairs()
            self._marks = removed_copies(
                pairs.source_uids,
                pairs.destination_uids,
                self._present,
                record.destination_seen,
                journal.believed(record.id),
            )
            for uid in self.vanished:
                self._lost += self._marks.pop(uid, None) is not None
            gone = [pair for pair in gone if pair.copy in self._present]
            if self._run.settings.deletion.recopy_deleted:
                await self._recopy(reader)
        self._orphans = gone
        heirs = self._without_copy() if gone else []
        if heirs:
            gone = await self._identified(gone)
            await self._identify_pairs()
            heirs = self._without_copy()
        copies, uids = perhaps_heirs(gone, heirs)
        here, there = await self._contents_of(uids, copies) if uids else ({}, {})
        self._taken_over = {heir.source_uid: heir.copy for heir in take_over(gone, heirs, here, there)}
        for uid in self._taken_over:
            self._marks.pop(uid, None)
        await self._give_flags(gone)
        inherited = set(self._taken_over.values())
        self._orphans = [pair for pair in gone if pair.copy not in inherited]

    async def _give_flags(self, gone: list[Pair]) -> None:
        """Plan the flags of copies that others inherit: those of their new originals."""
        before = {pair.copy: pair for pair in gone}
        if not self._taken_over or not self._reading.resync:
            return
        folder = await self._run.source.opened(self._job.source)
        flags = await flags_of(folder, UidSet.of(self._taken_over))
        ours = self._journal.marked(self._record.id)
        translator = planning.translator_of(self._run, self._job)
        for uid, copy in self._taken_over.items():
            now = without_our_marks(canonical_flags(flags.get(uid, ())), uid, ours)
            self._note_flags(uid, now)
            change = flag_change(translator, self._journal.flags(before[copy].flags), now)
            if change is not None:
                self._flag_changes.setdefault(change, array("I")).append(copy)

    def _without_copy(self) -> list[Pair]:
        """Give source messages that have no copy of their own, duplicates before those whose copy went."""
        journal, record = self._journal, self._record
        pairs = journal.marked_as(record.id, [Copy.DUPLICATE])
        pairs += journal.marked_as(record.id, GONE)
        pairs += journal.find(record.id, self._marks).values()
        away = self.vanished | self._recopied
        return [pair for pair in pairs if pair.source_uid not in away]

    async def _identified(self, gone: list[Pair]) -> list[Pair]:
        """Learn from the copies who vanished messages were, where the journal does not say."""
        unknown = [pair.copy for pair in gone if not pair.digest]
        if not unknown:
            return gone
        folder = await self._run.destination.opened(self._job.destination)
        index = await self._reading.identified(folder, unknown, self._reading.plain())
        who = dict(zip(index.uids, zip(index.digests, index.sizes, strict=True), strict=True))
        return [
            pair if pair.digest else pair._replace(digest=who[pair.copy][0], size=who[pair.copy][1])
            for pair in gone
            if pair.digest or pair.copy in who
        ]

    async def _identify_pairs(self) -> None:
        """Learn who all source messages are, where an older journal, or other options, did not record it."""
        run, journal, record = self._run, self._journal, self._record
        if not journal.unidentified(record.id):
            return
        folder = await run.source.opened(self._job.source)
        reader = self._reading.source_plain()
        index = await reader.read(reader.ask(folder, b"1:*"), self._reading.table)
        await reader.complete(folder, index)
        if not run.dry:
            journal.identify(record.id, zip(index.uids, index.digests, index.sizes, strict=True))

    async def _recopy(self, reader: IndexReader) -> None:
        """Treat source messages whose copies were removed as unknown (--recopydeleted)."""
        job = self._job
        pairs = self._known_pairs()
        uids = {
            uid for uid, copy in zip(pairs.source_uids, pairs.destination_uids, strict=True) if copy in GONE
        }
        uids = (uids | set(self._marks)) - self.vanished - self._recopied
        self._marks.clear()
        if not uids:
            return
        await self._read_anew(uids, reader)
        folder = await self._run.source.opened(job.source)
        left = uids.difference(self.new.uids, self.new.dropped)
        listed = await list_all(self._run, job, folder) if left else None
        if listed is not None:
            missing = UidSet.of(uid for uid in listed.uids if uid in left)
            await read_pieces(self._run, job, folder, reader, self.new, missing=missing)

    async def _gather_loose(self, reader: IndexReader) -> None:
        """Complete what is known of destination messages without a partner."""
        self._highest = max(self.destination_new.uids, default=0)
        job, run = self._job, self._run
        record = self._record
        if self.destination_new.uids and not (record.settled and record.destination.messages >= 0):
            claimed = {copy for copy in self._known_pairs().destination_uids if copy > 0}
            self.destination_new = self.destination_new.without(claimed)
        if self._orphans:
            folder = await run.destination.opened(job.destination)
            for some in UidSet.of(pair.copy for pair in self._orphans).split(planning.UIDS_PER_QUESTION):
                await reader.read(reader.ask(folder, some), self._reading.table, into=self.destination_new)
        index = self.destination_new
        poor = {index.uids[row]: row for row, digest in enumerate(index.digests) if digest == UNIDENTIFIED}
        if poor:
            folder = await run.destination.opened(job.destination)
            await identify_poor(folder, self._reading.identity, index, poor)

    async def _find_late_duplicates(self) -> None:
        """Find new messages that are duplicates of messages whose copies are there."""
        run, job, new = self._run, self._job, self.new
        if UNIDENTIFIED in new.digests:
            folder = await run.source.opened(job.source)
            await self._reading.source(identity=True, flags=True).complete(folder, new)
        if self._reading.sync_duplicates or not new.uids:
            return
        keys = {
            uid: (digest, size)
            for uid, digest, size in zip(new.uids, new.digests, new.sizes, strict=True)
            if uid not in new.excluded
        }
        await self._identify_pairs()
        without_copy = self.vanished | self._marks.keys() | self._recopied
        heirs = self._journal.find(self._record.id, self._taken_over)
        identified = chain(
            self._journal.identified(self._record.id),
            (pair._replace(copy=self._taken_over[uid]) for uid, pair in heirs.items()),
        )
        originals = {
            key: [pair for pair in pairs if pair.source_uid not in without_copy]
            for key, pairs in originals_of(keys.values(), identified).items()
        }
        suspects = {uid for uid, key in keys.items() if originals.get(key)}
        if not suspects:
            return
        known = {pair.source_uid for uid in suspects for pair in originals[keys[uid]]}
        folder = await run.source.opened(job.source)
        contents = await read_contents(folder, suspects | known, self._reading.identity)
        unread = {
            pair.copy: pair.source_uid
            for uid in suspects
            for pair in originals[keys[uid]]
            if pair.source_uid not in contents
        }
        if unread and not self._reading.alters:  # then what was made of them
            folder = await run.destination.opened(job.destination)
            copies = await read_contents(folder, unread, self._reading.identity)
            contents.update((unread[copy], content) for copy, content in copies.items())
        asked = {uid: keys[uid] for uid in suspects}
        self._late = late_duplicates(asked, originals, contents)
        if unclear := perhaps_duplicates(asked, originals, contents):
            folder = await run.source.opened(job.source)
            new.unread |= unclear.intersection(await folder.uids())

    # -- the decision

    async def _decide(self, reader: IndexReader) -> FolderPlan:
        run, job, reading, journal, record = (
            self._run,
            self._job,
            self._reading,
            self._journal,
            self._record,
        )
        late = self._late_rows()
        new = self.new.without(self._late) if self._late else self.new
        loose = self._loose_index()
        if loose.uids and run.settings.deletion.destination:
            await self._identify_pairs()
        if loose.uids and reading.mirrors and reading.selector.active:
            await self._read_unselected(reader, new)
        sizes_differ = await tell_apart(run, job, reading, (new, loose), suspicious=True)
        gone = {orphan.copy for orphan in self._orphans} | journal.moved(record.id)
        rules = PairingRules(reading.sync_duplicates, sizes_differ=sizes_differ, partners_gone=gone)
        matching = await pair_job(run, job, (new, loose), rules)
        unlike = await self._unlike(loose, matching) if run.settings.deletion.destination else None
        if unlike is not None and unlike.others:
            self.mistaken = True
            return NOTHING
        planning.take_off_marks(new, journal.marked(record.id))
        if reading.resync:
            await self._read_flags(loose, matching)
        if not run.dry:
            self._write(late)
        telling.left_out(run, job, self.new, late, Skip.DUPLICATE)
        plan = planning.plan_known(run, job, Compared(new, loose, matching), reading, self._highest)
        flags = merged(self._flag_changes, plan.flags)
        if unlike is not None and unlike.unread and plan.doomed:
            telling.unclear(run, job)
            plan = plan._replace(doomed=NOTHING.doomed)
        return plan._replace(flags=flags, flag_rows=list(self._flag_rows.items()), lost=self._lost)

    async def _unlike(self, loose: MessageIndex, matching: Matching) -> Doubtful | None:
        """Look whether what is extra may be the true copy of an original that is paired with a look-alike."""
        extra = {loose.digests[row] for row in matching.extra}
        if not extra:
            return None
        journal, record = self._journal, self._record
        uids = journal.believed(record.id) - self.vanished - self._marks.keys()
        doubtful = alike(extra, journal.find(record.id, uids).values())
        return await unlike_copies(self._run, self._job, [pair.source_uid for pair in doubtful])

    async def _read_unselected(self, reader: IndexReader, new: MessageIndex) -> None:
        """Read what the options leave out on the source: it may be what lies loose on the destination."""
        run, job, selector = self._run, self._job, self._reading.selector
        folder = await run.source.opened(job.source)
        listed = await list_all(run, job, folder)
        if listed is None:
            return
        known = {*new.uids, *self._known_pairs().source_uids, *self._late}
        before = job.source.numbers.uidnext  # what came later is for the next run
        unknown = UidSet.of(uid for uid in listed.uids if uid not in known and (not before or uid < before))
        for some in unknown.split(planning.UIDS_PER_QUESTION):
            await reader.read(reader.ask(folder, some), self._reading.table, into=new)
        await reader.complete(folder, new)
        selector.oversized = selector.oversized_bytes = 0  # they were counted when they came

    async def _read_flags(self, loose: MessageIndex, matching: Matching) -> None:
        """Read which flags copies have that were loose until now: those of their originals may be others."""
        rows = [row for row in matching.partner if row != NONE]
        if not rows:
            return
        folder = await self._run.destination.opened(self._job.destination)
        flags = await flags_of(folder, UidSet.of(loose.uids[row] for row in rows))
        loose.flags = array("I", (loose.flag_table.number(flags.get(uid, ())) for uid in loose.uids))

    async def _find_put_back(self) -> None:
        """Find copies that their owner took out of the folder and put back: they are pairs under new UIDs."""
        journal, record = self._journal, self._record
        loose = dict(
            zip(
                self.destination_new.uids,
                zip(self.destination_new.digests, self.destination_new.sizes, strict=True),
                strict=True,
            )
        )
        orphans = {pair.copy for pair in self._orphans}
        again = bool(self._marks) or not record.settled
        if not again and not (loose.keys() - orphans):
            return
        await self._identify_pairs()
        if again:
            loose |= journal.loose(record.id)
        if self._present is not None:
            loose = {uid: who for uid, who in loose.items() if uid in self._present}
        gone = list(journal.find(record.id, self._marks).values())
        gone += [
            pair
            for pair in journal.marked_as(record.id, GONE)
            if pair.source_uid not in self.vanished | self._marks.keys() | self._recopied
        ]
        gone += self._without_original()
        gone, places = perhaps_put_back(gone, loose, orphans | journal.moved(record.id))
        if not gone:
            return
        here, there = await self._contents_of([pair.source_uid for pair in gone], places)
        back = put_back(gone, {uid: loose[uid] for uid in places}, here, there)
        for uid in back:
            self._marks.pop(uid, None)
        self._taken_over |= back
        taken = set(back.values())
        self.destination_new = self.destination_new.without(taken)
        self._put_back = taken

    def _without_original(self) -> list[Pair]:
        """Give the duplicates of messages that are gone, or whose copies are."""
        journal, record = self._journal, self._record
        away = self.vanished | self._marks.keys() | self._recopied
        left = [
            pair for pair in journal.marked_as(record.id, [Copy.DUPLICATE]) if pair.source_uid not in away
        ]
        if not left:
            return []
        alive = [pair for pair in journal.identified(record.id) if pair.source_uid not in away]
        return [pair for pair in without_original(left, alive) if pair.source_uid not in self._taken_over]

    async def _contents_of(self, uids: list[int], places: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Read source messages, and what may be their copies."""
        if self._reading.alters:
            return {}, {}
        run, identity = self._run, self._reading.identity
        folder = await run.source.opened(self._job.source)
        here = await read_contents(folder, uids, identity)
        folder = await run.destination.opened(self._job.destination)
        return here, await read_contents(folder, places, identity)

    def _late_rows(self) -> list[int]:
        return [row for row, uid in enumerate(self.new.uids) if uid in self._late]

    def _write(self, late: list[int]) -> None:
        """Bring all that was found into the journal at once: half of it would be a lie."""
        journal, record = self._journal, self._record
        journal.unsettle(record.id)
        gone = journal.find(record.id, self.vanished)
        ours = journal.marked(record.id) & self.vanished
        journal.remove(record.id, self.vanished | self._recopied)
        index = self.destination_new
        journal.add_loose(record.id, zip(index.uids, index.digests, index.sizes, strict=True))
        moved = [pair for uid, pair in gone.items() if uid in ours and pair.copy > 0]
        journal.add_loose(record.id, ((pair.copy, pair.digest, pair.size) for pair in moved), moved=True)
        journal.remove_marked(record.id, self.vanished)
        if self._present is not None:
            present = self._present
            journal.remove_absent(record.id, [uid for uid in journal.loose(record.id) if uid not in present])
        journal.remove_loose(record.id, self._put_back)
        journal.mark(record.id, self._marks.items())
        heirs = journal.find(record.id, self._taken_over)
        journal.add(record.id, (pair._replace(copy=self._taken_over[uid]) for uid, pair in heirs.items()))
        journal.add_believed(record.id, heirs)
        plain = journal.flags_number(())
        new = self.new
        journal.add(
            record.id,
            (Pair(new.uids[row], Copy.DUPLICATE, plain, new.digests[row], new.sizes[row]) for row in late),
        )
        for uid in self.vanished:
            self._flag_rows.pop(uid, None)

    def _loose_index(self) -> MessageIndex:
        loose = MessageIndex(self._reading.table)
        if not self.new.uids and not self._run.settings.deletion.destination:
            return loose
        known = self._journal.loose(self._record.id)
        if self._present is not None:
            known = {uid: who for uid, who in known.items() if uid in self._present}
        for uid in self._put_back:
            known.pop(uid, None)
        new = self.destination_new
        loose.poor = new.poor
        known.update(
            (uid, (digest, size)) for uid, digest, size in zip(new.uids, new.digests, new.sizes, strict=True)
        )
        for uid in sorted(known):
            digest, size = known[uid]
            loose.uids.append(uid)
            loose.digests.append(digest)
            loose.sizes.append(size)
        return loose

    def _known_pairs(self) -> Pairs:
        if self._pairs is None:
            self._pairs = self._journal.pairs(self._record.id)
        return self._pairs
