"""What the journal is told of a folder pair: the one place that changes its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.seen import numbers_of
from imapsync.plan.belief import is_lost
from imapsync.plan.flags import system_flags
from imapsync.plan.index import canonical_flags
from imapsync.plan.proof import is_accident, went_by_accident
from imapsync.plan.settling import settled
from imapsync.terms import NONE_HELD, Copy, FolderRecord, Held, Numbers, Pair
from imapsync.transfer.copylist import DELIVERED

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

    from imapsync.journal.journal import Journal
    from imapsync.plan.decisions import Compared
    from imapsync.plan.flags import Flags
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.settling import Done
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


def begin(run: Run, job: FolderJob) -> None:
    """Start the record of a folder pair that is compared from scratch, or one that was only begun anew."""
    if run.journal is None or run.dry or job.unsteady:
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


def note_found(run: Run, job: FolderJob, compared: Compared, known: Container[int]) -> None:
    """Write down what a comparison found: pairs, and what lies loose on the destination.

    known: source UIDs whose pairs an interrupted run had recorded.
    """
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return
    destination, matching = compared.destination, compared.matching
    journal.add(record.id, _pairs(journal, compared, compared.paired()))
    journal.add_believed(record.id, compared.believed(compared.paired(), known))
    loose = (
        (destination.uids[row], destination.digests[row], destination.sizes[row]) for row in matching.extra
    )
    journal.add_loose(record.id, loose)


def note_known(run: Run, job: FolderJob, compared: Compared, unlike: Collection[int]) -> list[Pair]:
    """Write down which copies that were loose have found their originals.

    Gives the pairs that are written down later (`flags_set`): of the copies in `unlike`, whose flags are
    still to be changed.
    """
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return []
    uids, partner = compared.destination.uids, compared.matching.partner
    alike = [row for row in compared.paired() if uids[partner[row]] not in unlike]
    journal.remove_loose(record.id, [uids[partner[row]] for row in alike])
    journal.add(record.id, _pairs(journal, compared, alike))
    journal.add_believed(record.id, compared.believed(compared.paired()))
    return list(_pairs(journal, compared, (row for row in compared.paired() if uids[partner[row]] in unlike)))


def flags_set(run: Run, job: FolderJob) -> None:
    """Write down that copies have the flags of their originals."""
    if run.journal is None or job.record is None:
        return
    run.journal.set_flags(job.record.id, job.plan.flag_rows)
    run.journal.remove_loose(job.record.id, [pair.copy for pair in job.plan.pairs])
    run.journal.add(job.record.id, job.plan.pairs)


def flags_left(run: Run, job: FolderJob, has: Mapping[int, Flags], pairs: Iterable[Pair] = ()) -> None:
    """Write down that copies did not get flags of their originals, so that the next run sets them.

    has: source UID -> flags that its copy is known to have. pairs: those that were to be written down with
    all their flags.
    """
    job.flags_left = True
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    journal.remove_loose(record.id, [pair.copy for pair in pairs])
    journal.add(record.id, pairs)
    rows = [(uid, journal.flags_number(canonical_flags(flags))) for uid, flags in has.items()]
    journal.set_flags(record.id, rows)


def keywords_left(run: Run, job: FolderJob) -> None:
    """Write down that copies of this run came without their keywords, and these could not be set."""
    journal, record = run.journal, job.record
    has: dict[int, Flags] = {}
    if journal is not None and record is not None:
        known = journal.find(record.id, job.copying.arrived())
        has = {uid: system_flags(journal.flags(pair.flags)) for uid, pair in known.items()}
    flags_left(run, job, has)


def _pairs(journal: Journal, compared: Compared, rows: Iterable[int]) -> Iterator[Pair]:
    source, destination, matching = compared
    plain = journal.flags_number(())
    numbers: dict[int, int] = {}
    for row in rows:
        flags = plain
        if source.flags:
            known = source.flags[row]
            if known not in numbers:
                numbers[known] = journal.flags_number(source.flag_table.flags(known))
            flags = numbers[known]
        copy = destination.uids[matching.partner[row]]
        yield Pair(source.uids[row], copy, flags, source.digests[row], source.sizes[row])


def duplicates(run: Run, job: FolderJob, compared: Compared) -> list[Pair]:
    """Give what is to be written down of duplicates once what they are duplicates of has a copy.

    Not before: the next run of one that is killed would take them for copied.
    """
    if run.journal is None or job.record is None or run.dry:
        return []
    source, plain = compared.source, run.journal.flags_number(())
    return [
        Pair(source.uids[row], Copy.DUPLICATE, plain, source.digests[row], source.sizes[row])
        for row in compared.matching.duplicates
    ]


def last_copies(run: Run, job: FolderJob, compared: Compared, remembered: Collection[int]) -> Collection[int]:
    """Give, and write down, which copies without an original may be the last ones."""
    journal, record = run.journal, job.record
    if journal is None or record is None or run.dry:
        return remembered
    uids, digests, sizes = compared.destination.uids, compared.destination.digests, compared.destination.sizes
    rows = [row for row in compared.matching.extra if uids[row] in remembered]
    journal.add_loose(record.id, ((uids[row], digests[row], sizes[row]) for row in rows), moved=True)
    return {*remembered, *journal.moved(record.id)}


def note_filed(run: Run, source: MessageIndex, identities: Iterable[tuple[int, int]]) -> None:
    """Write down what a source that was put back lacks: wherever its copy is filed, it may be the last."""
    if run.journal is not None and not run.dry:
        here = set(source.digests)
        run.journal.note_moved(who for who in identities if who[0] not in here)


def note_restored(run: Run, record: FolderRecord) -> None:
    """Keep in mind that a destination folder is not what it was: no original goes until somebody says so."""
    if run.journal is not None and not run.dry:
        run.journal.note_restored(run.journal.restored() + max(1, record.copies))


def restored(run: Run, job: FolderJob) -> None:
    """Give up a folder whose server gives UIDs that it had given before: it was put back meanwhile.

    Nothing is deleted there: what was extra may be somebody else by now.
    """
    job.plan = job.plan._replace(doomed=())
    if job.record is not None:
        note_restored(run, job.record)
        give_up(run, job)


def note_copies(run: Run, journal: Journal) -> None:
    """Count the copies that the journal knows of as the run begins."""
    bins = run.destination.listing.bins
    counts = [(record.destination_name, record.copies) for record in journal.folders().values()]
    in_bins = sum(copies for name, copies in counts if name in bins)
    run.copies_before = Held(sum(copies for _, copies in counts), in_bins)


def note_lost(run: Run, jobs: Sequence[FolderJob]) -> None:
    """Keep in mind that the destination has lost more than half of all copies, or of all that it held.

    Only for a run that empties the source: its copies are made again, and no original goes in exchange until
    somebody says so.
    """
    journal = run.journal
    if journal is None or run.dry or not run.settings.deletion.empties_source:
        return
    records = journal.folders()
    lost = 0
    for job in jobs:
        record = records.get((job.name, job.pair.destination))
        now = numbers_of(job.destination.listed) if job.pair.exists else None
        if record is not None and (now is not None or not job.pair.exists) and is_lost(record, now):
            lost += record.copies
    if lost and is_accident(lost, run.copies_before.messages):
        journal.note_restored(max(journal.restored(), lost))
    # Filed or not, half of what was there does not go by itself.
    before, there = journal.present(), _messages_there(run)
    if there is not None:
        gone = Held(before.messages - there.messages, before.in_bins - there.in_bins)
        if went_by_accident(gone, before):
            journal.note_lost(max(journal.lost(), gone.messages))
    journal.commit()


def note_present(run: Run, jobs: Sequence[FolderJob]) -> None:
    """Keep how many messages the destination holds after a run that empties the source."""
    if run.journal is None or run.dry:
        return
    held = NONE_HELD
    if run.settings.deletion.empties_source and (there := _messages_there(run)) is not None:
        bins = run.destination.listing.bins
        copied = sum(len(job.copying.done) for job in jobs if job.pair.destination in bins)
        delivered = sum(len(job.copying.rows(DELIVERED)) for job in jobs)  # wherever, if anywhere
        held = Held(there.messages + run.copied_messages - delivered, there.in_bins + copied)
    run.journal.note_present(held)


def _messages_there(run: Run) -> Held | None:
    """Give what the destination's own folders held by the listing, None: it does not tell."""
    listing = run.destination.listing
    counts = {
        view.folder.name: view.status.messages if view.status else None
        for view in listing.folders
        if view.folder.selectable and not listing.layout.is_foreign(view.folder.name)
    }
    known = {name: count for name, count in counts.items() if count is not None}
    if len(known) < len(counts):
        return None
    return Held(sum(known.values()), sum(known.get(name, 0) for name in listing.bins))


