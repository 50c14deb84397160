"""What an instance costs at rest, and how fast mail is there: ``scripts/bench live [ROW...]``.

The container's first process (``syncctl serve``) runs with everything below it in a process namespace of its
own; CPU is that of all of them, memory the sum of their proportional shares. The servers are two Dovecots
on this machine, the local one with TLS. Row `scheduled`: what cron's own starts cost is counted, too.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import statistics
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

from bench.instance import Instance
from bench.stage import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: Final = ("scheduled", "watched", "arrival", "chaos")
_ROUND_S: Final = 300.0
_MESSAGES: Final = 20
_SETTLED_S: Final = 900.0
_CHAOS_END_S: Final = 60.0
_LOOK_S: Final = 0.02


class Town:
    """Two servers and an instance with tasks between them: user number N of either has task N."""

    def __init__(self, stack: ExitStack, tasks: int, cron: str) -> None:
        crowd = f"default_client_limit = {4 * tasks + 500}\ndefault_process_limit = {2 * tasks + 200}\n"
        # As few processes as can be: Dovecot's are not what is measured.
        crowd += f"service imap {{\n  client_limit = 1\n  process_limit = {2 * tasks + 200}\n}}\n"
        crowd += "service imap-login {\n  service_count = 0\n}\n"
        self.remote, self.local = (
            stack.enter_context(Dovecot(max_connections=4 * tasks + 100, sieve=True, extra_config=crowd))
            for _ in range(2)
        )
        self.instance = stack.enter_context(Instance(self.local))
        self.names = []
        for number in range(tasks):
            user = f"u{number}"
            self.remote.add_user(user, PASSWORD)
            self.local.add_user(user, PASSWORD)
            self.names.append(self.instance.add(user, self.remote, PASSWORD, cron))
        self._sent: dict[int, tuple[int, float]] = {}

    def settle(self) -> None:
        """Let every task run once, then wait until nothing is under way."""
        for number in range(len(self.names)):
            self.deliver(number, range(_MESSAGES))
        self.instance.start(self.names)
        self.wait_ended(0.0)

    def deliver(self, number: int, messages: range) -> None:
        """Put messages into a user's remote INBOX."""
        with self.remote.client(f"u{number}") as client:
            client.append(b"INBOX", [NewMessage(_letter(number, one)) for one in messages])

    def wait_ended(self, since: float) -> None:
        """Wait until each task has a result of a run that began after a moment (unix seconds)."""
        self.wait(lambda: self.instance.ended(since) >= len(self.names), _SETTLED_S, "the runs")

    def wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for a condition. RuntimeError when it takes too long."""
        limit = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > limit:
                raise RuntimeError(f"{what}: still waiting after {limit_s:.0f} s")
            time.sleep(0.25)

    def wait_watched(self) -> None:
        """Wait until every account is listened to."""
        self.wait(lambda: self.instance.watched() == len(self.names), 180, "the accounts")

    def arrived(self, number: int, message: int) -> bool:
        """Tell whether a message lies in the local INBOX."""
        return self.copies(number, message) > 0

    def copies(self, number: int, message: int) -> int:
        """Count a message in the local INBOX, by the files there."""
        inbox = self.local.home(f"u{number}") / "Maildir"
        mark = _mark(number, message)
        found = 0
        for folder in ("new", "cur"):
            try:
                entries = list(os.scandir(inbox / folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                try:
                    with open(entry.path, "rb") as file:
                        found += mark in file.read(200)
                except FileNotFoundError:  # moved from new to cur: seen again there
                    continue
        return found


def _mark(number: int, message: int) -> bytes:
    return b"<%d.%d@live>" % (number, message)


def _letter(number: int, message: int) -> bytes:
    return b"Message-Id: %s\r\nSubject: %d\r\n\r\n%s\r\n" % (_mark(number, message), message, b"text " * 200)


def scheduled(tasks: int, rounds: int) -> None:
    """Start tasks as cron does every five minutes, nothing new."""
    with ExitStack() as stack:
        town = Town(stack, tasks, "5m")
        town.instance.serve()
        town.settle()
        before = town.instance.cpu_s(), _children_s()
        peak = 0
        for _ in range(rounds):
            began = time.time()
            for name in town.names:
                town.instance.as_cron(name)
            while town.instance.ended(began) < tasks:
                peak = max(peak, town.instance.memory_kib())
                time.sleep(0.5)
        spent = town.instance.cpu_s() - before[0]
        cron = _children_s() - before[1]
        whole, runs = spent + cron, rounds * tasks
        print(
            f"{tasks} tasks every 5 minutes, nothing new, {rounds} rounds: {whole:.1f} CPU s, "
            f"{1000 * whole / runs:.1f} ms a run ({1000 * cron / runs:.1f} of them cron's shells), "
            f"{100 * whole / (rounds * _ROUND_S):.1f} % of a core, {peak / 1024:.0f} MiB",
            flush=True,
        )


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watched(tasks: int, seconds: float) -> None:
    """Listen to accounts, nothing new."""
    with ExitStack() as stack:
        town = Town(stack, tasks, "live")
        town.instance.serve()
        town.wait_watched()
        town.wait_ended(0.0)
        before, began = town.instance.cpu_s(), time.monotonic()
        time.sleep(seconds)
        spent = (town.instance.cpu_s() - before) / (time.monotonic() - began)
        print(
            f"{tasks} watched accounts, nothing new, {seconds:.0f} s: "
            f"{100 * spent:.2f} % of a core, {town.instance.memory_kib() / 1024:.0f} MiB",
            flush=True,
        )


def arrival(tasks: int, messages: int) -> None:
    """Deliver a message a second to one of many watched accounts; time it until it is in the local INBOX."""
    chance = random.Random(1)
    took = []
    with ExitStack() as stack:
        town = Town(stack, tasks, "live")
        town.instance.serve()
        town.wait_watched()
        town.wait_ended(0.0)
        for message in range(messages):
            number = chance.randrange(tasks)
            began = time.monotonic()
            town.deliver(number, range(message, message + 1))
            while not town.arrived(number, message) and time.monotonic() - began < 60:
                time.sleep(_LOOK_S)
            took.append(time.monotonic() - began)
            time.sleep(max(0.0, 1 - took[-1]))
    took.sort()
    print(
        f"{messages} messages to {tasks} watched accounts: median {statistics.median(took):.2f} s, "
        f"99 % {took[int(0.99 * (len(took) - 1))]:.2f} s, longest {took[-1]:.2f} s",
        flush=True,
    )


def chaos(tasks: int, minutes: float, messages: int) -> bool:
    """Everything is killed at random while mail comes; give whether all of it is there once in time."""
    chance = random.Random(2)
    sent: list[tuple[int, int]] = []
    with ExitStack() as stack:
        town = Town(stack, tasks, "live")
        town.instance.serve()
        town.wait_watched()
        end = time.monotonic() + 60 * minutes
        pause = 60 * minutes / messages
        done: dict[str, int] = {}
        while time.monotonic() < end or len(sent) < messages:
            if len(sent) < messages:
                number = chance.randrange(tasks)
                town.deliver(number, range(len(sent), len(sent) + 1))
                sent.append((number, len(sent)))
            if chance.random() < pause / 20:
                what = chance.choice((_kill_watcher, _kill_listener, _kill_server, _cut))
                what(town, chance)
                done[what.__name__] = done.get(what.__name__, 0) + 1
            time.sleep(pause)
        over = time.monotonic()
        while time.monotonic() - over < _CHAOS_END_S and not all(town.arrived(*one) for one in sent):
            time.sleep(0.5)
        took = time.monotonic() - over
        counts = [town.copies(*one) for one in sent]
    good = counts == [1] * len(sent)
    print(
        f"{len(sent)} messages in {minutes:.0f} minutes of chaos {done}: lost {counts.count(0)}, "
        f"doubled {sum(count > 1 for count in counts)}, all there {took:.1f} s after its end",
        flush=True,
    )
    return good


def _kill_watcher(town: Town, _: random.Random) -> None:
    town.instance.kill("syncctl", signal.SIGKILL)


def _kill_listener(town: Town, _: random.Random) -> None:
    town.instance.kill("--listen", signal.SIGKILL)


def _kill_server(town: Town, chance: random.Random) -> None:
    server = chance.choice((town.remote, town.local))
    server.shutdown()
    time.sleep(chance.uniform(0, 3))
    server.launch()
    server.wait_ready()


def _cut(town: Town, chance: random.Random) -> None:
    """Let a server hold its tongue, as a network that is cut does."""
    server = chance.choice((town.remote, town.local))
    server.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(1, 8))
    server.signal(signal.SIGCONT)


def main() -> int:
    """Measure; exit code 1 when mail was lost or came twice."""
    parser = argparse.ArgumentParser(prog="scripts/bench live", description=__doc__)
    parser.add_argument("rows", nargs="*", help=" ".join(ROWS))
    parser.add_argument("--tasks", type=int, help="tasks of each row (1000 scheduled, 500 live, 20 in chaos)")
    parser.add_argument("--rounds", type=int, default=12, help="of the row `scheduled` (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=20, help="of the row `chaos` (default %(default)s)")
    options = parser.parse_args()
    rows = options.rows or ROWS
    if not set(rows) <= set(ROWS):
        parser.error(f"rows are: {' '.join(ROWS)}")
    good = True
    if "scheduled" in rows:
        scheduled(options.tasks or 1000, options.rounds)
    if "watched" in rows:
        watched(options.tasks or 500, 300)
    if "arrival" in rows:
        arrival(options.tasks or 500, 200)
    if "chaos" in rows:
        good = chaos(options.tasks or 20, options.minutes, 200)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
