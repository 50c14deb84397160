"""What originals look like once the options have changed them, to find the copies that were made so.

A copy made under --regexmess, --pipemess and their like says something else than its original. So says what
its original becomes when it is changed now; where that is on the destination, it is the copy.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from imapsync.plan.header import split_message
from imapsync.session.errors import CommandRefused, MessageGone
from imapsync.transfer.content import Content, ContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imapsync.account import OpenFolder
    from imapsync.transfer.context import Run


async def changed_contents(
    run: Run,
    folder: OpenFolder,
    uids: Iterable[int],
    digest: Callable[[bytes], int] | None = None,
    *,
    unread: set[int] | None = None,
) -> dict[int, int]:
    """Give UID -> digest of what source messages are changed to, for those that can be; by content.

    unread: takes what the server does not give.
    """
    digest = digest or run.identity.of_message
    content = Content(run.settings.content, run.settings.selection, run.identity)
    digests: dict[int, int] = {}
    for uid in uids:
        try:
            body = b"".join([bytes(piece) async for piece in folder.fetch_body(uid)])
        except (CommandRefused, MessageGone):
            if unread is not None:
                unread.add(uid)
            continue
        with contextlib.suppress(ContentError, ValueError):
            digests[uid] = digest(await content.changed(body, uid))
    return digests


async def changed_names(run: Run, folder: OpenFolder, uids: Iterable[int]) -> dict[int, int]:
    """Give UID -> digest of the identifying headers that source messages get; 0 says nothing."""

    def called(message: bytes) -> int:
        return run.identity.of_header(split_message(message)[0])

    return await changed_contents(run, folder, uids, called)
