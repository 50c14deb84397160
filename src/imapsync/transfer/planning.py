"""Carry a comparison into its job and the journal: what is copied, believed, told and to be deleted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.belief import Wishes
from imapsync.plan.changes import without_our_marks
from imapsync.plan.decisions import Case, FolderFacts, decide, decide_all, exact_flags
from imapsync.plan.flags import FlagTranslator
from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.terms import Copy
from imapsync.transfer import recording, telling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable

    from imapsync.plan.decisions import Compared, FolderPlan
    from imapsync.plan.index import MessageIndex
    from imapsync.terms import Pair
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
    lists = reading.searches or settings.selection.min_age_days is not None
    return Wishes(reading.rules, reading.resync, opens, lists, rules.recopy_deleted, int(run.started_at))


def translator_of(run: Run, job: FolderJob) -> FlagTranslator:
    """Give the flag translator of the job's destination folder."""
    selected = job.destination.opened
    return FlagTranslator(run.settings.flags, selected.permanent_flags if selected else None)


def floor_of(job: FolderJob, highest: int = 0) -> int:
    """Give the UID from which on everything in the destination folder is newer than this comparison.

    highest: the highest UID that it has seen; messages may have come after the folder was opened.
    """
    selected, listed = job.destination.opened, job.destination.listed
    opened = (selected.uidnext if selected else None) or 0
    return max(opened, highest + 1) if opened or highest else (listed.uidnext if listed else None) or 1


def take_off_marks(source: MessageIndex, ours: Collection[int]) -> None:
    r"""Take our own \Deleted off the flags of source messages."""
    if ours and source.flags:
        for row, uid in enumerate(source.uids):
            if uid in ours:
                flags = without_our_marks(source.flag_table.flags(source.flags[row]), uid, ours)
                source.flags[row] = source.flag_table.number(flags)


class Kept(NamedTuple):
    """What counts of a record although the folder pair is compared from scratch.

    ours: source UIDs that we have marked as deleted. last_copies: destination UIDs that --delete2 leaves
    alone, because the journal knew that each may be the last copy. identities: digests and sizes of all that
    it knew, where the source was put back: what is filed elsewhere may be the last copy, too. copies: how
    many copies there were.
    """

    ours: frozenset[int] = frozenset()
    last_copies: frozenset[int] = frozenset()
    identities: frozenset[tuple[int, int]] = frozenset()
    copies: int = 0


def plan_copy_of_all(
    run: Run, job: FolderJob, source: MessageIndex, reading: Reading, remembered: Kept
) -> FolderPlan:
    """Plan for an empty destination when duplicates are wanted: everything that is selected."""
    case = Case(
        run.settings.deletion,
        floor_of(job),
        crossing=reading.cross_duplicates,
        position=job.position,
        ours=remembered.ours,
    )
    recording.begin(run, job)
    recording.note_filed(run, source, remembered.identities)
    plan = decide_all(source, case)._replace(lost=remembered.copies)
    _tell_work(run, job, source, plan)
    telling.compared(run, job, source=len(source), destination=0, to_copy=len(plan.copy.uids))
    return plan


def plan_first(
    run: Run,
    job: FolderJob,
    compared: Compared,
    reading: Reading,
    remembered: Kept,
    *,
    known: Container[int],
    complete: bool,
) -> FolderPlan:
    """Plan from a complete matching.

    known: source UIDs whose pairs an interrupted run had recorded. complete: nothing of the source folder was
    kept from us.
    """
    source, destination, matching = compared
    recording.begin(run, job)
    recording.note_found(run, job, compared, known)
    recording.note_filed(run, source, remembered.identities)
    case = Case(
        run.settings.deletion,
        floor_of(job, max(destination.uids, default=0)),
        _facts(run, job, complete=complete),
        recording.last_copies(run, job, compared, remembered.last_copies),
        _moved_identities(run),
        translator_of(run, job) if reading.resync else None,
        reading.cross_duplicates,
        job.position,
        remembered.ours,
    )
    plan = decide(compared, case)._replace(
        lost=max(0, remembered.copies - len(destination)),
        duplicates=recording.duplicates(run, job, compared),
    )
    _tell_work(run, job, source, plan)
    telling.present(run, job, len(compared.paired()), 0)
    telling.left_out(run, job, source, matching.duplicates, Skip.DUPLICATE)
    telling.compared(
        run,
        job,
        source=len(source),
        destination=len(destination),
        to_copy=len(plan.copy.uids),
        duplicates=len(matching.duplicates),
        extra=len(matching.extra),
    )
    return plan


def plan_known(run: Run, job: FolderJob, compared: Compared, reading: Reading, highest: int) -> FolderPlan:
    """Plan from a matching of only the unpaired messages of both sides.

    highest: of the destination's UIDs that were seen.
    """
    new, loose, matching = compared
    moved: Collection[int] = ()
    ours: Collection[int] = ()
    known: Callable[[], Iterable[Pair]] = tuple
    removed = 0
    translator = translator_of(run, job) if loose.flags else None
    changes = exact_flags(compared, compared.paired(), translator) if translator is not None else {}
    later = recording.note_known(run, job, compared, {uid for uids in changes.values() for uid in uids})
    if run.journal is not None and job.record is not None:
        moved = run.journal.moved(job.record.id)
        ours = run.journal.marked(job.record.id)
        known = partial(run.journal.identified, job.record.id)
        removed = len(run.journal.marked_as(job.record.id, GONE_MARKS))
    case = Case(
        run.settings.deletion,
        floor_of(job, highest),
        _facts(run, job, complete=True),
        moved,
        _moved_identities(run),
        translator,
        crossing=reading.cross_duplicates,
        position=job.position,
        ours=ours,
        known=known,
    )
    plan = decide(compared, case)._replace(
        pairs=later, duplicates=recording.duplicates(run, job, compared), known=True
    )
    _tell_work(run, job, new, plan)
    to_copy = len(plan.copy.uids)
    total = job.source.opened.exists if job.source.opened else len(new)
    telling.left_out(run, job, new, matching.duplicates, Skip.DUPLICATE)
    telling.present(run, job, max(0, total - to_copy - len(matching.duplicates)), removed)
    telling.compared(
        run,
        job,
        source=total,
        destination=max(0, job.destination.numbers.messages),
        to_copy=to_copy,
        extra=len(matching.extra),
    )
    return plan


def _moved_identities(run: Run) -> set[int]:
    """Give who the messages are that only the destination has, because we deleted their originals."""
    mirrors = run.settings.deletion.destination
    if run.journal is None or not mirrors:
        return set()
    return {digest for digest, _ in run.journal.moved_identities()}


#: Marks that stand for a copy that was there once.
GONE_MARKS = tuple(mark for mark in Copy if mark is not Copy.DUPLICATE)


def _facts(run: Run, job: FolderJob, *, complete: bool) -> FolderFacts:
    layout = run.destination.listing.layout
    rules = run.settings.deletion
    if job.pair.shared and rules.destination_duplicates and not rules.destination:
        run.warn(f"no duplicates are deleted in {job.pair.destination}: several host1 folders share it")
    return FolderFacts(
        shared=job.pair.shared,
        foreign=layout.is_foreign(job.pair.destination),
        complete=complete and not job.failed and not run.moved_unknown and not run.delivered,
    )


def _tell_work(run: Run, job: FolderJob, source: MessageIndex, plan: FolderPlan) -> None:
    telling.left_out(run, job, source, plan.crossing, Skip.CROSS_DUPLICATE)
    if plan.copy.uids:
        run.sink(events.WorkPlanned(len(plan.copy.uids), sum(plan.copy.sizes)))
