"""One engine in one row: its accounts, its work folder, its runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench import mailboxes, measure, verify
from bench.corpus import small
from bench.engines import Account, Engine, Task
from bench.scenarios import Kind, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.dovecot import Dovecot
    from tests.servers.proxy import Counters

    from bench.corpus import Message
    from bench.network import Route
    from bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run and what it left behind; without ``problems`` the accounts are equal afterwards."""

    cost: measure.Cost
    problems: tuple[str, ...]
    counters: tuple[Counters, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the engine ended well and the result is exact."""
        return not self.problems


@dataclass(slots=True)
class Lane:
    """The runs of one engine in one row; ``close`` frees its accounts."""

    stage: Stage
    scenario: Scenario
    engine: Engine
    number: int = 0
    expected: verify.Snapshot = field(default_factory=dict)
    _task: Task | None = None
    _source: Account | None = None
    _destination_user: str = ""

    @property
    def slug(self) -> str:
        """A name for accounts and files."""
        return f"{self.scenario.key}-{self.engine.name}".lower().replace("/", "-")

    def open(self) -> None:
        """Make the source account of this lane, and bring the engine where the measured run starts from."""
        tls = self.engine.implicit_tls
        self._source = self.stage.source_account(self.scenario.corpus, f"{self.slug}-from", implicit_tls=tls)
        self.expected = verify.snapshot(self.stage.source, self._source.user)
        if self.scenario.kind is not Kind.FIRST:
            self._fresh()
        if self.scenario.kind in (Kind.AGAIN, Kind.CHANGED):
            run = self._measure(self.engine.command(self.task))
            if not run.good:
                raise LaneBrokenError("first run", run)

    @property
    def task(self) -> Task:
        """The engine's task of the current round."""
        if self._task is None:
            raise RuntimeError("open() comes first")
        return self._task

    def run(self, route: Route) -> Run:
        """Do what precedes a measured run, then measure one, through a proxy if the route has one."""
        self.number += 1
        if self.scenario.kind is Kind.FIRST:
            self._fresh()
        elif self.scenario.kind is Kind.CHANGED:
            self._change()
        with route.open(self.task) as routed:
            self.engine.prepare(routed)
            login = self.scenario.kind is Kind.LOGIN
            words = self.engine.login_command(routed) if login else self.engine.command(routed)
            run = self._measure(words)
        return replace(run, counters=route.counters)

    def source_problems(self) -> list[str]:
        """Return what the engine has done to the source account, which it should only have read."""
        if self._source is None:
            return []
        found = verify.snapshot(self.stage.source, self._source.user)
        return [f"source: {text}" for text in verify.differences(self.expected, found)]

    def close(self) -> None:
        """Remove the accounts and the work folder."""
        if self._source is not None:
            self.stage.remove(self.stage.source, self._source.user)
        self._discard_destination()

    def _measure(self, words: list[str]) -> Run:
        log = self.stage.scratch / f"{self.slug}.log"
        cost = measure.run(words, log=log, limit_s=self.scenario.limit_s)
        problems: list[str] = []
        if cost.timed_out:
            problems.append(f"over {self.scenario.limit_s} s")
        elif cost.exit_code:
            problems.append(f"exit code {cost.exit_code}")
        if self.scenario.kind is not Kind.LOGIN and not cost.timed_out:
            found = verify.snapshot(
                self._server, self._destination_user, without_header=self.engine.adds_header
            )
            problems += verify.differences(self.expected, found)
        return Run(cost, tuple(problems))

    def _fresh(self) -> None:
        if self._source is None:
            raise RuntimeError("open() comes first")
        self._discard_destination()
        self._destination_user = f"{self.slug}-{self.number}"
        tls = self.engine.implicit_tls
        destination = self.stage.empty_account(self._server, self._destination_user, implicit_tls=tls)
        work = self.stage.scratch / self.slug
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        self._task = Task(self._source, destination, work, self.scenario.keep_state)
        self.engine.prepare(self._task)

    def _change(self) -> None:
        user = self.task.source.user
        mailboxes.change(self.stage.source, user, self._arrivals(), self.scenario.flag_changes, self.number)
        self.expected = verify.snapshot(self.stage.source, user)

    def _arrivals(self) -> Iterator[Message]:
        folders = len(self.scenario.corpus.folders)
        return small(f"{self.scenario.key}-{self.number}", self.scenario.new_messages, folders).messages()

    @property
    def _server(self) -> Dovecot:
        return self.stage.destination(self.scenario.disable_on_destination)

    def _discard_destination(self) -> None:
        if self._destination_user:
            self.stage.remove(self._server, self._destination_user)


class LaneBrokenError(Exception):
    """An engine could not be brought to where the measured run starts."""

    def __init__(self, what: str, run: Run) -> None:
        super().__init__(f"{what}: {', '.join(run.problems)}\n{run.cost.output}")
        self.run = run
