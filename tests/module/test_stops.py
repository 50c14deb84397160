"""Runs that stop for a reason of their own: what is told, when they go on, how a brake is released."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.module.test_damage import answered
from tests.module.test_runs import runs, state
from tests.module.waiting import until

from imapsync_tasks import files, queue, runtime
from imapsync_tasks.queue import Entry, Release

if TYPE_CHECKING:
    from tests.module.conftest import Node

WHICH = {"localuser": "administrator", "task_id": "a0241w"}
NAME = "administrator_a0241w"
#: exit code, code of the error that decided, its details -> (brake_messages, brake_of)
STOPS = [
    (121, "verify", {}, (None, None)),
    (122, "brake_source_empty", {"messages": "5", "of": "5"}, (5, 5)),
    (123, "brake_delete", {"messages": "1204", "of": "1300"}, (1204, 1300)),
    (124, "parked", {"messages": "7"}, (None, None)),
    (125, "brake_vanished", {"messages": "3", "of": "4"}, (3, 4)),
    (125, "brake_vanished", {"messages": "many"}, (None, None)),
    (126, "source_incomplete", {}, (None, None)),
]


def ends(node: Node, code: int, error: str, details: dict[str, str] | None = None, **more: object) -> None:
    """Make every run end so, at once, after an error that does not decide."""
    errors = [{"code": "flags", "messages": "99"}, {"code": error, **(details or {})}]
    (node.home / "end").write_text(
        json.dumps({"exit_code": code, "exit_name": "X", "errors": errors, **more})
    )
    (node.home / "seconds").write_text("0")


def words(node: Node) -> list[list[str]]:
    """Give the releases that each run was called with."""
    lines = (node.home / "words").read_text().splitlines()
    return [[word for word in json.loads(line) if word.startswith("--max")] for line in lines]


def at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("code", "error", "details", "numbers"), STOPS)
def test_a_stop_is_told_with_its_reason_and_numbers(
    idle: Node, code: int, error: str, details: dict[str, str], numbers: tuple[int | None, int | None]
) -> None:
    idle.save()
    ends(idle, code, error, details, run_again_at="2026-11-26T20:00:00Z" if code == 124 else None)
    assert idle.syncctl("start", NAME).returncode == code
    rows = answered(idle, "list-tasks", {})["user_properties"]
    assert answered(idle, "list-changes", {})["tasks"] == rows
    # A parked task goes on by itself: it waits for the server.
    assert answered(idle, "get-task-counts")["failed"] == (code != 124)
    result = rows[0]["result"]
    assert (result["exit_code"], result["error"]) == (code, error)
    assert (result["brake_messages"], result["brake_of"]) == numbers
    assert result["run_again_at"] == ("2026-11-26T20:00:00Z" if code == 124 else None)


def test_the_first_error_is_told_where_the_exit_code_has_no_reason_of_its_own(idle: Node) -> None:
    idle.save()
    ends(idle, 111, "delete")
    idle.syncctl("start", NAME)
    result = runtime.result(idle.paths, NAME)
    assert result
    assert result["error"] == "flags"
    ends(idle, 111, "", errors="none")
    idle.syncctl("start", NAME)
    result = runtime.result(idle.paths, NAME)
    assert result
    assert result["error"] is None


def test_a_result_without_reason_is_listed(idle: Node) -> None:
    idle.save()
    idle.paths.result(NAME).write_text('{"exit_code": 125, "started_at": 1.5}')
    [row] = answered(idle, "list-tasks", {})["user_properties"]
    assert row["result"]["exit_code"] == 125
    assert row["result"]["error"] is None
    assert answered(idle, "list-changes", {})["tasks"] == [row]
    assert answered(idle, "get-task-counts")["failed"] == 1


def test_schedules_leave_a_parked_task_alone_until_its_time(idle: Node) -> None:
    idle.save()
    ends(idle, 124, "parked", run_again_at=at(time.time() + 3600))
    idle.syncctl("start", NAME)
    for _ in range(3):
        assert idle.syncctl("start", NAME, SYNCCTL_SCHEDULED="1").returncode == 0
    assert [entry.due > time.time() + 3000 for entry in queue.read(idle.paths)] == [True]
    assert len(runs(idle)) == 1
    ends(idle, 124, "parked", run_again_at=at(time.time() - 1))
    idle.syncctl("start", NAME)  # an administrator may
    assert len(runs(idle)) == 2
    idle.syncctl("start", NAME, SYNCCTL_SCHEDULED="1")
    assert [entry.task for entry in queue.read(idle.paths)] == [NAME]


@pytest.mark.parametrize(
    ("told", "waits_s"),
    [
        (None, None),
        ("soon", None),
        ("99999-01-01", None),
        ("1970-01-01T00:00:50Z", 50),
        ("1970-01-01T00:00:50+00:00", 50),
        ("2999-01-01T00:00:00Z", 24 * 3600 + 100),
    ],
)
def test_no_server_parks_a_task_for_longer_than_a_day(
    node: Node, told: str | None, waits_s: int | None
) -> None:
    result = {"exit_code": 124, "started_at": 1, "ended_at": 100, "run_again_at": told}
    node.paths.result(NAME).write_text(json.dumps(result))
    assert runtime.parked_until(node.paths, NAME) == (waits_s or 0)


def test_a_task_that_never_ran_is_not_parked(node: Node) -> None:
    assert runtime.parked_until(node.paths, NAME) == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"allow_vanished": 3}, ["--maxvanished2=3"]),
        ({"allow_deleted": 1204}, ["--maxdelete2=1204"]),
        ({"allow_deleted": 7, "allow_vanished": 8}, ["--maxdelete2=7", "--maxvanished2=8"]),
    ],
)
def test_a_brake_is_released_for_one_run(idle: Node, given: dict[str, int], expected: list[str]) -> None:
    idle.save(delete_local=True, delete_remote=True)
    ends(idle, 125, "brake_vanished")
    for data in (WHICH, WHICH | given, WHICH):
        answered(idle, "start-task", data)
        until(lambda: state(idle, NAME) == "stopped")
    assert words(idle) == [[], expected, []]


def test_a_release_waits_in_the_queue_with_its_task(idle: Node) -> None:
    idle.publish(max_parallel=1)
    idle.save(task_id="first")
    idle.save(delete_remote=True)
    idle.syncctl("start", "--detach", "administrator_first")
    answered(idle, "start-task", WHICH)
    answered(idle, "start-task", WHICH | {"allow_vanished": 3})
    assert [entry.release for entry in queue.read(idle.paths)] == [Release(vanished=3)]
    answered(idle, "start-task", WHICH)  # nothing new
    assert [entry.release for entry in queue.read(idle.paths)] == [Release(vanished=3)]
    (idle.home / "seconds").write_text("0")
    idle.syncctl("stop", "administrator_first")
    until(lambda: len(runs(idle)) == 2 and state(idle, NAME) == "stopped")
    assert words(idle) == [[], ["--maxvanished2=3"]]


def test_who_stops_a_waiting_task_takes_its_release_back(idle: Node) -> None:
    idle.publish(max_parallel=1)
    idle.save(task_id="first")
    idle.save(delete_remote=True)
    idle.syncctl("start", "--detach", "administrator_first")
    answered(idle, "start-task", WHICH | {"allow_vanished": 3})
    answered(idle, "stop-task", WHICH)
    answered(idle, "start-task", WHICH)
    assert [entry.release for entry in queue.read(idle.paths)] == [Release()]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"localuser": "administrator", "allow_vanished": 3}, "allow_vanished"),
        ({"localuser": "administrator", "allow_deleted": 3}, "allow_deleted"),
        (WHICH | {"allow_deleted": 0}, "allow_deleted"),
        (WHICH | {"allow_vanished": "3"}, "allow_vanished"),
    ],
)
def test_a_release_is_for_one_task_and_a_number(idle: Node, given: dict[str, object], field: str) -> None:
    idle.save(delete_remote=True)
    step = idle.action("start-task", given)
    assert (step.exit_code, step.output[0]["field"], step.output[0]["error"]) == (10, field, "invalid_value")
    assert runs(idle) == []


@pytest.mark.parametrize(
    "line",
    [
        ["--maxvanished2=x"],
        ["--maxvanished2"],
        ["--maxdelete2=-1"],
        ["--maxdelete2=99999999999"],
        ["--other"],
    ],
)
def test_syncctl_refuses_what_it_does_not_know(idle: Node, line: list[str]) -> None:
    assert idle.syncctl("start", *line, idle.save()).returncode == 64
    assert runs(idle) == []


def test_syncctl_releases_one_task_at_a_time(idle: Node) -> None:
    tasks = [idle.save(), idle.save(task_id="b")]
    assert idle.syncctl("start", "--maxvanished2=3", *tasks).returncode == 64
    assert runs(idle) == []


def test_a_queue_of_before_releases_is_read(node: Node) -> None:
    files.replace(
        node.paths.queue,
        json.dumps(
            {"entries": [["foo_a", 5], ["foo_b", 6.5, [1, 2]], ["foo_c", 7, 8], ["foo_d", 9, [0, 0, True]]]}
        ),
    )
    assert queue.read(node.paths) == [
        Entry("foo_a", 5.0),
        Entry("foo_b", 6.5, Release(1, 2)),
        Entry("foo_c", 7.0),
        Entry("foo_d", 9.0, Release(retry=True)),
    ]
