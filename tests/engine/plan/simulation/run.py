"""One run, step by step; between any two things that it asks or does, something may happen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.engine.plan.simulation import copying, ending
from tests.engine.plan.simulation.context import Context, FolderReplaced, Steps
from tests.engine.plan.simulation.full import FullComparison
from tests.engine.plan.simulation.job import WAITING, Job, opened_numbers
from tests.engine.plan.simulation.journal import Journal
from tests.engine.plan.simulation.known import KnownComparison
from tests.engine.plan.simulation.servers import Cut
from tests.engine.plan.simulation.world import SYNCED

from imapsync.plan.belief import Belief, Spared, is_put_back, spared, trust
from imapsync.plan.proof import went_by_accident
from imapsync.terms import Held

if TYPE_CHECKING:
    from tests.engine.plan.simulation.options import Options
    from tests.engine.plan.simulation.world import World

    from imapsync.terms import FolderRecord


class Run(Context):
    """A run of the model. complete: it ended with exit code 0."""

    def __init__(self, world: World, options: Options) -> None:
        super().__init__(world, options, Journal(world.file) if options.journal else None)
        world.started = world.now
        self.complete = False

    def steps(self) -> Steps[None]:
        try:
            yield from self._work()
        except (ending.Brake, FolderReplaced, Cut):
            self.errors += 1
        self.commit()
        self.complete = not self.errors

    def _work(self) -> Steps[None]:
        jobs = yield from self.persist(self._list)
        if self.journal is not None:
            self.copies_before = self.held({n: r.copies for n, r in self.journal.records().items()})
            before, there = self.journal.present, self.there_before
            gone = Held(before.messages - there.messages, before.in_bins - there.in_bins)
            if self.options.deletion.empties_source and went_by_accident(gone, before):
                self.journal.lost = max(self.journal.lost, gone.messages)
                self.journal.commit()
        for group in [jobs] if self.options.together else [[job] for job in jobs]:
            working = yield from self.persist(partial(self._compare, group))
            if any(row.state == WAITING for job in working for row in job.rows):
                yield from self.persist(partial(copying.claim_arrivals, self, working))
                yield from copying.copy(self, working)
                yield from self.persist(partial(copying.check_arrivals, self, working))
            for job in working:
                yield from self.persist(partial(ending.finish, self, job))
        yield from self.persist(partial(ending.judge_vanished, self, jobs))
        if self.options.deletion.empties_source or self.options.setflag1:
            for job in jobs:
                yield from self.persist(partial(ending.change_source, self, job))
        yield from self.persist(partial(ending.delete_on_destination, self, jobs))
        ending.settle(self, jobs)
        if self.journal is not None:
            empties = self.options.deletion.empties_source
            copied = self.held({job.name: len(job.done) for job in jobs})
            there = self.there_before
            held = Held(there.messages + self.copied, there.in_bins + copied.in_bins)
            self.journal.present = held if empties else Held()
        yield from self.persist(partial(ending.confirm_numbers, self, jobs))

    # -- comparing

    def _list(self) -> Steps[list[Job]]:
        jobs = []
        for name in SYNCED:
            yield
            source = self.source.status(name)
            yield
            destination = self.destination.status(name)
            jobs.append(Job(name, source, destination))
        boxes = self.world.there.boxes
        self.there_before = self.held({name: len(box.messages) for name, box in boxes.items()})
        return jobs

    def _compare(self, jobs: list[Job]) -> Steps[list[Job]]:
        records = self.journal.records() if self.journal is not None else {}
        comparisons = []
        for job in jobs:
            if job.finished:
                continue
            comparison = self._comparison(job, records.get(job.name))
            if comparison is not None:
                comparisons.append(comparison)
        for comparison in comparisons:
            yield from comparison.take()
        working = []
        for comparison in comparisons:
            job = comparison.job
            try:
                yield from self._conclude(comparison)
            except FolderReplaced:
                job.finished = job.failed = True
                self.errors += 1
            if not job.finished:
                working.append(job)
        return working

    def _conclude(self, comparison: FullComparison | KnownComparison) -> Steps[None]:
        job = comparison.job
        if not comparison.invalid:
            yield from comparison.conclude()
        if comparison.invalid:
            again = self._from_scratch(job, replaced=comparison.replaced)
            yield from again.take()
            yield from again.conclude()

    def _from_scratch(self, job: Job, *, replaced: bool) -> FullComparison:
        record, job.record = job.record, None
        replaced = replaced or (record is not None and is_put_back(record.source, job.source_status))
        return FullComparison(self, job, partial(self._keep, job, record, replaced=replaced))

    def _keep(self, job: Job, record: FolderRecord | None, *, replaced: bool) -> None:
        """Believe no longer what is recorded, but our marks and which of its copies may be the last ones."""
        if record is None or self.journal is None:
            return
        job.gone_both = record.copies
        source, there = job.source_numbers, job.destination_status
        if job.destination is not None:
            there = opened_numbers(job.destination, there)
        self._keep_marks(job, record)
        which = spared(record, source, there, replaced=replaced)
        if which is not Spared.NOBODY:
            job.last_copies = self.journal.moved(job.name)
        if which is Spared.KNOWN:
            pairs = self.journal.read(job.name).pairs.values()
            job.last_copies.update(pair.copy for pair in pairs if pair.copy > 0)
            job.filed = {(pair.digest, pair.size) for pair in pairs if pair.digest}

    def _keep_marks(self, job: Job, record: FolderRecord) -> None:
        same = job.source_numbers.uidvalidity == record.source.uidvalidity
        job.ours = set(self.journal.read(job.name).marked) if same and self.journal is not None else set()

    def _comparison(self, job: Job, record: FolderRecord | None) -> FullComparison | KnownComparison | None:
        believed = trust(record, job.source_status, job.destination_status, self.wishes)
        journal = self.journal
        if record is not None and is_put_back(record.destination, job.destination_status):
            self.note_restored(record)
        job.record = record if journal is not None else None
        if record is None or journal is None or believed is Belief.NOTHING:
            return self._from_scratch(job, replaced=False)
        if believed is Belief.BEGUN:
            return FullComparison(self, job, partial(self._keep_marks, job, record), begun=True)
        if believed is Belief.KNOWN:
            job.ours = set(journal.read(job.name).marked)
            return KnownComparison(self, job, record, journal)
        if record.destination_seen < record.destination.uidnext:
            seen = record._replace(destination_seen=record.destination.uidnext)
            journal.update(job.name, seen)
        job.finished = job.unchanged = True
        return None
