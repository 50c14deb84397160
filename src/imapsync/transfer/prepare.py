"""From two folder lists to folder pairs that are ready: chosen, mapped, created, subscribed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.account.folders import discover
from imapsync.plan.folders import is_under, select_folders
from imapsync.plan.mapping import (
    Account,
    destination_layout,
    map_folders,
    parents_of,
    source_layout,
)
from imapsync.plan.specialuse import special_use
from imapsync.report import events
from imapsync.report.events import Phase, Reason, Side
from imapsync.session.errors import CommandRefused
from imapsync.transfer.context import StopRun
from imapsync.transfer.job import FolderJob
from imapsync.transfer.outcome import Stop
from imapsync.transfer.planning import abandon
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from imapsync.account.folders import AccountView
    from imapsync.plan.folders import Folder, Layout
    from imapsync.plan.rules import FolderRules
    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run

#: Longer names are accidents or attacks; Dovecot takes 4096 bytes, most stores 255 a level.
MAX_NAME_BYTES = 1000
MAX_LEVELS = 100


async def list_both(run: Run) -> None:
    """Read the folder lists of both sides at once into `run.source_view` and `run.destination_view`."""
    run.sink(events.PhaseChanged(Phase.LISTING))
    sizes = run.settings.sizes_at_start
    if run.settings.destination is None:
        run.source_view = await discover(run.source, sizes=sizes)
        return
    run.source_view, run.destination_view = await asyncio.gather(
        discover(run.source, sizes=sizes), discover(run.destination, sizes=sizes)
    )


def accounts(run: Run) -> tuple[Account, Account]:
    """Give both sides as planning sees them, with the user's own prefixes and separators applied."""
    rules = run.settings.folders
    source, destination = run.source_view, run.destination_view
    return (
        Account(source.account.folders, source_layout(rules, source.layout)),
        Account(destination.account.folders, destination_layout(rules, destination.layout)),
    )


def make_jobs(run: Run) -> list[FolderJob]:
    """Choose and map the folders. Reports folders that were asked for and do not exist."""
    rules = run.settings.folders
    source, destination = accounts(run)
    _check_subfolder(run, source)
    selection = select_folders(choosable(source, rules), rules)
    source_views = run.source_view.by_name()
    chosen = list(selection.folders)
    if rules.skip_empty:
        statuses = {folder.name: source_views[folder.name].status for folder in chosen}
        chosen = [folder for folder in chosen if (status := statuses[folder.name]) is None or status.messages]
    pairs = map_folders(chosen, source, destination, rules)
    destination_views = run.destination_view.by_name()
    jobs = []
    for pair in pairs:
        view = source_views[pair.source.name]
        there = destination_views.get(pair.destination)
        jobs.append(
            FolderJob(
                pair=pair,
                source_mailbox=view.mailbox,
                destination_mailbox=there.mailbox if there else MailboxName.from_text(pair.destination),
                source_status=view.status,
                destination_status=there.status if there else None,
            )
        )
    for position, job in enumerate(jobs, 1):
        job.position = position
    jobs = [job for job in jobs if _sendable(run, job)]
    for missing in selection.missing:
        run.incomplete_listing = True
        run.sink(
            events.Problem(
                Reason.FOLDER_MISSING, f"folder {missing} does not exist on host1", Side.SOURCE, missing
            )
        )
        run.count_error()
    return jobs


def _sendable(run: Run, job: FolderJob) -> bool:
    """Report and give up a folder whose name no command can carry, or no server is to be bothered with."""
    source, destination = job.source_mailbox.raw, job.destination_mailbox.raw
    levels = len(parents_of(job.pair.destination, run.destination_view.layout))
    if any(char in name for name in (source, destination) for char in b"\r\n\0"):
        why = "its name has control characters"
    elif len(destination) > MAX_NAME_BYTES or levels > MAX_LEVELS:
        why = "its name is too long"
    else:
        return True
    shown = job.name[:100].encode("unicode_escape").decode("ascii")
    text = f"folder {shown} cannot be synced: {why}"
    run.sink(events.Problem(Reason.FOLDER_CREATE, text, Side.SOURCE, shown))
    abandon(run, job)
    run.count_error()
    return False


def choosable(source: Account, rules: FolderRules) -> list[Folder]:
    """Give the source folders that may be chosen at all (--personal1)."""
    return [
        folder
        for folder in source.folders
        if not (rules.personal_only and source.layout.is_foreign(folder.name))
    ]