def settle(journal: Journal, record: FolderRecord, done: Done) -> FolderRecord:
    """Write down under which numbers both folders were compared; gives the record."""
    record = settled(record, done)
    journal.update(record)
    journal.commit()
    return record


def originals_go(run: Run, job: FolderJob, uids: set[int], who: Mapping[int, int]) -> None:
    """Write down, before it is done, which originals get our mark.

    who: UID -> digest of those that go; of a folder that was given up in this run nothing else tells that
    their copies may be the last ones.
    """
    journal = run.journal
    if journal is None:
        return
    record = job.record or _given_up(journal, job)
    if record is not None:
        journal.add_marked(record.id, uids)
    if job.record is None:
        journal.note_moved((who[uid], 0) for uid in uids if uid in who)
    journal.commit()


def _given_up(journal: Journal, job: FolderJob) -> FolderRecord | None:
    """Give the record of a folder that was given up, if it is of the source folder that is there."""
    record = journal.folders().get((job.name, job.pair.destination))
    same = record is not None and record.source.uidvalidity == job.source.uidvalidity
    return record if same else None


def originals_gone(run: Run, job: FolderJob, uids: set[int]) -> None:
    """Write down that originals are gone by our hand: their copies may be the last ones."""
    journal, record = run.journal, job.record
    if journal is not None and record is None and (given_up := _given_up(journal, job)):
        journal.remove_marked(given_up.id, uids)
        journal.commit()
    if journal is None or record is None:
        return
    known = journal.find(record.id, uids).values()
    pairs = [pair for pair in known if pair.copy > 0]
    journal.note_moved((pair.digest, pair.size) for pair in known if pair.copy == Copy.REMOVED)
    journal.add_loose(record.id, ((pair.copy, pair.digest, pair.size) for pair in pairs), moved=True)
    journal.remove(record.id, uids)
    journal.remove_marked(record.id, uids)
    if record.source.messages >= 0:
        source = record.source._replace(messages=max(0, record.source.messages - len(uids)), size=-1)
        copies, removed = journal.count(record.id)
        job.record = record._replace(source=source, copies=copies, removed=removed)
        journal.update(job.record)
    journal.commit()


def copies_gone(run: Run, job: FolderJob, uids: Collection[int]) -> None:
    """Write down that messages of the destination were deleted."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    journal.remove_loose(record.id, uids)
    there = record.destination
    if there.messages >= 0:
        there = there._replace(messages=there.messages - len(uids), modseq=0, size=-1)
        job.record = record._replace(destination=there)
        journal.update(job.record)
    journal.commit()


def give_up(run: Run, job: FolderJob) -> None:
    """Forget the pairs of a folder whose copies are other messages: the next run compares it from scratch.

    What we marked on the source stays noted, and who the messages are that we moved.
    """
    if run.journal is not None and job.record is not None:
        run.journal.restart(job.record.id)
        run.journal.update(job.record._replace(destination=Numbers(), settled=False, copies=0))
        run.journal.commit()
        job.record = None
