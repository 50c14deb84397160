"""Deletions on the destination (--delete2, --delete2duplicates, --delete2folders), with their brakes.

They come last, after everything is copied, in one place: only then the whole plan is known, and only then a
brake can look at all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.folders import refresh
from imapsync.plan.brakes import Brake, MirrorPlan, brake_of
from imapsync.plan.folders import is_under
from imapsync.plan.mapping import folders_to_delete
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import recording, telling
from imapsync.transfer.context import StopRun
from imapsync.transfer.doomed import doomed_now, still_doomed
from imapsync.transfer.expunging import expunge
from imapsync.transfer.outcome import Stop
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.prepare import accounts
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.account.folders import FolderView
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

_DELETED = (b"\\Deleted",)


class Deletions:
    """What a run deletes on the destination; a step that may be begun anew.

    spared: positions of the jobs where something has no original and was not selected for deletion.
    """

    def __init__(self, run: Run, jobs: list[FolderJob], reading: Reading) -> None:
        self.spared: set[int] = set()
        self._run = run
        self._jobs = jobs
        self._reading = reading
        self._done: set[int] = set()

    async def carry_out(self) -> None:
        """Carry out the planned deletions, or stop at a brake before the first of them."""
        run = self._run
        left = await doomed_now(run, self._jobs, self._reading, self._done)
        self.spared |= left.spared
        folders = await _doomed_folders(run)
        doomed = sum(map(len, left.uids.values()))
        if not doomed and not folders:
            return
        run.sink(events.PhaseChanged(Phase.DELETING))
        bins = run.source.listing.bins
        emptied = sum(
            len(left.uids.get(job.position, ())) for job in self._jobs if job.plan.known and job.name in bins
        )
        _brake(run, self._jobs, (doomed, emptied), folders)
        for job in self._jobs:
            uids = left.uids.get(job.position)
            if uids:
                await self._delete_messages(job, uids)
                self._done.add(job.position)
        for view in folders:
            await _delete_folder(run, view)

    async def _delete_messages(self, job: FolderJob, doomed: Sequence[int]) -> None:
        run, rules, name = self._run, self._run.settings.deletion, job.pair.destination
        duplicates = not rules.destination
        if run.dry:
            run.note(f"would delete {len(doomed)} messages of {name} on host2")
            run.sink(events.MessagesDeleted(Side.DESTINATION, name, len(doomed), duplicates=duplicates))
            return
        try:
            folder = await run.destination.change(job.destination)
            uids = await still_doomed(folder, job, self._reading, doomed)
            if len(uids) < len(doomed):
                self.spared.add(job.position)
            for some in UidSet.of(uids).split(UIDS_PER_QUESTION):
                await folder.store(some, b"+FLAGS", _DELETED)
        except CommandRefused as error:
            telling.not_done(run, job, error, f"messages of {name} cannot be deleted", Reason.DELETE)
            return
        if not uids:
            return
        gone = rules.destination_expunge and await expunge(
            run, run.destination, folder, name, set(uids), by_uid=rules.destination_uid_expunge
        )
        run.sink(
            events.MessagesDeleted(Side.DESTINATION, name, len(uids), expunged=gone, duplicates=duplicates)
        )
        if gone:
            recording.copies_gone(run, job, uids)
        elif rules.destination_expunge:
            self.spared.add(job.position)  # the next run tries once more


async def _doomed_folders(run: Run) -> list[FolderView]:
    """Give the folders that go, with their numbers of this moment.

    Who does not tell how many messages a folder holds may hide mail: it stays, and so do its parents.
    """
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
    views = run.destination.listing.by_name()
    doomed = [views[name] for name in names if views[name].mailbox.is_sendable]
    doomed = await refresh(run.destination.server, doomed, sizes=False)
    unknown = [view.folder.name for view in doomed if view.status is None or view.status.messages is None]
    for name in unknown:
        text = f"folder {name} is not deleted: its server does not tell how many messages it holds"
        run.warn(text, Side.DESTINATION)
    separator = destination.layout.separator
    return [
        view for view in doomed if not any(is_under(name, view.folder.name, separator) for name in unknown)
    ]


def _brake(run: Run, jobs: list[FolderJob], doomed: tuple[int, int], folders: list[FolderView]) -> None:
    """Stop when the deletions look like the consequence of an accident on the source.

    doomed: how many messages, and how many of them because somebody emptied Trash or Junk there.
    """
    in_folders = sum((view.status.messages if view.status else None) or 0 for view in folders)
    source_messages = sum(
        (job.source.opened.exists if job.source.opened else 0) or job.source.messages for job in jobs
    )
    layout = run.destination.listing.layout
    before = sum(
        (view.status.messages if view.status else None) or 0
        for view in run.destination.listing.folders
        if not layout.is_foreign(view.folder.name)
    )
    planned = sum(len(job.copying) for job in jobs) if run.dry else 0
    plan = MirrorPlan(
        doomed[0] + in_folders,
        before + run.copied_messages + planned,
        source_messages,
        run.settings.deletion.max_destination,
        doomed[1],
    )
    brake = brake_of(plan)
    if brake is None:
        return
    empty = brake is Brake.SOURCE_EMPTY
    text = f"{plan.doomed} messages would be deleted on host2, where {plan.present} are: {brake.value};"
    if run.dry:
        run.warn(f"{text} without --dry the run would stop here (--maxdelete2 {plan.doomed} allows it)")
        return
    text += f" nothing was deleted (--maxdelete2 {plan.doomed} allows it)"
    reason = Reason.BRAKE_SOURCE_EMPTY if empty else Reason.BRAKE_DELETE
    details = {"messages": str(plan.doomed), "of": str(plan.present)}
    run.sink(events.Problem(reason, text, Side.DESTINATION, details=details))
    raise StopRun(Stop.BRAKE_SOURCE_EMPTY if empty else Stop.BRAKE_DELETE)


async def _delete_folder(run: Run, view: FolderView) -> None:
    name = view.folder.name
    if run.dry:
        run.note(f"would delete folder {name} on host2")
        return
    try:
        if view.folder.subscribed:
            await run.destination.server.unsubscribe(view.mailbox)
        await run.destination.server.delete(view.mailbox)
    except CommandRefused as error:
        run.problem(error, f"folder {name} cannot be deleted", folder=name, reason=Reason.FOLDER_DELETE)
        return
    run.sink(events.FolderDeleted(Side.DESTINATION, name))
