"""From two folder lists to folder pairs: chosen, named, told. The missing ones are made in `creating`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.account import SeenFolder
from imapsync.plan.folders import FolderTree, find_root, select_folders
from imapsync.plan.mapping import (
    destination_layout,
    map_folders,
    name_all,
    parents_of,
    source_layout,
    users_of,
)
from imapsync.plan.specialuse import special_use
from imapsync.plan.spelling import caseless, find_again
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.terms import Reason, Side
from imapsync.transfer.context import StopRun
from imapsync.transfer.emptied import put_back
from imapsync.transfer.job import FolderJob
from imapsync.transfer.outcome import Stop
from imapsync.transfer.settings import Mode
from imapsync.transfer.telling import abandon
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from imapsync.account import Account, Listing
    from imapsync.plan.folders import Folder
    from imapsync.plan.mapping import FolderPair
    from imapsync.plan.rules import FolderRules
    from imapsync.transfer.context import Run

#: Longer names are accidents or attacks; Dovecot takes 4096 bytes, most stores 255 a level.
MAX_NAME_BYTES = 1000
MAX_LEVELS = 100


async def list_both(run: Run) -> None:
    """Read the folder lists of both sides at once."""
    run.sink(events.PhaseChanged(Phase.LISTING))
    settings = run.settings
    if settings.deletion.source_empty_folders and settings.mode is Mode.SYNC and not run.dry:
        await put_back(run)
    sizes = (
        settings.sizes_at_start or run.journal is not None
    )  # of a restored folder only the size may differ
    if settings.destination is None:
        run.source.listing = await run.source.list(sizes=sizes)
        _tell_notes(run, run.source)
        return
    run.source.listing, run.destination.listing = await asyncio.gather(
        run.source.list(sizes=sizes), run.destination.list(sizes=sizes)
    )
    _tell_notes(run, run.source)
    _tell_notes(run, run.destination)


def _tell_notes(run: Run, account: Account) -> None:
    for note in account.listing.notes:
        run.warn(f"{note}; done without", account.side)
    if account.listing.cut:
        run.incomplete_listing = True
        text = "a folder may be missing: the connection broke each time in the middle of the folder list"
        run.sink(events.Problem(Reason.FOLDER_MISSING, text, account.side))
        run.count_error()


def accounts(run: Run) -> tuple[FolderTree, FolderTree]:
    """Give both sides as planning sees them, with the user's own prefixes and separators applied."""
    rules = run.settings.folders
    source, destination = run.source.listing, run.destination.listing
    return (
        FolderTree(source.tree.folders, source_layout(rules, source.layout)),
        FolderTree(destination.tree.folders, destination_layout(rules, destination.layout)),
    )


def named_folders(run: Run) -> dict[str, str]:
    """Give source folder -> its name on the destination, for all that the source has now."""
    source, destination = accounts(run)
    named = name_all(source, destination, run.settings.folders, run.renamed)
    return {name: one.name for name, one in named.items()}


def make_jobs(run: Run) -> list[FolderJob]:
    """Choose and map the folders. Reports folders that were asked for and do not exist."""
    source, destination = accounts(run)
    _find_subfolder(run, source)
    rules = run.settings.folders
    _check_subscriptions(run)
    selection = select_folders(choosable(source, rules), rules)
    for name in selection.excluded:
        run.note(f"Excluding folder [{name}]")
    if not selection.folders:
        run.warn("the options choose no folder of host1", Side.SOURCE)
    for name in rules.forced.keys() - {each for one in source.folders for each in (one.name, one.wire_name)}:
        run.warn(f"host1 has no folder [{name}], which --f1f2 names", Side.SOURCE)
    source_views = run.source.listing.by_name()
    chosen = list(selection.folders)
    if rules.skip_empty:
        statuses = {folder.name: source_views[folder.name].status for folder in chosen}
        chosen = [folder for folder in chosen if (status := statuses[folder.name]) is None or status.messages]
    run.renamed = _remembered(run)
    pairs = map_folders(chosen, source, destination, rules, run.renamed)
    if run.settings.mode is Mode.VERIFY:
        pairs = [_found_again(run, pair, source, destination) for pair in pairs]
    destination_views = run.destination.listing.by_name()
    jobs = []
    for pair in pairs:
        view = source_views[pair.source.name]
        there = destination_views.get(pair.destination)
        jobs.append(
            FolderJob(
                pair=pair,
                source=SeenFolder(view.mailbox, view.status),
                destination=SeenFolder(
                    there.mailbox if there else MailboxName.from_text(pair.destination),
                    there.status if there else None,
                ),
            )
        )
    for position, job in enumerate(jobs, 1):
        job.position = position
    jobs = [job for job in jobs if _sendable(run, job)]
    _tell_moved(run, jobs)
    for missing in selection.missing:
        run.incomplete_listing = True
        run.sink(
            events.Problem(
                Reason.FOLDER_MISSING, f"folder {missing} does not exist on host1", Side.SOURCE, missing
            )
        )
        run.count_error()
    return jobs


