"""What is told about a folder pair: to the log, the counters, the progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.decisions import NOTHING
from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.session.errors import ConnectionFailed, NotSentAgain
from imapsync.terms import Reason, Side
from imapsync.transfer.copylist import SENT, WAITING
from imapsync.transfer.job import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.index import MessageIndex
    from imapsync.session.errors import SyncError
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


def abandon(run: Run, job: FolderJob) -> None:
    """Give up a folder pair that could not be compared: none of its messages will arrive."""
    leave(run, job)
    listed = job.source.listed
    if listed is not None and listed.messages and not job.copying:
        # And none of them will arrive; of those that break the connection that was told.
        untold = max(0, listed.messages - len(job.source.breaking))
        run.sink(events.WorkPlanned(untold, listed.size or 0))


def postpone(run: Run, job: FolderJob, error: SyncError) -> bool:
    """Leave a folder pair for the end of the run, where the connection broke over it each time.

    It may have been the network's doing. Tells whether it is tried once more at all: not where anything was
    told to have failed.
    """
    if not run.postpones or job.failed or not isinstance(error, NotSentAgain | ConnectionFailed):
        return False
    job.standing = Standing.POSTPONED
    run.warn(f"folder {job.name} is tried once more at the end: {error}", error.side)
    return True


def unclear(run: Run, job: FolderJob) -> None:
    """Say that nothing of a destination folder goes: it could not be read which message is whose copy."""
    job.trouble = True
    run.warn(
        f"nothing is deleted in {job.pair.destination}: messages could not be read that tell which of equal"
        " ones goes"
    )


def leave(run: Run, job: FolderJob) -> None:
    """Do nothing more with a folder pair; nothing may be concluded from its absence."""
    job.standing = Standing.ABANDONED
    job.trouble = True
    run.incomplete_listing = True
    if job.plan.doomed:
        job.plan = job.plan._replace(doomed=NOTHING.doomed)


def withdrawn(run: Run, job: FolderJob) -> None:
    """Take back what was told to be copied and was not: the folder pair is compared once more."""
    rows = job.copying
    left = [*rows.rows(WAITING), *rows.rows(SENT)]
    run.sink(events.WorkPlanned(-len(left), -sum(rows.sizes[row] for row in left)))


def replaced(run: Run, job: FolderJob) -> None:
    """Warn that other messages than the recorded ones have their UIDs."""
    run.warn(
        f"folder {job.name}: other messages have the numbers that the state file knows (restored from"
        " a backup?); all of it is compared again"
    )


def source_incomplete(run: Run, job: FolderJob, shown: int, exists: int, why: str = "") -> None:
    """Report a source folder that holds more messages than its server shows."""
    job.trouble = True
    run.incomplete_listing = True
    text = f"folder {job.name} holds {exists} messages and the server shows only {shown} of them"
    run.sink(events.WorkPlanned(max(1, exists - shown), 0))  # they will not arrive
    run.sink(
        events.Problem(
            Reason.SOURCE_INCOMPLETE,
            f"{text}: {why}" if why else text,
            Side.SOURCE,
            job.name,
            {"shown": str(shown), "exists": str(exists)},
        )
    )
    run.count_error()


def not_done(run: Run, job: FolderJob, error: SyncError, text: str, reason: Reason) -> None:
    """Report something about a folder pair that could not be done."""
    job.trouble = True
    run.problem(error, text, folder=job.name, reason=reason)


def unread(run: Run, job: FolderJob, uid: int, text: str, reason: Reason) -> None:
    """Report a source message that nobody can read: nothing is known of it but its UID."""
    job.trouble = True
    run.sink(events.WorkPlanned(1, 0))
    run.sink(
        events.MessageFailed(
            job.name, uid, reason, text, side=Side.SOURCE, uidvalidity=job.source.uidvalidity
        )
    )
    run.count_error()


def unseen(run: Run, job: FolderJob, text: str) -> None:
    """Warn that copies in the destination folder may be overlooked."""
    job.trouble = True
    run.warn(text, Side.DESTINATION)


def others_there(run: Run, job: FolderJob, messages: int) -> None:
    """Report that copies are not what they were: the next run compares the folder from scratch."""
    job.trouble = True
    text = f"{messages} messages of {job.pair.destination} are other ones than the copies that were there"
    run.sink(
        events.Problem(
            Reason.FOLDER_REPLACED,
            f"{text} (restored from a backup, edited?); their originals stay, the next run compares all",
            Side.DESTINATION,
            job.name,
        )
    )
    run.count_error()


def left_for_next_run(run: Run, job: FolderJob, messages: int, size_bytes: int) -> None:
    """Count messages that this run could not take any more: they are missing."""
    job.trouble = True
    run.sink(events.WorkPlanned(messages, size_bytes))


def oversized(run: Run, job: FolderJob, reading: Reading) -> None:
    """Report the messages left out for their size since the last call."""
    selector = reading.selector
    if selector.oversized and not job.told:
        run.sink(
            events.MessagesSkipped(
                job.name, selector.oversized, Skip.SIZE, size_bytes=selector.oversized_bytes
            )
        )
    selector.oversized = selector.oversized_bytes = 0


def present(run: Run, job: FolderJob, messages: int, removed: int) -> None:
    """Report messages that need no copy: those that have one, and those whose copy the user removed."""
    if job.told:
        return
    removed = min(removed, messages)
    if messages > removed:
        run.sink(events.MessagesSkipped(job.name, messages - removed, Skip.PRESENT))
    if removed:
        run.sink(events.MessagesSkipped(job.name, removed, Skip.REMOVED_BY_USER))


def left_out(run: Run, job: FolderJob, source: MessageIndex, rows: Iterable[int], why: Skip) -> None:
    """Report messages, by their rows, that are not copied because they are there in another way."""
    rows = list(rows)
    if rows and not job.told:
        size_bytes = sum(source.sizes[row] for row in rows)
        uids = [source.uids[row] for row in rows]
        run.sink(events.MessagesSkipped(job.name, len(rows), why, size_bytes, uids))


def span(dates: Iterable[int | None]) -> tuple[int, int] | None:
    """Give the first and the last of some dates; those that are not known, None or 0, do not count."""
    known = [date for date in dates if date]
    return (min(known), max(known)) if known else None


def compared(
    run: Run,
    job: FolderJob,
    *,
    source: int,
    destination: int,
    to_copy: int = 0,
    duplicates: int = 0,
    extra: int = 0,
    unchanged: bool = False,
) -> None:
    """Report a comparison, once a folder pair: how many messages each side has, and what follows."""
    if job.told:
        return
    run.sink(
        events.FolderCompared(
            job.name,
            job.pair.destination,
            source_messages=source,
            destination_messages=destination,
            identified=source,
            source_duplicates=duplicates,
            to_copy=to_copy,
            missing_source=extra,
            unchanged=unchanged,
        )
    )
