"""What the steps of a run of the model share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from tests.engine.plan.simulation.job import DONE, Job, Reader, Row
from tests.engine.plan.simulation.servers import DELETED, Cut, Session, Stored

from imapsync.plan.belief import is_all
from imapsync.plan.match import SAMPLE, PairingRules, doubts, match, unclear_arrivals, unlike_any
from imapsync.terms import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from tests.engine.plan.simulation.journal import Journal
    from tests.engine.plan.simulation.law import Truth
    from tests.engine.plan.simulation.options import Options
    from tests.engine.plan.simulation.servers import Selected
    from tests.engine.plan.simulation.world import World

    from imapsync.plan.decisions import Compared
    from imapsync.plan.index import MessageIndex
    from imapsync.terms import FolderRecord

T = TypeVar("T")
#: Lost connections after which a step is given up.
ATTEMPTS = 5
#: Originals older than this go with the option `older`.
OLD_S = 30 * 86_400
#: A step: stops before everything that it asks or does, so that something may happen there.
Steps = Generator[None, None, T]


class FolderReplaced(Exception):  # noqa: N818 - as in the real run
    """The folder is not the one that was compared."""


class Context:
    """The run: both sessions, the options, the journal, what it has counted."""

    def __init__(self, world: World, options: Options, journal: Journal | None) -> None:
        self.world = world
        self.options = options
        self.journal = journal
        self.source = Session(world.here)
        self.destination = Session(world.there)
        world.sessions = [self.source, self.destination]
        self.reader = Reader(options, world.there.size_bias)
        self.wishes = options.wishes(world.now)
        self.errors = 0
        self.copied = 0
        self.deleted = 0
        self.copies_before = Held()
        self.there_before = Held()
        self.journal_flags = FLAG_NUMBERS

    def persist(self, step: Callable[[], Steps[T]]) -> Steps[T]:
        """Carry out a step that may be repeated as a whole after a lost connection."""
        for _ in range(ATTEMPTS):
            try:
                result = yield from step()
            except Cut:
                self.reopen()
            else:
                return result
        raise Cut

    def reopen(self) -> None:
        self.source.reopen()
        self.destination.reopen()

    def held(self, counts: Mapping[str, int]) -> Held:
        """Give a number of messages for each folder as one."""
        in_bins = sum(count for name, count in counts.items() if name in self.world.bins)
        return Held(sum(counts.values()), in_bins)

    def commit(self) -> None:
        if self.journal is not None:
            self.journal.commit()

    # -- what changes a server, under the eyes of the law

    @property
    def truth(self) -> Truth | None:
        return self.journal.truth if self.journal is not None else None

    def append(self, job: Job, stored: Stored) -> tuple[int, int]:
        """Store a copy; gives UIDVALIDITY and UID."""
        self.world.law.copies(job.name, stored, self.truth)
        self.destination.status(job.name)
        box = self.destination.server.boxes[job.name]
        return box.uidvalidity, box.put(stored)

    def flag_copy(self, name: str, uid: int, add: Iterable[bytes], remove: Iterable[bytes]) -> None:
        add = tuple(add)
        stored = self.destination.fetch([uid])
        self.destination.store(uid, add, remove)
        if uid in stored and DELETED in add:
            self.world.law.marks_there(name, stored[uid], self.truth)

    def mark_original(self, job: Job, uid: int) -> None:
        """Mark an original as deleted; who has a journal knows it from then on."""
        if self.truth is not None and uid in self.source.box.messages:
            self.truth.marked.add((job.name, self.source.box.uidvalidity, uid))
        self.source.store(uid, [DELETED])

    def expunge_source(self, uids: set[int], job: Job) -> bool:
        """Delete originals for good."""
        gone = self._expunge(self.source, uids)
        for stored in gone or ():
            if self.truth is not None:
                self.truth.moved.add(stored.mail.content)
            self.world.law.expunges_here(job.name, stored)
        return gone is not None

    def expunge_destination(self, uids: set[int], name: str) -> bool:
        gone = self._expunge(self.destination, uids)
        for stored in gone or ():
            self.world.law.expunges_there(name, stored, self.destination.box, self.truth)
        return gone is not None

    def _expunge(self, session: Session, uids: set[int]) -> list[Stored] | None:
        box = session.box
        session.search()
        marked = {uid for uid, stored in box.messages.items() if DELETED in stored.flags}
        if not session.server.uidplus and marked - uids:
            return None
        gone = [box.take(uid) for uid in sorted(marked & uids)]
        self.deleted += len(gone)
        return gone

    # -- what only asks

    def open_source(self, job: Job) -> Steps[Selected | None]:
        """Select the source folder unless it is open already."""
        yield
        return self.source.select(job.name) if self.source.name != job.name else None

    def open_destination(self, job: Job) -> Steps[Selected | None]:
        yield
        return self.destination.select(job.name) if self.destination.name != job.name else None

    def same_source(self, job: Job) -> Steps[None]:
        yield from self.open_source(job)
        if job.source is not None and self.source.box.uidvalidity != job.source.uidvalidity:
            raise FolderReplaced

    def same_destination(self, job: Job) -> Steps[None]:
        yield from self.open_destination(job)
        validity = job.record.destination.uidvalidity if job.record is not None else 0
        expected = validity or (job.destination.uidvalidity if job.destination is not None else 0)
        if expected and self.destination.box.uidvalidity != expected:
            raise FolderReplaced

    def note_restored(self, record: FolderRecord) -> None:
        """Keep in mind that a destination folder is not what it was."""
        if self.journal is not None:
            self.journal.restored += max(1, record.copies)

    def is_replaced(self, job: Job) -> bool:
        compared = job.destination.uidvalidity if job.destination is not None else 0
        return bool(compared) and self.destination.box.uidvalidity != compared

    def list_all(self, job: Job, session: Session) -> Steps[set[int] | None]:
        yield
        listed = session.search()
        if is_all(len(listed), session.exists):
            if session is self.source and job.source is not None:
                job.still_shown = sum(uid < job.source.uidnext for uid in listed)
            return listed
        if session is self.destination:
            job.failed = True
            return None
        job.failed = job.incomplete = True
        job.complete_list = False
        self.errors += 1
        return listed

    def tell_apart(
        self,
        job: Job,
        source: MessageIndex,
        destination: MessageIndex,
        known: Mapping[int, int] | None = None,
        *,
        suspicious: bool = False,
        leaving: Collection[int] = (),
    ) -> Steps[bool]:
        """Read the contents that matching asks for; tells whether host2 counts sizes in its own way."""
        options = self.options
        found = doubts(
            source,
            destination,
            sync_duplicates=options.duplicates,
            suspicious=suspicious,
            leaving=leaving,
            remembers=self.journal is not None,
            known=known or {},
        )
        here = found.source_other_size + found.source_same_size
        there = found.destination_other_size + found.destination_same_size
        yield from self.read_contents(job, source, here)
        if there:
            yield from self.same_destination(job)
            yield
            uids = [destination.uids[row] for row in there]
            rows = self.destination.fetch(uids)
            destination.contents.update((uid, unlike_any(uid, source=False)) for uid in uids)
            destination.contents.update((uid, stored.mail.content) for uid, stored in rows.items())
        yield from self._read_in_place(job, source, known or {}, here)
        if len({source.digests[row] for row in found.source_other_size}) <= SAMPLE:
            return False
        raise AssertionError("histories have fewer messages")

    def _read_in_place(
        self, job: Job, source: MessageIndex, known: Mapping[int, int], rows: list[int]
    ) -> Steps[None]:
        """Read the copies of known originals that left before they could be read."""
        left = {known[uid]: uid for row in rows if (uid := source.uids[row]) in known}
        left = {
            copy: uid for copy, uid in left.items() if source.contents[uid] == unlike_any(uid, source=True)
        }
        if left:
            yield from self.same_destination(job)
            yield
            rows_there = self.destination.fetch(left)
            source.contents.update((left[copy], stored.mail.content) for copy, stored in rows_there.items())

    def older_than(self) -> set[int]:
        rows = self.source.fetch(self.source.search())
        return {uid for uid, stored in rows.items() if stored.date < self.world.started - OLD_S}

    def read_contents(self, job: Job, source: MessageIndex, rows: list[int]) -> Steps[None]:
        if rows:
            yield from self.same_source(job)
            yield
            uids = [source.uids[row] for row in rows]
            got = self.source.fetch(uids)
            source.contents.update((uid, unlike_any(uid, source=True)) for uid in uids)
            source.contents.update((uid, stored.mail.content) for uid, stored in got.items())

    def note_pairs(self, job: Job, compared: Compared, *, scratch: bool) -> None:
        """Hold what a comparison takes for the same against what it is."""
        if job.source is None or job.destination is None:
            return
        here, there = self.source.server.shown, self.destination.server.shown
        for row, partner in enumerate(compared.matching.partner):
            if partner >= 0:
                one = here.get((job.source.uidvalidity, compared.source.uids[row]))
                other = there.get((job.destination.uidvalidity, compared.destination.uids[partner]))
                if one is not None and other is not None:
                    self.world.law.believes(job.name, one, other, scratch=scratch)

    def find_copies(self, job: Job, rows: list[Row], *, doubted: bool = False) -> Steps[dict[Row, int]]:
        """Give the UIDs of copies that arrived in this run, for those of the rows that have one."""
        if not rows:
            return {}
        by_uid = {row.uid: row for row in rows}
        try:
            yield from self.same_source(job)
        except FolderReplaced:
            return {}
        yield
        source = self.reader.empty()
        self.reader.source(self.source.fetch(by_uid), source, selects=False)
        yield from self.open_destination(job)
        everything = self.reader.empty()
        replaced = self.is_replaced(job)
        self.reader.destination(self.destination.fetch_from(1 if replaced else job.floor), everything)
        destination = everything.without(set() if replaced else {row.copy for row in job.rows if row.copy})
        sent = Counter(row.digest for row in job.rows)
        unsure = {row.uid for row in rows if doubted or row.state != DONE or sent[row.digest] > 1}
        here, there = unclear_arrivals(source, destination, unsure)
        if here:
            yield
            got = self.destination.fetch(there)
            destination.contents.update((uid, stored.mail.content) for uid, stored in got.items())
            yield from self.same_source(job)
            got = self.source.fetch(here)
            source.contents.update((uid, stored.mail.content) for uid, stored in got.items())
        matching = match(source, destination, PairingRules(sync_duplicates=True, sizes_differ=True))
        return {
            by_uid[source.uids[at]]: destination.uids[partner]
            for at, partner in enumerate(matching.partner)
            if partner >= 0
        }


class FlagNumbers:
    """The journal's numbers of sets of flags; never taken back."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, ...], int] = {(): 0}
        self._sets: list[tuple[bytes, ...]] = [()]

    def number(self, flags: tuple[bytes, ...]) -> int:
        if flags not in self._numbers:
            self._numbers[flags] = len(self._sets)
            self._sets.append(flags)
        return self._numbers[flags]

    def flags(self, number: int) -> tuple[bytes, ...]:
        return self._sets[number]


FLAG_NUMBERS = FlagNumbers()
