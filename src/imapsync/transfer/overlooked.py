"""Find messages that a search should have named and did not: each is found by it or by its opposite.

A server whose index lags behind, or that stumbles over a message, leaves it out of what it finds. By the
search alone that cannot be told from what the user does not want.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from imapsync.plan.belief import is_all
from imapsync.plan.retry import narrowed
from imapsync.plan.searching import opposite
from imapsync.session.errors import CommandRefused
from imapsync.transfer import telling
from imapsync.transfer.halving import COUNTS, all_from
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.account import OpenFolder
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


async def overlooked(
    run: Run, job: FolderJob, folder: OpenFolder, criteria: str, *, found: Iterable[int], listed: UidSet
) -> UidSet:
    """Give what a search of a source folder has overlooked; found: what it named, listed: all that there is.

    What neither it nor its opposite names is asked about once more; what is then still named by neither, and
    still there, is reported, and the folder is not complete. A server that cannot search for the opposite is
    believed.
    """
    end = job.source.numbers.uidnext or 0
    unnamed = listed.without(found).without(job.source.breaking)
    if end:
        unnamed = unnamed.within(1, end - 1)  # what came meanwhile was not asked about
    if not unnamed:
        return UidSet()
    try:
        doubtful = unnamed.without(await _searched(folder, opposite(criteria)))
    except CommandRefused:
        return UidSet()
    again: set[int] = set()
    named: set[int] = set()
    for some in doubtful.split(UIDS_PER_QUESTION):
        # A refusal leaves them in doubt, and takes nothing back of what others have shown.
        with contextlib.suppress(CommandRefused):
            again |= set(await folder.search(narrowed(criteria, some.ranges))) & set(some)
            if (others := opposite(criteria)) is not None:
                named |= set(await folder.search(narrowed(others, some.ranges)))
    left = doubtful.without(again | named)
    gone = await _vanished(job, folder, left) if left else UidSet()
    if left := left.without(gone):
        uids = left.encode()[:60].decode("ascii")
        why = f"neither a search for {criteria} nor its opposite names {uids}"
        held = len(listed) - len(gone)
        telling.source_incomplete(run, job, held - len(left), held, why)
    return UidSet.of(again)


async def _searched(folder: OpenFolder, criteria: str | None) -> UidSet:
    return UidSet() if criteria is None else await folder.search(criteria)


async def _vanished(job: FolderJob, folder: OpenFolder, uids: UidSet) -> UidSet:
    """Give those messages that are no longer there: deleted since they were listed.

    None are, where the server does not list as many as it counts.
    """
    breaking = job.source.breaking
    try:
        for _ in range(COUNTS):
            await folder.noop()
            there = await folder.uids(all_from(1, breaking))
            if is_all(len(there) + len(breaking), folder.exists):
                return uids.without(there)
    except CommandRefused:
        pass
    return UidSet()
