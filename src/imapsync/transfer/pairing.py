"""Pair the messages of two folders, with a second look at those that a server may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.index import recognise
from imapsync.plan.match import match

if TYPE_CHECKING:
    from imapsync.account import Account, SeenFolder
    from imapsync.plan.identity import Identity
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching, PairingRules


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
    if not (matching.missing and matching.extra):
        return matching
    if await recognise(await account.opened(folder), identity, source, destination, matching):
        matching = match(source, destination, rules)
    return matching
