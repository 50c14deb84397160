"""Find out what each folder pair needs: what to copy, which flags to change, what to delete.

A group of folder pairs is asked about at once, all questions in flight together; the answers are taken in the
order of the questions, because a session stops reading while answers wait to be taken. What needs a second
question comes after all first answers are in.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from imapsync.account.seen import FolderReplaced, numbers_of
from imapsync.plan.belief import Belief, Spared, is_put_back, spared, trust
from imapsync.plan.changes import Absence
from imapsync.plan.decisions import NOTHING
from imapsync.report import events
from imapsync.report.events import Phase, Skip
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import telling
from imapsync.transfer.copylist import WAITING
from imapsync.transfer.delta import DeltaComparison
from imapsync.transfer.failures import message_failed, message_skipped
from imapsync.transfer.full import FullComparison
from imapsync.transfer.job import Standing
from imapsync.transfer.planning import Kept, wishes_of
from imapsync.transfer.provided import check_ceiling
from imapsync.transfer.recording import note_restored
from imapsync.transfer.steady import what_is_unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync.terms import FolderRecord
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Messages (by STATUS) whose indexes are held at once, and folder pairs asked about at once.
GROUP_MESSAGES = 200_000
GROUP_FOLDERS = 200


def groups(jobs: list[FolderJob]) -> Iterator[list[FolderJob]]:
    """Cut the work into groups that are compared and then copied, so that indexes stay small."""
    group: list[FolderJob] = []
    messages = 0
    for job in jobs:
        count = _messages(job)
        if group and (messages + count > GROUP_MESSAGES or len(group) >= GROUP_FOLDERS):
            yield group
            group, messages = [], 0
        group.append(job)
        messages += count
    if group:
        yield group


async def compare(run: Run, jobs: list[FolderJob], reading: Reading) -> list[FolderJob]:
    """Compare a group. Gives the jobs that still have something to do; reports all of them, each once."""
    run.sink(events.PhaseChanged(Phase.COMPARING))
    records = run.journal.folders() if run.journal is not None else {}
    comparisons = []
    for job in jobs:
        if job.finished:
            continue  # the connection was lost at another one
        if job.plan is not NOTHING:
            telling.withdrawn(run, job)
            job.take(NOTHING)
            job.told = True
        record = records.get((job.name, job.pair.destination))
        comparison = _comparison(run, job, reading, record)
        if comparison is not None:
            comparisons.append(comparison)
    for comparison in comparisons:
        comparison.ask()
    for comparison in comparisons:
        await comparison.take()
    working = []
    for comparison in comparisons:
        job = comparison.job
        try:
            await _conclude(run, comparison, reading)
            if not job.finished:
                await _leave_unread(run, job, reading)
        except FolderReplaced as error:
            if not run.dry:
                job.unsteady = True  # read anew, within one opening
                working.append(job)
                continue
            _give_up(run, job, error)
        except CommandRefused as error:  # to a second question, or to open the folder for it
            _give_up(run, job, error)
        if not job.finished:
            _refuse_doubles(run, job)
            check_ceiling(run, job)
            working.append(job)
    return working


def _give_up(run: Run, job: FolderJob, error: CommandRefused) -> None:
    if telling.postpone(run, job, error):
        return
    telling.abandon(run, job)
    run.problem(error, f"folder {job.name} cannot be compared", folder=job.name, reason=Reason.SELECT)


async def _conclude(run: Run, comparison: FullComparison | DeltaComparison, reading: Reading) -> None:
    """Let a comparison come to its end, from scratch where what is recorded turns out not to fit."""
    job = comparison.job
    if not comparison.invalid and not job.finished:
        job.take(await comparison.conclude())
    if comparison.invalid:
        again = _from_scratch(run, job, reading, replaced=comparison.replaced)
        again.ask()
        await again.take()
        if not job.finished:
            job.take(await again.conclude())


def _comparison(
    run: Run, job: FolderJob, reading: Reading, record: FolderRecord | None
) -> FullComparison | DeltaComparison | None:
    """Give how a folder pair is to be compared, None when equal numbers say that nothing is to be done."""
    known = record if job.pair.exists else None
    if not job.pair.exists or job.pair.shared:
        record = None
    source, destination = numbers_of(job.source.listed), numbers_of(job.destination.listed)
    believed = trust(record, source, destination, wishes_of(run, job, reading))
    if reading.mirrors and reading.searches:
        believed = Belief.NOTHING  # what a search does not find may be there
    if record is not None and destination is not None and is_put_back(record.destination, destination):
        note_restored(run, record)
    job.record = record or known
    if record is None or run.journal is None or believed is Belief.NOTHING:
        return _from_scratch(run, job, reading, replaced=False)
    if believed is Belief.BEGUN:
        return FullComparison(run, job, reading, lambda: Kept(_our_marks(run, job, record)), record)
    if believed is Belief.KNOWN:
        return DeltaComparison(run, job, reading, record, run.journal)
    _unchanged(run, job, record)
    return None


def _from_scratch(run: Run, job: FolderJob, reading: Reading, *, replaced: bool) -> FullComparison:
    """Believe nothing that is recorded of a folder pair but our marks, and which copies may be the last."""
    record, job.record = job.record, None
    replaced = replaced or (record is not None and is_put_back(record.source, job.source.numbers))
    return FullComparison(run, job, reading, partial(_kept, run, job, record, replaced=replaced))


def _kept(run: Run, job: FolderJob, record: FolderRecord | None, *, replaced: bool) -> Kept:
    """Give what of a record counts for the folders that were opened."""
    if record is None or run.journal is None:
        return Kept()
    which = spared(record, job.source.numbers, job.destination.numbers, replaced=replaced)
    last: set[int] = set()
    if which is not Spared.NOBODY:
        last |= run.journal.moved(record.id)
    pairs = run.journal.all_pairs(record.id) if which is Spared.KNOWN else []
    last.update(pair.copy for pair in pairs if pair.copy > 0)
    who = frozenset((pair.digest, pair.size) for pair in pairs if pair.digest)
    return Kept(_our_marks(run, job, record), frozenset(last), who, record.copies)


def _our_marks(run: Run, job: FolderJob, record: FolderRecord) -> frozenset[int]:
    """Give the source UIDs that we have marked as deleted, if they are still those messages'."""
    same = job.source.numbers.uidvalidity == record.source.uidvalidity
    return frozenset(run.journal.marked(record.id)) if same and run.journal is not None else frozenset()


