"""In one word how it stands with a task: of every state and result, and through the life of one."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.waiting import until

from imapsync_tasks import condition, files
from imapsync_tasks.condition import Condition
from imapsync_tasks.runtime import QUEUED, RUNNING, STOPPED, State

if TYPE_CHECKING:
    from tests.module.conftest import Node

    from imapsync_tasks.errors import Json

HALF: Json = {
    "phase": "copying",
    "bytes_done": 37,
    "bytes_total": 99,
    "messages_done": 1,
    "messages_total": 2,
}
WAITS: Json = {"phase": "waiting", "waiting_until": 1795244400.5}


def ended(code: int = 0, failed: int = 0, error: str | None = None) -> Json:
    """Give as much of a result as counts here."""
    return {"exit_code": code, "messages_failed": failed, "error": error}


@pytest.mark.parametrize(
    ("state", "progress", "result", "expected"),
    [
        (State(STOPPED), None, None, Condition("never")),
        (State(STOPPED), None, ended(), Condition("done")),
        (State(STOPPED), None, ended(114, 3), Condition("problems")),
        (State(STOPPED), None, ended(0, 3, "flags"), Condition("problems")),
        (State(STOPPED), None, ended(161, 0, "authentication"), Condition("failed")),
        (State(STOPPED), None, ended(113, 3, "overquota"), Condition("failed")),
        (State(STOPPED), None, ended(137), Condition("failed")),
        (State(STOPPED), None, ended(124, 0, "parked"), Condition("server")),
        (State(STOPPED, mark="stopped"), None, ended(), Condition("stopped")),
        (State(STOPPED, mark="stopped"), None, None, Condition("stopped")),
        (State(STOPPED, mark="interrupted"), HALF, ended(), Condition("interrupted", 37)),
        (State(STOPPED, mark="interrupted"), None, None, Condition("interrupted")),
        (State(QUEUED, 1, "interrupted"), HALF, None, Condition("interrupted", 37)),
        (State(QUEUED, 3), None, None, Condition("waiting")),
        (State(QUEUED, 3, "stopped"), None, ended(), Condition("waiting")),
        (State(RUNNING), None, ended(161), Condition("running")),
        (State(RUNNING), HALF, None, Condition("running")),
        (State(RUNNING), WAITS, None, Condition("server")),
    ],
)
def test_every_state_has_one_word(
    state: State, progress: Json | None, result: Json | None, expected: Condition
) -> None:
    assert condition.condition(state, progress, result) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (None, None),
        ({}, None),
        ({"bytes_done": 0, "bytes_total": 0, "messages_done": 0, "messages_total": 0}, None),
        ({"bytes_done": 0, "bytes_total": 0, "messages_done": 1, "messages_total": 3}, 33),
        ({"bytes_done": 999, "bytes_total": 1000}, 99),
        ({"bytes_done": 1000, "bytes_total": 1000}, 100),
        ({"bytes_done": "37", "bytes_total": 99}, None),
        ({"bytes_done": 100, "bytes_total": 99}, None),
    ],
)
def test_how_far_a_run_had_come(progress: Json | None, expected: int | None) -> None:
    assert condition.percent(progress) == expected


def look(node: Node) -> dict[str, Any]:
    """Give the only task as list-changes tells it."""
    (row,) = node.action("list-changes").output["tasks"]
    found: dict[str, Any] = row
    return found


def test_a_run_that_an_administrator_ended_is_stopped_until_the_next(idle: Node) -> None:
    task = idle.save()
    assert look(idle)["condition"] == "never"
    version = idle.action("list-changes").output["version"]
    idle.syncctl("start", "--detach", task)
    until(lambda: look(idle)["condition"] == "running")
    idle.syncctl("stop", task)
    until(lambda: look(idle)["condition"] == "stopped")
    assert [row["condition"] for row in idle.action("list-changes", {"since": version}).output["tasks"]] == [
        "stopped"
    ]
    (idle.home / "seconds").write_text("0")
    idle.syncctl("start", task)
    assert look(idle)["condition"] == "problems"


def test_a_run_that_was_cut_off_says_how_far_it_was(idle: Node) -> None:
    task = idle.save()
    idle.syncctl("start", "--detach", task)
    until(lambda: files.read_json(idle.paths.lock(task)) and look(idle)["progress"] is not None)
    note: dict[str, Any] = files.read_json(idle.paths.lock(task)) or {}
    for who in ("worker", "engine"):
        os.kill(note[who][0], signal.SIGKILL)
    until(lambda: not files.is_locked(idle.paths.lock(task)))
    files.replace(idle.paths.progress(task), '{"phase": "copying", "bytes_done": 37, "bytes_total": 100}')
    row = look(idle)
    assert (row["state"], row["condition"], row["interrupted_percent"]) == ("stopped", "interrupted", 37)
    assert idle.syncctl("resume").returncode == 0
    until(lambda: look(idle)["condition"] == "running")
    assert look(idle)["interrupted_percent"] is None


@pytest.mark.parametrize(
    ("skipped", "source", "here", "size"),
    [
        ({"present": 1000, "duplicate": 40}, {"messages": 3000, "bytes": 99}, 3000, 99),
        ({"present": 1000, "removed_by_user": 40}, {"messages": 3000, "bytes": 99}, 2960, None),
        ({}, {"messages": None, "bytes": None}, 1960, None),
        ({}, None, 1960, None),
        (None, {"messages": 1960, "bytes": 99}, None, None),
    ],
)
def test_a_result_says_what_is_here_and_a_size_only_when_all_of_it_is(
    idle: Node, skipped: object, source: object, here: int | None, size: int | None
) -> None:
    report = {"exit_code": 0, "exit_name": "EX_OK", "messages_transferred": 1960, "messages_failed": 0}
    (idle.home / "end").write_text(json.dumps({**report, "skipped": skipped, "host1": source}))
    (idle.home / "seconds").write_text("0")
    idle.syncctl("start", idle.save())
    row = look(idle)
    assert (row["condition"], row["result"]["error_side"]) == ("done", None)
    assert (row["result"]["messages_here"], row["result"]["bytes_here"]) == (here, size)
