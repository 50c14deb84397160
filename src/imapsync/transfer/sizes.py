"""Totals of both sides for the folder tables.

By STATUS where the server counts bytes, else by reading the sizes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.terms import Side
from imapsync.transfer.prepare import tell_folders

if TYPE_CHECKING:
    from imapsync.account import Account, FolderView, Listing
    from imapsync.transfer.context import Run

#: Folders asked about at once.
WINDOW = 50


async def complete_sizes(run: Run) -> None:
    """Fill in the byte counts that STATUS did not tell."""
    if run.settings.destination is None:
        run.source.listing = await _with_sizes(run.source, run.source.listing)
        return
    run.source.listing, run.destination.listing = await asyncio.gather(
        *(_with_sizes(account, account.listing) for account in run.accounts)
    )


async def tell_sizes_at_end(run: Run, mapped: dict[str, str]) -> Listing:
    """List both sides again and hand the tables to the sink; gives the destination's."""
    source, destination = await asyncio.gather(_again(run.source), _again(run.destination))
    back = {there: here for here, there in mapped.items()}
    tell_folders(run, source, Side.SOURCE, mapped, at_end=True)
    tell_folders(run, destination, Side.DESTINATION, back, at_end=True)
    return destination


async def _again(account: Account) -> Listing:
    return await _with_sizes(account, await account.list(sizes=True))


async def _with_sizes(account: Account, listing: Listing) -> Listing:
    folders = list(listing.folders)
    lacking = [
        at
        for at, item in enumerate(folders)
        if item.folder.selectable
        and item.mailbox.is_sendable
        and item.status is not None
        and item.status.size is None
    ]
    for start in range(0, len(lacking), WINDOW):
        window = lacking[start : start + WINDOW]
        asked = []
        for at in window:
            item = folders[at]
            if item.status is not None and item.status.messages:
                opened = account.look(item.mailbox)
                asked.append((at, opened, opened.fetch(b"1:*", b"(UID RFC822.SIZE)")))
            else:
                folders[at] = _sized(item, 0)
        for at, opened, stream in asked:
            total = 0
            try:
                await opened.selected()
                async for batch in stream:
                    total += sum(record.size or 0 for record in batch)
            except CommandRefused:
                continue
            folders[at] = _sized(folders[at], total)
    account.anew()
    return listing._replace(folders=tuple(folders))


def _sized(item: FolderView, size_bytes: int) -> FolderView:
    if item.status is None:
        return item
    return item._replace(status=item.status._replace(size=size_bytes))
