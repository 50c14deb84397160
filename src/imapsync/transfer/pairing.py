"""Pair the messages of two folders, with a second look at those that a server may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.index import recognise
from imapsync.plan.match import match

if TYPE_CHECKING:
    from imapsync.plan.identity import Identity
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching, PairingRules
    from imapsync.transfer.context import Ends
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob


async def pair(
    ends: Ends,
    focus: Focus,
    job: FolderJob,
    sides: tuple[MessageIndex, MessageIndex],
    *,
    identity: Identity,
    rules: PairingRules,
) -> Matching:
    """Pair two indexes of the job's folders, over the sessions of `ends`.

    Costs a question only where both sides have messages without a partner.
    """
    source, destination = sides
    matching = match(source, destination, rules)
    if not (matching.missing and matching.extra):
        return matching
    await focus.destination(job)
    if await recognise(ends.destination, identity, source, destination, matching):
        matching = match(source, destination, rules)
    return matching
