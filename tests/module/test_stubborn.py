"""Runs that do not end, a container that answers oddly, a state that cannot be written: each is told."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import request
from tests.module.test_actions import refused
from tests.module.test_damage import WHICH, Disk

from imapsync_tasks import bulk, files, live, runtime
from imapsync_tasks.brief import Brief
from imapsync_tasks.errors import RefusedError
from imapsync_tasks.history import DamagedHistoryError, History, Looks
from imapsync_tasks.interruption import InterruptedWaitError, Interruption

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.module.conftest import Node

NAME = "administrator_a0241w"


def container(node: Node, command: str, code: int, output: str = "") -> None:
    """Make one command of the container's syncctl end so, as if something there had gone wrong."""
    podman = node.home / "bin" / "podman"
    ends = f"[ \"$5\" = {command} ] && {{ echo '{output}'; echo trouble >&2; exit {code}; }}\n"
    begin, _, rest = podman.read_text().partition("\n")
    podman.write_text(f"{begin}\n{ends}{rest}")


@contextmanager
def running(node: Node, name: str) -> Iterator[None]:
    """Hold a task's lock as a run does that nothing ends."""
    descriptor = files.try_lock(node.paths.lock(name))
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)


def errors(node: Node, verb: str) -> list[str]:
    """Give what run-tasks tells of the one task."""
    step = node.action("run-tasks", {"verb": verb, "tasks": [WHICH]})
    assert step.exit_code == 0, step
    return [one["error"] for one in step.output["failures"]]


def test_a_run_that_does_not_end_is_told_by_who_would_stop_it(idle: Node) -> None:
    name = idle.save()
    container(idle, "stop", 1)
    with running(idle, name):
        refused(idle.action("stop-task", WHICH), "task_id", "task_still_running", 1)
        assert errors(idle, "stop") == ["task_still_running"]
    assert errors(idle, "stop") == []


@pytest.mark.slow
def test_a_run_that_does_not_end_is_told_by_who_would_remove_its_task_or_make_it_again(idle: Node) -> None:
    name = idle.save()
    container(idle, "stop", 1)
    with running(idle, name):
        refused(idle.action("delete-task", WHICH), "task_id", "task_still_running", 1)
        assert not idle.store.exists(name)  # it is gone as a task, and starts no more
        assert not idle.paths.cron_file(name).exists()
        refused(idle.action("create-task", request()), "task_id", "task_still_running", 1)
        assert not idle.store.exists(name)
    assert idle.action("create-task", request()).exit_code == 0


def test_a_task_that_is_deleted_while_it_is_started_is_told_and_no_error_of_others(idle: Node) -> None:
    name = idle.save()
    container(idle, "start", 66)
    assert idle.action("start-task", WHICH).exit_code == 0
    assert errors(idle, "start") == []  # it is still there: another one was meant
    idle.paths.env(name).unlink()
    assert errors(idle, "start") == ["task_not_found"]


@pytest.mark.parametrize(("command", "output"), [("report", "[]"), ("report", "no JSON")])
def test_an_answer_of_the_container_that_makes_no_sense_is_an_error(
    idle: Node, command: str, output: str
) -> None:
    idle.save()
    container(idle, command, 0, output)
    step = idle.action("get-report", WHICH)
    assert (step.exit_code, step.output) == (1, None)


def test_a_container_that_fails_is_an_error_with_its_words(idle: Node) -> None:
    idle.save()
    container(idle, "start", 70)
    step = idle.action("start-task", WHICH)
    assert (step.exit_code, step.output) == (1, None)
    assert "syncctl ended with 70: trouble" in step.error


def test_an_unknown_verb_touches_nothing(idle: Node) -> None:
    idle.save()
    before = idle.snapshot()
    refused(idle.action("run-tasks", {"verb": "burn", "tasks": [WHICH]}), "verb", "invalid_value", 10)
    assert idle.snapshot() == before


def test_of_very_many_failures_the_first_are_named_and_all_counted(idle: Node) -> None:
    nobody = [{"localuser": f"u{number}", "task_id": "a"} for number in range(bulk.MAX_FAILURES + 2)]
    told = idle.action("run-tasks", {"verb": "stop", "tasks": nobody}).output
    assert (told["failed"], len(told["failures"])) == (bulk.MAX_FAILURES + 2, bulk.MAX_FAILURES)


