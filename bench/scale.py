"""A thousand tasks in one instance: ``scripts/bench scale [--tasks N] [--max-parallel N]``.

Brings up a stand-in node of its own, makes the tasks by import-csv-tasks, and measures by the command line
tools what an administrator, the page and the service wait for. Rewrites docs/scale.md when all 1,000 tasks
took part.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from devnode.remote import ACCOUNTS, MASTER, Remote
from devnode.settings import load
from devnode.shell import Shell, wait_for
from devnode.testbed import USERS

from bench import machine
from bench.machine import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devnode.settings import Node

NODE = "bench-scale"
NODE_NUMBER = 177
TASKS = 1000
IMAGE = "ghcr.io/nethserver/imapsync:latest"
HEADER = (
    *("localusername", "remoteusername", "remotepassword", "remotehostname", "remoteport", "security"),
    "cron",
)
SCHEDULE = "23h"
"""Every task has one, so that the service start has schedules to make; none fires while it is measured."""
END_TIMEOUT_S = 3600.0
REFRESH_S = 2.0


@dataclass(frozen=True)
class Figures:
    """What was measured; times in seconds."""

    tasks: int
    max_parallel: int
    import_s: float
    list_s: float
    list_busy_s: float
    service_s: float
    start_all_s: float
    stop_all_s: float
    all_done_s: float
    most_running: int
    most_queued: int
    load_peak: float
    results: int
    failed: int


def _timed(call: Callable[[], object]) -> float:
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


class Instance:
    """One imapsync instance on the node."""

    def __init__(self, node: Node, max_parallel: int | None) -> None:
        """Install and configure it."""
        self._node = node
        self._shell = Shell(node)
        self.name = str(ast.literal_eval(self._shell.run("add-module", IMAGE, "1"))["module_id"])
        server, host = self.action("get-configuration")["mail_server_URL"][0]["value"].split(",")
        wanted = {"mail_server": server, "mail_host": host}
        limit = {} if max_parallel is None else {"max_parallel": max_parallel}
        self.max_parallel = int(self.action("configure-module", wanted | limit)["max_parallel"])

    def action(self, name: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run an action by api-cli."""
        return self._shell.action(self.name, name, data)

    def inside(self, *command: str, stdin: str = "") -> str:
        """Run a command by runagent."""
        return self._shell.run("runagent", "-m", self.name, *command, stdin=stdin)

    def rows(self, count: int) -> str:
        """Give a CSV file of so many different accounts: users, also by master login, on both servers."""
        remote = Remote(self._node)
        passwords = remote.passwords()
        logins = [(name, passwords[name]) for name in ACCOUNTS]
        logins += [(f"{name}*{MASTER}", passwords[MASTER]) for name in ACCOUNTS]
        servers = [(self._node.address(3), "tls"), (self._node.address(4), "")]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(HEADER)
        every = product(servers, logins, USERS)
        for (host, security), (user, password), local in islice(every, count):
            writer.writerow((local, user, password, host, 143, security, SCHEDULE))
        return text.getvalue()

    def tasks(self) -> list[dict[str, Any]]:
        """Give the tasks as the page gets them."""
        found: list[dict[str, Any]] = self.action("list-tasks", {})["user_properties"]
        return found

    def restart(self) -> None:
        """Make the service start with no schedule there; return when the container answers."""
        self.inside("sh", "-c", "find cron -name '*.cron' -delete")
        self.inside("systemctl", "--user", "restart", "imapsync")
        wait_for("an answer of the container", self._answers, 60)

    def _answers(self) -> bool:
        return bool(self.inside("sh", "-c", "podman exec imapsync echo yes 2>/dev/null || true").strip())

    def schedules(self) -> int:
        """Count the schedule files."""
        return int(self.inside("sh", "-c", "find cron -name '*.cron' | wc -l"))


def measure(instance: Instance, count: int) -> Figures:
    """Make the tasks, measure, and run each of them once."""
    table = instance.rows(count)
    import_s = _timed(lambda: instance.inside("import-csv-tasks", stdin=table))
    stop_all_s = _timed(lambda: instance.action("stop-all-tasks"))
    list_s = max(_timed(instance.tasks) for _ in range(5))
    service_s = _timed(instance.restart)
    if instance.schedules() != count:
        raise SystemExit(f"{instance.schedules()} schedules of {count} tasks")
    begin, started_at = time.monotonic(), time.time()
    start_all_s = _timed(lambda: instance.action("start-all-tasks"))
    most_running = most_queued = 0
    load_peak = list_busy_s = 0.0
    for seconds, states in _watch(instance, begin):
        list_busy_s = max(list_busy_s, seconds)
        most_running = max(most_running, states.count("running"))
        most_queued = max(most_queued, states.count("queued"))
        load_peak = max(load_peak, os.getloadavg()[0])
    all_done_s = time.monotonic() - begin
    results = [task["result"] for task in instance.tasks()]
    fresh = [result for result in results if result and result["started_at"] >= started_at - 1]
    return Figures(
        tasks=count,
        max_parallel=instance.max_parallel,
        import_s=import_s,
        list_s=list_s,
        list_busy_s=list_busy_s,
        service_s=service_s,
        start_all_s=start_all_s,
        stop_all_s=stop_all_s,
        all_done_s=all_done_s,
        most_running=most_running,
        most_queued=most_queued,
        load_peak=load_peak,
        results=len(fresh),
        failed=sum(result["exit_code"] != 0 for result in fresh),
    )


