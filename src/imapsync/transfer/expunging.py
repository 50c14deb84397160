"""Remove messages for good, and never one more than meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account import Account
    from imapsync.account.opened import MetFolder
    from imapsync.transfer.context import Run


async def expunge(
    run: Run, account: Account, folder: MetFolder, name: str, uids: set[int], *, by_uid: bool = True
) -> bool:
    r"""Expunge these messages of a folder; tells whether they are gone.

    They carry \Deleted already. With UIDPLUS by UID EXPUNGE. Without it EXPUNGE takes whatever is marked, so
    it is sent only when nothing else is marked; otherwise the messages stay marked and a warning says so.
    """
    try:
        if by_uid and account.has("UIDPLUS"):
            for some in UidSet.of(uids).split(len(uids)):
                await folder.expunge(some)
            return True
        marked = set(await folder.search("DELETED"))
        if marked - uids:
            run.warn(
                f"{len(uids)} messages of {name} stay marked as deleted: the server has no UIDPLUS, and an"
                f" expunge would take {len(marked - uids)} others along",
                account.side,
            )
            return False
        await folder.expunge_marked()
    except CommandRefused as error:
        run.problem(error, f"folder {name} cannot be expunged", folder=name, reason=Reason.DELETE)
        return False
    return True
