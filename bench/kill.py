"""Runs killed at random moments: ``scripts/bench kill [--moments N] [SCENARIO...]``.

The engine is killed with -9 once or twice on its way through a first synchronisation, then left to finish.
Both accounts have to be equal message by message, and one more run has to find nothing to copy. Rewrites
docs/crashes.md; exit code 1 when anything was lost, came twice or differed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from bench import machine, verify
from bench.engines import Ours, Task, environment
from bench.scenarios import SCENARIOS
from bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.machine import Machine
    from bench.scenarios import Scenario

WORDS = Path(__file__).with_name("crashes.md.in")
ROWS = ("S1", "S9", "S1p")
MOMENTS = 100
AT_ONCE = 2
"""Rows under way at a time: what is measured is not time."""
FIRST = 0.05
"""The earliest moment, as a share of an undisturbed run: before it nothing is under way."""
LIMIT_S = 120


@dataclass(slots=True)
class Row:
    """What became of the runs of one scenario, with or without a state file."""

    scenario: Scenario
    keep_state: bool
    length_s: float = 0.0
    kills: int = 0
    too_late: int = 0
    stored_at_kill: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Victim:
    """One source account and one destination account after the other, and the engine between them."""

    def __init__(self, stage: Stage, row: Row) -> None:
        self._stage = stage
        self._row = row
        self._server = stage.destination(row.scenario.disable_on_destination)
        slug = f"kill-{row.scenario.key}-{'state' if row.keep_state else 'none'}".lower()
        self._source = stage.source_account(row.scenario.corpus, f"{slug}-from", implicit_tls=False)
        self._user = f"{slug}-to"
        self._work = stage.scratch / slug
        self._report = stage.scratch / f"{slug}.json"
        self._expected = verify.snapshot(stage.source, self._source.user)
        self._task: Task | None = None

    def renew(self) -> None:
        """Give the engine an empty destination and no memory."""
        self._stage.remove(self._server, self._user)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        there = self._stage.empty_account(self._server, self._user, implicit_tls=False)
        self._task = Task(self._source, there, self._work, self._row.keep_state)

    def start(self) -> subprocess.Popen[bytes]:
        """Start a run."""
        if self._task is None:
            raise RuntimeError("renew() comes first")
        words = [*Ours().command(self._task), "--report", str(self._report)]
        words += ["--pidfile", str(self._work / "pid")]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> int:
        """Let a run go to its end; return how many messages it copied. Raises RuntimeError when it fails."""
        code = self.start().wait(LIMIT_S)
        report = json.loads(self._report.read_text())
        if code:
            raise RuntimeError(f"exit code {code}: {report['errors'][:2]} {report['failures'][:2]}")
        return int(report["messages_transferred"])

    def differences(self) -> list[str]:
        """Return what is not as on the source."""
        return verify.differences(self._expected, verify.snapshot(self._server, self._user))

    def stored(self) -> float:
        """Return the share of the messages that the destination has."""
        found = sum(map(len, verify.snapshot(self._server, self._user).values()))
        return found / sum(map(len, self._expected.values()))

    def close(self) -> None:
        """Free the accounts."""
        self._stage.remove(self._stage.source, self._source.user)
        self._stage.remove(self._server, self._user)


def run_row(stage: Stage, row: Row, moments: int) -> None:
    """Kill runs of a row at so many moments and look at what the next run makes of it."""
    dice = random.Random(f"{row.scenario.key} {row.keep_state}")
    victim = Victim(stage, row)
    with contextlib.closing(victim):
        lengths = []
        for _ in range(3):
            victim.renew()
            began = time.monotonic()
            victim.finish()
            lengths.append(time.monotonic() - began)
        row.length_s = sorted(lengths)[1]
        moment = 0
        while row.kills < moments:
            moment += 1
            victim.renew()
            for _ in range(dice.choice((1, 1, 2))):
                _kill(victim, row, dice.uniform(FIRST, 1.0) * row.length_s)
            if moment % 10 == 1:
                row.stored_at_kill.append(victim.stored())
            try:
                victim.finish()
                problems = victim.differences()
                if again := victim.finish():
                    problems.append(f"{again} copied once more")
            except RuntimeError as error:
                problems = [str(error)]
            if problems:
                row.wrong.append(f"kill {row.kills}: {', '.join(problems)}")


def _kill(victim: Victim, row: Row, after_s: float) -> None:
    process = victim.start()
    try:
        process.wait(after_s)
        row.too_late += 1
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        row.kills += 1


def page(rows: Sequence[Row], moments: int, where: Machine) -> str:
    """Return the text of docs/crashes.md."""
    table = [
        "| run | undisturbed | kills | messages there when killed (one in ten seen) | wrong afterwards |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        stored = sorted(row.stored_at_kill)
        state = "with `--state`" if row.keep_state else "without state"
        table.append(
            f"| {row.scenario.key} {row.scenario.title}, {state} | {row.length_s:.2f} s | {row.kills} "
            f"({row.too_late} more came too late) | {stored[0]:.0%} to {stored[-1]:.0%} | {len(row.wrong)} |"
        )
    return Template(WORDS.read_text()).substitute(
        moments=moments,
        date=where.date,
        commit=where.commit,
        server=where.server,
        system=where.system,
        table="\n".join(table),
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run all rows; the exit code is 1 when a result was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/bench kill", description="Kill runs at random moments.")
    parser.add_argument("--moments", type=int, default=MOMENTS, help=f"kills a row (default {MOMENTS})")
    parser.add_argument("scenarios", nargs="*", default=ROWS, help=f"of {' '.join(ROWS)}; default all")
    given = parser.parse_args(words)
    moments = given.moments
    by_key = {scenario.key: scenario for scenario in SCENARIOS}
    rows = [Row(by_key[key], keep_state) for key in given.scenarios for keep_state in (True, False)]
    where = machine.describe([Ours()])
    environment()  # made once, before the rows that use it side by side
    with Stage() as stage, ThreadPoolExecutor(AT_ONCE) as workers:
        for row in rows:
            stage.load(row.scenario.corpus)
            stage.destination(row.scenario.disable_on_destination)
        for row, work in [(row, workers.submit(run_row, stage, row, moments)) for row in rows]:
            work.result()
            name = f"{row.scenario.key}, {'with' if row.keep_state else 'without'} state"
            print(f"{name}: {row.kills} kills, {len(row.wrong)} wrong", *row.wrong, sep="\n  ", flush=True)
    target = machine.REPOSITORY / "docs" / "crashes.md"
    target.write_text(page(rows, moments, where))
    print(f"written: {target}")
    return 1 if any(row.wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
