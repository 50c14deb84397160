"""Copy messages over as many pairs of connections as pay: one, and more where that one waits for a server.

A pair of connections with much in flight keeps a near server, or our own processor, busy. It does not where
each message costs a round trip (a destination that has no LITERAL+), or where a server gives each connection
only so much. Then further lanes are opened, one after the other, as long as each brings more; the first of
them at once where each message has to wait for the leave to be sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from imapsync.session.errors import ConnectionFailed, SyncError
from imapsync.terms import Side
from imapsync.transfer.budget import Budget
from imapsync.transfer.connect import connect
from imapsync.transfer.context import StopRun
from imapsync.transfer.copylist import SENT
from imapsync.transfer.lane import Lane
from imapsync.transfer.provided import most_connections
from imapsync.transfer.work import BATCH_BYTES, Work

if TYPE_CHECKING:
    from imapsync.account import Account
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading
    from imapsync.transfer.throttle import Throttle

#: After one connection is lost, how long answers over the others are waited for.
SETTLE_S = 20.0
#: What was sent over a lost connection may still arrive within this many times the slowest answer before;
#: that is taken for so many seconds when there was none.
STRAY_FACTOR = 2.0
UNKNOWN_ANSWER_S = 0.5
MOST_STRAY_S = 30.0
#: Times that one message may be alone in flight when a connection breaks; then it is given up.
MAX_STRIKES = 3
#: How long is looked before one more lane is opened, and before it is judged.
LOOK_S = 0.3
#: Who uses the processor for more than this share of the time does not wait for servers.
BUSY_SHARE = 0.75
#: A lane has to bring this much more, or it is the last one.
GAIN = 1.1
#: Lanes are at one folder together only while they send fewer bytes a second: two connections that fill one
#: folder of a near Dovecot make it read the folder anew for each other's every message.
SHARED_BELOW = 2_000_000
#: For how long copying has to be that slow.
SHARING_AFTER_S = 1.0
#: What is left has to take longer than this, or a further lane would come too late.
WORTH_S = 1.0


class Copier:
    """Copies the rows that are WAITING of some jobs; rows end as DONE, FAILED or SKIPPED."""

    def __init__(self, run: Run, throttle: Throttle, reading: Reading, *, lanes: int | None = None) -> None:
        self._run = run
        self._reading = reading
        limits = run.settings.limits
        self._work = Work(throttle, Budget(limits.exit_when_over_bytes), run.company)
        alone = throttle.active or self._work.budget.active
        self._most_lanes = 1 if alone else lanes or most_connections(run)
        self._lanes: list[Lane] = []
        self._further: list[Account] = []
        self._copying = 0
        self._widening: asyncio.Task[None] | None = None
        #: Until when, by the loop's clock, messages in doubt may still arrive.
        self.strays_until = 0.0

    async def copy(self, jobs: list[FolderJob]) -> None:
        """Copy until every row has its end.

        Raises ConnectionFailed when a connection is lost, and StopRun.
        """
        with self._run.company.copying():
            await self._copy(jobs)

    async def _copy(self, jobs: list[FolderJob]) -> None:
        self._work.begin(jobs)
        self._work.budget.renew(self._run.copied_bytes)
        self._lanes.clear()
        self._copying = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                self._widening = tasks.create_task(self._widen(tasks))
                self._begin(tasks, self._run.source, self._run.destination)
        except BaseExceptionGroup as errors:
            error = min(errors.exceptions, key=lambda error: isinstance(error, ConnectionFailed))
            if isinstance(error, ConnectionFailed):
                self._expect_strays()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE_S):
                        await self.take_all()
            raise error from None
        for account in self._further:
            await account.server.logout()
        self._forget_further()

    async def take_all(self) -> None:
        """Wait for the answers to everything that was sent; ends with the further connections closed."""
        try:
            for lane in self._lanes:
                while lane.sender.unanswered:
                    # Each answer counts, also those behind one that ends the run once more.
                    with contextlib.suppress(SyncError, StopRun):
                        await lane.sender.take_all()
        finally:
            for account in self._further:
                account.server.abort()
            self._forget_further()

    def lost(self, jobs: list[FolderJob], *, blame: bool) -> None:
        """Learn from a lost connection.

        One lane from now on, smaller batches, and with `blame` a strike against a message that was alone on
        its way; without, a server asked to wait: one message is the probe, and all go more slowly then.
        """
        in_flight = [(job, row) for job in jobs for row in job.copying.rows(SENT)]
        if not in_flight:
            in_flight = [place for lane in self._lanes for place in lane.forwarding]
        if blame and len(in_flight) == 1:
            self._work.strike(*in_flight[0])
        if not blame:
            self._work.throttle.slow_down()
        self._work.batch_messages = max(1, self._work.batch_messages // 16) if blame else 1
        self._work.slowest_answer_s = 0.0
        self._most_lanes = 1

    def strikes(self, job: FolderJob, row: int) -> int:
        """Give how often a message was in flight when a connection was lost."""
        return self._work.strikes(job, row)

    def _expect_strays(self) -> None:
        """Foresee how long what is under way may take: a slow network delivers what its own buffers hold."""
        now = asyncio.get_running_loop().time()
        slowest_s = max(
            self._work.slowest_answer_s or UNKNOWN_ANSWER_S,
            *(lane.sender.oldest_unanswered_s(now) for lane in self._lanes),
        )
        self.strays_until = now + min(slowest_s * STRAY_FACTOR, MOST_STRAY_S)

    def _begin(self, tasks: asyncio.TaskGroup, source: Account, destination: Account) -> None:
        lane = Lane(self._run, source, destination, self._work, self._reading)
        self._lanes.append(lane)
        self._work.lanes = len(self._lanes)
        self._copying += 1
        tasks.create_task(self._carry(lane))

    async def _carry(self, lane: Lane) -> None:
        """Let a lane copy; the last one that ends takes care that no other is opened."""
        await lane.copy()
        self._copying -= 1
        if not self._copying and self._widening is not None:
            self._widening.cancel()

    async def _widen(self, tasks: asyncio.TaskGroup) -> None:
        """Open further lanes while the copying waits for servers and each new lane makes it faster."""
        loop = asyncio.get_running_loop()
        each_waits = not self._run.destination.has("LITERAL+")
        several = self._most_lanes > 1 and self._work.untouched > 1
        if each_waits and several and self._work.left_bytes > BATCH_BYTES:
            await self._add_lane(tasks)
        rate_before = 0.0
        copied_before = self._run.copied_messages
        #: When the first message had arrived, and what was sent by then.
        since: tuple[float, int] | None = None
        while self._most_lanes > 1:
            began_at, sent_before, processor_before = loop.time(), self._sent_bytes(), time.thread_time()
            await asyncio.sleep(LOOK_S)
            now, sent = loop.time(), self._sent_bytes()
            elapsed_s = now - began_at
            rate = (sent - sent_before) / elapsed_s
            if rate < rate_before * GAIN:
                self._lanes[-1].retire()
                return
            if len(self._lanes) == self._most_lanes:
                return
            rate_before = 0.0
            work = self._work
            if since is not None:
                # On the whole: a server that stops for a moment, or begins slowly, is not slow.
                copying_s = now - since[0]
                work.sharing = copying_s > SHARING_AFTER_S and sent - since[1] < SHARED_BELOW * copying_s
            elif self._run.copied_messages > copied_before:
                since = now, sent
            waits = time.thread_time() - processor_before < elapsed_s * BUSY_SHARE
            if rate and waits and work.left_bytes > rate * WORTH_S and (work.untouched or work.sharing):
                await self._add_lane(tasks)
                rate_before = rate

    async def _add_lane(self, tasks: asyncio.TaskGroup) -> None:
        """Begin one more lane; when a server does not want that, there will be no more."""
        both = await self._one_more()
        if both is None:
            self._most_lanes = 1
        else:
            self._begin(tasks, *both)

    def _forget_further(self) -> None:
        self._run.company.give_further(len(self._further) // len(Side))
        self._further.clear()

    async def _one_more(self) -> tuple[Account, Account] | None:
        """Open one more connection to each side; None when a server or the company does not want that."""
        run = self._run
        if not run.company.take_further():
            return None
        try:
            source = await connect(run, Side.SOURCE, quiet=True)
            try:
                destination = await connect(run, Side.DESTINATION, quiet=True)
            except BaseException:
                source.abort()
                raise
        except BaseException as error:
            run.company.give_further(1)
            if not isinstance(error, SyncError):
                raise
            run.note(f"No further connection: {error}")
            return None
        run.note("One more connection to each side, because the copying waits for the servers")
        both = run.source.over(source), run.destination.over(destination)
        self._further += both
        return both

    def _sent_bytes(self) -> int:
        accounts = [self._run.destination, *self._further]
        return sum(
            account.server.counters.bytes_out for account in accounts if account.side is Side.DESTINATION
        )
