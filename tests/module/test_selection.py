"""list-tasks and run-tasks for some of the tasks: search, condition, order, pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.module.conftest import Node


def ask(node: Node, **data: object) -> dict[str, Any]:
    """Give the answer of list-tasks."""
    step = node.action("list-tasks", data)
    assert step.exit_code == 0, step.error
    answer: dict[str, Any] = step.output
    return answer


def users(answer: dict[str, Any]) -> list[str]:
    """Give the local users of an answer, in its order."""
    return [row["localuser"] for row in answer["user_properties"]]


@pytest.fixture
def five(idle: Node) -> Node:
    """Give an instance with five tasks, of which b runs and d was stopped."""
    for user in "abcde":
        host = "one.example" if user in "ace" else "two.example"
        idle.save(localuser=user, remotehostname=host, remoteusername=f"{user.upper()}@x.org")
    idle.syncctl("start", "--detach", "b_a0241w", "d_a0241w")
    idle.syncctl("stop", "d_a0241w")
    return idle


def test_tasks_are_searched_filtered_ordered_and_paged(five: Node) -> None:
    whole = ask(five)
    assert "total" not in whole
    assert users(whole) == list("abcde")
    assert users(ask(five, search="ONE.example")) == ["a", "c", "e"]
    assert users(ask(five, search="x.org two")) == ["b", "d"]
    assert users(ask(five, search="nobody")) == []
    assert users(ask(five, condition="running")) == ["b"]
    assert users(ask(five, condition="stopped")) == ["d"]
    assert users(ask(five, sort="condition")) == ["b", "d", "a", "c", "e"]
    assert users(ask(five, sort="remoteusername", descending=True)) == list("edcba")
    page = ask(five, sort="localuser", page=2, length=2)
    assert (users(page), page["total"]) == (["c", "d"], 5)
    assert page["user_properties"] == whole["user_properties"][2:4]
    assert (users(ask(five, page=4, length=2)), ask(five, length=2)["total"]) == ([], 5)
    assert users(ask(five, length=2)) == ["a", "b"]


def test_many_are_chosen_by_a_filter(five: Node) -> None:
    step = five.action(
        "run-tasks", {"verb": "change", "filter": {"search": "one"}, "changes": {"cron": "2h"}}
    )
    assert (step.exit_code, step.output["total"], step.output["failed"]) == (0, 3, 0)
    cron = {name[0]: five.store.load(name).cron for name in five.store.names()}
    assert cron == {"a": "2h", "b": "5m", "c": "2h", "d": "5m", "e": "2h"}
    assert (
        five.action("run-tasks", {"verb": "delete", "filter": {"condition": "stopped"}}).output["total"] == 1
    )
    assert [name[0] for name in five.store.names()] == list("abce")
    assert five.action("run-tasks", {"verb": "stop", "filter": {}}).output["total"] == 4


def test_exceptions_are_spared_and_who_saw_another_number_does_nothing(five: Node) -> None:
    asked = {
        "verb": "delete",
        "filter": {"search": "one"},
        "except": [{"localuser": "c", "task_id": "a0241w"}],
    }
    step = five.action("run-tasks", asked | {"expected": 3})
    assert (step.exit_code, step.output[0]["error"]) == (1, "selection_changed")
    assert len(five.store.names()) == 5
    assert five.action("run-tasks", asked | {"expected": 2}).output["total"] == 2
    assert [name[0] for name in five.store.names()] == list("bcd")


def test_a_filter_sees_what_an_administrator_edited_a_moment_ago(five: Node) -> None:
    ask(five, search="one")
    env = five.paths.env("e_a0241w")
    env.write_text(env.read_text().replace("one.example", "a.third.example"))
    step = five.action(
        "run-tasks", {"verb": "change", "filter": {"search": "one"}, "changes": {"cron": "2h"}}
    )
    assert step.output["total"] == 2


def test_many_are_named_or_chosen_not_both_nor_neither(five: Node) -> None:
    tasks = [{"localuser": "a", "task_id": "a0241w"}]
    for data in ({"verb": "delete"}, {"verb": "delete", "tasks": tasks, "filter": {}}):
        step = five.action("run-tasks", data)
        assert (step.exit_code, step.output[0]["field"]) == (10, "tasks")
    assert len(five.store.names()) == 5


def test_tasks_are_chosen_by_their_project_and_ordered_by_their_last_run(five: Node) -> None:
    assert five.action("set-project", {"project": "wave1"}).exit_code == 0
    five.save(localuser="f", project="wave1")
    assert users(ask(five, project="wave1")) == ["f"]
    for user, begun in (("c", 20), ("a", 30), ("e", 10)):
        result = {"version": 1, "exit_code": 0, "started_at": begun}
        five.paths.result(f"{user}_a0241w").write_text(json.dumps(result))
    ran = {"condition": "done", "sort": "last_sync_timestamp"}
    assert users(ask(five, **ran)) == ["e", "c", "a"]
    assert users(ask(five, **ran, descending=True)) == ["a", "c", "e"]
    # Who never ran comes before all who did.
    assert users(ask(five, sort="last_sync_timestamp"))[-3:] == ["e", "c", "a"]
