"""One run from the first connection to the last line of the journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING

from imapsync.journal.values import JournalError
from imapsync.plan.identity import Identity
from imapsync.plan.rules import IdentityRules
from imapsync.plan.selection import identifying
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import SyncError
from imapsync.terms import Reason
from imapsync.transfer.company import Company
from imapsync.transfer.connect import connect_both, leave
from imapsync.transfer.context import Run, StopRun, reason_of, side_of
from imapsync.transfer.outcome import Outcome, Stop
from imapsync.transfer.settings import Mode, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.journal.journal import Journal
    from imapsync.transfer.steps import Steps

#: After a request to stop: how long answers to what was sent are waited for.
WIND_DOWN_S = 1.5
#: After this both connections have been asked for.
_ON_THEIR_WAY_S = 0.001


async def run(
    settings: Settings,
    sink: events.Sink,
    clock: Callable[[], float] = time.time,
    company: Company | None = None,
) -> Outcome:
    """Carry out one run. Never raises for what a server, a message or the state file does.

    Cancel the task that awaits this to stop: what was sent is settled within WIND_DOWN_S, the journal is
    written, and the outcome is Stop.SIGNAL. company: shared by the runs of a process that run side by side.
    """
    if settings.deletion.empties_source:
        # A mark on the source may be ours, of a run that was killed: it says nothing about the copy.
        settings = settings._replace(flags=settings.flags._replace(skip_deleted=True))
    state = Run(settings, sink, clock, company or Company())
    state.started_at = clock()
    engine = _Engine(state)
    try:
        await engine.work()
        outcome = Outcome(Stop.DONE)
    except StopRun as stop:
        outcome = Outcome(stop.stop, stop.error)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        outcome = Outcome(Stop.SIGNAL)
    except SyncError as error:
        if not engine.told:
            sink(events.Problem(reason_of(error), str(error), side_of(error), details=dict(error.details)))
        outcome = Outcome(Stop.FATAL, error)
    except JournalError as error:
        sink(events.Problem(Reason.JOURNAL, str(error)))
        outcome = Outcome(Stop.FATAL, error)
    return await engine.end(outcome)


class _Engine:
    """What a run needs from its first moment, and what must be put in order at its end."""

    def __init__(self, state: Run) -> None:
        self._run = state
        self._steps: Steps | None = None
        self.told = False

    async def work(self) -> None:
        """Go as far as the mode says."""
        state = self._run
        mode = state.settings.mode
        only_connects = mode in (Mode.CONNECT, Mode.LOGIN)
        self._open_journal()
        self.told = True
        loading = None if only_connects else asyncio.create_task(_load_steps())
        await connect_both(state, login=mode is not Mode.CONNECT)
        self.told = False
        if loading is not None:
            steps = await loading
            self._steps = steps(state)
            await self._steps.work()

    async def end(self, outcome: Outcome) -> Outcome:
        """Settle what is in flight, write the journal, say goodbye."""
        state = self._run
        if outcome.stop is not Stop.DONE and self._steps is not None:
            with contextlib.suppress(SyncError, StopRun, TimeoutError, JournalError):
                async with asyncio.timeout(WIND_DOWN_S):
                    await self._steps.wind_down()
        if state.journal is not None:
            try:
                state.journal.close()
            except JournalError as error:
                if outcome.stop is Stop.DONE:
                    state.sink(events.Problem(Reason.JOURNAL, str(error)))
                    outcome = Outcome(Stop.FATAL, error)
        compose = state.settings.compose_report
        if compose is not None and outcome.stop is not Stop.SIGNAL:
            from imapsync.transfer.mailreport import mail_report

            await mail_report(state, compose(outcome))
        await leave(state, quick=outcome.stop is Stop.SIGNAL)
        state.sink(events.PhaseChanged(Phase.DONE))
        return outcome

    def _open_journal(self) -> None:
        state = self._run
        settings = state.settings
        path = settings.state
        reads = settings.mode is Mode.VERIFY and path is not None and os.path.exists(path)
        if path is not None and (settings.mode is Mode.SYNC or reads):
            from imapsync.journal.journal import Journal

            state.journal = Journal.open(path, _account_names(settings), state.warn)
        state.source.condstore = state.destination.condstore = state.journal is not None
        key = state.journal.digest_key if state.journal is not None else os.urandom(32)
        rules = settings.identity
        if state.journal is not None:
            self._note_identity(state.journal)
        state.identity = Identity(rules.headers, key, skip=rules.skip, any_domain=rules.any_domain)

    def _note_identity(self, journal: Journal) -> None:
        """Find out whether what we once moved is known by other headers than those of this run."""
        state = self._run
        now = identifying(state.settings.identity)
        before = journal.identity() or identifying(IdentityRules())
        state.moved_unknown = now != before and bool(journal.moved_identities())
        state.delivered = journal.delivered()
        if not state.moved_unknown and not state.dry and state.settings.mode is Mode.SYNC:
            journal.note_identity(now)


def load_all() -> None:
    """Import what a run imports when it needs it."""
    from imapsync.journal import journal
    from imapsync.transfer import steps

    del journal, steps


async def _load_steps() -> type[Steps]:
    """Import what a run needs beyond its connections while these wait for the servers."""
    await asyncio.sleep(_ON_THEIR_WAY_S)
    from imapsync.transfer.steps import Steps

    return Steps


def _account_names(settings: Settings) -> str:
    source, destination = settings.source, settings.destination
    users = [
        credentials.user if credentials is not None else ""
        for credentials in (settings.source_credentials, settings.destination_credentials)
    ]
    addresses = (source.host, destination.host if destination is not None else "")
    hosts = [(name or address).lower() for name, address in zip(settings.state_hosts, addresses, strict=True)]
    return "\n".join(f"{user}@{host}" for user, host in zip(users, hosts, strict=True))
