"""Prove a finished migration (--verify): every selected source message is looked up on the destination.

Both sides are read anew, whatever a journal says. Each source message needs its own partner of the same
identity; partners are then compared in size, internal date and flags, with --verify=content also in all
that they say (then another size alone is no exception: line ends are counted otherwise). Nothing is written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.match import NONE, PairingRules
from imapsync.report import events
from imapsync.report.events import FAULTS, Phase, Skip, VerifyMismatch
from imapsync.session.errors import CommandRefused, NotSentAgain
from imapsync.terms import Copy, Reason
from imapsync.transfer import telling
from imapsync.transfer.bodies import Bodies, Meter, Pair
from imapsync.transfer.contents import tell_apart
from imapsync.transfer.context import StopRun
from imapsync.transfer.full import ALL
from imapsync.transfer.halving import list_all, read_pieces, read_rest
from imapsync.transfer.naming import Name, Names
from imapsync.transfer.overlooked import overlooked
from imapsync.transfer.pairing import pair_job
from imapsync.transfer.planning import translator_of
from imapsync.transfer.provided import check_ceiling
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from imapsync.account import IndexReader, OpenFolder
    from imapsync.plan.flags import FlagTranslator
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.session.errors import SyncError
    from imapsync.transfer.bodies import Unlike
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

    Spared = Callable[[Callable[[], Awaitable[None]]], Awaitable[SyncError | None]]

#: Internal dates may differ by this much: some servers keep minutes only or round.
DATE_TOLERANCE_S = 1
#: Kinds of exceptions about messages without a partner.
_NO_PAIR = ("missing", "deleted_by_user")
#: Copies that were there once and went one by one; those that went by an accident are missing.
_REMOVED = (Copy.REMOVED, Copy.VANISHED, Copy.UNSEEN, Copy.MISSED, Copy.KEPT)


async def verify(run: Run, jobs: list[FolderJob], reading: Reading, spared: Spared) -> None:
    """Check every folder pair and tell the sink each exception.

    spared: carries a step about one folder out, again after a lost connection; gives what stood against it.
    """
    run.sink(events.PhaseChanged(Phase.VERIFYING))
    meter = Meter(run) if run.settings.verify_content else None
    names = Names()
    again: list[FolderJob] = []
    for job in jobs:
        run.sink(events.FolderStarted(job.name, job.pair.destination, job.position, run.folders_total))
        error = await spared(partial(_verify_folder, run, job, reading, Bodies(), meter, names=names))
        if isinstance(error, NotSentAgain):
            again.append(job)  # perhaps it was the network
        else:
            _finish(run, job, error)
    if again:
        for account in run.accounts:
            account.forgive()
    for job in again:
        error = await spared(partial(_verify_folder, run, job, reading, Bodies(), meter, names=names))
        _finish(run, job, error)


def _finish(run: Run, job: FolderJob, error: SyncError | None) -> None:
    """Tell what stood against the verification of a folder, None for nothing."""
    if error is not None:
        held = job.source.opened.exists if job.source.opened else job.source.messages
        run.sink(events.Verified(job.name, job.pair.destination, 0, 0, unproven=held, refused=True))
        run.problem(error, f"folder {job.name} cannot be verified", folder=job.name, reason=Reason.VERIFY)
    run.sink(events.FolderFinished(job.name, job.pair.destination))


async def _verify_folder(
    run: Run, job: FolderJob, reading: Reading, bodies: Bodies, meter: Meter | None, *, names: Names
) -> None:
    here = await run.source.opened(job.source)
    held = here.exists
    uids: UidSet | bytes = ALL
    if reading.searches:
        uids = await here.search(reading.source_search(job.name))
        if len(uids) < here.exists and (listed := await list_all(run, job, here)) is not None:
            criteria = reading.source_search(job.name)
            left_out = await overlooked(run, job, here, criteria, found=uids, listed=listed.uids)
            uids = UidSet.of([*uids, *left_out])
    source = reading.new_index()
    if held:
        await _read(run, job, here, reading.verifier(selected=True), index=source, uids=uids)
    destination = reading.new_index()
    there = await _opened_there(run, job)
    if there is not None and there.exists:
        await _read(run, job, there, reading.verifier(selected=False), index=destination, uids=ALL)
    sizes_differ = await tell_apart(run, job, reading, (source, destination))
    rules = PairingRules(reading.sync_duplicates, sizes_differ=sizes_differ)
    matching = await pair_job(run, job, (source, destination), rules)
    check_ceiling(run, job)
    if meter is not None:
        try:
            await bodies.compare(run, job, _pairs(source, destination, matching), meter)
        except StopRun:  # --exitwhenover
            _tell_unlike(run, job, bodies)
            raise
    found = Found(job.name, _removed_by_user(run, job), source, destination, matching)
    unlike = None if meter is None else bodies.unlike
    named = await names.of(run, job, (one.uid for one in _exceptions(run, job, found, unlike)))
    telling.compared(
        run,
        job,
        source=len(source),
        destination=len(destination),
        duplicates=len(matching.duplicates),
        extra=len(matching.extra),
    )
    telling.left_out(run, job, source, matching.duplicates, Skip.DUPLICATE)
    unequal = _tell(run, _exceptions(run, job, found, unlike), named)
    checked = len(source) - len(matching.duplicates)
    unproven = sum(not unlike.proven for unlike in bodies.unlike.values())
    not_chosen = held - len(uids) if not isinstance(uids, bytes) else 0
    run.sink(
        events.Verified(
            job.name,
            job.pair.destination,
            checked=checked,
            equal=checked - len(matching.missing) - unequal,
            different=unequal - unproven,
            extra=len(matching.extra),
            left_out=max(0, not_chosen) + len(source.dropped) + len(matching.duplicates),
            unproven=unproven,
            dates=telling.span(source.dates),
        )
    )


def _pairs(source: MessageIndex, destination: MessageIndex, matching: Matching) -> Iterator[Pair]:
    """Give the pairs in the order of their originals' UIDs."""
    uids = source.uids
    for row in sorted(range(len(uids)), key=uids.__getitem__):
        partner = matching.partner[row]
        if partner != NONE:
            yield Pair(uids[row], destination.uids[partner], source.sizes[row])


