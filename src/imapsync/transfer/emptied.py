"""Remove source folders that are empty now (--delete1emptyfolders), without losing what arrives meanwhile.

DELETE takes a folder with whatever lies in it at that moment. So the folder is renamed aside first, where no
delivery finds it, looked into once more, and renamed back when it is not empty. A run that ends in between
leaves the folder under its other name; the next one puts it back before it does anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.folders import refresh
from imapsync.plan.folders import INBOX, same_name
from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from imapsync.account.folders import FolderView
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: What the name of a folder ends with while it is aside.
ASIDE = "_imapsync_emptied"


async def delete_empty_source_folders(run: Run, jobs: list[FolderJob]) -> None:
    """Delete what this run completed and what is empty now, children first; never INBOX, never others'."""
    if not run.settings.deletion.source_empty_folders:
        return
    if not run.dry:
        await put_back(run)
    listing = await run.source.list(numbers=False)
    done = {job.name for job in jobs if not job.failed and not same_name(job.name, INBOX)}
    mine = [view for view in listing.folders if view.folder.name in done and view.folder.selectable]
    names = {view.folder.name for view in listing.folders}
    for view in sorted(
        await refresh(run.source.server, mine, sizes=False), key=lambda view: view.folder.name, reverse=True
    ):
        folder = view.folder
        children = any(name.startswith(folder.name + folder.separator) for name in names if folder.separator)
        is_empty = view.status is not None and view.status.messages == 0
        if children or not is_empty or listing.layout.is_foreign(folder.name):
            continue
        if run.dry:
            run.note(f"would delete the empty folder {folder.name} on host1")
        elif await _delete(run, view):
            names.discard(folder.name)


async def put_back(run: Run) -> None:
    """Give the folders that an interrupted run left aside their names again."""
    listing = await run.source.list(numbers=False)
    names = {view.folder.name for view in listing.folders}
    for view in listing.folders:
        name = view.folder.name.removesuffix(ASIDE)
        if name == view.folder.name:
            continue
        try:
            if name not in names:
                await run.source.server.rename(view.mailbox, MailboxName.from_text(name))
            elif await _is_empty(run, view.mailbox, view.folder.separator):
                await run.source.server.delete(view.mailbox)  # a new folder has taken its name meanwhile
        except CommandRefused as error:
            run.warn(f"folder {view.folder.name} cannot be called {name} again: {error}", Side.SOURCE)


async def _delete(run: Run, view: FolderView) -> bool:
    """Delete one folder; tell whether it is gone."""
    name = view.folder.name
    aside = MailboxName.from_text(name + ASIDE)
    try:
        await run.source.close()
        await run.source.server.rename(view.mailbox, aside)
        if await _is_empty(run, aside, view.folder.separator):
            await run.source.server.delete(aside)
            run.sink(events.FolderDeleted(Side.SOURCE, name))
            return True
        run.note(f"folder {name} on host1 is not empty any more: kept")
    except CommandRefused as error:
        run.problem(error, f"folder {name} cannot be deleted", folder=name, reason=Reason.FOLDER_DELETE)
    await _back(run, view, aside)
    return False


async def _back(run: Run, view: FolderView, aside: MailboxName) -> None:
    """Undo the renaming, if there was one."""
    try:
        await run.source.server.rename(aside, view.mailbox)
    except CommandRefused as error:
        if await _exists(run, aside):
            name = view.folder.name
            text = f"folder {name} on host1 is called {aside} now, with messages in it"
            run.problem(error, text, folder=name, reason=Reason.FOLDER_DELETE)


async def _is_empty(run: Run, mailbox: MailboxName, separator: str) -> bool:
    """Look into a folder, and below it: DELETE and RENAME may take the children along."""
    selected = await run.source.look(mailbox).selected()
    await run.source.close()
    if selected.exists:
        return False
    pattern = mailbox.raw + separator.encode() + b"%"
    below = await run.source.server.list_folders((pattern,)) if separator else []
    return all(entry.name.raw in (mailbox.raw, mailbox.raw + separator.encode()) for entry in below)


async def _exists(run: Run, mailbox: MailboxName) -> bool:
    try:
        await run.source.server.status(mailbox, ("MESSAGES",))
    except CommandRefused:
        return False
    return True
