"""Compare a folder pair that the journal knows: only what is new or different is read.

Both sides' numbers (STATUS) are set against those of the last run. Source: changed flags by CHANGEDSINCE (or
all flags where the server counts no changes), new messages by UID, vanished ones by QRESYNC or, when the
counts say that some are missing, by listing UIDs. Destination: new messages by UID, removed ones when the
count fell. Then the one rule: source messages without a partner are compared by identity with destination
messages without a partner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.transfer import planning
from imapsync.transfer.deltaplan import DeltaPlan
from imapsync.transfer.focus import opened
from imapsync.transfer.salvage import all_from
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.journal import FolderState
    from imapsync.session.fetch import FetchStream
    from imapsync.session.pending import Pending
    from imapsync.session.session import Selected
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading
    from imapsync.wire.responses import StatusItems


def known_state(job: FolderJob, states: dict[tuple[str, str], FolderState]) -> FolderState | None:
    """Give what the journal knows of a folder pair, None when it does not fit what the servers say now.

    UIDVALIDITY changed: another folder of the same name. UIDNEXT went back: the server was restored from a
    backup and may give UIDs a second time. Both make every recorded UID meaningless.
    """
    state = states.get((job.name, job.pair.destination))
    if state is None or not job.pair.exists or job.pair.shared:
        return None
    source, destination = job.source_status, job.destination_status
    if source is None or destination is None:
        return None
    fits = _same_folder(source, state.source_uidvalidity, state.source_uidnext) and _same_folder(
        destination, state.destination_uidvalidity, state.destination_uidnext
    )
    return state if fits else None


def _same_folder(status: StatusItems, uidvalidity: int, uidnext: int) -> bool:
    return (
        bool(uidvalidity) and status.uidvalidity == uidvalidity and (status.uidnext or 0) >= max(uidnext, 1)
    )


def is_unchanged(run: Run, job: FolderJob, state: FolderState, reading: Reading) -> bool:
    """Tell whether equal numbers prove that nothing is to be done for this pair."""
    source, destination = job.source_status, job.destination_status
    if source is None or destination is None or not state.settled or state.rules != reading.rules:
        return False
    rules = run.settings.deletion
    if rules.source_older_days is not None or rules.source_expunge or rules.destination_expunge_first:
        return False
    if run.settings.selection.min_age_days is not None or rules.recopy_deleted:
        return False
    if job.pair.subscribe:
        return False
    return (
        source.messages == state.source_messages
        and source.uidnext == state.source_uidnext
        and destination.messages == state.destination_messages
        and destination.uidnext == state.destination_uidnext
        and (_modseq(source) == state.source_modseq if _modseq(source) else not reading.resync)
    )


class DeltaComparison:
    """One known folder pair.

    `ask` sends, `take` reads the first answers, `conclude` asks the rest and decides.
    """

    def __init__(self, run: Run, focus: Focus, job: FolderJob, reading: Reading, state: FolderState) -> None:
        self.job = job
        self.invalid = False
        self._run = run
        self._focus = focus
        self._reading = reading
        self._state = state
        self._source_reader = reading.source(identity=True, flags=True)
        self._destination_reader = reading.destination()
        self._wants_list = (
            not state.settled
            or state.rules != reading.rules
            or bool(reading.source_search)
            or run.settings.selection.min_age_days is not None
        )
        self._qresync = False
        self._source_open: Pending[Selected] | None = None
        self._destination_open: Pending[Selected] | None = None
        self._changes: FetchStream | None = None
        self._new: FetchStream | None = None
        self._listed: Pending[UidSet] | None = None
        self._destination_new: FetchStream | None = None
        self._plan = DeltaPlan(run, focus, job, reading, state)

    def ask(self) -> None:
        """Send all that can be asked before anything is known."""
        run, job, state = self._run, self.job, self._state
        status = job.source_status
        self._source_open = self._focus.source(job, condstore=planning.wants_modseq(run))
        if run.settings.deletion.source_expunge and not run.dry:
            run.source.expunge()
        # Of a folder whose first run was interrupted nothing but pairs is known: the flags of all are looked
        # at.
        last = state.source_uidnext - 1 if state.source_uidnext else (status.uidnext if status else None) or 2
        old = UidSet(((1, max(1, last)),))
        modseq = _modseq(status)
        counted = bool(modseq and state.source_modseq)
        if state.source_uidnext == 1 or (counted and modseq == state.source_modseq):
            pass  # there was nothing, or nothing changed
        elif counted:
            self._ask_changes(old)
        elif self._reading.resync:
            self._changes = run.source.fetch(old, b"(UID FLAGS)")
        if self._wants_list:
            self._listed = run.source.search(self._reading.source_search or "ALL")
        elif status is not None and (status.uidnext or 0) > state.source_uidnext:
            self._new = self._source_reader.ask(run.source, all_from(max(1, state.source_uidnext), self.job))
        there = job.destination_status
        if there is None or there.uidnext != state.destination_uidnext or run.settings.deletion.destination:
            self._destination_open = self._focus.destination(job)
            if there is not None and (there.uidnext or 0) > state.destination_uidnext:
                first = b"%d:*" % max(1, state.destination_uidnext)
                self._destination_new = self._destination_reader.ask(run.destination, first)

    async def take(self) -> None:
        """Read the answers in the order of the questions.

        Sets `invalid` when the journal turns out not to fit.
        """
        job, plan, state = self.job, self._plan, self._state
        if self._source_open is None:
            return
        source = await opened(self._source_open)
        if isinstance(source, CommandRefused) or source.uidvalidity != state.source_uidvalidity:
            self.invalid = True
            return
        job.source_selected = source
        job.source_uidvalidity = state.source_uidvalidity
        try:
            if self._changes is not None:
                async for batch in self._changes:
                    plan.note_flags((fetch.uid, fetch.flags) for fetch in batch)
            if self._listed is not None:
                plan.listed = await self._listed
            if self._new is not None:
                await self._source_reader.read(
                    self._new, self._reading.table, at_least=state.source_uidnext, into=plan.new
                )
            if self._destination_open is not None:
                await self._take_destination()
        except CommandRefused:
            self.invalid = True

    async def conclude(self) -> None:
        """Complete the picture and fill the job."""
        if self._reading.selector.oversized:
            planning.tell_oversized(self._run, self.job, self._reading)
        await self._plan.conclude(self._source_reader, self._destination_reader, qresync=self._qresync)

    async def _take_destination(self) -> None:
        job, state = self.job, self._state
        if self._destination_open is None:
            return
        destination = await opened(self._destination_open)
        if (
            isinstance(destination, CommandRefused)
            or destination.uidvalidity != state.destination_uidvalidity
        ):
            self.invalid = True
            return
        job.destination_selected = destination
        if self._destination_new is not None:
            await self._destination_reader.read(
                self._destination_new,
                self._reading.table,
                at_least=state.destination_uidnext,
                into=self._plan.destination_new,
            )

    def _ask_changes(self, uids: UidSet) -> None:
        """Ask what changed since the last run; with QRESYNC the answer names what vanished, too."""
        source, since = self._run.source, self._state.source_modseq
        if "QRESYNC" in source.enabled:
            self._qresync = True
            self._changes = source.fetch(
                uids,
                b"(UID FLAGS)",
                changedsince=since,
                vanished=True,
                on_vanished=self._plan.note_vanished,
            )
        elif self._reading.resync:
            self._changes = source.fetch(uids, b"(UID FLAGS)", changedsince=since)


def _modseq(status: StatusItems | None) -> int:
    return (status.highestmodseq if status else None) or 0
