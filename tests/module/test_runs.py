"""Starting, queueing, stopping and killing runs: a real syncctl, an engine that only waits."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.module.waiting import until

from imapsync_tasks import files, queue, runtime, schedule

if TYPE_CHECKING:
    from tests.module.conftest import Node


def state(node: Node, task: str) -> str:
    with node.store.locked():
        return runtime.states(node.paths, [task])[task].state


def holder(node: Node, task: str) -> dict[str, list[int] | None]:
    content: dict[str, list[int] | None] = json.loads(node.paths.lock(task).read_text() or "{}")
    return content


def engine_pid(node: Node, task: str) -> int:
    until(lambda: holder(node, task).get("engine") and runtime.progress(node.paths, task))
    engine = holder(node, task)["engine"]
    assert engine
    return engine[0]


def runs(node: Node) -> list[str]:
    path = node.home / "runs"
    return path.read_text().split() if path.exists() else []


def test_a_started_task_runs_at_return_and_its_end_becomes_the_result(idle: Node) -> None:
    task = idle.save()
    assert idle.syncctl("start", "--detach", task).returncode == 0
    assert state(idle, task) == "running"
    assert idle.syncctl("status", task).stdout == "Running\n"
    os.kill(engine_pid(idle, task), signal.SIGTERM)
    until(lambda: state(idle, task) == "stopped")
    result = runtime.result(idle.paths, task)
    assert result
    assert (result["exit_code"], result["messages_transferred"]) == (10, 3)
    assert idle.syncctl("status", task).stdout == "Stopped\n"
    line = (idle.home / "system.log").read_text()
    assert line.startswith(f"task {task}: 3 messages transferred, 2 skipped, 1 failed, 99 bytes, ")
    assert line.endswith("exit code 10 (EX_SIGNAL)\n")


def test_foreground_start_shows_the_log_and_ends_as_the_engine(idle: Node) -> None:
    (idle.home / "seconds").write_text("0.3")
    done = idle.syncctl("start", idle.save())
    assert (done.returncode, done.stdout) == (0, "begun\n")


def test_starting_what_runs_is_a_no_op(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    assert idle.syncctl("start", "--detach", task).returncode == 0
    assert idle.syncctl("start", task).returncode == 0
    until(lambda: runs(idle) == [f"{task}.state"])


def test_two_starts_at_once_make_one_run(idle: Node) -> None:
    task = idle.save()
    starters = [threading.Thread(target=idle.syncctl, args=("start", "--detach", task)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    until(lambda: runs(idle))
    assert runs(idle) == [f"{task}.state"]


def test_stop_ends_the_run_and_leaves_the_last_result(idle: Node) -> None:
    task = idle.save()
    (idle.home / "seconds").write_text("0")
    idle.syncctl("start", task)
    before = idle.paths.result(task).read_bytes()
    (idle.home / "seconds").write_text("30")
    idle.syncctl("start", "--detach", task)
    engine_pid(idle, task)
    assert idle.syncctl("stop", task).returncode == 0
    assert state(idle, task) == "stopped"
    assert idle.paths.result(task).read_bytes() == before
    assert not idle.paths.progress(task).exists()
    assert "stopped by request" in (idle.home / "system.log").read_text()


def test_stopping_what_is_stopped_is_no_error(idle: Node) -> None:
    assert idle.syncctl("stop", idle.save()).returncode == 0


def test_an_engine_that_does_not_listen_is_killed_within_five_seconds(idle: Node) -> None:
    task = idle.save()
    (idle.home / "deaf").touch()
    idle.syncctl("start", "--detach", task)
    until(lambda: runtime.progress(idle.paths, task))
    begin = time.monotonic()
    assert idle.syncctl("stop", task).returncode == 0
    assert time.monotonic() - begin < 5
    assert state(idle, task) == "stopped"
    assert runtime.result(idle.paths, task) is None


def test_a_killed_engine_is_noticed_and_told(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    os.kill(engine_pid(idle, task), signal.SIGKILL)
    until(lambda: state(idle, task) == "stopped")
    result = runtime.result(idle.paths, task)
    assert result
    assert (result["exit_code"], result["exit_name"], result["error"]) == (137, "SIGKILL", "killed")


def test_killing_everything_at_once_leaves_nothing_that_says_running(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(4)]
    idle.syncctl("start", "--detach", *tasks)
    for task in tasks[:2]:
        engine = engine_pid(idle, task)
        worker = holder(idle, task).get("worker")
        assert worker
        os.kill(worker[0], signal.SIGKILL)
        os.kill(engine, signal.SIGKILL)
    until(lambda: all(state(idle, task) == "stopped" for task in tasks))
    assert idle.paths.progress(tasks[0]).exists()
    idle.syncctl("start", "--detach", tasks[0])
    assert [state(idle, task) for task in tasks] == ["running", "stopped", "stopped", "stopped"]


def test_the_run_of_a_killed_syncctl_still_counts_as_running_and_can_be_stopped(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    engine_pid(idle, task)
    worker = holder(idle, task).get("worker")
    assert worker
    os.kill(worker[0], signal.SIGKILL)
    assert state(idle, task) == "running"
    assert idle.syncctl("start", "--detach", task).returncode == 0
    assert idle.syncctl("stop", task).returncode == 0
    assert state(idle, task) == "stopped"
    assert runs(idle) == [f"{task}.state"]


def test_tasks_over_the_limit_wait_in_turn_and_all_run(idle: Node) -> None:
    (idle.home / "seconds").write_text("0.05")
    idle.publish(max_parallel=1)
    tasks = [idle.save(task_id=f"t{number}") for number in range(9)]
    assert idle.syncctl("start", "--detach", "-", given="\n".join(tasks)).returncode == 0
    until(lambda: all(state(idle, task) == "stopped" for task in tasks))
    assert sorted(runs(idle)) == sorted(f"{task}.state" for task in tasks)
    started = [json.loads(idle.paths.result(task).read_text())["started_at"] for task in tasks]
    assert started == sorted(started)


def test_no_more_than_max_parallel_run_and_the_rest_know_their_place(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(5)]
    idle.syncctl("start", "--detach", *tasks)
    with idle.store.locked():
        states = runtime.states(idle.paths, tasks)
    assert [states[task][:2] for task in tasks] == [
        ("running", None),
        ("running", None),
        ("queued", 1),
        ("queued", 2),
        ("queued", 3),
    ]
    assert idle.syncctl("status", tasks[4]).stdout == "Queued\n"
    idle.syncctl("stop", tasks[2])
    assert state(idle, tasks[2]) == "stopped"
    with idle.store.locked():
        assert runtime.states(idle.paths, [tasks[4]])[tasks[4]].position == 2
    idle.publish(max_parallel=3)
    idle.syncctl("stop", tasks[0])
    until(lambda: [state(idle, task) for task in tasks[1:]] == ["running", "stopped", "running", "running"])


def kill_container(node: Node, tasks: list[str]) -> None:
    """Kill every process that runs or waits for a task, as the end of the container does."""
    for task in tasks:
        for part in ("worker", "engine"):  # a worker would see its engine's end
            found = holder(node, task).get(part)
            if found:
                os.kill(found[0], signal.SIGKILL)
    until(lambda: not queue.is_served(node.paths))
    until(lambda: not any(files.is_locked(node.paths.lock(task)) for task in tasks))


def test_a_killed_container_goes_on_in_the_same_order(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in (5, 3, 4, 1, 2)]
    idle.syncctl("start", "--detach", "-", given="\n".join(tasks))
    until(lambda: len(runs(idle)) == 2)
    kill_container(idle, tasks[:2])
    assert {state(idle, task) for task in tasks} == {"stopped"}
    assert idle.syncctl("resume").returncode == 0
    assert [state(idle, task) for task in tasks] == ["running", "running", "queued", "queued", "queued"]
    assert [entry.task for entry in queue.read(idle.paths)] == tasks[2:]
    assert idle.syncctl("resume").returncode == 0
    assert [entry.task for entry in queue.read(idle.paths)] == tasks[2:]
    until(lambda: len(runs(idle)) == 4)
    (idle.home / "seconds").write_text("0")
    idle.syncctl("stop", *tasks[:2])
    until(lambda: all(state(idle, task) == "stopped" for task in tasks))
    assert sorted(runs(idle)) == sorted(f"{task}.state" for task in [*tasks, *tasks[:2]])


def test_what_waited_goes_on_when_a_schedule_comes_first(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(4)]
    idle.syncctl("start", "--detach", *tasks[:3])
    for task in tasks[:2]:
        engine_pid(idle, task)
    kill_container(idle, tasks[:2])
    idle.syncctl("start", tasks[3], SYNCCTL_SCHEDULED="1")
    assert state(idle, tasks[2]) == "running"


def test_a_stopped_run_and_a_finished_one_are_not_resumed(idle: Node) -> None:
    stopped, finished = idle.save(task_id="a"), idle.save(task_id="b")
    idle.syncctl("start", "--detach", stopped)
    engine_pid(idle, stopped)
    idle.syncctl("stop", stopped)
    (idle.home / "seconds").write_text("0")
    idle.syncctl("start", finished)
    before = runs(idle)
    assert idle.syncctl("resume").returncode == 0
    assert runs(idle) == before
    assert [state(idle, task) for task in (stopped, finished)] == ["stopped", "stopped"]


#: A machine that fails in the middle of a system call, in whoever makes it where the result is not, or is.
FAULT = """
import os, signal
real = os.{call}
def {call}(*arguments):
    if os.path.exists({result!r}) is {there}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
