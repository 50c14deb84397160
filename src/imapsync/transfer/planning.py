"""From a matching to a job: what is copied, which flags change, what is proven, what is to be deleted."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from imapsync.journal import SKIPPED_DUPLICATE, FolderState
from imapsync.plan.flags import FlagTranslator
from imapsync.plan.match import NONE, duplicate_rows
from imapsync.report import events
from imapsync.report.events import Skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: UIDs in one question about listed messages.
UIDS_PER_QUESTION = 20_000


class Compared(NamedTuple):
    """Two indexes and how their messages pair."""

    source: MessageIndex
    destination: MessageIndex
    matching: Matching


def wants_modseq(run: Run) -> bool:
    """Tell whether source folders are to be opened so that the server says its HIGHESTMODSEQ."""
    return run.journal is not None and run.source.has("CONDSTORE")


def abandon(run: Run, job: FolderJob) -> None:
    """Give a folder pair up: nothing more is done with it, and nothing may be concluded from its absence."""
    job.finished = True
    job.failed = True
    job.source_list_complete = False
    run.incomplete_listing = True
    status = job.source_status
    if status is not None and status.messages and not job.uids:
        run.sink(events.WorkPlanned(status.messages, status.size or 0))  # and none of them will arrive


def tell_oversized(run: Run, job: FolderJob, reading: Reading) -> None:
    """Report the messages left out for their size since the last call."""
    selector = reading.selector
    run.sink(
        events.MessagesSkipped(job.name, selector.oversized, Skip.SIZE, size_bytes=selector.oversized_bytes)
    )
    selector.oversized = selector.oversized_bytes = 0


def tell_present(run: Run, job: FolderJob, messages: int, removed: int) -> None:
    """Report messages that need no copy: those that have one, and those whose copy the user removed."""
    removed = min(removed, messages)
    if messages > removed:
        run.sink(events.MessagesSkipped(job.name, messages - removed, Skip.PRESENT))
    if removed:
        run.sink(events.MessagesSkipped(job.name, removed, Skip.REMOVED_BY_USER))


def translator_of(run: Run, job: FolderJob) -> FlagTranslator:
    """Give the flag translator of the job's destination folder."""
    selected = job.destination_selected
    return FlagTranslator(run.settings.flags, selected.permanent_flags if selected else None)


def floor_of(job: FolderJob, destination: MessageIndex | None) -> int:
    """Give the UID from which on everything in the destination folder is newer than this comparison."""
    selected = job.destination_selected
    if selected is not None and selected.uidnext:
        return selected.uidnext
    if destination is not None and destination.uids:
        return max(destination.uids) + 1
    status = job.destination_status
    return (status.uidnext if status else None) or 1


def plan_copy_of_all(run: Run, job: FolderJob, source: MessageIndex, reading: Reading) -> None:
    """Plan for an empty destination when duplicates are wanted: everything that is selected."""
    rows = (
        [row for row, uid in enumerate(source.uids) if uid not in source.excluded]
        if source.excluded
        else None
    )
    job.floor = floor_of(job, None)
    job.destination_count = job.destination_selected.exists if job.destination_selected else 0
    begin_journal(run, job)
    if rows is None:
        _plan(run, job, source.uids, source.sizes)
    else:
        _plan_rows(run, job, source, rows, reading)
    _tell(run, job, source, 0, unidentified=0)


def plan_full(run: Run, job: FolderJob, compared: Compared, reading: Reading) -> None:
    """Plan from a complete matching."""
    source, destination, matching = compared
    job.floor = floor_of(job, destination)
    selected = job.destination_selected
    job.destination_count = selected.exists if selected else 0
    begin_journal(run, job)
    paired = [row for row, partner in enumerate(matching.partner) if partner != NONE]
    record_matches(run, job, compared, paired)
    _record_duplicates(run, job, source, matching.duplicates)
    if run.journal is not None and job.state is not None:
        extra = matching.extra
        loose = ((destination.uids[row], destination.digests[row], destination.sizes[row]) for row in extra)
        run.journal.add_loose(job.state.id, loose)
    if reading.resync and source.flags and destination.flags:
        _plan_flags(run, job, compared, paired)
    _prove(run, job, (source.uids[row] for row in paired if source.uids[row] not in source.excluded))
    _doom(run, job, destination, matching)
    rows = [row for row in matching.missing if source.uids[row] not in source.excluded]
    _plan_rows(run, job, source, rows, reading)
    if paired:
        run.sink(events.MessagesSkipped(job.name, len(paired), Skip.PRESENT))
    if matching.duplicates:
        run.sink(
            events.MessagesSkipped(
                job.name,
                len(matching.duplicates),
                Skip.DUPLICATE,
                sum(source.sizes[row] for row in matching.duplicates),
                [source.uids[row] for row in matching.duplicates],
            )
        )
    _tell(
        run,
        job,
        source,
        len(destination),
        unidentified=0,
        duplicates=len(matching.duplicates),
        extra=len(matching.extra),
    )


