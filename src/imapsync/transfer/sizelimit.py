"""Messages that the destination said it will not take (APPENDLIMIT, RFC 7889): told, and not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.terms import Reason, Side
from imapsync.transfer.copylist import FAILED, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


def refuse_too_large(run: Run, jobs: Iterable[FolderJob]) -> None:
    """Let messages above the limit of --appendlimit, else of the server, fail before they are read.

    They do not count for --errorsmax: that is about trouble, and these say nothing about the others. Where
    the options change messages, their sizes are known too late, and the server decides.
    """
    limit = run.settings.limits.append_bytes or run.destination.append_limit
    if limit is None or run.settings.content.changes:
        return
    for job in jobs:
        for row in job.copying.rows(WAITING):
            size = job.copying.sizes[row]
            if size > limit:
                job.copying.close(row, FAILED)
                text = f"host2 takes messages of up to {limit} bytes"
                run.sink(
                    events.MessageFailed(
                        job.name,
                        job.copying.uids[row],
                        Reason.TOO_BIG,
                        text,
                        size_bytes=size,
                        side=Side.DESTINATION,
                        uidvalidity=job.source.uidvalidity,
                    )
                )
