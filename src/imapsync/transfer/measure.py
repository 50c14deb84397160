"""Read a body once more, alone, to learn how long it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.bodies import HEAD_BYTES, Measured
from imapsync.session.errors import CommandRefused, MessageGone
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account import OpenFolder


async def measured(folder: OpenFolder, uid: int) -> Measured | None:
    """Read a message of a folder in pieces, and its size after that; None when it is not given."""
    given = lines = bare = 0
    head, last = b"", b""
    body = folder.fetch_body(uid)
    try:
        async for piece in body:
            given += len(piece)
            lines += piece.count(b"\n")
            bare += piece.count(b"\n") - piece.count(b"\r\n") - (last == b"\r" and piece[:1] == b"\n")
            head += piece[: max(0, HEAD_BYTES - len(head))]
            last = piece[-1:] or last
        await body.end()
        records = await folder.fetch(UidSet.of([uid]), b"(UID RFC822.SIZE)").collect()
    except (CommandRefused, MessageGone):
        return None
    sizes = [record.size or 0 for record in records if record.uid == uid]
    return Measured(sizes[-1] if sizes else 0, given, lines, bare, head, body.mended)
