"""Pair the messages of two folders, with a second look at those that a server may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.index import recognise
from imapsync.plan.match import match, unpaired
from imapsync.transfer.otherids import find_under_other_ids

if TYPE_CHECKING:
    from imapsync.account import Account, SeenFolder
    from imapsync.plan.identity import Identity
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching, PairingRules
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


async def pair(
    account: Account,
    folder: SeenFolder,
    sides: tuple[MessageIndex, MessageIndex],
    *,
    identity: Identity,
    rules: PairingRules,
) -> Matching:
    """Pair two indexes; folder: that of the second, on the destination's account.

    Costs a question only where both sides have messages without a partner.
    """
    source, destination = sides
    matching = match(source, destination, rules)
    if not (matching.extra and unpaired(source, matching)):
        return matching
    if await recognise(await account.opened(folder), identity, source, destination, matching):
        matching = match(source, destination, rules)
    return matching


async def pair_job(
    run: Run, job: FolderJob, sides: tuple[MessageIndex, MessageIndex], rules: PairingRules
) -> Matching:
    """Pair the indexes of a job's two folders, by all that the options say of who a message is."""
    matching = await pair(run.destination, job.destination, sides, identity=run.identity, rules=rules)
    if await find_under_other_ids(run, job, sides, matching):
        matching = match(*sides, rules)
    return matching
