"""Messages that the destination said it will not take (APPENDLIMIT, RFC 7889): told, and not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer.copylist import FAILED, WAITING
from imapsync.transfer.naming import Name, Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.wire.responses import StatusItems


async def refuse_too_large(run: Run, jobs: Sequence[FolderJob]) -> None:
    """Let messages above the limit of --appendlimit, else of the server or folder, fail unread.

    They do not count for --errorsmax: that is about trouble, and these say nothing about the others. Where
    the options change messages, their sizes are known too late, and the server decides. It does so, too,
    where the limit is 0: go-imap says that of folders for which it knows none.
    """
    if run.settings.content.changes:
        return
    limit = run.settings.limits.append_bytes or run.destination.append_limit
    if limit:
        names = Names()
        for job in jobs:
            await _refuse(run, job, limit, f"host2 takes messages of up to {limit} bytes", names)
    elif run.destination.has("APPENDLIMIT"):
        await _refuse_by_folder(run, [job for job in jobs if WAITING in job.copying.states])


async def _refuse_by_folder(run: Run, jobs: Sequence[FolderJob]) -> None:
    """Ask for the limit of each folder, all at once: a bare APPENDLIMIT says that each has its own."""
    server = run.destination.server
    asked = [(job, server.status(job.destination.mailbox, ("APPENDLIMIT",))) for job in jobs]
    limits = [(job, await _limit(answer)) for job, answer in asked]
    names = Names()
    for job, limit in limits:
        if limit:
            text = f"folder {job.pair.destination} of host2 takes messages of up to {limit} bytes"
            await _refuse(run, job, limit, text, names)


async def _limit(answer: Pending[StatusItems]) -> int | None:
    try:
        return (await answer).append_limit
    except CommandRefused:
        return None  # then the server decides on each message


async def _refuse(run: Run, job: FolderJob, limit: int, text: str, names: Names) -> None:
    copying = job.copying
    rows = [row for row in copying.rows(WAITING) if copying.sizes[row] > limit]
    named = await names.of(run, job, (copying.uids[row] for row in rows))
    for row in rows:
        uid = copying.uids[row]
        name = named.get(uid, Name())
        copying.close(row, FAILED)
        run.sink(
            events.MessageFailed(
                job.name,
                uid,
                Reason.TOO_BIG,
                text,
                message_id=name.message_id,
                subject=name.subject,
                date=name.date,
                size_bytes=copying.sizes[row],
                side=Side.DESTINATION,
                uidvalidity=job.source.uidvalidity,
            )
        )
