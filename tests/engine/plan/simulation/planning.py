"""Carry a comparison into its job and the journal, as the real planning does."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.job import SKIPPED, Row

from imapsync.plan.changes import without_our_marks
from imapsync.plan.decisions import Compared, FolderFacts, beside, doomed, exact_flags, who_are
from imapsync.plan.match import is_gone, twins
from imapsync.terms import Copy, Pair

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from tests.engine.plan.simulation.context import Context, Steps
    from tests.engine.plan.simulation.job import Job

    from imapsync.plan.index import MessageIndex


def plan_copy_of_all(run: Context, job: Job, source: MessageIndex) -> None:
    job.floor = _floor(job, 0)
    begin_record(run, job)
    _note_filed(run, job, source)
    rows = [row for row, uid in enumerate(source.uids) if uid not in source.excluded]
    _plan_rows(job, source, rows)


def _floor(job: Job, highest: int) -> int:
    return max(job.destination.uidnext if job.destination is not None else 1, highest + 1)


def take_off_marks(job: Job, source: MessageIndex) -> None:
    if job.ours and source.flags:
        for row, uid in enumerate(source.uids):
            if uid in job.ours:
                flags = without_our_marks(source.flag_table.flags(source.flags[row]), uid, job.ours)
                source.flags[row] = source.flag_table.number(flags)


def plan_first(run: Context, job: Job, compared: Compared, known: Container[int] = ()) -> None:
    job.floor = _floor(job, max(compared.destination.uids, default=0))
    job.gone_both = max(0, job.gone_both - len(compared.destination))
    begin_record(run, job)
    _note_filed(run, job, compared.source)
    paired = compared.paired()
    run.note_pairs(job, compared, scratch=True)
    _record(run, job, compared, paired, believed=compared.believed(paired, known), extra=True)
    job.flag_changes = exact_flags(compared, paired, run.reader.translator)
    _note_found(job, compared, paired)
    job.twins = twins(compared.source, compared.matching)
    job.doomed = doomed(
        run.options.deletion,
        _facts(job),
        compared,
        _last_copies(run, job, compared),
        _moved_identities(run),
    )
    job.beside = beside(compared, job.doomed)
    job.doomed_as = who_are(compared.destination, job.doomed)
    _plan_rows(job, compared.source, compared.matching.missing)


def plan_known(run: Context, job: Job, compared: Compared, highest: int) -> None:
    new, loose, matching = compared
    job.known = True
    job.floor = _floor(job, highest)
    paired = compared.paired()
    run.note_pairs(job, compared, scratch=False)
    moved: set[int] = set()
    changes = exact_flags(compared, paired, run.reader.translator) if loose.flags else {}
    for change, copies in changes.items():
        job.flag_changes.setdefault(change, array("I")).extend(copies)
    if run.journal is not None and job.record is not None:
        unlike = {uid for copies in changes.values() for uid in copies}
        alike = [row for row in paired if loose.uids[matching.partner[row]] not in unlike]
        run.journal.remove_loose(job.name, [loose.uids[matching.partner[row]] for row in alike])
        _record(run, job, compared, alike, believed=compared.believed(paired), extra=False)
        job.later = [_pair_of(run, compared, row) for row in paired if row not in alike]
        moved = run.journal.moved(job.name)
    _note_found(job, compared, paired)
    job.twins |= twins(new, matching)
    job.doomed = doomed(run.options.deletion, _facts(job), compared, moved, _moved_identities(run))
    pairs = run.journal.identified(job.name) if run.journal is not None and job.record is not None else ()
    job.beside = beside(compared, job.doomed, pairs)
    job.doomed_as = who_are(loose, job.doomed)
    _plan_rows(job, new, matching.missing)


def _moved_identities(run: Context) -> set[int]:
    if run.journal is None or not run.options.delete2:
        return set()
    return {digest for digest, _ in run.journal.moved_identities()}


def _note_filed(run: Context, job: Job, source: MessageIndex) -> None:
    if run.journal is not None:
        here = set(source.digests)
        run.journal.uprooted |= {who for who in job.filed if who[0] not in here}


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


def _record(
    run: Context, job: Job, compared: Compared, paired: list[int], *, believed: list[int], extra: bool
) -> None:
    journal = run.journal
    if journal is None or job.record is None:
        return
    source, destination, matching = compared
    journal.add(job.name, [_pair_of(run, compared, row) for row in paired])
    journal.change(job.name).believed.update(believed)
    job.duplicates = [
        Pair(source.uids[row], Copy.DUPLICATE, 0, source.digests[row], source.sizes[row])
        for row in matching.duplicates
    ]
    if extra:
        journal.add_loose(
            job.name,
            [
                (destination.uids[row], destination.digests[row], destination.sizes[row])
                for row in matching.extra
            ],
        )


def _pair_of(run: Context, compared: Compared, row: int) -> Pair:
    source, destination, matching = compared
    flags = run.journal_flags.number(source.flag_table.flags(source.flags[row]))
    copy = destination.uids[matching.partner[row]]
    return Pair(source.uids[row], copy, flags, source.digests[row], source.sizes[row])


def _note_found(job: Job, compared: Compared, paired: Iterable[int]) -> None:
    source, destination, matching = compared
    for row in paired:
        if source.uids[row] not in source.excluded:
            job.found[source.uids[row]] = destination.uids[matching.partner[row]]
            job.found_as[source.uids[row]] = source.digests[row]


def _plan_rows(job: Job, source: MessageIndex, rows: Iterable[int]) -> None:
    digests = source.digests
    job.rows = [Row(source.uids[row], digests[row] if digests else 0, source.sizes[row]) for row in rows]
    for row in job.rows:
        if is_gone(source, row.uid):
            job.vanished += 1
            row.state = SKIPPED


def unlike_copies(run: Context, job: Job, copies: dict[int, int]) -> Steps[set[int]]:
    if run.journal is None or job.record is None:
        return set()
    believed = {uid: copies[uid] for uid in run.journal.read(job.name).believed if uid in copies}
    if not believed:
        return set()
    yield from run.same_destination(job)
    yield
    there = run.destination.fetch(believed.values())
    yield from run.same_source(job)
    yield
    here = run.source.fetch(believed)
    same = {
        uid
        for uid, copy in believed.items()
        if uid in here and copy in there and here[uid].mail.content == there[copy].mail.content
    }
    run.journal.change(job.name).believed -= same
    return believed.keys() - same
