"""Many accounts by one command beside a loop of mbsync: ``scripts/bench fleet [--accounts N] [ROW...]``.

Both copy the same accounts over STARTTLS, as many at a time, each to accounts of its own; every message of
every account is compared. CPU is that of the command and all that it started, memory the sum over all its
processes (proportional share, looked at four times a second).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.proxy import Proxy

from bench import corpus
from bench.engines import Mbsync, Task
from bench.stage import PASSWORD, Stage
from bench.verify import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.dovecot import Dovecot

    from bench.corpus import Corpus

FLEET = str(Path(sys.executable).with_name("imapsync-fleet"))
LOOK_S = 0.25
ROWS = ("many", "realistic", "slow")
SLOW_BITS_PER_SECOND = 40_000_000


class Cost(NamedTuple):
    """What a command took: seconds by the clock and of the processors, MiB at its peak."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    def __str__(self) -> str:
        return f"{self.wall_s:.2f} s, {self.cpu_s:.2f} CPU s, {self.peak_mib:.0f} MiB"


class Fleet:
    """So many equal accounts on the source, each with one for either program on the destination."""

    def __init__(self, stage: Stage, mail: Corpus, count: int, jobs: int) -> None:
        stage.load(mail)
        self._stage, self._jobs = stage, jobs
        self._target: Dovecot = stage.destination(())
        self.users = [f"{mail.name}{number}" for number in range(count)]
        self._work = stage.scratch / mail.name
        self._work.mkdir()
        self._mail = mail
        for user in self.users:
            self._prepare(user)
        self._file = self._work / "accounts.csv"
        self._file.touch(mode=0o600)
        self._file.write_text("".join(f"{user};{PASSWORD};f-{user};{PASSWORD}\n" for user in self.users))
        self._list = self._work / "list"
        self._list.write_text("".join(f"{self._work / user / 'mbsyncrc'}\n" for user in self.users))

    def ours(self, *options: str, port: int = 0) -> Cost:
        """Run the fleet once; port: of the way to the destination."""
        one, two = self._stage.source, self._target
        ends = []
        for side, server, at in ((1, one, one.port), (2, two, port or two.port)):
            ends += [f"--host{side}", server.host, f"--port{side}", str(at), f"--tls{side}"]
            ends += [f"--trust{side}", f"sha256:{server.fingerprint}"]
        words = [
            FLEET,
            "run",
            str(self._file),
            str(self._work / "fleet"),
            "--jobs",
            str(self._jobs),
            *options,
        ]
        return measured([*words, "--", "--syncduplicates", *ends])

    def ours_over_a_slow_link(self) -> Cost:
        """Run the fleet once in one worker process, to a destination that takes little."""
        target = self._target
        with Proxy(target.host, target.port, bits_per_second=SLOW_BITS_PER_SECOND) as proxy:
            return self.ours("--workers", "1", port=proxy.port)

    def mbsync(self) -> Cost:
        """Run mbsync once for each account, as many at a time."""
        words = ["xargs", "-a", str(self._list), "-P", str(self._jobs), "-I", "{}"]
        return measured([*words, "mbsync", "--quiet", "--config", "{}", "all"])

    def differences(self, mark: str) -> list[str]:
        """Give the accounts that are not what they should be."""
        header = Mbsync.adds_header if mark == "m" else b""
        wanted = snapshot(self._stage.source, self.users[0])
        return [
            user
            for user in self.users
            if snapshot(self._target, f"{mark}-{user}", without_header=header) != wanted
        ]

    def _prepare(self, user: str) -> None:
        source = self._stage.source_account(self._mail, user, implicit_tls=False)
        self._target.add_user(f"f-{user}", PASSWORD)
        target = self._stage.empty_account(self._target, f"m-{user}", implicit_tls=False)
        work = self._work / user
        work.mkdir()
        Mbsync().prepare(Task(source=source, destination=target, work=work))


def measured(words: Sequence[str]) -> Cost:
    """Run a command and everything that it starts. RuntimeError when it fails."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, _memory_kib(process.pid))
        time.sleep(LOOK_S)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words[0]} ended with {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak / 1024)


def _memory_kib(root: int) -> int:
    """Give the proportional share of memory of a process and its descendants."""
    total, left = 0, [root]
    while left:
        pid = left.pop()
        with suppress(OSError, ValueError, StopIteration):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in rollup if line.startswith("Pss:")).split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir():
                left += map(int, (task / "children").read_text().split())
    return total


def _row(stage: Stage, mail: Corpus, count: int, jobs: int) -> bool:
    fleet = Fleet(stage, mail, count, jobs)
    good = True
    for what in ("first copy", "nothing changed"):
        ours, theirs = fleet.ours(), fleet.mbsync()
        wrong = fleet.differences("f")
        good &= not wrong
        print(f"{count} accounts, {mail.name}, {jobs} at a time, {what}")
        print(f"  imapsync-fleet: {ours}{f'; NOT EXACT: {wrong[:3]}' if wrong else ''}")
        print(f"  loop of mbsync: {theirs}")
        print(
            f"  ratio: {ours.wall_s / theirs.wall_s:.2f} of the time, "
            f"{ours.cpu_s / theirs.cpu_s:.2f} of the CPU",
            flush=True,
        )
        print(json.dumps({"row": mail.name, "what": what, "ours": ours, "mbsync": theirs}), file=sys.stderr)
    return good


def _slow_row(stage: Stage) -> bool:
    """Show what a process takes of memory for accounts with large messages that nobody takes quickly."""
    fleet = Fleet(stage, corpus.realistic("slow", 60, large_every=20), 16, 16)
    ours = fleet.ours_over_a_slow_link()
    wrong = fleet.differences("f")
    print(f"16 accounts, slow, 16 at a time in one process, {SLOW_BITS_PER_SECOND // 1_000_000} Mbit/s")
    print(f"  imapsync-fleet: {ours}{f'; NOT EXACT: {wrong[:3]}' if wrong else ''}", flush=True)
    return not wrong


def main() -> int:
    """Measure; exit code 1 when an account was not exact."""
    parser = argparse.ArgumentParser(prog="scripts/bench fleet", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help=" ".join(ROWS))
    parser.add_argument("--accounts", type=int, default=1000, help="of the row `many` (default %(default)s)")
    options = parser.parse_args()
    rows = options.rows or ROWS
    good = True
    with Stage() as stage:
        if "many" in rows:
            good &= _row(stage, corpus.small("many", 100, 3), options.accounts, 16)
        if "realistic" in rows:
            good &= _row(stage, corpus.realistic("ten-years", 2000), 50, 8)
        if "slow" in rows:
            good &= _slow_row(stage)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
