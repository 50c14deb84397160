"""Remove messages for good, and never one more than meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.session.session import Session
    from imapsync.transfer.context import Run


async def expunge(run: Run, session: Session, folder: str, uids: set[int], *, by_uid: bool = True) -> bool:
    r"""Expunge these messages of the selected folder; tells whether they are gone.

    They carry \Deleted already. With UIDPLUS by UID EXPUNGE. Without it EXPUNGE takes whatever is marked, so
    it is sent only when nothing else is marked; otherwise the messages stay marked and a warning says so.
    """
    side = session.side
    try:
        if by_uid and session.has("UIDPLUS"):
            for some in UidSet.of(uids).split(len(uids)):
                await session.expunge(some)
            return True
        marked = set(await session.search("DELETED"))
        if marked - uids:
            run.warn(
                f"{len(uids)} messages of {folder} stay marked as deleted: the server has no UIDPLUS, and an"
                f" expunge would take {len(marked - uids)} others along",
                side,
            )
            return False
        await session.expunge()
    except CommandRefused as error:
        run.problem(error, f"folder {folder} cannot be expunged", folder=folder, reason=Reason.DELETE)
        return False
    return True
