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
    waiting = [job for job in jobs if WAITING in job.copying.states]
    one_for_all = _of_all(run)
    names = Names()
    for job, limit in await limits(run, waiting):
        if limit:
            where = "host2" if one_for_all else f"folder {job.pair.destination} of host2"
            await _refuse(run, job, limit, f"{where} takes messages of up to {limit} bytes", names)


async def limits(run: Run, jobs: Sequence[FolderJob]) -> list[tuple[FolderJob, int | None]]:
    """Give for each folder pair the largest message that the destination takes, as far as it says so.

    A bare APPENDLIMIT says that each folder has its own: they are asked all at once.
    """
    limit = _of_all(run)
    if limit or not run.destination.has("APPENDLIMIT"):
        return [(job, limit) for job in jobs]
    server = run.destination.server
    asked = [(job, server.status(job.destination.mailbox, ("APPENDLIMIT",))) for job in jobs]
    return [(job, await _limit(answer)) for job, answer in asked]


def _of_all(run: Run) -> int | None:
    return run.settings.limits.append_bytes or run.destination.append_limit


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
