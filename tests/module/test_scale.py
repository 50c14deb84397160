"""A thousand tasks in one instance: what the page and the service wait for. `-s` shows the figures."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until

from imapsync_tasks import runtime
from imapsync_tasks.task import from_request

if TYPE_CHECKING:
    from collections.abc import Callable

TASKS = 1000
#: Ten times what a quiet machine needs: other tests run beside this one.
LIMIT_S = 10


@pytest.fixture
def many(idle: Node) -> Node:
    for number in range(TASKS):
        task = from_request(request(localuser=f"user{number}", cron="5m"))
        with idle.store.locked():
            idle.store.save(task, "password")
    (idle.home / "seconds").write_text("0")
    return idle


def seconds(what: str, call: Callable[[], object]) -> float:
    """Tell and give how long a call takes."""
    begin = time.monotonic()
    call()
    took = time.monotonic() - begin
    sys.stdout.write(f"\n{what}, {TASKS} tasks: {took:.2f} s")
    return took


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_tasks(many: Node) -> None:
    many.action("list-tasks", {})  # the mailboxes are asked once a minute, whatever the number of tasks
    assert min(seconds("list-tasks", lambda: many.action("list-tasks", {})) for _ in range(3)) < LIMIT_S
    for path in many.paths.cron_files():
        path.unlink()
    assert seconds("schedules made anew", lambda: many.helper("expand-cron")) < LIMIT_S
    assert len(many.paths.cron_files()) == TASKS
    assert seconds("start-all-tasks", lambda: many.action("start-all-tasks")) < LIMIT_S
    names = many.store.names()

    def states() -> set[str]:
        with many.store.locked():
            return {state.state for state in runtime.states(many.paths, names).values()}

    assert runtime.QUEUED in states()
    until(lambda: states() == {runtime.STOPPED}, 500)
    assert all(many.paths.result(name).exists() for name in names)
    assert len((many.home / "runs").read_text().split()) == TASKS