def test_many_tasks_are_stopped_on_a_full_disk(idle: Node) -> None:
    idle.save()
    disk = Disk(idle)
    try:
        disk.fill()
        assert errors(idle, "stop") == []
        assert not idle.paths.bulk.exists()
    finally:
        disk.leave()


def test_a_read_only_state_without_its_lock_still_lists(idle: Node) -> None:
    idle.save()
    disk = Disk(idle)
    try:
        idle.paths.instance_lock.unlink(missing_ok=True)
        disk.protect()
        step = idle.action("list-tasks", {})
        assert [row["localuser"] for row in step.output["user_properties"]] == ["administrator"]
    finally:
        disk.leave()


def test_a_directory_in_a_lock_s_place_is_never_taken_for_held(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    (lock / "kept").mkdir(parents=True)
    assert not files.is_locked(lock)
    with files.locked(lock):
        assert files.try_lock(lock) is None
    assert [path.name for path in tmp_path.rglob("kept")] == ["kept"]
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        files.is_locked(tmp_path / "file" / "lock")


def test_a_signal_ends_the_waiting_at_once_or_before_it_begins() -> None:
    with Interruption() as interruption:
        assert list(interruption.waits(iter([1, 2]))) == [1, 2]
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.asked
        with pytest.raises(InterruptedWaitError):
            next(interruption.waits(iter([1])))

    def interrupted() -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGTERM)
        yield 2

    seen: list[int] = []
    with Interruption() as interruption, pytest.raises(InterruptedWaitError):
        seen.extend(interruption.waits(interrupted()))
    assert seen == [1]
    assert interruption.asked


IN_BRIEF = Brief("foo", "a1", "u", "h.example", "all", "", "", "", "done", 1, "done", 2)
LOOKS = Looks(lambda _name: IN_BRIEF, lambda _brief: "")


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1"},
        {"removed": {"a": "b"}},
        {"counts": []},
        {"live": {"a": 1}},
        {"live": {"a": ["x", "y", "1"]}},
        {"extra": 1},
        {"floor": None},
    ],
    ids=str,
)
def test_a_memory_of_the_tasks_of_another_form_begins_anew(tmp_path: Path, change: dict[str, object]) -> None:
    head, body = tmp_path / "changes", tmp_path / "tasks"
    history = History()
    history.observe({"foo_a1": "x"}, LOOKS)
    history.write(head, body)
    assert History.read(head, body).token == history.token
    head.write_text(json.dumps(json.loads(head.read_text()) | change))
    assert History.read(head, body).epoch != history.epoch


@pytest.mark.parametrize(
    "tasks", ["", "[]", '{"foo_a1": ["x", 1]}', '{"foo_a1": ["x", "1", "done"]}', "[" * 9999]
)
def test_damaged_looks_of_the_tasks_are_noticed_when_they_are_needed(tmp_path: Path, tasks: str) -> None:
    head, body = tmp_path / "changes", tmp_path / "tasks"
    history = History()
    history.observe({"foo_a1": "x"}, LOOKS)
    history.write(head, body)
    body.write_text(f'{{"moment": "{history.token}", "tasks": {tasks}}}')
    read = History.read(head, body)
    assert read.token == history.token
    with pytest.raises(DamagedHistoryError):
        read.entries  # noqa: B018 - reading it is what fails


def test_what_a_watcher_left_behind_or_damaged_says_nothing(node: Node) -> None:
    good = {"state": "polling", "since": 1, "error": None, "text": ""}
    odd = [5, {}, good | {"state": "dancing"}, good | {"error": 5}, good | {"since": "x"}]
    node.paths.watching.write_text(json.dumps({"good": good} | {str(at): one for at, one in enumerate(odd)}))
    assert live.read(node.paths) == {}
    with node.paths.watcher_lock.open("w") as file:
        descriptor = files.try_lock(node.paths.watcher_lock)
        assert descriptor is not None
        try:
            assert {name: one.state for name, one in live.read(node.paths).items()} == {"good": "polling"}
        finally:
            os.close(descriptor)
    assert file.closed


def test_a_task_that_was_created_again_is_not_cleared_away(node: Node) -> None:
    name = node.save()
    node.paths.log(name).write_text("x")
    with node.store.locked():
        assert node.store.clear(name)
    assert node.paths.log(name).exists()