async def _leave_unread(run: Run, job: FolderJob, reading: Reading) -> None:
    """Make no copy of what nobody could hold against what lies there; the next run may.

    It may be on the destination already; what its server gives the next time makes a second one. Where the
    source has only given its messages other UIDs, the folder is read anew.
    """
    plan, rows = job.plan, job.copying
    if not plan.left and not plan.unread:
        return
    left = [row for row in rows.rows(WAITING) if rows.uids[row] in plan.left]
    gone = left
    if left and not run.dry:
        why, unlisted = await what_is_unlisted(await run.source.opened(job.source), job, reading)
        job.unsteady = job.unsteady or why is Absence.RENUMBERED
        gone = [row for row in left if row in set(unlisted)]
    if job.unsteady:
        return
    if gone:
        rows.vanished += len(gone)
        message_skipped(run, job, gone, Skip.VANISHED)
    for row in rows.rows(WAITING):
        if row in left or rows.uids[row] in plan.unread:
            text = "a server does not give the message, or what may be its copy, to compare them"
            message_failed(run, job, row, None, side=Side.SOURCE, reason=Reason.FETCH, server_text=text)


def _refuse_doubles(run: Run, job: FolderJob) -> None:
    """Make no copy of what may be one of the messages that the destination does not show; each is a failure.

    Nobody can say who these are. Their sizes fit, or are unknown, and else each run would put one more there.
    """
    hidden = Counter(job.destination.hidden)
    if not hidden:
        return
    for row in job.copying.rows(WAITING):
        size = job.copying.sizes[row]
        fits = size if hidden[size] else 0
        if hidden[fits]:
            hidden[fits] -= 1
            text = (
                f"it may be in {job.pair.destination}, where the server does not show a message of its size"
            )
            message_failed(run, job, row, None, reason=Reason.NOT_STORED, server_text=text)


def _unchanged(run: Run, job: FolderJob, record: FolderRecord) -> None:
    if run.journal is not None and not run.dry and record.destination_seen < record.destination.uidnext:
        run.journal.see(record.id)
    messages = max(0, record.source.messages)
    there = max(0, record.destination.messages)
    telling.compared(run, job, source=messages, destination=there, unchanged=True)
    telling.present(run, job, messages, record.removed)
    job.standing = Standing.UNCHANGED


def _messages(job: FolderJob) -> int:
    return job.source.messages + job.destination.messages
