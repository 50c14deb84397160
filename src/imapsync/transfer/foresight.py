"""What a run would meet, found out without reading messages: other names, messages that are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.transfer.prepare import accounts
from imapsync.transfer.sizelimit import limits

if TYPE_CHECKING:
    from imapsync.plan.folders import Layout
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


async def foresee(run: Run, jobs: list[FolderJob]) -> None:
    """Tell which folders get another name on the destination, and how many messages it would not take."""
    source, destination = accounts(run)
    renamed = [
        (job.name, job.pair.destination)
        for job in jobs
        if _levels(job.name, source.layout) != _levels(job.pair.destination, destination.layout)
    ]
    known = [(job, limit) for job, limit in await limits(run, jobs) if limit]
    too_large = 0
    for job, limit in known:
        if job.source.messages:
            try:
                folder = await run.source.opened(job.source)
                too_large += len(await folder.search(f"LARGER {limit}"))
            except CommandRefused:
                continue
    smallest = min((limit for _, limit in known), default=None)
    run.sink(events.Foreseen(tuple(renamed), smallest, too_large if known else None))


def _levels(name: str, layout: Layout) -> list[str]:
    """Give the levels of a folder's name, without the prefix of the user's own folders."""
    own = name.removeprefix(layout.prefix)
    return own.split(layout.separator) if layout.separator else [own]
