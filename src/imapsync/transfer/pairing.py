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
    if not (matching.missing and matching.extra):
        return matching
    if await recognise(await account.opened(folder), identity, source, destination, matching):
        matching = match(source, destination, rules)
    return matching


async def pair_job(
    run: Run, job: FolderJob, sides: tuple[MessageIndex, MessageIndex], rules: PairingRules
) -> Matching:
    """Pair the indexes of a job's two folders, by all that the options say of who a message is."""
    matching = await pair(run.destination, job.destination, sides, identity=run.identity, rules=rules)
    if run.identity.any_domain and await same_but_for_domain(run, job, sides, matching):
        matching = match(*sides, rules)
    return matching


async def same_but_for_domain(
    run: Run, job: FolderJob, sides: tuple[MessageIndex, MessageIndex], matching: Matching
) -> bool:
    """Find, for --messageidnodomain, the copies that differ in the domain of their Message-Id.

    They are read on both sides, and count as copies only when they say the same. Such rows get digest and
    size of their original; tells whether there are any, and the indexes have to be matched again.
    """
    source, destination = sides
    identity = run.identity
    here = {source.uids[row]: row for row in matching.missing}
    there = {destination.uids[row]: row for row in matching.extra}
    if not here or not there:
        return False
    ids_here = await read_without_domain(await run.source.opened(job.source), identity, here)
    ids_there = await read_without_domain(await run.destination.opened(job.destination), identity, there)
    both = set(ids_here.values()) & set(ids_there.values())
    wanted = [uid for uid, digest in ids_here.items() if digest in both]
    candidates = [uid for uid, digest in ids_there.items() if digest in both]
    contents_here = await read_contents(await run.source.opened(job.source), wanted, identity)
    contents_there = await read_contents(await run.destination.opened(job.destination), candidates, identity)
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
