"""Carry Gmail labels over (--synclabels, --resynclabels): X-GM-LABELS, of X-GM-EXT-1 on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.labels import LabelNames
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.prepare import MAX_NAME_BYTES, accounts, named_folders
from imapsync.transfer.resolve import find_copies
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imapsync.account import OpenFolder
    from imapsync.account.opened import MetFolder
    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

    #: UID -> labels as people read them.
    Labels = dict[int, tuple[str, ...]]

EXTENSION = "X-GM-EXT-1"
#: Gmail keeps as many in an account; a server that tells more makes them up.
MAX_LABELS = 10_000
_ITEMS = b"(UID X-GM-LABELS)"


def label_sync(run: Run, reading: Reading) -> LabelSync | None:
    """Give what carries labels over; None when a server has none, which is told."""
    lacking = [str(account.side) for account in run.accounts if not account.has(EXTENSION)]
    if lacking:
        hosts = " and ".join("host1" if side == Side.SOURCE else "host2" for side in lacking)
        run.note(f"labels are not synced (--synclabels, --resynclabels): {hosts} without {EXTENSION}")
        return None
    return LabelSync(run, reading)


class LabelSync:
    """Carries the labels of folder pairs over, one after the other."""

    def __init__(self, run: Run, reading: Reading) -> None:
        self._run = run
        self._reading = reading
        source, destination = accounts(run)
        self._names = LabelNames(source.folders, destination.folders, named_folders(run))
        self._met: set[str] = set()
        self._told: set[str] = set()

    async def carry_over(self, job: FolderJob) -> None:
        """Bring the labels of a folder pair's copies in line; what cannot be done costs no message.

        Copies of this run get their originals' labels; those that were there, with --resynclabels, have
        theirs made equal.
        """
        if not (self._run.settings.labels.present or job.copying):
            return
        if job.unsteady:
            self._run.warn(f"the labels of {job.name} are not synced: its UIDs change at each opening")
            return
        self._run.sink(events.PhaseChanged(Phase.FLAGS))
        try:
            changed = await self._of_folder(job)
        except CommandRefused as error:
            text = f"the labels of {job.pair.destination} cannot be synced"
            self._run.problem(error, text, folder=job.name, reason=Reason.FLAGS)
            return
        if changed:
            done = "would change" if self._run.dry else "changed"
            self._run.note(f"{done} labels of {changed} messages of {job.pair.destination}")

    async def _of_folder(self, job: FolderJob) -> int:
        copies = await self._copied(job) if self._run.settings.labels.copied else {}
        changed = await self._change(job, copies, only_add=True)
        if self._run.settings.labels.present:
            fresh = set(job.copying.uids)
            for pairs in _in_pieces(_present(self._run, job), fresh):
                changed += await self._change(job, pairs, only_add=False)
        return changed

    async def _copied(self, job: FolderJob) -> dict[int, int]:
        """Give source UID -> copy of what was copied in this run; unnamed copies are looked for."""
        run, rows = self._run, job.copying
        found = await find_copies(run.source, run.destination, job, rows.unnamed(), self._reading)
        return {**rows.arrived(), **{rows.uids[row]: each.copy for row, each in found.items()}}

    async def _change(self, job: FolderJob, pairs: Mapping[int, int], *, only_add: bool) -> int:
        """Change labels of copies; gives of how many."""
        run = self._run
        if not pairs:
            return 0
        here = await _labels_of(await run.source.opened(job.source), UidSet.of(pairs))
        if run.dry:
            folder = await run.destination.opened(job.destination)
        else:
            folder = await run.destination.change(job.destination)
        if _is_replaced(job):
            return 0
        there = await _labels_of(folder, UidSet.of(pairs.values()))
        changes: dict[tuple[bytes, str], list[int]] = {}
        touched = set()
        for uid, copy in pairs.items():
            if uid not in here or copy not in there:
                continue
            change = self._names.change(here[uid], there[copy], job.pair.destination, only_add=only_add)
            for action, labels in ((b"+X-GM-LABELS", change.add), (b"-X-GM-LABELS", change.remove)):
                for label in labels:
                    if self._can_be_named(label):
                        changes.setdefault((action, label), []).append(copy)
                        touched.add(copy)
        if not run.dry:
            await self._store(await run.destination.change(job.destination), changes)
        return len(touched)

    async def _store(self, folder: MetFolder, changes: Mapping[tuple[bytes, str], list[int]]) -> None:
        """Send the changes label by label, so that one that is refused costs no other."""
        asked: list[tuple[str, Pending[None]]] = [
            (label, folder.store_labels(some, action, [MailboxName.from_text(label).raw]))
            for (action, label), uids in changes.items()
            for some in UidSet.of(uids).split(UIDS_PER_QUESTION)
        ]
        for label, answer in asked:
            try:
                await answer
            except CommandRefused as error:
                self._tell(label, f"is refused by host2: {error.server_text}")

    def _can_be_named(self, label: str) -> bool:
        name = MailboxName.from_text(label)
        if not name.is_sendable or len(name.raw) > MAX_NAME_BYTES:
            self._tell(label, "cannot be sent to host2")
            return False
        if label not in self._met and len(self._met) >= MAX_LABELS:
            self._tell("", f"is one of more than {MAX_LABELS}")
            return False
        self._met.add(label)
        return True

    def _tell(self, label: str, why: str) -> None:
        """Say once a run that copies go without a label."""
        if label not in self._told and len(self._told) <= MAX_LABELS:
            self._told.add(label)
            self._run.warn(f"the label {label[:100]!r} {why}; copies are as they are without it")


def _present(run: Run, job: FolderJob) -> Iterator[tuple[int, int]]:
    """Give (source UID, copy) of all pairs that are known: by this comparison, by the journal."""
    yield from zip(*job.plan.found, strict=True)
    if run.journal is not None and job.record is not None:
        known = run.journal.pairs(job.record.id)
        yield from zip(known.source_uids, known.destination_uids, strict=True)


def _in_pieces(pairs: Iterator[tuple[int, int]], without: set[int]) -> Iterator[dict[int, int]]:
    """Cut pairs into pieces of one question; some source UIDs, and marks in place of copies, are left out."""
    piece: dict[int, int] = {}
    for uid, copy in pairs:
        if copy > 0 and uid not in without:
            piece[uid] = copy
        if len(piece) >= UIDS_PER_QUESTION:
            yield piece
            piece = {}
    yield piece


def _is_replaced(job: FolderJob) -> bool:
    """Tell whether the folders are not those that the journal knows the UIDs of."""
    record = job.record
    return record is not None and (
        record.source.uidvalidity != job.source.uidvalidity
        or record.destination.uidvalidity != job.destination.uidvalidity
    )


async def _labels_of(folder: OpenFolder, uids: UidSet) -> Labels:
    """Read labels, without what is not there any more; equal ones are kept once."""
    found: Labels = {}
    same: dict[tuple[bytes, ...], tuple[str, ...]] = {}
    for some in uids.split(UIDS_PER_QUESTION):
        async for batch in folder.fetch(some, _ITEMS):
            for record in batch:
                if record.uid is not None and record.labels is not None:
                    raw = record.labels
                    if raw not in same:
                        same[raw] = tuple(MailboxName.from_wire(label).text for label in raw)
                    found[record.uid] = same[raw]
    return found
