"""Try once more what failed in an earlier run (--retryfailed): find these messages, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.seen import FolderReplaced
from imapsync.plan.retry import lookup, narrowed
from imapsync.report.events import Problem
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import telling
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account import OpenFolder
    from imapsync.plan.retry import FailedMessage, Retry
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


async def narrow(run: Run, jobs: list[FolderJob], retry: Retry) -> list[FolderJob]:
    """Find the messages that failed; give the jobs of the folders that still hold any of them.

    What is no longer on the source needs no second try; what nobody can find again is an error.
    """
    if retry.unnamed:
        text = f"{retry.unnamed} more messages had failed than the report of --retryfailed names"
        run.sink(Problem(Reason.SOURCE_INCOMPLETE, text, Side.SOURCE))
        run.count_error()
    left = []
    run.retried = {}
    for job in jobs:
        try:
            found = await _find(run, job, retry.of(job.name))
        except (CommandRefused, FolderReplaced) as error:
            telling.abandon(run, job)
            text = f"what failed in folder {job.name} cannot be looked for"
            run.problem(error, text, folder=job.name, reason=Reason.SELECT)
            continue
        if found:
            run.retried[job.name] = UidSet.of(found)
            left.append(job)
    return left


async def _find(run: Run, job: FolderJob, failed: tuple[FailedMessage, ...]) -> set[int]:
    folder = await run.source.opened(job.source)
    opened = await folder.selected()
    wanted = lookup(failed, (opened.uidvalidity or 0) if opened.uids_last else 0)
    found = await _still_there(run, job, folder, wanted.uids)
    for key in wanted.searches:
        hits = set(await folder.search(key))
        found |= hits
        if not hits:
            _not_found(run, job, f"a message that failed in {job.name} is not found again: {key}")
    for uid in wanted.unknown:
        _not_found(run, job, f"message {uid} of {job.name} cannot be found again: the folder was made anew")
    return found


async def _still_there(run: Run, job: FolderJob, folder: OpenFolder, uids: frozenset[int]) -> set[int]:
    if not uids:
        return set()
    found = set(await folder.search(narrowed("", UidSet.of(uids).ranges))) & uids
    if len(found) < len(uids):
        gone = ", ".join(str(uid) for uid in sorted(uids - found))
        run.warn(f"no longer in {job.name}, so not tried again: {gone}", Side.SOURCE)
    return found


def _not_found(run: Run, job: FolderJob, text: str) -> None:
    run.sink(Problem(Reason.FETCH, text, Side.SOURCE, job.name))
    run.count_error()