def _watch(instance: Instance, begin: float) -> Iterator[tuple[float, list[str]]]:
    """Refresh as the page does until nothing runs or waits; give how long it took and the states."""
    while True:
        if time.monotonic() - begin > END_TIMEOUT_S:
            raise SystemExit("the runs do not end")
        now = time.monotonic()
        states = [task["state"] for task in instance.tasks()]
        yield time.monotonic() - now, states
        if set(states) == {"stopped"}:
            return
        time.sleep(REFRESH_S)


def rows(figures: Figures) -> list[tuple[str, str, str]]:
    """Give (what, measured, promised) of each figure."""
    count = figures.tasks
    return [
        ("`list-tasks`, all stopped (slowest of 5)", f"{figures.list_s:.2f} s", "< 1 s"),
        ("`list-tasks` while the queue is at work (slowest)", f"{figures.list_busy_s:.2f} s", ""),
        (f"service start with {count} schedules made anew", f"{figures.service_s:.2f} s", "< 5 s"),
        ("`start-all-tasks` returns", f"{figures.start_all_s:.2f} s", "< 5 s"),
        ("`stop-all-tasks` with a full queue returns", f"{figures.stop_all_s:.2f} s", ""),
        ("tasks that run at a time, at most", str(figures.most_running), f"<= {figures.max_parallel}"),
        ("tasks in the queue, at most", str(figures.most_queued), ""),
        ("runs that ended with a result", f"{figures.results} of {count}", "all"),
        ("of these failed", str(figures.failed), "0"),
        ("until the last of them had run", f"{figures.all_done_s:.0f} s", ""),
        ("load average, at most", f"{figures.load_peak:.1f}", ""),
        (f"`import-csv-tasks` of {count} rows, every login tried", f"{figures.import_s:.0f} s", "minutes"),
    ]


def holds(figures: Figures) -> bool:
    """Tell whether all that is promised was kept."""
    return (
        figures.list_s < 1
        and figures.service_s < 5
        and figures.start_all_s < 5
        and figures.most_running <= figures.max_parallel
        and (figures.results, figures.failed) == (figures.tasks, 0)
    )


def write(figures: Figures) -> None:
    """Rewrite docs/scale.md."""
    where = machine.describe([])
    table = "\n".join(f"| {what} | {value} | {limit} |" for what, value, limit in rows(figures))
    (REPOSITORY / "docs" / "scale.md").write_text(
        f"""# A thousand tasks in one instance

Measured by `scripts/bench scale`, which writes this page: a stand-in node (`devnode/`), tasks made by
`import-csv-tasks` with real logins on a Mail module and a remote server, everything called by `api-cli` and
`runagent` as an administrator does. All servers, the node and the tasks share the one machine. Mailboxes are
empty: what is measured is the module.

{figures.tasks} tasks, `max_parallel` {figures.max_parallel}; {where.date}, commit {where.commit};
{where.processor}, {where.cores} cores, {where.memory_gib} GiB, {where.system}; load average before the
start {where.load_at_start:.1f}.

| | measured | promised |
|---|---|---|
{table}
"""
    )


def _node(command: str, *words: str, module: str = "devnode") -> None:
    subprocess.run(
        [sys.executable, "-m", module, command, "--name", NODE, *words],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _remove_node() -> None:
    _node("down", module="devnode.testbed")
    _node("down")


def main() -> int:
    """Measure on a fresh node; exit code 1 when something promised was not kept."""
    parser = argparse.ArgumentParser(prog="scripts/bench scale", description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS, help="tasks (default %(default)s)")
    parser.add_argument("--max-parallel", type=int, help="default: the module's own")
    options = parser.parse_args()
    # A polite end takes the node away, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _node("up", "--number", str(NODE_NUMBER))
    try:
        _node("up", module="devnode.testbed")
        figures = measure(Instance(load(NODE), options.max_parallel), options.tasks)
    finally:
        _remove_node()
    for what, value, limit in rows(figures):
        print(f"{what}: {value}  {limit and '(' + limit + ')'}")
    if figures.tasks == TASKS:
        write(figures)
    return 0 if holds(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
