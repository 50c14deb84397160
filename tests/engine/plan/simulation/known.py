"""Compare a folder pair that the journal knows, in the order of the real comparison."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.job import opened_numbers
from tests.engine.plan.simulation.planning import plan_known, take_off_marks, unlike_copies
from tests.engine.plan.simulation.world import ordered

from imapsync.plan.belief import (
    PAIRS_LOOKED_AT,
    Belief,
    FlagsAsked,
    Questions,
    adds_up,
    drafts_stay,
    is_put_back,
    last_known,
    questions,
    same_messages,
    shows_all,
    trust,
)
from imapsync.plan.changes import (
    flag_change,
    late_duplicates,
    originals_of,
    perhaps_heirs,
    perhaps_put_back,
    put_back,
    removed_copies,
    take_over,
    vanished,
    without_original,
    without_our_marks,
)
from imapsync.plan.decisions import Compared, alike
from imapsync.plan.match import PairingRules, is_draft, match
from imapsync.terms import GONE, Copy, Numbers, Pair

if TYPE_CHECKING:
    from tests.engine.plan.simulation.context import Context, Steps
    from tests.engine.plan.simulation.job import Job
    from tests.engine.plan.simulation.journal import Journal

    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.terms import FolderRecord


class KnownComparison:
    """One known folder pair. invalid: the messages are not those that the journal knows."""

    def __init__(self, run: Context, job: Job, record: FolderRecord, journal: Journal) -> None:
        self.job = job
        self.invalid = self.replaced = False
        self._run = run
        self._record = record
        self._journal = journal
        self._last = journal.last(job.name, PAIRS_LOOKED_AT)
        self._asked = self._questions(job.source_status, job.destination_status)
        self._wanted = self._asked
        self._new = run.reader.empty()
        self._there = run.reader.empty()
        self._listed: set[int] | None = None
        self._changed: list[tuple[int, frozenset[bytes]]] = []
        self._vanished: set[int] = set()
        self._everything: set[int] | None = None
        self._present: set[int] | None = None
        self._marks: dict[int, Copy] = {}
        self._orphans: list[Pair] = []
        self._taken_over: dict[int, int] = {}
        self._late: set[int] = set()
        self._recopied: set[int] = set()
        self._put_back: set[int] = set()
        self._highest = 0
        self._absent_here = self._absent_there = False
        self._arrived = 0
        self._flag_rows: dict[int, int] = {}

    def take(self) -> Steps[None]:
        run, job, record = self._run, self.job, self._record
        last = self._last
        yield
        source = run.source.select(job.name)
        if source.uidvalidity != record.source.uidvalidity:
            self.invalid = True
            return
        job.source = source
        yield from self._ask_source(self._asked)
        yield
        looked = run.source.fetch(pair.source_uid for pair in last)
        here = {uid: stored.mail.digest for uid, stored in looked.items()}
        sizes = {uid: stored.mail.size for uid, stored in looked.items()}
        now = {uid for uid, stored in looked.items() if is_draft(stored.flags)}
        yield
        destination = run.destination.select(job.name)
        if destination.uidvalidity != record.destination.uidvalidity:
            self.invalid = True
            return
        job.destination = destination
        yield from self._ask_destination(self._asked)
        yield
        looked = run.destination.fetch(pair.copy for pair in last)
        here_now, there_now = opened_numbers(source), opened_numbers(destination)
        if trust(record, here_now, there_now, run.wishes) is Belief.NOTHING:
            if is_put_back(record.destination, there_now):
                run.note_restored(record)
            self.invalid = True
            return
        there = {uid: stored.mail.digest for uid, stored in looked.items()}
        if record.rules != run.wishes.rules:
            last = [pair._replace(digest=0) for pair in last]
        self._absent_here = any(pair.source_uid not in here for pair in last)
        self._absent_there = any(pair.copy not in there for pair in last)
        here |= dict(zip(self._new.uids, self._new.digests, strict=True))
        there |= dict(zip(self._there.uids, self._there.digests, strict=True))
        if not same_messages(last, here, there, altered=False):
            run.note_restored(record)
            self.invalid = self.replaced = True
        elif not drafts_stay(self._drafts(now), sizes):
            self.invalid = self.replaced = True

    def _drafts(self, now: set[int]) -> list[Pair]:
        flags = self._run.journal_flags.flags
        return [pair for pair in self._last if pair.source_uid in now or is_draft(flags(pair.flags))]

    def conclude(self) -> Steps[None]:
        yield from self._ask_again()
        self._look_up_flags()
        yield from self._unknown_source()
        yield from self._complete_source()
        yield from self._find_removed()
        yield from self._gather_loose()
        yield from self._find_put_back()
        yield from self._find_late_duplicates()
        yield from self._decide()

    # -- questions

    def _questions(self, source: Numbers, destination: Numbers) -> Questions:
        return questions(self._record, source, destination, self._run.wishes, self._last)

    def _ask_source(self, wanted: Questions) -> Steps[None]:
        run, record = self._run, self._record
        yield
        if wanted.flags is not FlagsAsked.NOBODY:
            since = record.source.modseq if wanted.flags is FlagsAsked.CHANGED else -1
            below = last_known(record, self._last)
            rows = run.source.fetch(uid for uid in run.source.search() if uid <= below)
            self._changed += [(uid, row.flags) for uid, row in rows.items() if row.modseq > since]
            if wanted.flags is FlagsAsked.CHANGED and run.source.server.qresync:
                known = self._journal.read(self.job.name).pairs
                self._vanished |= run.source.box.vanished_since(since) & known.keys()
        if wanted.source_list:
            yield
            found = run.source.fetch(run.source.search())
            self._listed = {uid for uid, stored in found.items() if run.reader.finds(stored)}
        elif wanted.source_new:
            yield
            run.reader.source(run.source.fetch_from(wanted.source_new), self._new)

    def _ask_destination(self, wanted: Questions) -> Steps[None]:
        if wanted.destination_new:
            yield
            self._run.reader.destination(
                self._run.destination.fetch_from(wanted.destination_new), self._there
            )

    def _ask_again(self) -> Steps[None]:
        run, job, before = self._run, self.job, self._asked
        if job.source is None or job.destination is None:
            return
        now = self._questions(
            opened_numbers(job.source, job.source_status),
            opened_numbers(job.destination, job.destination_status),
        )
        more = Questions(
            FlagsAsked.NOBODY if before.flags is not FlagsAsked.NOBODY else now.flags,
            0 if before.source_new or before.source_list else now.source_new,
            now.source_list and not before.source_list,
            0 if before.destination_new else now.destination_new,
            now.destination_list,
        )
        if more.flags is not FlagsAsked.NOBODY or more.source_new or more.source_list:
            yield from run.same_source(job)
            yield from self._ask_source(more)
        if more.destination_new:
            yield from run.same_destination(job)
            yield from self._ask_destination(more)
        if before.flags is not FlagsAsked.NOBODY:
            now = now._replace(flags=before.flags)
        self._wanted = now

    # -- the source

    def _look_up_flags(self) -> None:
        table, run = self._journal.read(self.job.name), self._run
        for uid, flags in self._changed:
            pair = table.pairs.get(uid)
            if pair is None:
                continue
            before = without_our_marks(run.journal_flags.flags(pair.flags), uid, table.marked)
            now = without_our_marks(ordered(flags), uid, table.marked)
            if now == before:
                continue
            self._flag_rows[uid] = run.journal_flags.number(now)
            change = flag_change(run.reader.translator, before, now) if pair.copy > 0 else None
            if change is not None:
                self.job.flag_changes.setdefault(change, array("I")).append(pair.copy)

    def _unknown_source(self) -> Steps[None]:
        run, known = self._run, self._journal.read(self.job.name).pairs
        if self._listed is not None:
            self._new = run.reader.empty()
            unknown = [uid for uid in self._listed if uid not in known]
            if unknown:
                yield from run.same_source(self.job)
                run.reader.source(run.source.fetch(unknown), self._new)
        elif self._new.seen:
            self._arrived = self._new.seen_below(self.job.source_numbers.uidnext)
            again = {uid for uid in self._new.uids if uid in known}
            if again:
                self._new = self._new.without(again)

    def _complete_source(self) -> Steps[None]:
        run, job, record = self._run, self.job, self._record
        known = self._journal.read(job.name).pairs
        qresync = self._wanted.flags is FlagsAsked.CHANGED and run.source.server.qresync
        searched = self._listed is not None and run.options.unseen
        if self._listed is not None and not searched:
            yield from self._list_source(self._listed)
        elif record.settled and not searched:
            told = len(self._vanished) if qresync else 0
            if self._absent_here or not adds_up(record.source, job.source_numbers, self._arrived - told):
                yield from self._list_source(None)
        elif not qresync:
            yield from self._list_source(None)
        if self._everything is None:
            return
        got = {*self._new.uids, *self._new.dropped, *known}
        wanted = (self._listed or set()) if searched else self._everything
        if wanted - got:
            yield from run.same_source(job)
            run.reader.source(run.source.fetch(wanted - got), self._new)
        if not job.incomplete:
            self._vanished |= vanished(known, self._everything)

    def _list_source(self, listed: set[int] | None) -> Steps[None]:
        run, job = self._run, self.job
        if listed is None or (job.source is not None and not shows_all(listed, opened_numbers(job.source))):
            yield from run.same_source(self.job)
            listed = yield from run.list_all(self.job, run.source)
        self._everything = listed

    # -- the destination

    def _find_removed(self) -> Steps[None]:
        run, job, record, journal = self._run, self.job, self._record, self._journal
        pairs = journal.read(job.name).pairs
        gone = [pairs[uid] for uid in self._vanished if uid in pairs and pairs[uid].copy > 0]
        if job.destination is None:
            return
        now = opened_numbers(job.destination, job.destination_status)
        if (
            self._absent_there
            or self._wanted.destination_list
            or not adds_up(record.destination, now, self._there.seen_below(now.uidnext))
        ):
            yield from run.same_destination(job)
            self._present = yield from run.list_all(job, run.destination)
            if self._present is None:
                return
            copies = [pair.copy for pair in pairs.values()]
            believed = journal.read(job.name).believed
            seen = record.destination_seen
            self._marks = removed_copies(list(pairs), copies, self._present, seen, believed)
            for uid in self._vanished:
                job.gone_both += self._marks.pop(uid, None) is not None
            gone = [pair for pair in gone if pair.copy in self._present]
            if run.options.recopy:
                yield from self._recopy()
        self._orphans = gone
        heirs = self._without_copy() if gone else []
        if heirs:
            gone = yield from self._identified(gone)
        copies, uids = perhaps_heirs(gone, heirs)
        here, there = (yield from self._contents_of(uids, copies)) if uids else ({}, {})
        self._taken_over = {heir.source_uid: heir.copy for heir in take_over(gone, heirs, here, there)}
        for uid in self._taken_over:
            self._marks.pop(uid, None)
        yield from self._give_flags(gone)
        inherited = set(self._taken_over.values())
        self._orphans = [pair for pair in gone if pair.copy not in inherited]

    def _give_flags(self, gone: list[Pair]) -> Steps[None]:
        before = {pair.copy: pair for pair in gone}
        if not self._taken_over:
            return
        run = self._run
        yield from run.same_source(self.job)
        rows = run.source.fetch(self._taken_over)
        for uid, copy in self._taken_over.items():
            flags = ordered(rows[uid].flags) if uid in rows else ()
            now = without_our_marks(flags, uid, self.job.ours)
            self._flag_rows[uid] = run.journal_flags.number(now)
            change = flag_change(run.reader.translator, run.journal_flags.flags(before[copy].flags), now)
            if change is not None:
                self.job.flag_changes.setdefault(change, array("I")).append(copy)

    def _without_copy(self) -> list[Pair]:
        journal, name = self._journal, self.job.name
        pairs = journal.marked_as(name, [Copy.DUPLICATE]) + journal.marked_as(name, GONE)
        pairs += [journal.read(name).pairs[uid] for uid in self._marks]
        away = self._vanished | self._recopied
        return [pair for pair in pairs if pair.source_uid not in away]

    def _identified(self, gone: list[Pair]) -> Steps[list[Pair]]:
        unknown = [pair.copy for pair in gone if not pair.digest]
        if not unknown:
            return gone
        yield from self._run.same_destination(self.job)
        bias = self._run.destination.server.size_bias
        rows = self._run.destination.fetch(unknown)
        who = {uid: (stored.mail.digest, stored.mail.size + bias) for uid, stored in rows.items()}
        return [
            pair if pair.digest else pair._replace(digest=who[pair.copy][0], size=who[pair.copy][1])
            for pair in gone
            if pair.digest or pair.copy in who
        ]

    def _identify_pairs(self) -> Steps[None]:
        run, journal, name = self._run, self._journal, self.job.name
        if journal.unidentified(name):
            yield from run.same_source(self.job)
            rows = run.source.fetch_from(1)
            journal.identify(name, [(uid, row.mail.digest, row.mail.size) for uid, row in rows.items()])

    def _recopy(self) -> Steps[None]:
        pairs = self._journal.read(self.job.name).pairs
        uids = {uid for uid, pair in pairs.items() if pair.copy in GONE}
        uids = (uids | set(self._marks)) - self._vanished
        self._marks.clear()
        if uids:
            self._recopied = uids
            for uid in uids:
                self._flag_rows.pop(uid, None)
            yield from self._run.same_source(self.job)
            self._run.reader.source(self._run.source.fetch(uids), self._new)
            left = uids.difference(self._new.uids, self._new.dropped)
            if left:
                listed = yield from self._run.list_all(self.job, self._run.source)
                self._run.reader.source(self._run.source.fetch(left & (listed or set())), self._new)

    def _gather_loose(self) -> Steps[None]:
        self._highest = max(self._there.uids, default=0)
        run, record = self._run, self._record
        pairs = self._journal.read(self.job.name).pairs
        if self._there.uids and not (record.settled and record.destination.messages >= 0):
            self._there = self._there.without({pair.copy for pair in pairs.values() if pair.copy > 0})
        if self._orphans:
            yield from run.same_destination(self.job)
            rows = run.destination.fetch(pair.copy for pair in self._orphans)
            run.reader.destination(rows, self._there)

    def _find_late_duplicates(self) -> Steps[None]:
        run, new = self._run, self._new
        if run.options.duplicates or not new.uids:
            return
        keys = {
            uid: (digest, size)
            for uid, digest, size in zip(new.uids, new.digests, new.sizes, strict=True)
            if uid not in new.excluded
        }
        yield from self._identify_pairs()
        pairs = self._journal.read(self.job.name).pairs
        identified = self._journal.identified(self.job.name)
        identified += [
            pairs[uid]._replace(copy=copy) for uid, copy in self._taken_over.items() if uid in pairs
        ]
        without_copy = self._vanished | self._marks.keys() | self._recopied
        originals = {
            key: [pair for pair in pairs if pair.source_uid not in without_copy]
            for key, pairs in originals_of(keys.values(), identified).items()
        }
        suspects = {uid for uid, key in keys.items() if originals.get(key)}
        if suspects:
            known = {pair.source_uid for uid in suspects for pair in originals[keys[uid]]}
            yield from run.same_source(self.job)
            rows = run.source.fetch(suspects | known)
            contents = {uid: stored.mail.content for uid, stored in rows.items()}
            unread = {
                pair.copy: pair.source_uid
                for uid in suspects
                for pair in originals[keys[uid]]
                if pair.source_uid not in contents
            }
            if unread:
                yield from run.same_destination(self.job)
                copies = run.destination.fetch(unread)
                contents |= {unread[copy]: stored.mail.content for copy, stored in copies.items()}
            self._late = late_duplicates({uid: keys[uid] for uid in suspects}, originals, contents)

    # -- the decision

    def _decide(self) -> Steps[None]:
        run, job = self._run, self.job
        late = [row for row, uid in enumerate(self._new.uids) if uid in self._late]
        new = self._new.without(self._late) if self._late else self._new
        loose = self._loose_index()
        if run.options.delete2 and loose.uids:
            yield from self._identify_pairs()
        if run.options.mirrors and run.options.small and loose.uids:
            yield from self._read_unselected(new)
        sizes_differ = yield from run.tell_apart(job, new, loose, suspicious=True)
        gone = {orphan.copy for orphan in self._orphans} | self._journal.moved(job.name)
        rules = PairingRules(run.options.duplicates, sizes_differ=sizes_differ, partners_gone=gone)
        matching = match(new, loose, rules)
        if run.options.delete2 and (yield from self._is_mistaken(loose, matching)):
            self.invalid = True
            return
        yield from self._look_at_flags(Compared(new, loose, matching))
        self._write(late)
        plan_known(run, job, Compared(new, loose, matching), self._highest)

    def _is_mistaken(self, loose: MessageIndex, matching: Matching) -> Steps[bool]:
        extra = {loose.digests[row] for row in matching.extra}
        if not extra:
            return False
        table = self._journal.read(self.job.name)
        uids = table.believed - self._vanished - self._marks.keys()
        doubtful = alike(extra, [table.pairs[uid] for uid in uids if uid in table.pairs])
        copies = {pair.source_uid: pair.copy for pair in doubtful}
        return bool((yield from unlike_copies(self._run, self.job, copies)))

    def _read_unselected(self, new: MessageIndex) -> Steps[None]:
        """Read what the options leave out on the source: it may be what lies loose on the destination."""
        run = self._run
        yield from run.same_source(self.job)
        listed = yield from run.list_all(self.job, run.source)
        known = {*new.uids, *self._journal.read(self.job.name).pairs, *self._late}
        before = self.job.source_numbers.uidnext
        run.reader.source(run.source.fetch(uid for uid in (listed or set()) - known if uid < before), new)

    def _look_at_flags(self, compared: Compared) -> Steps[None]:
        loose, paired = compared.destination, compared.paired()
        if paired:
            yield from self._run.same_destination(self.job)
            yield
            rows = self._run.destination.fetch(loose.uids[compared.matching.partner[row]] for row in paired)
            flags = {uid: ordered(stored.flags) for uid, stored in rows.items()}
            take_off_marks(self.job, compared.source)
            loose.flags = array("I", [loose.flag_table.number(flags.get(uid, ())) for uid in loose.uids])

    def _find_put_back(self) -> Steps[None]:
        journal, name, new = self._journal, self.job.name, self._there
        loose = dict(zip(new.uids, zip(new.digests, new.sizes, strict=True), strict=True))
        orphans = {pair.copy for pair in self._orphans}
        again = bool(self._marks) or not self._record.settled
        if not again and not (loose.keys() - orphans):
            return
        yield from self._identify_pairs()
        if again:
            loose |= {uid: row[:2] for uid, row in journal.read(name).loose.items()}
        if self._present is not None:
            loose = {uid: who for uid, who in loose.items() if uid in self._present}
        pairs = journal.read(name).pairs
        gone = [pairs[uid] for uid in self._marks if uid in pairs]
        gone += [
            pair
            for pair in journal.marked_as(name, GONE)
            if pair.source_uid not in self._vanished | self._marks.keys() | self._recopied
        ]
        gone += self._without_original()
        gone, places = perhaps_put_back(gone, loose, orphans | journal.moved(name))
        if not gone:
            return
        here, there = yield from self._contents_of([pair.source_uid for pair in gone], places)
        back = put_back(gone, {uid: loose[uid] for uid in places}, here, there)
        for uid in back:
            self._marks.pop(uid, None)
        self._taken_over |= back
        self._put_back = set(back.values())
        self._there = self._there.without(self._put_back)

    def _without_original(self) -> list[Pair]:
        """Give the duplicates of messages that are gone, or whose copies are."""
        journal, name = self._journal, self.job.name
        away = self._vanished | self._marks.keys() | self._recopied
        left = [pair for pair in journal.marked_as(name, [Copy.DUPLICATE]) if pair.source_uid not in away]
        alive = [pair for pair in journal.identified(name) if pair.source_uid not in away]
        return [pair for pair in without_original(left, alive) if pair.source_uid not in self._taken_over]

    def _contents_of(
        self, uids: list[int], copies: list[int]
    ) -> Steps[tuple[dict[int, int], dict[int, int]]]:
        run = self._run
        yield from run.same_source(self.job)
        here = {uid: stored.mail.content for uid, stored in run.source.fetch(uids).items()}
        yield from run.same_destination(self.job)
        return here, {uid: stored.mail.content for uid, stored in run.destination.fetch(copies).items()}

    def _write(self, late: list[int]) -> None:
        journal, name = self._journal, self.job.name
        table = journal.change(name)
        table.record = table.record._replace(settled=False)
        gone = {uid: table.pairs[uid] for uid in self._vanished if uid in table.pairs}
        ours = table.marked & self._vanished
        journal.remove(name, self._vanished | self._recopied)
        index = self._there
        journal.add_loose(name, zip(index.uids, index.digests, index.sizes, strict=True))
        moved = [pair for uid, pair in gone.items() if uid in ours and pair.copy > 0]
        journal.add_loose(name, [(pair.copy, pair.digest, pair.size) for pair in moved], moved=True)
        table.marked -= self._vanished
        if self._present is not None:
            journal.remove_absent(name, [uid for uid in table.loose if uid not in self._present])
        journal.remove_loose(name, self._put_back)
        journal.mark(name, self._marks.items())
        heirs = [
            table.pairs[uid]._replace(copy=copy)
            for uid, copy in self._taken_over.items()
            if uid in table.pairs
        ]
        journal.add(name, heirs)
        table.believed.update(pair.source_uid for pair in heirs)
        new = self._new
        journal.add(
            name, [Pair(new.uids[row], Copy.DUPLICATE, 0, new.digests[row], new.sizes[row]) for row in late]
        )
        for uid in self._vanished:
            self._flag_rows.pop(uid, None)
        self.job.flag_rows = self._flag_rows

    def _loose_index(self) -> MessageIndex:
        loose = self._run.reader.empty()
        if not self._new.uids and not self._run.options.delete2:
            return loose
        known = {uid: row[:2] for uid, row in self._journal.read(self.job.name).loose.items()}
        if self._present is not None:
            known = {uid: who for uid, who in known.items() if uid in self._present}
        for uid in self._put_back:
            known.pop(uid, None)
        new = self._there
        known.update(
            (uid, (digest, size)) for uid, digest, size in zip(new.uids, new.digests, new.sizes, strict=True)
        )
        for uid in sorted(known):
            loose.uids.append(uid)
            loose.digests.append(known[uid][0])
            loose.sizes.append(known[uid][1])
        return loose
