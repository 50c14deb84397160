"""Actions that meet at the same moment: each is a process, and they start at one signal, hundreds of times.

The logins of create-task are not part of it: they change nothing. What is kept, in every interleaving: a
task's settings, password and schedule are those of one and the same request; a task that is deleted has no
file, no schedule and no run.
"""

from __future__ import annotations

import multiprocessing
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until

from imapsync_tasks import control, create, instance, runtime, schedule, steps
from imapsync_tasks.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier

ROUNDS = 60
NAME = "administrator_a0241w"
WHICH = {"localuser": "administrator", "task_id": "a0241w"}
REFUSED = 3
#: What the requests of a race differ in; the port tells whose it is.
REQUESTS = {
    port: request(remoteport=port, remotepassword=f"p{port}", cron=f"{port - 1000}m")
    for port in (1001, 1002, 1003)
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def create_task(port: int) -> None:
    """Do what create-task does when both logins have worked."""
    create.save(REQUESTS[port])
    create.start(REQUESTS[port])


def delete_task() -> None:
    """Do delete-task."""
    control.delete(dict(WHICH))


def start_task() -> None:
    """Do start-task."""
    control.start(dict(WHICH))


def configure(number: int) -> None:
    """Do what configure-module and the start of the service do to the files."""
    store = steps.store()
    with store.locked():
        store.expand(instance.Settings("uuid", f"127.0.0.{number}", max_parallel=number))


def _process(node: Node, gate: Barrier, action: Callable[[], None]) -> None:
    os.environ.clear()
    os.environ.update(node.environ)
    os.chdir(node.state)
    gate.wait()
    try:
        action()
    except RefusedError:
        os._exit(REFUSED)


def at_once(node: Node, *actions: Callable[[], None]) -> list[int | None]:
    """Run each action in a process of its own, all from one signal on; give their exit codes."""
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(len(actions))
    processes = [fork.Process(target=_process, args=(node, gate, action)) for action in actions]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def stopped(node: Node) -> bool:
    """Tell whether the task neither runs nor waits."""
    with node.store.locked():
        return runtime.states(node.paths, [NAME])[NAME].state == runtime.STOPPED


def is_whole(node: Node) -> bool:
    """Check that the task is whole, or not there at all; tell whether it is there."""
    with node.store.locked():
        assert not node.paths.pending.exists()
        if not node.store.exists(NAME):
            assert not node.paths.cron_file(NAME).exists()
            assert not node.paths.pwd(NAME).exists()
            return False
        port = node.store.load(NAME).remoteport
        assert node.store.password(NAME) == f"p{port}"
        host = instance.published(node.paths).mail_host
        assert node.paths.cron_file(NAME).read_text() == schedule.render(NAME, f"{port - 1000}m", host)
        return True


def is_gone(node: Node) -> None:
    """Check that nothing of the task is left, on disk or running."""
    until(lambda: stopped(node))
    assert not is_whole(node)
    assert node.paths.files_of(NAME) == []
    assert not node.paths.lock(NAME).exists()


@pytest.fixture
def brief(idle: Node) -> Node:
    """Give an instance whose runs end by themselves soon."""
    (idle.home / "seconds").write_text("0.03")
    return idle


def test_two_create_the_same_task(brief: Node) -> None:
    for _ in range(ROUNDS):
        codes = at_once(brief, lambda: create_task(1001), lambda: create_task(1002))
        assert codes == [0, 0]
        assert is_whole(brief)
        until(lambda: stopped(brief))
        assert runtime.result(brief.paths, NAME)
        delete_task_here(brief)


def test_create_meets_delete(brief: Node) -> None:
    there = 0
    for turn in range(ROUNDS):
        if turn % 2:
            assert at_once(brief, lambda: create_task(1003)) == [0]
        creating, deleting = at_once(brief, lambda: create_task(1001), delete_task)
        assert creating in (0, REFUSED)
        assert deleting in (0, REFUSED)
        if is_whole(brief):
            there += 1
            until(lambda: stopped(brief))
            assert is_whole(brief)
        elif creating == deleting == 0:
            is_gone(brief)
        delete_task_here(brief)
    assert there < ROUNDS, "delete never came last: the processes did not meet"


def test_delete_meets_a_run(idle: Node) -> None:
    for turn in range(ROUNDS):
        if turn % 2:
            assert at_once(idle, lambda: create_task(1001)) == [0]
            assert at_once(idle, delete_task) == [0]
        else:
            idle.save(**REQUESTS[1001])
            _, deleting = at_once(idle, start_task, delete_task)
            assert deleting == 0
        is_gone(idle)


def test_configure_meets_create_and_a_run(brief: Node) -> None:
    for turn in range(ROUNDS):
        number = 2 + turn % 5
        codes = at_once(brief, lambda: create_task(1002), partial(configure, number), start_task)
        assert codes[:2] == [0, 0]
        assert is_whole(brief)
        until(lambda: stopped(brief))
        assert instance.published(brief.paths).mail_host == f"127.0.0.{number}"
        if turn % 3 == 0:
            delete_task_here(brief)


def test_everything_meets(brief: Node) -> None:
    for _ in range(ROUNDS):
        at_once(
            brief,
            lambda: create_task(1001),
            lambda: create_task(1002),
            delete_task,
            start_task,
            lambda: configure(4),
        )
        until(lambda: stopped(brief))
        is_whole(brief)
    delete_task_here(brief)


def delete_task_here(node: Node) -> None:
    """Delete the task while nothing else happens, and check that nothing is left."""
    assert at_once(node, delete_task) == [0]
    is_gone(node)
