"""Pair the messages of two folders, with a second look at those that a server may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.index import read_without_domain, recognise
from imapsync.plan.match import match
from imapsync.transfer.contents import read_contents

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
    if identity.any_domain and await same_but_for_domain(
        ends, focus, job, sides, identity=identity, matching=matching
    ):
        matching = match(source, destination, rules)
    return matching


async def same_but_for_domain(
    ends: Ends,
    focus: Focus,
    job: FolderJob,
    sides: tuple[MessageIndex, MessageIndex],
    *,
    identity: Identity,
    matching: Matching,
) -> bool:
    """Find, for --messageidnodomain, the copies that differ in the domain of their Message-Id.

    They are read on both sides, and count as copies only when they say the same. Such rows get digest and
    size of their original; tells whether there are any, and the indexes have to be matched again.
    """
    source, destination = sides
    here = {source.uids[row]: row for row in matching.missing}
    there = {destination.uids[row]: row for row in matching.extra}
    if not here or not there:
        return False
    await focus.source(job)
    ids_here = await read_without_domain(ends.source, identity, here)
    await focus.destination(job)
    ids_there = await read_without_domain(ends.destination, identity, there)
    both = set(ids_here.values()) & set(ids_there.values())
    candidates = [uid for uid, digest in ids_there.items() if digest in both]
    contents_there = await read_contents(ends.destination, candidates, identity)
    await focus.source(job)
    wanted = [uid for uid, digest in ids_here.items() if digest in both]
    contents_here = await read_contents(ends.source, wanted, identity)
    waiting: dict[tuple[int, int], list[int]] = {}
    for uid, content in sorted(contents_here.items(), reverse=True):
        waiting.setdefault((ids_here[uid], content), []).append(uid)
    found = False
    for uid, content in sorted(contents_there.items()):
        originals = waiting.get((ids_there[uid], content))
        if originals:
            original = here[originals.pop()]
            row = there[uid]
            destination.digests[row], destination.sizes[row] = (
                source.digests[original],
                source.sizes[original],
            )
            destination.contents[uid] = source.contents[source.uids[original]] = content
            found = True
    return found