os.{call} = {call}
"""


@pytest.mark.parametrize(("call", "there", "runs_in_all"), [("fsync", False, 2), ("ftruncate", True, 1)])
def test_a_worker_killed_while_it_tells_of_a_run_costs_no_result_and_no_second_run(
    idle: Node, call: str, there: bool, runs_in_all: int
) -> None:
    task = idle.save()
    (idle.home / "seconds").write_text("0")
    faults = idle.home / "faults"
    faults.mkdir()
    (faults / "sitecustomize.py").write_text(
        FAULT.format(call=call, result=str(idle.paths.result(task)), there=there)
    )
    idle.syncctl("start", "--detach", task, PYTHONPATH=f"{faults}:{idle.environ['PYTHONPATH']}")
    until(lambda: len(runs(idle)) == 1 and state(idle, task) == "stopped")
    assert (runtime.result(idle.paths, task) is not None) is there
    assert idle.syncctl("resume").returncode == 0
    until(lambda: state(idle, task) == "stopped" and runtime.result(idle.paths, task) is not None)
    assert len(runs(idle)) == runs_in_all


def test_a_copy_begins_nothing_that_its_original_had_begun(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    engine_pid(idle, task)
    kill_container(idle, [task])
    idle.publish(schedules_paused=True)
    idle.paths.queue.write_text(json.dumps({"entries": [[task, 0]]}))
    assert idle.syncctl("resume").returncode == 0
    assert state(idle, task) == "stopped"
    assert queue.read(idle.paths) == []


def test_a_pause_by_an_admin_forgets_nobody_who_ran_or_waited(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(4)]
    idle.syncctl("start", "--detach", *tasks)
    for task in tasks[:2]:
        engine_pid(idle, task)
    kill_container(idle, tasks[:2])
    idle.publish(schedules_paused=True, paused_by_admin=True)
    assert idle.syncctl("resume").returncode == 0
    assert [state(idle, task) for task in tasks] == ["running", "running", "queued", "queued"]
    assert [entry.task for entry in queue.read(idle.paths)] == tasks[2:]


def test_a_schedule_that_fires_during_a_pause_begins_nothing(idle: Node) -> None:
    task = idle.save()
    idle.publish(schedules_paused=True, paused_by_admin=True)
    assert idle.syncctl("start", task, SYNCCTL_SCHEDULED="1").returncode == 0
    assert queue.read(idle.paths) == []
    assert state(idle, task) == "stopped"
    idle.syncctl("start", "--detach", task)
    until(lambda: state(idle, task) == "running")


def test_a_clock_that_jumped_back_holds_up_no_start(idle: Node) -> None:
    task, other = idle.save(), idle.save(task_id="b")
    far = time.time() + 1e6
    idle.paths.queue.write_text(json.dumps({"entries": [[task, far]]}))
    idle.syncctl("start", other, SYNCCTL_SCHEDULED="1")
    found = {entry.task: entry.due for entry in queue.read(idle.paths)}
    assert found[task] < time.time() + schedule.SPREAD_S + 1


def test_a_smaller_limit_holds_from_the_next_end_on(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(4)]
    idle.syncctl("start", "--detach", *tasks)
    idle.publish(max_parallel=1)
    idle.syncctl("stop", tasks[0], tasks[1])
    until(lambda: [state(idle, task) for task in tasks] == ["stopped", "stopped", "running", "queued"])
    idle.syncctl("stop", tasks[2])
    until(lambda: state(idle, tasks[3]) == "running")


def missed(node: Node, minutes: float, task_id: str) -> str:
    """Save a task that was meant to start once, so many minutes ago."""
    moment = time.localtime(time.time() - 60 * minutes)
    return node.save(task_id=task_id, cron=time.strftime("%Y-%m-%d %H:%M", moment))


def test_a_single_start_that_fell_into_a_time_without_the_service_is_made_up_for(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    late, long_ago, ahead = missed(idle, 10, "a"), missed(idle, 1500, "b"), missed(idle, -30, "c")
    assert idle.syncctl("resume").returncode == 0
    until(lambda: runtime.result(idle.paths, late) is not None)
    assert runs(idle) == [f"{late}.state"]
    assert idle.syncctl("resume").returncode == 0  # it has run since
    assert runs(idle) == [f"{late}.state"]
    assert [state(idle, task) for task in (late, long_ago, ahead)] == ["stopped"] * 3


def test_a_date_that_comes_back_next_year_starts_nothing(idle: Node) -> None:
    task = idle.save(cron="2020-01-02 03:04")
    assert idle.syncctl("start", task, SYNCCTL_SCHEDULED="2020-01-02 03:04").returncode == 0
    assert queue.read(idle.paths) == []
    today = time.strftime("%Y-%m-%d 00:00")
    assert idle.syncctl("start", task, SYNCCTL_SCHEDULED=today).returncode == 0
    assert [entry.task for entry in queue.read(idle.paths)] == [task]


def test_scheduled_starts_spread_and_a_person_does_not_wait(idle: Node) -> None:
    tasks = [idle.save(task_id=f"t{number}") for number in range(40)]
    delays = sorted(schedule.delay_s(task) for task in tasks)
    assert delays[0] < 10
    assert 40 < delays[-1] < 51
    late = max(tasks, key=schedule.delay_s)
    assert idle.syncctl("start", late, SYNCCTL_SCHEDULED="1").returncode == 0
    assert state(idle, late) == "stopped"
    assert [entry.task for entry in queue.read(idle.paths)] == [late]
    idle.syncctl("start", "--detach", late)
    assert state(idle, late) == "running"
    until(lambda: runs(idle) == [f"{late}.state"])


def test_a_scheduled_start_comes_by_itself(idle: Node) -> None:
    names = (f"t{number}" for number in range(1000))
    soon = next(name for name in names if schedule.delay_s(f"administrator_{name}") == 1)
    task = idle.save(task_id=soon)
    idle.syncctl("start", task, SYNCCTL_SCHEDULED="1")
    until(lambda: state(idle, task) == "running")


def test_a_cron_tick_during_a_run_changes_nothing(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    until(lambda: holder(idle, task).get("worker") is not None)
    before = holder(idle, task).get("worker")
    assert idle.syncctl("start", task, SYNCCTL_SCHEDULED="1").returncode == 0
    assert queue.read(idle.paths) == []
    assert holder(idle, task).get("worker") == before


def test_restart_uses_the_new_settings(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    first = engine_pid(idle, task)
    idle.save(remoteport=1143)
    assert idle.syncctl("restart", task).returncode == 0
    second = engine_pid(idle, task)
    assert second != first
    assert b"--port1=1143" in Path(f"/proc/{second}/cmdline").read_bytes()


def test_nothing_secret_is_in_the_engines_arguments_or_environment(idle: Node) -> None:
    task = idle.save(remotepassword="topsecret")
    idle.paths.master_password.write_text("mastersecret")
    idle.syncctl("start", "--detach", task)
    pid = engine_pid(idle, task)
    for name in ("cmdline", "environ"):
        content = Path(f"/proc/{pid}/{name}").read_bytes()
        assert b"topsecret" not in content
        assert b"mastersecret" not in content


def test_an_unknown_task_is_refused_and_the_others_start(idle: Node) -> None:
    task = idle.save()
    done = idle.syncctl("start", "--detach", "nobody_1", task)
    assert (done.returncode, done.stderr) == (66, "no such task: nobody_1\n")
    assert state(idle, task) == "running"


def test_a_missing_engine_is_a_result(node: Node) -> None:
    node.environ["SYNCCTL_ENGINE"] = "/nonexistent"
    task = node.save()
    assert node.syncctl("start", task).returncode == 69


@pytest.mark.parametrize("words", [(), ("dance",), ("start",), ("status",), ("check", "x")])
def test_usage(node: Node, words: tuple[str, ...]) -> None:
    done = node.syncctl(*words)
    assert done.returncode == 64
    assert done.stderr.startswith("usage: syncctl")
