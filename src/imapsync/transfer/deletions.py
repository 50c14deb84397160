"""Deletions on the destination (--delete2, --delete2duplicates, --delete2folders), with their brakes.

They come last, after everything is copied, in one place: only then the whole plan is known, and only then a
brake can look at all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.mapping import folders_to_delete
from imapsync.report import events
from imapsync.report.events import Phase, Reason, Side
from imapsync.session.errors import CommandRefused
from imapsync.transfer.context import StopRun
from imapsync.transfer.expunging import expunge
from imapsync.transfer.outcome import Stop
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.prepare import accounts
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account.folders import FolderView
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob

_DELETED = (b"\\Deleted",)


async def delete_on_destination(run: Run, focus: Focus, jobs: list[FolderJob]) -> None:
    """Carry out the planned deletions, or stop at a brake before the first of them."""
    folders = _doomed_folders(run)
    doomed = sum(len(job.doomed) for job in jobs)
    if not doomed and not folders:
        return
    run.sink(events.PhaseChanged(Phase.DELETING))
    _brake(run, jobs, doomed, folders)
    for job in jobs:
        if job.doomed:
            await _delete_messages(run, focus, job)
            del job.doomed[:]
    for view in folders:
        await _delete_folder(run, view)


def _doomed_folders(run: Run) -> list[FolderView]:
    rules = run.settings.deletion
    if not rules.destination_folders:
        return []
    if run.incomplete_listing:
        run.warn("no host2 folder is deleted: not every host1 folder could be read")
        return []
    source, destination = accounts(run)
    names = folders_to_delete(source, destination, run.settings.folders, run.renamed)
    if rules.destination_folders_only:
        names = [name for name in names if any(rule(name) for rule in rules.destination_folders_only)]
    names = [name for name in names if not any(rule(name) for rule in rules.destination_folders_but_not)]
    views = run.destination_view.by_name()
    return [views[name] for name in names if views[name].mailbox.is_sendable]


def _brake(run: Run, jobs: list[FolderJob], doomed: int, folders: list[FolderView]) -> None:
    """Stop when the deletions look like the consequence of an accident on the source."""
    rules = run.settings.deletion
    in_folders = sum((view.status.messages if view.status else None) or 0 for view in folders)
    total_doomed = doomed + in_folders
    if rules.max_destination is not None:
        if total_doomed > rules.max_destination:
            _stop(run, Stop.BRAKE_DELETE, Reason.BRAKE_DELETE, total_doomed, "more than --maxdelete2 allows")
        return
    if not total_doomed:
        return
    source_messages = sum(
        (job.source_selected.exists if job.source_selected else 0)
        or (job.source_status.messages if job.source_status else None)
        or 0
        for job in jobs
    )
    if source_messages == 0:
        _stop(run, Stop.BRAKE_SOURCE_EMPTY, Reason.BRAKE_SOURCE_EMPTY, total_doomed, "host1 is empty")
    layout = run.destination_view.layout
    before = sum(
        (view.status.messages if view.status else None) or 0
        for view in run.destination_view.folders
        if not layout.is_foreign(view.folder.name)
    )
    present = before + run.copied_messages
    if total_doomed * 2 > present:
        _stop(
            run,
            Stop.BRAKE_DELETE,
            Reason.BRAKE_DELETE,
            total_doomed,
            f"more than half of the {present} there",
        )


def _stop(run: Run, stop: Stop, reason: Reason, count: int, why: str) -> None:
    text = f"{count} messages would be deleted on host2: {why}; nothing was deleted"
    text += f" (--maxdelete2 {count} allows it)"
    run.sink(events.Problem(reason, text, Side.DESTINATION, details={"messages": str(count)}))
    raise StopRun(stop)


async def _delete_messages(run: Run, focus: Focus, job: FolderJob) -> None:
    rules = run.settings.deletion
    name = job.pair.destination
    duplicates = not rules.destination
    if run.dry:
        run.note(f"would delete {len(job.doomed)} messages of {name} on host2")
        run.sink(events.MessagesDeleted(Side.DESTINATION, name, len(job.doomed), duplicates=duplicates))
        return
    try:
        await focus.destination(job)
        for some in UidSet.of(job.doomed).split(UIDS_PER_QUESTION):
            await run.destination.store(some, b"+FLAGS", _DELETED)
    except CommandRefused as error:
        run.problem(error, f"messages of {name} cannot be deleted", folder=job.name, reason=Reason.DELETE)
        return
    gone = rules.destination_expunge and await expunge(
        run, run.destination, name, set(job.doomed), by_uid=rules.destination_uid_expunge
    )
    run.sink(
        events.MessagesDeleted(Side.DESTINATION, name, len(job.doomed), expunged=gone, duplicates=duplicates)
    )
    if gone and run.journal is not None and job.state is not None:
        _forget(run, job)


def _forget(run: Run, job: FolderJob) -> None:
    """Take the deleted messages out of the journal."""
    if run.journal is None or job.state is None:
        return
    run.journal.remove_loose(job.state.id, job.doomed)
    state = run.journal.folders().get((job.name, job.pair.destination))
    if state is not None and state.destination_messages >= 0:
        messages = state.destination_messages - len(job.doomed)
        run.journal.update(state._replace(destination_messages=messages))
    run.journal.commit()


async def _delete_folder(run: Run, view: FolderView) -> None:
    name = view.folder.name
    if run.dry:
        run.note(f"would delete folder {name} on host2")
        return
    try:
        if view.folder.subscribed:
            await run.destination.unsubscribe(view.mailbox)
        await run.destination.delete(view.mailbox)
    except CommandRefused as error:
        run.problem(error, f"folder {name} cannot be deleted", folder=name, reason=Reason.FOLDER_DELETE)
        return
    run.sink(events.FolderDeleted(Side.DESTINATION, name))