def _tell_unlike(run: Run, job: FolderJob, bodies: Bodies) -> None:
    """Tell which pairs are known to be unlike when there is no time for more."""
    for uid, unlike in bodies.unlike.items():
        kind = "content" if unlike.proven else "unproven"
        run.sink(VerifyMismatch(job.name, uid, kind, *unlike.as_texts()))


async def _opened_there(run: Run, job: FolderJob) -> OpenFolder | None:
    """Open the destination folder; None when it is not listed and does not open either.

    A server may list a folder by another name than it takes (hoodiecrow: a backslash for a quote).
    """
    try:
        return await run.destination.opened(job.destination)
    except CommandRefused:
        if job.pair.exists:
            raise
        return None


def _removed_by_user(run: Run, job: FolderJob) -> set[int]:
    """Give source UIDs whose copies, by the journal, the user removed on the destination."""
    if run.journal is None:
        return set()
    record = run.journal.folders().get((job.name, job.pair.destination))
    if record is None or job.source.opened is None:
        return set()
    if record.source.uidvalidity != job.source.opened.uidvalidity:
        return set()
    return {pair.source_uid for pair in run.journal.marked_as(record.id, _REMOVED)}


async def _read(
    run: Run,
    job: FolderJob,
    folder: OpenFolder,
    reader: IndexReader,
    *,
    index: MessageIndex,
    uids: UidSet | bytes,
) -> None:
    """Read a folder; what its server keeps back is looked for, and reported when it cannot be had."""
    if isinstance(uids, bytes):
        try:
            await reader.read(reader.ask(folder, uids), index.flag_table, into=index)
        except CommandRefused:
            await read_rest(run, job, folder, reader, index)
        else:
            if index.seen < folder.exists:
                await read_rest(run, job, folder, reader, index)
    else:
        await read_pieces(run, job, folder, reader, index, missing=uids)
    if job.unsteady:
        telling.source_incomplete(run, job, index.seen, folder.exists, "UIDs changed while it was read")
        job.unsteady = False
    await reader.complete(folder, index)


class Found(NamedTuple):
    """What is on both sides of a folder pair. removed: UIDs of originals whose copies the user removed."""

    folder: str
    removed: set[int]
    source: MessageIndex
    destination: MessageIndex
    matching: Matching


def _exceptions(
    run: Run, job: FolderJob, found: Found, unlike: Mapping[int, Unlike] | None
) -> Iterator[VerifyMismatch]:
    """Give each exception, those of a message one after the other: the missing, then those that differ.

    unlike: the pairs whose contents were not found equal, None where contents were not read.
    """
    source = found.source
    for row in found.matching.missing:
        kind = "deleted_by_user" if source.uids[row] in found.removed else "missing"
        yield _exception(found, row, kind)
    translator = translator_of(run, job)
    for row, partner in enumerate(found.matching.partner):
        if partner != NONE:
            bodies = None if unlike is None else unlike.get(source.uids[row])
            read = unlike is not None
            for difference in _differences(found, row, partner, translator, bodies, read=read):
                yield _exception(found, row, *difference)


def _exception(found: Found, row: int, kind: str, expected: str = "", told: str = "") -> VerifyMismatch:
    source = found.source
    return VerifyMismatch(
        found.folder,
        source.uids[row],
        kind,
        expected,
        told,
        date=datetime.fromtimestamp(source.dates[row], UTC).isoformat() if source.dates[row] else None,
        size_bytes=source.sizes[row],
    )


def _differences(
    found: Found,
    row: int,
    partner: int,
    translator: FlagTranslator,
    bodies: Unlike | None,
    *,
    read: bool,
) -> Iterator[tuple[str, str, str]]:
    """Give in what a pair differs: (kind, expected, found). read: whether contents were compared."""
    source, destination = found.source, found.destination
    if bodies is not None:
        yield "content" if bodies.proven else "unproven", *bodies.as_texts()
    if source.sizes[row] != destination.sizes[partner] and (not read or bodies is not None):
        yield "size", str(source.sizes[row]), str(destination.sizes[partner])
    if abs(source.dates[row] - destination.dates[partner]) > DATE_TOLERANCE_S:
        yield "date", str(source.dates[row]), str(destination.dates[partner])
    table = source.flag_table
    wanted = translator.translate(table.flags(source.flags[row]))
    add, remove = translator.change(wanted, table.flags(destination.flags[partner]))
    if add or remove:
        expected = b" ".join(wanted).decode("utf-8", "replace")
        yield "flags", expected, b" ".join(table.flags(destination.flags[partner])).decode("utf-8", "replace")


def _tell(run: Run, exceptions: Iterator[VerifyMismatch], named: Mapping[int, Name]) -> int:
    """Tell the exceptions, count those that are faults, once a message; give how many pairs differ."""
    differing = last = 0
    for one in exceptions:
        name = named.get(one.uid, Name())
        run.sink(one._replace(message_id=name.message_id, subject=name.subject, date=name.date or one.date))
        if one.kind in FAULTS:
            run.count_error()
        differing += one.kind not in _NO_PAIR and one.uid != last
        last = one.uid
    return differing