async def create_folders(run: Run, jobs: list[FolderJob]) -> list[FolderJob]:
    """Make the missing destination folders and subscriptions; give the jobs that have a destination.

    A refused folder is reported and its messages count as missing. In a dry run nothing is made.
    """
    layout = accounts(run)[1].layout
    wanted: dict[str, MailboxName] = {}
    for job in jobs:
        if not job.pair.exists:
            wanted.setdefault(job.pair.destination, job.destination_mailbox)
    if run.dry:
        for name in wanted:
            run.note(f"would create folder {name}")
        return jobs
    asked = [(name, mailbox, run.destination.create(mailbox)) for name, mailbox in wanted.items()]
    refused: dict[str, CommandRefused] = {}
    for name, mailbox, answer in asked:
        error = await _created(run, name, mailbox, answer, layout)
        if error is not None:
            refused[name] = error
    merged = await _merge_cases(run, jobs, refused) if refused else {}
    for name, error in refused.items():
        if name not in merged:
            run.problem(error, f"folder {name} cannot be made", folder=name, reason=Reason.FOLDER_CREATE)
    ready = []
    for job in jobs:
        if job.pair.destination in refused and job.pair.destination not in merged:
            abandon(run, job)
        else:
            ready.append(job)
    await _subscribe(run, ready)
    return ready


async def _created(
    run: Run, name: str, mailbox: MailboxName, answer: Pending[None], layout: Layout
) -> CommandRefused | None:
    """Finish one CREATE.

    Tries again after making the parents, for servers that do not make them by themselves.
    """
    try:
        await answer
    except CommandRefused as error:
        if error.response_code == "ALREADYEXISTS":
            return None
        parents = parents_of(name, layout)
        if not parents:
            return error
        for parent in parents:
            try:
                await run.destination.create(MailboxName.from_text(parent))
            except CommandRefused:
                continue  # most often: it is there already
        try:
            await run.destination.create(mailbox)
        except CommandRefused as second:
            if second.response_code != "ALREADYEXISTS":
                return second
    run.sink(events.FolderCreated(name))
    return None


async def _merge_cases(
    run: Run, jobs: list[FolderJob], refused: dict[str, CommandRefused]
) -> dict[str, MailboxName]:
    """Find, for names that were refused, a folder that differs only in case.

    The destination does not tell them apart. Such folders are merged, or skipped with --nomixfolders.
    """
    merged: dict[str, MailboxName] = {}
    known = {view.folder.name.casefold(): view.mailbox for view in run.destination_view.folders}
    for job in jobs:
        if job.pair.destination not in refused:
            known.setdefault(job.pair.destination.casefold(), job.destination_mailbox)
    for job in jobs:
        name = job.pair.destination
        twin = known.get(name.casefold())
        if name not in refused or twin is None:
            continue
        if run.settings.folders.mix_case:
            merged[name] = twin
            job.destination_mailbox = twin
            run.note(f"folder {name} is the same as {twin.text} on host2: merged")
        else:
            run.warn(
                f"folder {job.name} skipped: host2 does not tell {name} from {twin.text} (--nomixfolders)"
            )
            job.finished = True
            merged[name] = twin
    return merged


async def _subscribe(run: Run, jobs: list[FolderJob]) -> None:
    wanted = {job.pair.destination: job.destination_mailbox for job in jobs if job.pair.subscribe}
    asked = [(name, run.destination.subscribe(mailbox)) for name, mailbox in wanted.items()]
    for name, answer in asked:
        try:
            await answer
        except CommandRefused as error:
            run.warn(f"folder {name} cannot be subscribed: {error}", Side.DESTINATION)
        else:
            run.sink(events.FolderSubscribed(name))


def _check_subfolder(run: Run, source: Account) -> None:
    root = run.settings.folders.source_subfolder
    if root and not any(is_under(folder.name, root, folder.separator) for folder in source.folders):
        run.sink(
            events.Problem(
                Reason.SUBFOLDER1_MISSING,
                f"folder {root} (--subfolder1) does not exist on host1",
                Side.SOURCE,
                root,
            )
        )
        raise StopRun(Stop.SUBFOLDER_MISSING)


def tell_folders(
    run: Run, view: AccountView, side: Side, mapped: dict[str, str], *, at_end: bool = False
) -> None:
    """Hand the folder table of a side to the sink.

    `mapped`: name -> name on the other side, for those worked on.
    """
    totals = tuple(
        events.FolderTotals(
            item.folder.name,
            item.status.messages if item.status else None,
            item.status.size if item.status else None,
            selected=item.folder.name in mapped,
            mapped_to=mapped.get(item.folder.name, ""),
            special_use=special_use(item.folder),
            selectable=item.folder.selectable,
        )
        for item in view.folders
    )
    run.sink(
        events.FoldersListed(
            side, totals, separator=view.layout.separator, prefix=view.layout.prefix, at_end=at_end
        )
    )
