"""Copies that carry another Message-Id than their originals, but say the same.

--addheader gives one to messages that nothing identifies, in this run or in another; --regexmess and its like
may change it; a server may put its own domain into it. Such copies are read on both sides and count only when
they say what their originals say, or what those are changed to.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from imapsync.account.index import note_untold, read_without_domain, with_own_id
from imapsync.plan.header import split_message
from imapsync.plan.identity import UNIDENTIFIED
from imapsync.plan.match import unpaired
from imapsync.transfer.changed import changed_contents
from imapsync.transfer.contents import gone_of, read_contents

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

    Sides = tuple[MessageIndex, MessageIndex]

#: Originals that are changed to see whether what they are called changes at all, of those that something
#: identifies and of the others; each is read for it.
SAMPLE = 20


async def find_under_other_ids(run: Run, job: FolderJob, sides: Sides, matching: Matching) -> bool:
    """Give such copies digest and size of their originals; tell whether there are any to match again."""
    source, destination = sides
    rules = run.settings.content
    looks = [
        look
        for look, wanted in (
            (_other_domain, run.identity.any_domain),
            (_added, source.poor),
            (_changed, rules.rewrite or rules.pipe or rules.shorten),
        )
        if wanted
    ]
    if not looks:
        return False
    here = {source.uids[row]: row for row in unpaired(source, matching)}
    there = {destination.uids[row]: row for row in matching.extra}
    found = False
    for look in looks:
        if here and there:
            found = await look(run, job, sides, here, there) or found
    return found


async def _other_domain(
    run: Run, job: FolderJob, sides: Sides, here: dict[int, int], there: dict[int, int]
) -> bool:
    """Find, for --messageidnodomain, what differs in the domain of its Message-Id."""
    identity = run.identity
    folder = await run.source.opened(job.source)
    ids_here, untold_here = await read_without_domain(folder, identity, here)
    folder = await run.destination.opened(job.destination)
    ids_there, untold_there = await read_without_domain(folder, identity, there)
    found = await _claim_alike(run, job, sides, (here, there), (ids_here, ids_there))
    note_untold(sides, (here, there), (untold_here, untold_there))
    return found


async def _added(run: Run, job: FolderJob, sides: Sides, here: dict[int, int], there: dict[int, int]) -> bool:
    """Find what nothing identified, or only a Message-Id that --addheader had given, on either side."""
    poor_here, poor_there = here.keys() & sides[0].poor, there.keys() & sides[1].poor
    if not poor_here:
        return False
    folder = await run.destination.opened(job.destination)
    poor_there |= await with_own_id(folder, there.keys() - poor_there)
    ids = (dict.fromkeys(poor_here, 0), dict.fromkeys(poor_there, 0))
    return await _claim_alike(run, job, sides, (here, there), ids)


async def _changed(
    run: Run, job: FolderJob, sides: Sides, here: dict[int, int], there: dict[int, int]
) -> bool:
    """Find what is called otherwise because the options have changed it on its way."""
    source, destination = sides

    def called(message: bytes) -> int:
        return run.identity.of_header(split_message(message)[0])

    folder = await run.source.opened(job.source)
    poor = here.keys() & source.poor
    some = [*_spread(here.keys() - poor), *_spread(poor)]
    unread: set[int] = set()
    sample = await changed_contents(run, folder, some, called, unread=unread)
    same = all(name in (UNIDENTIFIED, source.digests[here[uid]]) for uid, name in sample.items())
    if same and (sample or not unread):
        return False  # what nothing identifies is called nothing, whatever its own digest is made of
    others = sorted(here.keys() - sample.keys())
    names = sample | await changed_contents(run, folder, others, called, unread=unread)
    names_there = {uid: destination.digests[row] for uid, row in there.items()}
    both = set(names.values()) & set(names_there.values()) - {UNIDENTIFIED}
    wanted = sorted(uid for uid, name in names.items() if name in both)
    unread -= names.keys()
    if unread & source.excluded:  # anything may be a copy of theirs
        destination.unread |= there.keys()
    contents_here = await changed_contents(run, folder, wanted, unread=unread)
    candidates = [uid for uid, name in names_there.items() if name in both]
    folder = await run.destination.opened(job.destination)
    contents_there = await read_contents(folder, candidates, run.identity)
    keys_here = {uid: (names[uid], content) for uid, content in contents_here.items()}
    keys_there = {uid: (names_there[uid], content) for uid, content in contents_there.items()}
    found = _claim(sides, (here, there), keys_here, keys_there)
    ids, missed = (names, names_there), (unread, set(candidates) - contents_there.keys())
    await _note_unread(run, job, sides, (here, there), ids, unread=missed)
    return found


def _spread(uids: Collection[int]) -> list[int]:
    """Give about `SAMPLE` of some UIDs, from everywhere among them."""
    return sorted(uids)[:: max(1, len(uids) // SAMPLE)]


async def _claim_alike(
    run: Run,
    job: FolderJob,
    sides: Sides,
    rows: tuple[dict[int, int], dict[int, int]],
    ids: tuple[dict[int, int], dict[int, int]],
) -> bool:
    """Claim what has the same of these ids (UID -> id) and says the same."""
    both = set(ids[0].values()) & set(ids[1].values())
    wanted = [sorted(uid for uid, each in side.items() if each in both) for side in ids]
    here = await read_contents(await run.source.opened(job.source), wanted[0], run.identity)
    there = await read_contents(await run.destination.opened(job.destination), wanted[1], run.identity)
    keys_here = {uid: (ids[0][uid], content) for uid, content in here.items()}
    keys_there = {uid: (ids[1][uid], content) for uid, content in there.items()}
    found = _claim(sides, rows, keys_here, keys_there)
    unread = (set(wanted[0]) - here.keys(), set(wanted[1]) - there.keys())
    await _note_unread(run, job, sides, rows, ids, unread=unread)
    return found


async def _note_unread(
    run: Run,
    job: FolderJob,
    sides: Sides,
    rows: tuple[dict[int, int], dict[int, int]],
    ids: tuple[dict[int, int], dict[int, int]],
    *,
    unread: tuple[set[int], set[int]],
) -> None:
    """Note what a server lists and does not give as unread, and what has the same id without a partner."""
    if not any(unread):
        return
    gone_here = await gone_of(await run.source.opened(job.source), unread[0])
    gone_there = await gone_of(await run.destination.opened(job.destination), unread[1])
    left = (unread[0] - gone_here, unread[1] - gone_there)
    for one, other in ((0, 1), (1, 0)):
        unsure = {ids[other][uid] for uid in left[other] if uid in ids[other]}
        sides[one].unread |= left[one]
        sides[one].unread.update(uid for uid in rows[one] if ids[one].get(uid) in unsure)


def _claim(
    sides: Sides,
    rows: tuple[dict[int, int], dict[int, int]],
    keys_here: Mapping[int, tuple[int, int]],
    keys_there: Mapping[int, tuple[int, int]],
) -> bool:
    """Give copies (UID -> id and content) digest and size of an original with the same key, one each.

    Both leave `rows`, which are UID -> row of what has no partner yet. Selected originals come first.
    """
    source, destination = sides
    here, there = rows
    waiting: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for uid in sorted(keys_here, key=lambda uid: (uid in source.excluded, uid), reverse=True):
        waiting[keys_here[uid]].append(uid)
    found = False
    for uid, key in sorted(keys_there.items()):
        if waiting[key]:
            original = waiting[key].pop()
            at, row = here.pop(original), there.pop(uid)
            destination.digests[row], destination.sizes[row] = source.digests[at], source.sizes[at]
            # The original keeps what was read of it: by that it is held against its duplicates.
            destination.contents[uid] = source.contents.setdefault(original, key[1])
            found = True
    return found
