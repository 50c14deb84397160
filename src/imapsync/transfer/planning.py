"""Carry a comparison into its job and the journal: what is copied, believed, told and to be deleted."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from imapsync.plan.belief import Wishes
from imapsync.plan.decisions import Compared, FolderFacts, crossing_rows, doomed, exact_flags
from imapsync.plan.flags import FlagTranslator
from imapsync.plan.match import twins
from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.terms import Copy, FolderRecord, Numbers, Pair
from imapsync.transfer import telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imapsync.plan.index import MessageIndex
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: UIDs in one question about listed messages.
UIDS_PER_QUESTION = 20_000


def wishes_of(run: Run, job: FolderJob, reading: Reading) -> Wishes:
    """Give what the options mean for what has to be looked at in this folder pair."""
    settings = run.settings
    rules = settings.deletion
    opens = (
        rules.source_older_days is not None
        or bool(rules.source_expunge)
        or rules.destination_expunge_first
        or job.pair.subscribe
        or settings.selection.min_age_days is not None
    )
    lists = bool(reading.source_search) or settings.selection.min_age_days is not None
    return Wishes(reading.rules, reading.resync, opens, lists, rules.recopy_deleted, int(run.started_at))


def translator_of(run: Run, job: FolderJob) -> FlagTranslator:
    """Give the flag translator of the job's destination folder."""
    selected = job.destination.opened
    return FlagTranslator(run.settings.flags, selected.permanent_flags if selected else None)


def floor_of(job: FolderJob, destination: MessageIndex | None) -> int:
    """Give the UID from which on everything in the destination folder is newer than this comparison."""
    selected = job.destination.opened
    if selected is not None and selected.uidnext:
        return selected.uidnext
    if destination is not None and destination.uids:
        return max(destination.uids) + 1
    listed = job.destination.listed
    return (listed.uidnext if listed else None) or 1


def plan_copy_of_all(run: Run, job: FolderJob, source: MessageIndex, reading: Reading) -> None:
    """Plan for an empty destination when duplicates are wanted: everything that is selected."""
    job.floor = floor_of(job, None)
    begin_record(run, job)
    rows: Iterable[int] = range(len(source))
    if source.excluded:
        rows = [row for row, uid in enumerate(source.uids) if uid not in source.excluded]
    _plan_rows(run, job, source, rows, reading)
    telling.compared(run, job, source=len(source), destination=0)


def plan_first(run: Run, job: FolderJob, compared: Compared, reading: Reading) -> None:
    """Plan from a complete matching."""
    source, destination, matching = compared
    job.floor = floor_of(job, destination)
    begin_record(run, job)
    paired = compared.paired()
    _record(run, job, compared, paired)
    if reading.resync and source.flags and destination.flags:
        job.flag_changes = exact_flags(compared, paired, translator_of(run, job))
    _note_found(job, compared, paired)
    job.twins = twins(source, matching)
    last = _last_copies(run, job, compared)
    job.doomed = doomed(run.settings.deletion, _facts(run, job), compared, last, _moved_identities(run))
    _plan_rows(run, job, source, matching.missing, reading)
    if paired:
        run.sink(events.MessagesSkipped(job.name, len(paired), Skip.PRESENT))
    telling.left_out(run, job, source, matching.duplicates, Skip.DUPLICATE)
    telling.compared(
        run,
        job,
        source=len(source),
        destination=len(destination),
        duplicates=len(matching.duplicates),
        extra=len(matching.extra),
    )


def _moved_identities(run: Run) -> set[tuple[int, int]]:
    """Give who the messages are that only the destination has, because we deleted their originals."""
    mirrors = run.settings.deletion.destination
    return run.journal.moved_identities() if run.journal is not None and mirrors else set()


