"""What is told about a folder pair: to the log, the counters, the progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.terms import Reason, Side
from imapsync.transfer.job import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.index import MessageIndex
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


def abandon(run: Run, job: FolderJob) -> None:
    """Give a folder pair up: nothing more is done with it, and nothing may be concluded from its absence."""
    job.standing = Standing.ABANDONED
    job.failed = True
    run.incomplete_listing = True
    listed = job.source.listed
    if listed is not None and listed.messages and not job.copying:
        run.sink(events.WorkPlanned(listed.messages, listed.size or 0))  # and none of them will arrive


def replaced(run: Run, job: FolderJob) -> None:
    """Warn that other messages than the recorded ones have their UIDs."""
    run.warn(
        f"folder {job.name}: other messages have the numbers that the state file knows (restored from"
        " a backup?); all of it is compared again"
    )


def source_incomplete(run: Run, job: FolderJob, shown: int, exists: int, why: str = "") -> None:
    """Report a source folder that holds more messages than its server shows."""
    job.failed = True
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


def oversized(run: Run, job: FolderJob, reading: Reading) -> None:
    """Report the messages left out for their size since the last call."""
    selector = reading.selector
    if selector.oversized:
        run.sink(
            events.MessagesSkipped(
                job.name, selector.oversized, Skip.SIZE, size_bytes=selector.oversized_bytes
            )
        )
    selector.oversized = selector.oversized_bytes = 0


def present(run: Run, job: FolderJob, messages: int, removed: int) -> None:
    """Report messages that need no copy: those that have one, and those whose copy the user removed."""
    removed = min(removed, messages)
    if messages > removed:
        run.sink(events.MessagesSkipped(job.name, messages - removed, Skip.PRESENT))
    if removed:
        run.sink(events.MessagesSkipped(job.name, removed, Skip.REMOVED_BY_USER))


def left_out(run: Run, job: FolderJob, source: MessageIndex, rows: Iterable[int], why: Skip) -> None:
    """Report messages, by their rows, that are not copied because they are there in another way."""
    rows = list(rows)
    if rows:
        size_bytes = sum(source.sizes[row] for row in rows)
        uids = [source.uids[row] for row in rows]
        run.sink(events.MessagesSkipped(job.name, len(rows), why, size_bytes, uids))


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
    """Report a comparison: how many messages each side has, and what follows."""
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
