"""Read on after a server refused a FETCH of many messages, or left some out: find those it stumbles over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.belief import is_all
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import telling
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.account import IndexReader, OpenFolder
    from imapsync.plan.index import MessageIndex
    from imapsync.session.session import Selected
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: A first cut of what is left, so that one bad message does not cost a question for each good one.
PIECE = 500
#: Messages come and go while a folder is listed: so often its count is compared before it is believed.
COUNTS = 3


class Listed(NamedTuple):
    """The UIDs that a folder shows; whole: these are as many as it holds."""

    uids: UidSet
    whole: bool


def lacks(index: MessageIndex, selected: Selected | None) -> bool:
    """Tell whether a server told of fewer messages than it had when it opened the folder."""
    return selected is not None and index.seen_below(selected.uidnext) < selected.exists


def all_from(first: int, breaking: Iterable[int]) -> bytes:
    """Give the set of all UIDs from `first` on but those at which the server hangs up."""
    parts = []
    for uid in sorted(uid for uid in breaking if uid >= first):
        if first < uid:
            parts.append(b"%d:%d" % (first, uid - 1))
        first = uid + 1
    return b",".join([*parts, b"%d:*" % first])


async def read_rest(
    run: Run, job: FolderJob, folder: OpenFolder, reader: IndexReader, index: MessageIndex
) -> None:
    """Complete an index whose reading was refused or had holes.

    Messages that cannot even be indexed are reported (on the source as failed messages, on the destination as
    a warning, since they can only be missed as copies), and the folder counts as not completely known. So
    does a source folder that holds more messages than its server lists.
    """
    listed = await list_all(run, job, folder)
    if listed is None:
        return
    missing = listed.uids.without([*index.uids, *index.dropped])
    await read_pieces(run, job, folder, reader, index, missing=missing)


async def list_all(run: Run, job: FolderJob, folder: OpenFolder) -> Listed | None:
    """List the UIDs of a folder and hold them against the server's own count.

    None when the server refuses, or a destination lists fewer than it has; a source that does is reported.
    """
    listed = UidSet()
    try:
        for _ in range(COUNTS):
            listed = await folder.uids()
            await folder.noop()
            if is_all(len(listed), folder.exists):
                _note_shown(job, folder, listed)
                return Listed(listed, whole=True)
    except CommandRefused as error:
        run.problem(error, f"folder {job.name} cannot be read", folder=job.name, reason=Reason.FETCH)
        telling.abandon(run, job)
        return None
    if folder.side is not Side.DESTINATION:
        telling.source_incomplete(run, job, len(listed), folder.exists)
    else:
        text = f"{job.pair.destination} holds {folder.exists} messages and the server lists {len(listed)}"
        telling.unseen(run, job, text)
        return None
    return Listed(listed, whole=False)


def _note_shown(job: FolderJob, folder: OpenFolder, listed: UidSet) -> None:
    opened = job.source.opened
    if folder.side is Side.SOURCE and opened is not None:
        job.source.still_shown = sum(1 for uid in listed if not opened.uidnext or uid < opened.uidnext)


async def read_pieces(
    run: Run, job: FolderJob, folder: OpenFolder, reader: IndexReader, index: MessageIndex, *, missing: UidSet
) -> None:
    """Read listed messages; halves whatever is refused or left out until each is read or reported."""
    seen = job.source if folder.side is Side.SOURCE else job.destination
    pieces = list(missing.without(seen.breaking).split(PIECE))
    while pieces:
        piece = pieces.pop()
        text = "the server lists the message but does not tell about it"
        try:
            await reader.read(reader.ask(folder, piece), index.flag_table, into=index)
        except CommandRefused as refusal:
            text = refusal.server_text or str(refusal)
        got = set(index.uids) | set(index.dropped)
        left = UidSet.of(uid for uid in piece if uid not in got)
        if len(left) > 1:
            pieces.extend(left.split((len(left) + 1) // 2))
        elif left and folder.side is Side.SOURCE and await _has_other_uids(job, folder, next(iter(left))):
            job.unsteady = True
            return
        elif left:
            await _unreadable(run, job, folder, next(iter(left)), text)


async def _has_other_uids(job: FolderJob, folder: OpenFolder, uid: int) -> bool:
    """Tell whether a folder no longer lists a message and holds no fewer: it gave it another UID."""
    try:
        if uid in await folder.uids():
            return False
    except CommandRefused:
        return False
    return job.source.opened is not None and folder.exists >= job.source.opened.exists


async def _unreadable(run: Run, job: FolderJob, folder: OpenFolder, uid: int, text: str) -> None:
    if folder.side is Side.DESTINATION:
        telling.unseen(run, job, f"message {uid} of {job.pair.destination} cannot be read: {text}")
        job.destination.unread.append(await size_of(folder, uid))
    else:
        telling.unread(run, job, uid, text, Reason.FETCH)


async def size_of(folder: OpenFolder, uid: int) -> int:
    """Ask for the size of a message alone, in bytes; 0 when the server does not tell it."""
    try:
        told = await folder.fetch(UidSet.of([uid]), b"(UID RFC822.SIZE)").collect()
    except CommandRefused:
        return 0
    return next((record.size for record in told if record.uid == uid and record.size), 0)