def _remembered(run: Run) -> dict[tuple[str, str], str]:
    """Give the names that earlier runs settled on; with --nomixfolders none that merges capitals."""
    if run.journal is None:
        return {}
    mixes = run.settings.folders.mix_case
    return {
        (source, wanted): name
        for (source, wanted), name in run.journal.names().items()
        if mixes or caseless(wanted) != caseless(name)
    }


def _found_again(run: Run, pair: FolderPair, source: FolderTree, destination: FolderTree) -> FolderPair:
    """Give the pair with the name under which a run without memory would find its folder again."""
    if pair.exists:
        return pair
    rules, layout = run.settings.folders, destination.layout
    names = name_all(source, destination, rules, run.renamed)
    taken = users_of(source, names, rules, layout.separator)
    listed = {folder.name for folder in destination.folders if folder.selectable}
    name = find_again(pair.destination, layout.prefix, layout.separator, taken, listed)
    return pair if name is None else pair._replace(destination=name, exists=True)


def _tell_moved(run: Run, jobs: list[FolderJob]) -> None:
    for job in jobs:
        if job.pair.foreign:
            run.warn(
                f"folder {job.name} is called {job.pair.destination} on host2:"
                f" {job.pair.foreign} is not the user's own there",
                Side.DESTINATION,
            )


def _sendable(run: Run, job: FolderJob) -> bool:
    """Report and give up a folder whose name no command can carry, or no server is to be bothered with."""
    destination = job.destination.mailbox.raw
    levels = len(parents_of(job.pair.destination, run.destination.listing.layout))
    if not (job.source.mailbox.is_sendable and job.destination.mailbox.is_sendable):
        nameless = "it has no name" if not job.source.mailbox.raw else "nothing is left of its name on host2"
        why = "its name has control characters" if job.source.mailbox.raw and destination else nameless
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


def choosable(source: FolderTree, rules: FolderRules) -> list[Folder]:
    """Give the source folders that may be chosen at all (--personal1)."""
    return [
        folder
        for folder in source.folders
        if not (rules.personal_only and source.layout.is_foreign(folder.name))
    ]


def _check_subscriptions(run: Run) -> None:
    """Report that --subscribed cannot be obeyed: the run would look complete without a folder."""
    if run.settings.folders.subscribed_only and not run.source.listing.subscriptions_known:
        run.incomplete_listing = True
        text = "host1 does not tell which folders are subscribed (--subscribed)"
        run.sink(events.Problem(Reason.FOLDER_MISSING, text, Side.SOURCE))
        run.count_error()


def _find_subfolder(run: Run, source: FolderTree) -> None:
    """Put the name that --subfolder1 has on host1 into the rules; StopRun when there is none."""
    rules = run.settings.folders
    root = rules.source_subfolder
    if not root:
        return
    found = find_root(source, root)
    if found is None:
        run.sink(
            events.Problem(
                Reason.SUBFOLDER1_MISSING,
                f"folder {root} (--subfolder1) does not exist on host1",
                Side.SOURCE,
                root,
            )
        )
        raise StopRun(Stop.SUBFOLDER_MISSING)
    run.settings = run.settings._replace(folders=rules._replace(source_subfolder=found))


def tell_folders(
    run: Run, listing: Listing, side: Side, mapped: dict[str, str], *, at_end: bool = False
) -> None:
    """Hand the folder table of a side to the sink.

    `mapped`: name -> name on the other side, for those worked on.
    """
    sizes = at_end or run.settings.sizes_at_start or run.settings.mode is Mode.SIZES
    totals = tuple(
        events.FolderTotals(
            item.folder.name,
            item.status.messages if item.status else None,
            item.status.size if item.status and sizes else None,
            selected=item.folder.name in mapped,
            mapped_to=mapped.get(item.folder.name, ""),
            special_use=special_use(item.folder),
            selectable=item.folder.selectable,
        )
        for item in listing.folders
    )
    run.sink(
        events.FoldersListed(
            side, totals, separator=listing.layout.separator, prefix=listing.layout.prefix, at_end=at_end
        )
    )