def test_a_directory_in_a_schedule_s_place_is_moved_aside(node: Node) -> None:
    name = node.save()
    node.paths.cron_file(name).unlink()
    (node.paths.cron_file(name) / "kept").mkdir(parents=True)
    with node.store.locked():
        node.store.forget(name)
    assert not node.paths.cron_file(name).exists()
    assert [path.name for path in node.paths.cron.rglob("kept")] == ["kept"]
    with pytest.raises(RefusedError):
        node.store.named({"localuser": "../x", "task_id": "a"})


def test_what_could_not_be_counted_of_a_project_is_named(idle: Node) -> None:
    assert idle.action("set-project", {"project": "wave1"}).exit_code == 0
    names = [idle.save(localuser=user, project="wave1") for user in ("anna", "bob")]
    container(idle, "audit", 0, json.dumps({"failed": names[1:]}))
    told = idle.action("audit-project", {"project": "wave1"}).output
    assert told == {"audited": 1, "failed": [{"localuser": "bob", "task_id": "a0241w"}]}
    # Of what is counted already nobody is asked again.
    for name in names:
        counted = dict.fromkeys(runtime.AUDIT, 1)
        idle.paths.audit(name).write_text(json.dumps(counted))
    assert idle.action("audit-project", {"project": "wave1"}).output == {"audited": 0, "failed": []}
    assert idle.action("audit-project", {"project": "wave1", "again": True}).output["audited"] == 1
    refused(idle.action("get-project", {"project": "wave1", "page": 0}), "page", "invalid_value", 10)


def test_no_mail_goes_while_it_cannot_be_noted_that_it_went(idle: Node) -> None:
    name = idle.save()
    failed = dict.fromkeys(("messages_transferred", "messages_failed", "bytes_transferred"), 0)
    run = {"started_at": 1.0, "ended_at": 2.0, "exit_code": 161, "error": "authentication", "stage": None}
    idle.paths.history(name).write_text(json.dumps({"runs": [run | failed] * 2}))
    idle.paths.notices.write_text(json.dumps({"addresses": ["admin@example.org"]}))
    disk = Disk(idle)
    try:
        disk.fill()
        done = idle.helper("send-notices")
    finally:
        disk.leave()
    assert done.returncode == 1
    assert b"no mail: what is told cannot be noted: No space left" in done.stderr


def test_a_name_that_another_task_has_is_nobodys(idle: Node) -> None:
    """foo_a + b and foo + a_b have the same files."""
    name = idle.save(localuser="foo_a", task_id="b")
    idle.paths.log(name).write_text("whose?")
    idle.paths.failures(name).write_text('{"failures": [{"folder": "INBOX"}], "total": 1}')
    other = {"localuser": "foo", "task_id": "a_b"}
    assert idle.action("get-log", other).output == {"log_content": "", "truncated": False}
    assert idle.action("list-failures", other).output == {"failures": [], "total": 0}
    refused(idle.action("get-report", other), "task_id", "report_not_found", 2)
    assert idle.action("delete-task", other).output == {"tasks": []}
    account = {key: request()[key] for key in ("remotehostname", "remoteport", "remoteusername", "security")}
    step = idle.action("test-remote", account | other | {"remotepassword": ""})
    refused(step, "remotepassword", "password_required", 10)
    step = idle.action("test-remote", account | {"remotepassword": ""})
    refused(step, "remotepassword", "password_required", 10)
    assert idle.paths.log(name).exists()


def test_a_live_task_is_told_as_one_that_nobody_watches_yet(idle: Node) -> None:
    name = idle.save(cron="live")
    assert "LIVE=1" in idle.paths.env(name).read_text()
    (row,) = idle.action("list-tasks", {}).output["user_properties"]
    assert (row["cron"], row["live"]["state"]) == ("live", "waiting")
    minute, hour, *days = idle.paths.cron_file(name).read_text().splitlines()[-1].split()[:5]
    assert (days, int(minute) < 60, int(hour) < 24) == (["*", "*", "*"], True, True)


def test_a_task_of_before_the_modes_were_words_keeps_its_mode(node: Node) -> None:
    name = node.save(foldersynchronization="inbox")
    lines = node.paths.env(name).read_text().splitlines()
    node.paths.env(name).write_text("\n".join(one for one in lines if "FOLDERSYNCHRONIZATION" not in one))
    assert node.store.load(name).foldersynchronization == "inbox"
