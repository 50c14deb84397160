"""Runs that a server made wait: they go on by themselves, at its time, in their place, unless stopped."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.module.test_damage import answered
from tests.module.test_runs import engine_pid, kill_container, runs, state
from tests.module.test_stops import NAME, at, ends
from tests.module.waiting import until

from imapsync_tasks import queue, runtime
from imapsync_tasks.queue import Entry, Release

if TYPE_CHECKING:
    from tests.module.conftest import Node


def parks(node: Node, seconds: float, *tasks: str) -> float:
    """Run tasks, which a server makes wait until so many seconds from now; give the time that it tells."""
    told = float(int(time.time() + seconds + 1))
    ends(node, 124, "parked", run_again_at=at(told))
    for task in tasks or (NAME,):
        assert node.syncctl("start", task).returncode == 124
    (node.home / "end").unlink()
    return told


def shown(node: Node) -> dict[str, Any]:
    row: dict[str, Any] = answered(node, "list-tasks", {})["user_properties"][0]
    return row


def timer_of(node: Node) -> int:
    """Give the process that waits for what is due later: the one that has its lock's file open."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(node.paths.timer) in [os.readlink(entry) for entry in (process / "fd").iterdir()]:
                return int(process.name)
    raise AssertionError("nobody waits")


def kill_timer(node: Node) -> None:
    """Kill it, as the end of the container does."""
    os.kill(timer_of(node), signal.SIGKILL)
    until(lambda: not queue.is_served(node.paths))


def ended_well(node: Node, task: str = NAME) -> bool:
    result = runtime.result(node.paths, task)
    return result is not None and result["exit_code"] == 0


def test_a_parked_task_says_until_when_and_goes_on_by_itself(idle: Node) -> None:
    idle.save()
    told = parks(idle, 8)
    row = shown(idle)
    assert (row["condition"], row["state"], row["queue_position"]) == ("server", "stopped", None)
    assert row["result"]["run_again_at"] == at(told)
    until(lambda: ended_well(idle), 40)
    result = runtime.result(idle.paths, NAME)
    assert result
    assert float(str(result["started_at"])) >= told
    assert len(runs(idle)) == 2
    assert shown(idle)["condition"] == "problems"  # the engine of these tests always leaves one out
    until(lambda: not queue.is_served(idle.paths))


def test_a_parked_task_goes_on_after_a_restart_also_when_the_queue_was_lost(idle: Node) -> None:
    idle.save()
    told = parks(idle, 12)
    kill_timer(idle)
    assert idle.syncctl("resume").returncode == 0
    [entry] = queue.read(idle.paths)
    assert (entry.task, entry.due) == (NAME, told)
    kill_timer(idle)
    idle.paths.queue.unlink()
    assert idle.syncctl("resume").returncode == 0
    assert shown(idle)["condition"] == "server"
    until(lambda: ended_well(idle), 40)
    assert len(runs(idle)) == 2


def test_a_parked_task_is_not_behind_those_that_came_meanwhile(idle: Node) -> None:
    idle.publish(max_parallel=1)
    running, later = idle.save(task_id="b"), idle.save(task_id="c")
    parked = idle.save()
    parks(idle, 8, parked)
    (idle.home / "seconds").write_text("30")
    idle.syncctl("start", "--detach", running, later)
    until(lambda: state(idle, parked) == "queued", 30)
    with idle.store.locked():
        found = runtime.states(idle.paths, [parked, later])
    assert (found[parked].position, found[later].position) == (1, 2)
    (idle.home / "seconds").write_text("0")
    os.kill(engine_pid(idle, running), signal.SIGTERM)
    until(lambda: len(runs(idle)) == 4, 30)
    assert runs(idle)[2:] == [f"{parked}.state", f"{later}.state"]


def test_a_parked_task_that_is_stopped_stays_stopped(idle: Node) -> None:
    idle.save()
    parks(idle, 60)
    assert idle.syncctl("stop", NAME).returncode == 0
    assert queue.read(idle.paths) == []
    assert shown(idle)["condition"] == "stopped"
    until(lambda: not queue.is_served(idle.paths))
    assert idle.syncctl("resume").returncode == 0
    assert queue.read(idle.paths) == []
    assert len(runs(idle)) == 1


def test_a_server_that_names_a_time_which_is_over_is_not_asked_without_end(idle: Node) -> None:
    idle.save()
    ends(idle, 124, "parked", run_again_at=at(time.time() - 30))
    idle.syncctl("start", NAME)
    [entry] = queue.read(idle.paths)
    assert entry.due > time.time() + 30
    assert len(runs(idle)) == 1


def test_what_an_administrator_allowed_does_not_outlive_the_run_that_parked(idle: Node) -> None:
    idle.save(delete_local=True)
    ends(idle, 124, "parked", run_again_at=at(time.time() + 60))
    idle.syncctl("start", NAME, "--maxdelete2=5")
    assert "--maxdelete2=5" in (idle.home / "words").read_text()
    [entry] = queue.read(idle.paths)
    assert entry.release == Release()


def test_a_place_in_the_queue_is_read_as_it_was_written_and_older_files_are(node: Node) -> None:
    entries = [Entry("a_1", 5.0, Release(1, 2, retry=True), 2.0), Entry("b_1", 3.0)]
    queue.write(node.paths, entries)
    assert queue.read(node.paths) == entries
    assert [entry.task for entry in queue.in_order(entries, 10.0)] == ["a_1", "b_1"]
    assert [entry.task for entry in queue.in_order(entries, 4.0)] == ["b_1", "a_1"]
    node.paths.queue.write_text('{"entries": [["a_1", 5], ["b_1", 3, [1, 2]], ["c_1", 3, [0, 0], "x"]]}')
    assert queue.read(node.paths) == [
        Entry("a_1", 5.0),
        Entry("b_1", 3.0, Release(1, 2)),
        Entry("c_1", 3.0),
    ]


def test_what_ran_goes_on_before_what_was_parked(idle: Node) -> None:
    parked, running = idle.save(task_id="a"), idle.save(task_id="b")
    parks(idle, 60, parked)
    (idle.home / "seconds").write_text("30")
    idle.syncctl("start", "--detach", running)
    engine_pid(idle, running)
    os.kill(timer_of(idle), signal.SIGKILL)
    kill_container(idle, [running])
    assert idle.syncctl("resume").returncode == 0
    assert state(idle, running) == "running"
    assert [entry.task for entry in queue.read(idle.paths)] == [parked]
