"""What the journal is told of a folder pair: the one place that changes its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.settling import settled
from imapsync.terms import Copy, FolderRecord, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from imapsync.plan.decisions import Compared
    from imapsync.plan.settling import Done
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


def begin(run: Run, job: FolderJob) -> None:
    """Start the record of a folder pair that is compared from scratch, or one that was only begun anew."""
    if run.journal is None or run.dry:
        return
    if job.record is not None:
        run.journal.restart(job.record.id)
        return
    job.record = run.journal.begin(
        FolderRecord(
            0,
            job.name,
            job.pair.destination,
            Numbers(job.source.uidvalidity),
            Numbers(job.destination.uidvalidity),
        )
    )


def note_found(run: Run, job: FolderJob, compared: Compared, *, extra: bool = True) -> None:
    """Write down what a comparison found: pairs, duplicates, and what lies loose on the destination."""
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return
    source, destination, matching = compared
    numbers: dict[int, int] = {}
    plain = journal.flags_number(())

    def number(row: int) -> int:
        if not source.flags:
            return plain
        known = source.flags[row]
        if known not in numbers:
            numbers[known] = journal.flags_number(source.flag_table.flags(known))
        return numbers[known]

    def pairs() -> Iterator[Pair]:
        uids, digests, sizes = source.uids, source.digests, source.sizes
        for row in compared.paired():
            copy = destination.uids[matching.partner[row]]
            yield Pair(uids[row], copy, number(row), digests[row], sizes[row])
        for row in matching.duplicates:
            yield Pair(uids[row], Copy.DUPLICATE, plain, digests[row], sizes[row])

    journal.add(record.id, pairs())
    if extra:
        loose = (
            (destination.uids[row], destination.digests[row], destination.sizes[row])
            for row in matching.extra
        )
        journal.add_loose(record.id, loose)


def last_copies(run: Run, job: FolderJob, compared: Compared, remembered: Collection[int]) -> Collection[int]:
    """Give, and write down, which copies without an original may be the last ones."""
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return remembered
    uids, digests, sizes = compared.destination.uids, compared.destination.digests, compared.destination.sizes
    rows = [row for row in compared.matching.extra if uids[row] in remembered]
    journal.add_loose(record.id, ((uids[row], digests[row], sizes[row]) for row in rows), moved=True)
    return {*remembered, *journal.moved(record.id)}


def note_restored(run: Run, record: FolderRecord) -> None:
    """Keep in mind that a destination folder is not what it was: no original goes until somebody says so."""
    if run.journal is not None and not run.dry:
        run.journal.note_restored(run.journal.restored() + max(1, record.copies))


def settle(run: Run, job: FolderJob, done: Done) -> None:
    """Write down under which numbers both folders were compared."""
    if run.journal is None or job.record is None:
        return
    job.record = settled(job.record, done)
    run.journal.update(job.record)
    run.journal.commit()


def originals_gone(run: Run, job: FolderJob, uids: set[int]) -> None:
    """Write down that originals are gone by our hand: their copies may be the last ones."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    pairs = [pair for pair in journal.find(record.id, uids).values() if pair.copy > 0]
    journal.add_loose(record.id, ((pair.copy, pair.digest, pair.size) for pair in pairs), moved=True)
    journal.remove(record.id, uids)
    journal.remove_marked(record.id, uids)
    if record.source.messages >= 0:
        source = record.source._replace(messages=max(0, record.source.messages - len(uids)), size=-1)
        job.record = record._replace(source=source)
        journal.update(job.record)
    journal.commit()


def copies_gone(run: Run, job: FolderJob, uids: Collection[int]) -> None:
    """Write down that messages of the destination were deleted."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    journal.remove_loose(record.id, uids)
    there = record.destination
    if there.messages >= 0:
        there = there._replace(messages=there.messages - len(uids), modseq=0, size=-1)
        job.record = record._replace(destination=there)
        journal.update(job.record)
    journal.commit()


def give_up(run: Run, job: FolderJob) -> None:
    """Forget a folder pair whose record does not fit its messages: the next run compares it from scratch."""
    if run.journal is not None and job.record is not None:
        run.journal.forget(job.record.id)
        run.journal.commit()
        job.record = None