def plan_delta(
    run: Run, job: FolderJob, compared: Compared, reading: Reading, destination_messages: int
) -> None:
    """Plan from a matching of only the unpaired messages of both sides."""
    new, loose, matching = compared
    status = job.destination_status
    job.floor = floor_of(job, None)
    job.destination_count = destination_messages
    paired = [row for row, partner in enumerate(matching.partner) if partner != NONE]
    if not run.dry:
        record_matches(run, job, compared, paired)
        _record_duplicates(run, job, new, matching.duplicates)
    _prove(run, job, (new.uids[row] for row in paired))
    _doom(run, job, loose, matching)
    _plan_rows(run, job, new, [row for row in matching.missing if new.uids[row] not in new.excluded], reading)
    selected = job.source_selected
    total = selected.exists if selected else len(new)
    removed = len(run.journal.gone(job.state.id)) if run.journal is not None and job.state is not None else 0
    tell_present(run, job, max(0, total - len(job.uids)), removed)
    run.sink(
        events.FolderCompared(
            job.name,
            job.pair.destination,
            source_messages=total,
            destination_messages=(status.messages if status else 0) or 0,
            identified=total,
            to_copy=len(job.uids),
            missing_source=len(matching.extra),
        )
    )


def begin_journal(run: Run, job: FolderJob) -> None:
    """Start the journal of a folder pair that is compared from scratch."""
    if run.journal is None or run.dry:
        return
    selected = job.destination_selected
    job.state = run.journal.begin(
        FolderState(
            0,
            job.name,
            job.pair.destination,
            job.source_uidvalidity,
            (selected.uidvalidity if selected else 0) or 0,
        )
    )


def record_matches(run: Run, job: FolderJob, compared: Compared, paired: Iterable[int]) -> None:
    """Put the pairs that were found into the journal."""
    source, destination, matching = compared
    if run.journal is None or job.state is None:
        return
    journal = run.journal
    numbers: dict[int, int] = {}

    def number(row: int) -> int:
        if not source.flags:
            return journal.flags_number(())
        known = source.flags[row]
        if known not in numbers:
            numbers[known] = journal.flags_number(source.flag_table.flags(known))
        return numbers[known]

    partner = matching.partner
    journal.add(
        job.state.id, ((source.uids[row], destination.uids[partner[row]], number(row)) for row in paired)
    )


def _record_duplicates(run: Run, job: FolderJob, source: MessageIndex, rows: array[int]) -> None:
    if run.journal is not None and job.state is not None and rows:
        plain = run.journal.flags_number(())
        run.journal.add(job.state.id, ((source.uids[row], SKIPPED_DUPLICATE, plain) for row in rows))


def _plan_flags(run: Run, job: FolderJob, compared: Compared, paired: Iterable[int]) -> None:
    """Without a journal the source's flags count: the copy gets exactly those that its folder can keep."""
    source, destination, matching = compared
    translator = translator_of(run, job)
    table = source.flag_table
    changes: dict[tuple[int, int], tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {}
    for row in paired:
        partner = matching.partner[row]
        key = (source.flags[row], destination.flags[partner])
        if key[0] == key[1]:
            wanted = translator.translate(table.flags(key[0]))
            if wanted == table.flags(key[0]):
                continue
        change = changes.get(key)
        if change is None:
            wanted = translator.translate(table.flags(key[0]))
            change = changes[key] = translator.change(wanted, table.flags(key[1]))
        if change[0] or change[1]:
            job.flag_changes.setdefault(change, array("I")).append(destination.uids[partner])


def _prove(run: Run, job: FolderJob, uids: Iterable[int]) -> None:
    """Note source messages whose copy was found; only when the source is to be changed."""
    settings = run.settings
    if (
        settings.deletion.source
        or settings.flags.set_on_source
        or settings.deletion.source_older_days is not None
    ):
        job.proven.extend(uids)


def _doom(run: Run, job: FolderJob, destination: MessageIndex, matching: Matching) -> None:
    """Note destination messages that have to go (--delete2, --delete2duplicates)."""
    rules = run.settings.deletion
    if job.pair.shared:
        if rules.destination or rules.destination_duplicates:
            run.warn(f"nothing is deleted in {job.pair.destination}: several host1 folders share it")
        return
    if rules.destination and not rules.empties_source and job.source_list_complete and not job.failed:
        job.doomed.extend(destination.uids[row] for row in matching.extra)
    elif rules.destination_duplicates:
        extra = set(matching.extra)
        job.doomed.extend(destination.uids[row] for row in duplicate_rows(destination) if row in extra)


def _plan_rows(run: Run, job: FolderJob, source: MessageIndex, rows: list[int], reading: Reading) -> None:
    seen = reading.cross_duplicates
    if seen is not None and source.digests:
        crossing = [row for row in rows if source.digests[row] in seen]
        seen.update(source.digests)
        if crossing:
            skipped = set(crossing)
            rows = [row for row in rows if row not in skipped]
            run.sink(
                events.MessagesSkipped(
                    job.name,
                    len(crossing),
                    Skip.CROSS_DUPLICATE,
                    sum(source.sizes[row] for row in crossing),
                    [source.uids[row] for row in crossing],
                )
            )
    _plan(
        run,
        job,
        array("I", (source.uids[row] for row in rows)),
        array("Q", (source.sizes[row] for row in rows)),
    )


def _plan(run: Run, job: FolderJob, uids: array[int], sizes: array[int]) -> None:
    job.plan_copies(uids, sizes)
    if uids:
        run.sink(events.WorkPlanned(len(uids), sum(sizes)))


def _tell(
    run: Run,
    job: FolderJob,
    source: MessageIndex,
    destination_messages: int,
    *,
    unidentified: int,
    duplicates: int = 0,
    extra: int = 0,
) -> None:
    run.sink(
        events.FolderCompared(
            job.name,
            job.pair.destination,
            source_messages=len(source),
            destination_messages=destination_messages,
            identified=len(source) - unidentified,
            unidentified=unidentified,
            source_duplicates=duplicates,
            to_copy=len(job.uids),
            missing_source=extra,
        )
    )
