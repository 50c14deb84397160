"""All accounts of one command: who is next, what came of it, and what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from imapsync.cli.exitcodes import Exit
from imapsync_fleet.directory import PROGRESS, Job, Result
from imapsync_fleet.local import WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imapsync_fleet.accounts import Account
    from imapsync_fleet.directory import Directory
    from imapsync_fleet.queue import Queue

#: How often an account is done again whose worker was lost; one that kills its workers ends as defect.
MOST_TRIES: Final = 3
TICK_S: Final = 1.0


class Workers(Protocol):
    """Something that does jobs: processes of this machine, or a cluster."""

    async def run(self, job: Job) -> Result:
        """Do a job. WorkerLostError when the one that did it is gone."""

    def stop(self) -> None:
        """Ask all runs to end in good order."""

    async def close(self) -> None:
        """End."""


class Screen(Protocol):
    """Where people or programs see what happens."""

    def began(self, account: Account) -> None:
        """Take the beginning of an account's run."""

    def ended(self, account: Account, result: Result) -> None:
        """Take its end."""

    def tick(self, progress: Mapping[str, object]) -> None:
        """Take how far all is, about once a second."""


class Order(NamedTuple):
    """What is to be done: a command, and the round that it belongs to."""

    command: str
    round: int
    accounts: Sequence[Account]


class Dispatch:
    """Carries out one order."""

    def __init__(self, order: Order, queue: Queue, directory: Directory, screen: Screen) -> None:
        self._order = order
        self._queue = queue
        self._directory = directory
        self._screen = screen
        self._total = len(queue)
        self._codes: list[int] = []
        self._tries: dict[str, int] = {}
        self._numbers: dict[str, Mapping[str, int]] = {}
        self._running: dict[str, Account] = {}
        self._stopped = False
        self._began_at = time.time()
        self._copied = self._copied_bytes = self._failed = 0
        self._workers: Workers | None = None

    def watch(self, progress: Mapping[str, Mapping[str, int]]) -> None:
        """Take the numbers of accounts under way."""
        self._numbers.update({name: one for name, one in progress.items() if name in self._running})

    def stop(self) -> None:
        """Begin no further account and end those under way; called again, at once."""
        self._stopped = True
        if self._workers is not None:
            self._workers.stop()

    async def work(self, workers: Workers) -> list[int]:
        """Do all that waits; give the exit codes of the accounts that were done."""
        self._workers = workers
        under_way: set[asyncio.Task[None]] = set()
        ticker = asyncio.create_task(self._tick())
        try:
            while True:
                while not self._stopped and (account := self._queue.take()) is not None:
                    under_way.add(asyncio.create_task(self._do(workers, account)))
                if not under_way:
                    break
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
        finally:
            ticker.cancel()
            for one in under_way:
                one.cancel()
            with contextlib.suppress(Exception):
                self._write_progress()
        if not self._stopped:
            self._directory.end_round(self._order.command, self._order.round)
        return self._codes

    async def _do(self, workers: Workers, account: Account) -> None:
        self._running[account.name] = account
        self._screen.began(account)
        result, again = None, False
        try:
            left = self._bytes_left(account)
            if left is not None and left <= 0:
                result = self._parked(account)
            else:
                result = await workers.run(self._job(account, left))
        except WorkerLostError as error:
            tries = self._tries[account.name] = self._tries.get(account.name, 0) + 1
            again = tries < MOST_TRIES and not self._stopped
            if tries >= MOST_TRIES:
                result = self._result(account, Exit.EX_SOFTWARE, f"{error}, {tries} times")
        finally:
            self._queue.give_back(account, again=again)
            del self._running[account.name]
            self._numbers.pop(account.name, None)
        if result is not None:
            self._take(account, result)

    def _take(self, account: Account, result: Result) -> None:
        self._directory.keep(result)
        self._spend(account, result.copied_bytes)
        self._codes.append(result.exit_code)
        self._copied += result.copied
        self._copied_bytes += result.copied_bytes
        self._failed += bool(result.exit_code)
        self._screen.ended(account, result)

    def _job(self, account: Account, left: int | None) -> Job:
        order = self._order
        return Job(
            *(account.name, account.shown, order.command, order.round, account.fingerprint, account.words),
            commands=account.commands,
            bytes_left=left,
        )

    def _bytes_left(self, account: Account) -> int | None:
        """Give what the provider of host1 lets this login read today, None without a known limit."""
        facts = account.facts
        if facts is None or not facts.down or self._order.command != "run":
            return None
        return facts.down - self._directory.spent(_today()).get(_login(account), 0)

    def _spend(self, account: Account, size_bytes: int) -> None:
        if size_bytes and self._bytes_left(account) is not None:
            spent = dict(self._directory.spent(_today()))
            spent[_login(account)] = spent.get(_login(account), 0) + size_bytes
            self._directory.spend(_today(), spent)

    def _parked(self, account: Account) -> Result:
        tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        result = self._result(account, Exit.EXIT_PARKED, "today's bytes of the provider are used up")
        return result._replace(run_again_at=tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def _result(self, account: Account, code: Exit, text: str) -> Result:
        now = round(time.time(), 3)
        order = self._order
        return Result(
            *(account.name, account.shown, order.command, order.round, account.fingerprint),
            *(code.number, code.name, now, now),
            text=text,
        )

    async def _tick(self) -> None:
        while True:
            self._write_progress()
            await asyncio.sleep(TICK_S)

    def _write_progress(self) -> None:
        progress = {
            "command": self._order.command,
            "round": self._order.round,
            "began_at": round(self._began_at, 3),
            "written_at": round(time.time(), 3),
            "accounts": len(self._order.accounts),
            "accounts_before": len(self._order.accounts) - self._total,
            "accounts_done": len(self._codes),
            "accounts_failed": self._failed,
            "messages_copied": self._copied,
            "bytes_copied": self._copied_bytes,
            "running": {one.shown: dict(self._numbers.get(name, {})) for name, one in self._running.items()},
        }
        self._directory.write(PROGRESS, progress)
        self._screen.tick(progress)


def _login(account: Account) -> str:
    return f"{account.user}@{account.host}"


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")
