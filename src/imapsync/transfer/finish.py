"""Finish a folder pair: apply flags, run the filter, write down what was compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.folders import status_items
from imapsync.account.seen import numbers_of
from imapsync.plan.changes import without_original
from imapsync.plan.settling import Done, confirmed, settled
from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.terms import GONE, Copy
from imapsync.transfer.flagging import change_flags
from imapsync.transfer.planning import destination_numbers
from imapsync.transfer.sieve import deliver

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


async def finish(run: Run, job: FolderJob, reading: Reading) -> None:
    """Do all that follows the copying of one folder pair; nothing else may be in flight."""
    if job.finished:
        return
    expunged = 0
    touched = bool(job.flag_changes)
    if not run.dry:
        await change_flags(run, job)
        if run.journal is not None and job.record is not None and job.flag_rows and not job.failed:
            run.journal.set_flags(job.record.id, job.flag_rows)
            job.flag_rows.clear()
        if run.settings.sieve_delivery:
            expunged = await deliver(run, job)
    elif job.flag_changes:
        run.note(f"would change flags of {sum(map(len, job.flag_changes.values()))} messages of {job.name}")
    settle(run, job, reading, expunged=expunged, touched=touched)
    job.finished = True
    run.sink(events.FolderFinished(job.name, job.pair.destination))


def settle(run: Run, job: FolderJob, reading: Reading, *, expunged: int, touched: bool) -> None:
    """Write down under which numbers both folders were compared.

    A folder in which something is still to be deleted, on either side, is settled when that is done
    (`is_complete` and the end of the run), so that an interrupted or stopped deletion is planned anew.
    """
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return
    _take_up_duplicates(run, job)
    copies, removed = journal.count(record.id)
    done = Done(
        source=job.source.compared,
        destination=destination_numbers(job),
        copied=job.copies_done,
        expunged=expunged,
        touched=touched,
        removed=removed,
        copies=copies,
        complete=is_complete(job) and not deletes_later(run, job),
        rules=reading.rules,
        now=int(run.started_at),
    )
    job.record = settled(record, done)
    journal.update(job.record)
    journal.commit()


def _take_up_duplicates(run: Run, job: FolderJob) -> None:
    """Forget that messages are duplicates of one that was not copied: the next run takes one of them."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    left = journal.marked_as(record.id, [Copy.DUPLICATE])
    if not left:
        return
    copied = [*journal.identified(record.id), *journal.marked_as(record.id, GONE)]
    moved = journal.moved_identities()
    orphans = [pair for pair in without_original(left, copied) if (pair.digest, pair.size) not in moved]
    if orphans:
        job.failed = True
        journal.remove(record.id, [pair.source_uid for pair in orphans])
        run.sink(events.WorkPlanned(len(orphans), sum(pair.size for pair in orphans)))


def is_complete(job: FolderJob) -> bool:
    """Tell whether everything selected has arrived and the source showed all that it has."""
    return job.open_rows == 0 and not job.failed and not job.incomplete


def deletes_later(run: Run, job: FolderJob) -> bool:
    """Tell whether the end of the run may still delete or mark messages of this pair."""
    settings = run.settings
    return bool(job.doomed) or settings.deletion.empties_source or bool(settings.flags.set_on_source)


async def confirm_numbers(run: Run, jobs: list[FolderJob]) -> None:
    """Ask what destination folders look like after our changes, all at once.

    What shows just what was foreseen is taken over, so that the next run sees a folder that was restored or
    changed meanwhile.
    """
    journal, server = run.journal, run.destination.server
    if journal is None or run.dry or not (server.has("CONDSTORE") or server.has("STATUS=SIZE")):
        return
    items = status_items(server, sizes=True)
    asked = [
        (job.record, server.status(job.destination.mailbox, items))
        for job in jobs
        if job.record is not None
        and not job.unchanged
        and (not job.record.destination.modseq or job.record.destination.size < 0)
    ]
    for record, answer in asked:
        try:
            now = numbers_of(await answer)
        except CommandRefused:
            continue
        if now is not None:
            journal.confirm(confirmed(record, now))
    journal.commit()
