"""Carry a comparison into its job and the journal, as the real planning does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.plan.simulation.job import Row

from imapsync.plan.decisions import Compared, FolderFacts, doomed, exact_flags
from imapsync.plan.match import twins
from imapsync.terms import Copy, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.engine.plan.simulation.context import Context
    from tests.engine.plan.simulation.job import Job

    from imapsync.plan.index import MessageIndex


def plan_copy_of_all(run: Context, job: Job, source: MessageIndex) -> None:
    job.floor = job.destination.uidnext if job.destination is not None else 1
    begin_record(run, job)
    rows = [row for row, uid in enumerate(source.uids) if uid not in source.excluded]
    _plan_rows(job, source, rows)


def plan_first(run: Context, job: Job, compared: Compared) -> None:
    job.floor = job.destination.uidnext if job.destination is not None else 1
    begin_record(run, job)
    paired = compared.paired()
    _record(run, job, compared, paired, extra=True)
    job.flag_changes = exact_flags(compared, paired, run.reader.translator)
    _note_found(job, compared, paired)
    job.twins = twins(compared.source, compared.matching)
    job.doomed = doomed(run.options.deletion, _facts(job), compared, _last_copies(run, job, compared))
    _plan_rows(job, compared.source, compared.matching.missing)


def plan_known(run: Context, job: Job, compared: Compared) -> None:
    new, loose, matching = compared
    job.floor = job.destination.uidnext if job.destination is not None else 1
    paired = compared.paired()
    moved: set[int] = set()
    if run.journal is not None and job.record is not None:
        run.journal.remove_loose(job.name, [loose.uids[matching.partner[row]] for row in paired])
        _record(run, job, compared, paired, extra=False)
        moved = run.journal.moved(job.name)
    _note_found(job, compared, paired)
    job.twins |= twins(new, matching)
    job.doomed = doomed(run.options.deletion, _facts(job), compared, moved)
    _plan_rows(job, new, matching.missing)


def _last_copies(run: Context, job: Job, compared: Compared) -> set[int]:
    if run.journal is None or job.record is None:
        return job.last_copies
    there = compared.destination
    rows = [row for row in compared.matching.extra if there.uids[row] in job.last_copies]
    loose = [(there.uids[row], there.digests[row], there.sizes[row]) for row in rows]
    run.journal.add_loose(job.name, loose, moved=True)
    return job.last_copies | run.journal.moved(job.name)


def begin_record(run: Context, job: Job) -> None:
    if run.journal is None or job.source is None or job.destination is None:
        return
    if job.record is not None:
        run.journal.restart(job.name)
        return
    job.record = run.journal.begin(job.name, job.source.uidvalidity, job.destination.uidvalidity)


def _facts(job: Job) -> FolderFacts:
    return FolderFacts(complete=job.complete_list and not job.failed and not job.incomplete)


def _record(run: Context, job: Job, compared: Compared, paired: list[int], *, extra: bool) -> None:
    journal = run.journal
    if journal is None or job.record is None:
        return
    source, destination, matching = compared
    number = run.journal_flags.number

    def row_pair(row: int, copy: int) -> Pair:
        flags = number(source.flag_table.flags(source.flags[row])) if copy > 0 else 0
        return Pair(source.uids[row], copy, flags, source.digests[row], source.sizes[row])

    journal.add(job.name, [row_pair(row, destination.uids[matching.partner[row]]) for row in paired])
    journal.add(job.name, [row_pair(row, int(Copy.DUPLICATE)) for row in matching.duplicates])
    if extra:
        journal.add_loose(
            job.name,
            [
                (destination.uids[row], destination.digests[row], destination.sizes[row])
                for row in matching.extra
            ],
        )


def _note_found(job: Job, compared: Compared, paired: Iterable[int]) -> None:
    source, destination, matching = compared
    for row in paired:
        if source.uids[row] not in source.excluded:
            job.found[source.uids[row]] = destination.uids[matching.partner[row]]


def _plan_rows(job: Job, source: MessageIndex, rows: Iterable[int]) -> None:
    digests = source.digests
    job.rows = [Row(source.uids[row], digests[row] if digests else 0, source.sizes[row]) for row in rows]
