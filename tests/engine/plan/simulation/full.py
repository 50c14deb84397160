"""Compare a folder pair of which nothing is known, in the order of the real comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.plan.simulation.planning import plan_copy_of_all, plan_first, take_off_marks

from imapsync.plan.belief import same_messages
from imapsync.plan.decisions import Compared
from imapsync.plan.match import PairingRules, match

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tests.engine.plan.simulation.context import Context, Steps
    from tests.engine.plan.simulation.job import Job

    from imapsync.plan.index import MessageIndex


class FullComparison:
    """One folder pair.

    remember: puts into the job what counts of a record that is not believed, once both folders are open.
    begun: whether pairs of an interrupted first comparison count.
    """

    def __init__(self, run: Context, job: Job, remember: Callable[[], None], *, begun: bool = False) -> None:
        self.job = job
        self.invalid = self.replaced = False
        self._run = run
        self._remember = remember
        self._begun = begun
        self._filled = job.destination_status.messages > 0
        self._asked = False
        self._source = run.reader.empty()
        self._destination = run.reader.empty()
        self._selected: set[int] | None = None

    def take(self) -> Steps[None]:
        run, job = self._run, self.job
        yield
        job.source = run.source.select(job.name)
        if job.source_status.messages > 0:
            yield from self._ask_source()
        yield
        job.destination = run.destination.select(job.name)
        if self._filled:
            yield
            run.reader.destination(run.destination.fetch_from(1), self._destination)
        job.complete_list = not run.options.unseen
        record = job.record
        if self._begun and record is not None:
            now = (job.source.uidvalidity, job.destination.uidvalidity)
            self.invalid = now != (record.source.uidvalidity, record.destination.uidvalidity)

    def conclude(self) -> Steps[None]:
        run, job, options = self._run, self.job, self._run.options
        self._remember()
        yield from self._what_came_since_the_listing()
        yield from self._complete()
        source, destination = self._source, self._destination
        if self._selected is not None and options.mirrors:
            source.excluded.update(uid for uid in source.uids if uid not in self._selected)
        if not source.digests and not destination.uids:
            plan_copy_of_all(run, job, source)
            return
        take_off_marks(job, source)
        known = self._known_pairs()
        if self.invalid:
            return
        leaving = yield from self._leaving()
        sizes_differ = yield from run.tell_apart(job, source, destination, known, leaving=leaving)
        rules = PairingRules(options.duplicates, known, sizes_differ)
        plan_first(run, job, Compared(source, destination, match(source, destination, rules)), known)

    def _leaving(self) -> Steps[Collection[int]]:
        run, source = self._run, self._source
        if run.options.delete1:
            return set(source.uids) - source.excluded
        if not run.options.older or set(source.digests).isdisjoint(self._destination.digests):
            return ()
        yield from run.same_source(self.job)
        yield
        return run.older_than()

    def _ask_source(self) -> Steps[None]:
        run = self._run
        self._asked = True
        if run.options.unseen:
            yield
            rows = run.source.fetch(run.source.search())
            self._selected = {uid for uid, stored in rows.items() if run.reader.finds(stored)}
        if not run.options.unseen or run.options.mirrors:
            yield
            self._read(self._source, run.source.fetch_from(1))

    def _read(self, index: MessageIndex, rows: dict) -> None:  # type: ignore[type-arg]
        run = self._run
        options = run.options
        moves = run.journal is not None and options.deletion.empties_source
        identity = self._filled or not options.duplicates or moves or options.mirrors
        run.reader.source(rows, index, identity=identity)

    def _what_came_since_the_listing(self) -> Steps[None]:
        run, job = self._run, self.job
        if job.source is None or job.destination is None:
            return
        fills = not self._filled and job.destination.exists > 0
        if fills:
            self._filled = True
            yield from run.same_destination(job)
            yield
            run.reader.destination(run.destination.fetch_from(1), self._destination)
            if self._asked:
                self._source = run.reader.empty()
        if job.source.exists and (not self._asked or fills):
            yield from run.same_source(job)
            yield from self._ask_source()

    def _complete(self) -> Steps[None]:
        run, job = self._run, self.job
        if self._selected and not run.options.mirrors:
            yield from run.same_source(job)
            self._read(self._source, run.source.fetch(self._selected))
        elif (
            self._asked
            and job.source is not None
            and self._source.seen_below(job.source.uidnext) < job.source.exists
        ):
            yield from run.same_source(job)
            listed = yield from run.list_all(job, run.source)
            self._read(self._source, run.source.fetch(listed or ()))
        if (
            self._filled
            and job.destination is not None
            and self._destination.seen_below(job.destination.uidnext) < job.destination.exists
        ):
            yield from run.same_destination(job)
            listed = yield from run.list_all(job, run.destination)
            run.reader.destination(run.destination.fetch(listed or ()), self._destination)

    def _known_pairs(self) -> dict[int, int]:
        journal = self._run.journal
        if not self._begun or journal is None:
            return {}
        pairs = [pair for pair in journal.read(self.job.name).pairs.values() if pair.copy > 0]
        here = dict(zip(self._source.uids, self._source.digests, strict=True))
        there = dict(zip(self._destination.uids, self._destination.digests, strict=True))
        if not same_messages(pairs, here, there, altered=False):
            self.invalid = self.replaced = True
        return {pair.source_uid: pair.copy for pair in pairs}