def _last_copies(run: Run, job: FolderJob, compared: Compared) -> set[int]:
    """Give, and keep in mind, which copies without an original may be the last ones."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return job.last_copies
    uids, digests, sizes = compared.destination.uids, compared.destination.digests, compared.destination.sizes
    rows = [row for row in compared.matching.extra if uids[row] in job.last_copies]
    journal.add_loose(record.id, ((uids[row], digests[row], sizes[row]) for row in rows), moved=True)
    return job.last_copies | journal.moved(record.id)


def plan_known(
    run: Run, job: FolderJob, compared: Compared, reading: Reading, destination_messages: int
) -> None:
    """Plan from a matching of only the unpaired messages of both sides."""
    new, loose, matching = compared
    job.floor = floor_of(job, None)
    paired = compared.paired()
    moved: set[int] = set()
    removed = 0
    if run.journal is not None and job.record is not None:
        if not run.dry:
            run.journal.remove_loose(job.record.id, [loose.uids[matching.partner[row]] for row in paired])
            _record(run, job, compared, paired, extra=False)
        moved = run.journal.moved(job.record.id)
        removed = len(run.journal.marked_as(job.record.id, GONE_MARKS))
    _note_found(job, compared, paired)
    job.twins |= twins(new, matching)
    job.doomed = doomed(run.settings.deletion, _facts(run, job), compared, moved, _moved_identities(run))
    _plan_rows(run, job, new, matching.missing, reading)
    selected = job.source.opened
    total = selected.exists if selected else len(new)
    telling.left_out(run, job, new, matching.duplicates, Skip.DUPLICATE)
    telling.present(run, job, max(0, total - len(job.uids) - len(matching.duplicates)), removed)
    telling.compared(run, job, source=total, destination=destination_messages, extra=len(matching.extra))


#: Marks that stand for a copy that was there once.
GONE_MARKS = tuple(mark for mark in Copy if mark is not Copy.DUPLICATE)


def begin_record(run: Run, job: FolderJob) -> None:
    """Start the record of a folder pair that is compared from scratch, or one that was only begun anew."""
    if run.journal is None or run.dry:
        return
    if job.record is not None:
        run.journal.restart(job.record.id)
        return
    job.record = run.journal.begin(
        FolderRecord(
            0,
            job.name,
            job.pair.destination,
            Numbers(job.source.uidvalidity),
            Numbers(job.destination.uidvalidity),
        )
    )


def note_restored(run: Run, record: FolderRecord) -> None:
    """Keep in mind that a destination folder is not what it was: no original goes until somebody says so."""
    if run.journal is not None and not run.dry:
        run.journal.note_restored(run.journal.restored() + max(1, record.copies))


def destination_numbers(job: FolderJob) -> Numbers:
    """Give the numbers under which the destination folder was compared; its UIDNEXT is the floor."""
    if job.destination.opened is None:
        return job.record.destination if job.record is not None else Numbers()
    return job.destination.numbers._replace(uidnext=job.floor)


def _facts(run: Run, job: FolderJob) -> FolderFacts:
    layout = run.destination.listing.layout
    rules = run.settings.deletion
    if job.pair.shared and rules.destination_duplicates and not rules.destination:
        run.warn(f"no duplicates are deleted in {job.pair.destination}: several host1 folders share it")
    return FolderFacts(
        shared=job.pair.shared,
        foreign=layout.is_foreign(job.pair.destination),
        complete=job.source_list_complete and not job.failed and not job.incomplete,
    )


def _record(run: Run, job: FolderJob, compared: Compared, paired: list[int], *, extra: bool = True) -> None:
    """Put what was found into the journal: pairs, duplicates, and what lies loose on the destination."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    source, destination, matching = compared
    numbers: dict[int, int] = {}
    plain = journal.flags_number(())

    def number(row: int) -> int:
        if not source.flags:
            return plain
        known = source.flags[row]
        if known not in numbers:
            numbers[known] = journal.flags_number(source.flag_table.flags(known))
        return numbers[known]

    def pairs() -> Iterator[Pair]:
        uids, digests, sizes = source.uids, source.digests, source.sizes
        for row in paired:
            copy = destination.uids[matching.partner[row]]
            yield Pair(uids[row], copy, number(row), digests[row], sizes[row])
        for row in matching.duplicates:
            yield Pair(uids[row], Copy.DUPLICATE, plain, digests[row], sizes[row])

    journal.add(record.id, pairs())
    if extra:
        loose = (
            (destination.uids[row], destination.digests[row], destination.sizes[row])
            for row in matching.extra
        )
        journal.add_loose(record.id, loose)


def _note_found(job: FolderJob, compared: Compared, paired: Iterable[int]) -> None:
    """Note which selected messages were found on the destination."""
    source, destination, matching = compared
    for row in paired:
        if source.uids[row] not in source.excluded:
            job.found_uids.append(source.uids[row])
            job.found_copies.append(destination.uids[matching.partner[row]])


def _plan_rows(run: Run, job: FolderJob, source: MessageIndex, rows: Iterable[int], reading: Reading) -> None:
    seen = reading.cross_duplicates
    if seen is not None and source.digests:
        rows, crossing = crossing_rows(source, rows, seen)
        telling.left_out(run, job, source, crossing, Skip.CROSS_DUPLICATE)
    if isinstance(rows, range):
        uids, sizes, digests = source.uids, source.sizes, source.digests
    else:
        rows = list(rows)
        uids = array("I", [source.uids[row] for row in rows])
        sizes = array("Q", [source.sizes[row] for row in rows])
        digests = array("Q", [source.digests[row] for row in rows] if source.digests else [])
    job.plan_copies(uids, sizes, digests)
    if uids:
        run.sink(events.WorkPlanned(len(uids), sum(sizes)))
