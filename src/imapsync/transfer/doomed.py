"""What of the planned deletions on the destination goes: what all sources lack, and what is selected.

Each folder pair has told what its own source lacks. A destination of several sources loses only what all of
them lack, and only when all of them are part of the run. What the selection (--search2, --maxage, --minage)
leaves aside on the destination is nobody's to delete.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from imapsync.account.index import still_taken_for
from imapsync.plan.decisions import (
    lacked_by_all,
    of_failed,
    of_others,
    still_extra,
    still_those,
    who_are,
)
from imapsync.plan.mapping import name_all, users_of
from imapsync.plan.spelling import caseless
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason
from imapsync.transfer import telling
from imapsync.transfer.copylist import FAILED
from imapsync.transfer.originals import present_of
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.prepare import accounts, named_folders
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from imapsync.account import OpenFolder
    from imapsync.journal.journal import Journal
    from imapsync.terms import FolderRecord, Pair
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


class Doomed(NamedTuple):
    """Position of a job -> destination UIDs that go. spared: jobs where some do not go for the selection."""

    uids: dict[int, Sequence[int]]
    spared: set[int]


async def doomed_now(run: Run, jobs: list[FolderJob], reading: Reading, done: set[int]) -> Doomed:
    """Give what of the plans may go; done: positions of jobs of which it has gone."""
    planned = {job.position: job.plan.doomed for job in jobs} | _of_shared(run, jobs)
    uids = {at: doomed for at, doomed in planned.items() if doomed and at not in done}
    if uids and run.source.listing.cut:
        run.warn("no message is deleted on host2: host1 has not listed all of its folders")
        return Doomed({}, set(uids))
    spared = set()
    names = named_folders(run) if uids and run.journal is not None else {}
    for job in jobs:
        if (doomed := uids.get(job.position)) and (kept := _kept(run, job, doomed, names)):
            uids[job.position] = array("I", (uid for uid in doomed if uid not in kept))
            spared.add(job.position)
    if reading.destination_search or reading.destination_ages.active:
        for job in jobs:
            doomed = uids.get(job.position, ())
            if doomed:
                uids[job.position] = await _selected(run, job, reading, doomed)
                if len(uids[job.position]) < len(doomed):
                    spared.add(job.position)
    return Doomed(uids, spared)


def _of_shared(run: Run, jobs: list[FolderJob]) -> dict[int, Sequence[int]]:
    """Let shared destinations lose what all their sources lack, as the plan of one of the pairs."""
    shared: dict[str, list[FolderJob]] = {}
    for job in jobs:
        if job.pair.shared:
            shared.setdefault(caseless(job.pair.destination), []).append(job)
    if not any(job.plan.doomed for group in shared.values() for job in group):
        return {}
    doomed: dict[int, Sequence[int]] = {}
    source, destination = accounts(run)
    rules, separator = run.settings.folders, destination.layout.separator
    users: dict[str, set[str]] = {}
    for name, folders in users_of(
        source, name_all(source, destination, rules, run.renamed), rules, separator
    ).items():
        users.setdefault(caseless(name), set()).update(folders)
    for key, group in shared.items():
        together = lacked_by_all([job.plan.doomed for job in group])
        name = group[0].pair.destination
        complete = users.get(key) == {job.name for job in group}
        if together and not (complete and all(job.pair.destination == name for job in group)):
            run.warn(
                f"nothing is deleted in {name}: not all host1 folders that share it are part of this run"
            )
            together = array("I")
        doomed.update((job.position, ()) for job in group)
        doomed[group[0].position] = together
    return doomed


async def still_doomed(
    folder: OpenFolder, job: FolderJob, reading: Reading, doomed: Sequence[int]
) -> Sequence[int]:
    """Give what goes at this moment.

    What is extra beside copies goes only while these are there; what has the UID of a doomed message only if
    it is that message, also where its server has changed it and it was recognised by a closer look.
    """
    beside = job.plan.beside
    copies = {copy for uid in doomed for copy in beside.get(uid, ())}
    if copies:
        doomed = still_extra(doomed, beside, await present_of(folder, copies))
    else:
        await folder.noop()
    reader, index = reading.plain(), reading.new_index()
    for some in UidSet.of(doomed).split(UIDS_PER_QUESTION):
        await reader.read(reader.ask(folder, some), reading.table, into=index)
    ours = set(job.copying.arrived().values())
    before, now = job.plan.doomed_as, who_are(index, doomed)
    others = now.keys() - set(still_those(doomed, before, now, ours))
    taken_for = {uid: before[uid][0] for uid in others if uid in before}
    same = await still_taken_for(folder, reading.identity, index, taken_for)
    return still_those(doomed, before, now | {uid: before[uid] for uid in same}, ours)


def _kept(run: Run, job: FolderJob, doomed: Sequence[int], names: Mapping[str, str]) -> set[int]:
    """Give what stays: the last copies of messages, copies of other pairs, and what may be one that failed.

    names: which folder pairs there are; records of others are of the past.
    """
    journal, record, rows = run.journal, job.record, job.copying
    failed = rows.rows(FAILED)
    if journal is None or record is None:
        return set(doomed) if failed else set()
    who = journal.loose(record.id)
    last = {digest for digest, _ in journal.moved_identities()}
    kept = {uid for uid in doomed if who.get(uid, (0, 0))[0] in last}
    kept |= of_others(doomed, who, _pairs_of_others(journal, record, names))
    if failed and not rows.digests:
        return set(doomed)
    return kept | of_failed(doomed, who, {rows.digests[row] for row in failed}) if failed else kept


def _pairs_of_others(journal: Journal, record: FolderRecord, names: Mapping[str, str]) -> Iterator[Pair]:
    """Give the copies of other folder pairs in a folder that had another name before."""
    for other in journal.folders().values():
        if (
            other.source_name != record.source_name
            and other.destination_name != record.destination_name
            and names.get(other.source_name) == other.destination_name
            and other.destination.uidvalidity == record.destination.uidvalidity
        ):
            yield from journal.identified(other.id)


async def _selected(run: Run, job: FolderJob, reading: Reading, uids: Sequence[int]) -> Sequence[int]:
    """Give what of the doomed the selection finds on the destination now."""
    index = reading.new_index()
    try:
        folder = await run.destination.opened(job.destination)
        doomed = UidSet.of(uids)
        if reading.destination_search:
            found = set(await folder.search(reading.destination_search))
            doomed = UidSet.of(uid for uid in doomed if uid in found)
        if reading.destination_ages.active:
            for some in doomed.split(UIDS_PER_QUESTION):
                stream = reading.ages_there().ask(folder, some)
                await reading.ages_there().read(stream, index.flag_table, into=index)
            doomed = UidSet.of(index.uids)
    except CommandRefused as error:
        text = f"messages of {job.pair.destination} cannot be selected"
        telling.not_done(run, job, error, text, Reason.DELETE)
        return array("I")
    return array("I", doomed)
