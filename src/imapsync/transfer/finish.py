"""Finish a folder pair: apply flags, run the filter, write down what was compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.folders import status_items
from imapsync.account.seen import numbers_of
from imapsync.plan.changes import orphaned_twins, without_original
from imapsync.plan.decisions import flags_left
from imapsync.plan.settling import Done, confirmed, unconfirmed
from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.terms import GONE, Copy
from imapsync.transfer import recording, telling
from imapsync.transfer.copylist import FAILED, SKIPPED
from imapsync.transfer.flagging import change_flags
from imapsync.transfer.job import Standing
from imapsync.transfer.sieve import deliver

if TYPE_CHECKING:
    from imapsync.account import Listing
    from imapsync.session.pending import Pending
    from imapsync.terms import Numbers
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading
    from imapsync.wire.responses import StatusItems


async def finish(run: Run, job: FolderJob, reading: Reading) -> None:
    """Do all that follows the copying of one folder pair; nothing else may be in flight."""
    if job.finished:
        return
    expunged = 0
    plan = job.plan
    if not run.dry:
        if await change_flags(run, job, plan.flags):
            recording.flags_set(run, job)
        else:
            recording.flags_left(run, job, flags_left(plan), plan.pairs)
        if run.settings.sieve_delivery:
            expunged = await deliver(run, job)
    elif plan.flags:
        run.note(f"would change flags of {sum(map(len, plan.flags.values()))} messages of {job.name}")
    _settle(run, job, reading, expunged=expunged)
    job.standing = Standing.FINISHED
    run.sink(events.FolderFinished(job.name, job.pair.destination))


def _settle(run: Run, job: FolderJob, reading: Reading, *, expunged: int) -> None:
    """Write down under which numbers both folders were compared.

    A folder in which something is still to be deleted, on either side, is settled when that is done
    (`FolderJob.complete` and the end of the run), so that an interrupted or stopped deletion is planned anew.
    """
    journal, record = run.journal, job.record
    if run.dry:
        return
    _take_up_duplicates(run, job)
    if journal is None or record is None:
        return
    if job.destination.hidden:
        recording.give_up(run, job)  # what is not shown is recognised by a whole comparison only
        return
    copies, removed = journal.count(record.id)
    done = Done(
        source=job.source.compared,
        destination=job.destination_compared,
        copied=job.copying.done,
        expunged=expunged,
        touched=bool(job.plan.flags),
        removed=removed,
        copies=copies,
        complete=job.complete and not deletes_later(run, job),
        rules=reading.rules,
        now=int(run.started_at),
        seen=job.copying.after,
        flags_left=job.flags_left,
    )
    job.record = recording.settle(journal, record, done)


def _take_up_duplicates(run: Run, job: FolderJob) -> None:
    """Write down which messages are duplicates; of one that was not copied the next run takes one.

    Nor are those of one whose copy was not found: when it leaves the source, the copy is theirs.
    """
    journal, record = run.journal, job.record
    if journal is None or record is None:
        rows = job.copying
        gone = {rows.uids[row]: rows.sizes[row] for row in rows.rows(SKIPPED)}
        if orphaned := gone.keys() & set(job.plan.twins.values()):
            telling.left_for_next_run(run, job, len(orphaned), sum(gone[uid] for uid in orphaned))
        return
    journal.add(record.id, job.plan.duplicates)
    left = journal.marked_as(record.id, [Copy.DUPLICATE])
    if not left:
        return
    copied = [*journal.identified(record.id), *journal.marked_as(record.id, GONE)]
    rows = job.copying
    missed = {rows.uids[row] for state in (SKIPPED, FAILED) for row in rows.rows(state)}
    orphaned = orphaned_twins(job.plan.twins, missed)
    orphans = without_original(left, copied, journal.moved_from(record.id), orphaned)
    if orphans:
        journal.remove(record.id, [pair.source_uid for pair in orphans])
        telling.left_for_next_run(run, job, len(orphans), sum(pair.size for pair in orphans))
    unfound = orphaned_twins(job.plan.twins, {rows.uids[row] for row in rows.unnamed()})
    if unfound:
        journal.remove(record.id, unfound)


def deletes_later(run: Run, job: FolderJob) -> bool:
    """Tell whether the end of the run may still delete or mark messages of this pair."""
    return bool(job.plan.doomed) or run.settings.changes_source


async def confirm_numbers(run: Run, jobs: list[FolderJob], closing: Listing | None) -> None:
    """Find out what destination folders look like after our changes; the closing listing spares the question.

    What shows just what was foreseen is taken over, so that the next run sees a folder that was restored or
    changed meanwhile.
    """
    journal, server = run.journal, run.destination.server
    if journal is None or run.dry or not (server.has("CONDSTORE") or server.has("STATUS=SIZE")):
        return
    open_ones = [
        job
        for job in jobs
        if job.record is not None and not job.unchanged and unconfirmed(job.record.destination)
    ]
    if closing is not None:
        shown = {view.mailbox.raw: numbers_of(view.status) for view in closing.folders}
        looks = [(job, shown.get(job.destination.mailbox.raw)) for job in open_ones]
    else:
        items = status_items(server, sizes=True)
        asked = [(job, server.status(job.destination.mailbox, items)) for job in open_ones]
        looks = [(job, await _numbers(answer)) for job, answer in asked]
    for job, now in looks:
        if now is not None and job.record is not None:
            journal.confirm(confirmed(job.record, now))
    journal.commit()


async def _numbers(answer: Pending[StatusItems]) -> Numbers | None:
    try:
        return numbers_of(await answer)
    except CommandRefused:
        return None
