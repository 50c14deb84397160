"""One action for many tasks: it goes on without who asked, each task by itself, told until dismissed."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import IMAGEROOT
from tests.module.waiting import until

from imapsync_tasks import bulk, files, runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.module.conftest import Node, Step


def ask(node: Node, verb: str, users: Iterable[str], **more: object) -> Step:
    """Run run-tasks for the task of each user."""
    tasks = [{"localuser": user, "task_id": "a0241w"} for user in users]
    return node.action("run-tasks", {"verb": verb, "tasks": tasks, **more})


def told(node: Node, **data: object) -> dict[str, Any]:
    """Give the answer of get-tasks-run."""
    step = node.action("get-tasks-run", data)
    assert step.exit_code == 0, step.error
    answer: dict[str, Any] = step.output
    return answer


def state(node: Node, name: str) -> str:
    """Give what a task does."""
    with node.store.locked():
        return runtime.states(node.paths, [name])[name].state


def test_many_are_started_stopped_and_deleted_and_what_fails_costs_itself_only(idle: Node) -> None:
    names = [idle.save(localuser=user) for user in "abcd"]
    step = ask(idle, "start", "abxcd")
    assert step.exit_code == 0, step.error
    assert (step.output["total"], step.output["done"], step.output["failed"]) == (5, 5, 1)
    assert step.output["failures"] == [{"localuser": "x", "task_id": "a0241w", "error": "task_not_found"}]
    assert [state(idle, name) for name in names] == ["running", "running", "queued", "queued"]
    assert ask(idle, "stop", "abcd").output["failed"] == 0
    assert {state(idle, name) for name in names} == {"stopped"}
    ask(idle, "start", "a")
    assert ask(idle, "delete", "ab").output["failed"] == 0
    assert idle.store.names() == names[2:]


def test_it_is_told_until_somebody_dismisses_it(idle: Node) -> None:
    assert told(idle) == {"run": None, "running": False}
    idle.save(localuser="a")
    answer = ask(idle, "stop", "a").output
    assert told(idle) == {"run": answer, "running": False}
    assert told(idle, dismiss="another")["run"] == answer
    assert told(idle, dismiss=answer["id"]) == {"run": None, "running": False}
    assert not idle.paths.bulk.exists()


def test_one_that_was_cut_off_says_how_far_it_came(idle: Node) -> None:
    for number in range(bulk.BATCH + 1):
        idle.save(localuser=f"u{number}")
    (idle.home / "deaf").touch()
    idle.syncctl("start", "--detach", *idle.store.names()[-2:])
    tasks = [{"localuser": name.split("_")[0], "task_id": "a0241w"} for name in idle.store.names()]
    with subprocess.Popen(
        [IMAGEROOT / "actions" / "run-tasks" / "20run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=idle.state,
        env=idle.environ,
    ) as process:
        assert process.stdin
        process.stdin.write(json.dumps({"verb": "stop", "tasks": tasks}))
        process.stdin.close()
        until(lambda: told(idle)["running"])
        process.kill()
    until(lambda: not files.is_locked(idle.paths.bulk_lock))
    answer = told(idle)
    assert (answer["running"], answer["run"]["ended_at"], answer["run"]["total"]) == (False, None, len(tasks))
    assert answer["run"]["done"] <= bulk.BATCH


def test_settings_of_many_are_changed_and_nothing_else_of_them(idle: Node) -> None:
    for user in "ab":
        idle.save(localuser=user, remoteusername=f"{user}@example.org")
    before = {name: idle.store.load(name) for name in idle.store.names()}
    passwords = {name: idle.paths.pwd(name).read_bytes() for name in before}
    changes: dict[str, Any] = {"cron": "2h", "delete_remote": True, "delete_remote_older": 30}
    assert ask(idle, "change", "ab", changes=changes).output["failed"] == 0
    after = {name: idle.store.load(name) for name in before}
    assert after == {name: task._replace(**changes) for name, task in before.items()}
    assert {name: idle.paths.pwd(name).read_bytes() for name in before} == passwords
    assert "2" in idle.paths.cron_file("a_a0241w").read_text()
    assert {state(idle, name) for name in before} == {"stopped"}


def test_a_damaged_task_is_not_changed_and_the_others_are(idle: Node) -> None:
    for user in "ab":
        idle.save(localuser=user)
    idle.paths.env("a_a0241w").write_text("REMOTEPORT=x\n")
    step = ask(idle, "change", "ab", changes={"cron": ""})
    assert [one["error"] for one in step.output["failures"]] == ["task_unreadable"]
    assert idle.paths.env("a_a0241w").read_text() == "REMOTEPORT=x\n"
    assert idle.store.load("b_a0241w").cron == ""


@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        ({"cron": "99m"}, "cron", "invalid_schedule"),
        ({"foldersynchronization": "some"}, "foldersynchronization", "invalid_value"),
        ({"remotehostname": "elsewhere.example.org"}, "remotehostname", "invalid_value"),
        ({}, "changes", "invalid_value"),
    ],
)
def test_a_change_that_no_task_can_have_is_refused_before_any_is_touched(
    idle: Node, changes: dict[str, object], field: str, error: str
) -> None:
    idle.save(localuser="a")
    before = idle.snapshot()
    step = ask(idle, "change", "a", changes=changes)
    assert (step.exit_code, step.output[0]["field"], step.output[0]["error"]) == (10, field, error)
    assert idle.snapshot() == before


def test_without_the_service_each_start_says_so_and_a_stop_is_done(idle: Node) -> None:
    idle.save(localuser="a")
    (idle.home / "down").touch()
    down = {"SERVICE_DOWN": str(idle.home / "down")}
    request = {"verb": "start", "tasks": [{"localuser": "a", "task_id": "a0241w"}]}
    step = idle.action("run-tasks", request, **down)
    assert [one["error"] for one in step.output["failures"]] == ["service_not_running"]
    assert idle.action("run-tasks", {**request, "verb": "stop"}, **down).output["failed"] == 0


def test_a_damaged_memory_of_the_last_one_is_none(idle: Node) -> None:
    for content in ("", "[]", '{"id": "x"}'):
        idle.paths.imapsync.mkdir(exist_ok=True)
        idle.paths.bulk.write_text(content)
        assert told(idle)["run"] is None


def test_the_answer_tells_when(idle: Node) -> None:
    idle.save(localuser="a")
    before = time.time()
    answer = ask(idle, "stop", "a").output
    assert before <= answer["began_at"] <= answer["ended_at"] <= time.time()
