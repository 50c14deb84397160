"""list-changes for a reader who sees a part of the tasks: a page of a search, or some by their names."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import IMAGEROOT, request
from tests.module.test_changes import keys, remembered, spent
from tests.module.waiting import until

from imapsync_tasks import envfile, runtime, schedule
from imapsync_tasks.task import from_request, to_env

if TYPE_CHECKING:
    from tests.module.conftest import Node

ENDED = {"exit_code": 0, "started_at": 1, "ended_at": 2, "messages_failed": 0, "error": None}


def ask(node: Node, **data: object) -> dict[str, Any]:
    """Give the answer of list-changes."""
    step = node.action("list-changes", data)
    assert step.exit_code == 0, step.error
    answer: dict[str, Any] = step.output
    return answer


def pages(node: Node, **view: object) -> list[str]:
    """Give the local users of what a view shows, in its order."""
    return [name.rpartition("_")[0] for name in ask(node, view=view)["page"]["tasks"]]


@pytest.fixture
def ended(idle: Node) -> Node:
    """Give tasks of which a never ran, b is well, c failed, d left messages behind, e cannot be read."""
    names = [
        idle.save(localuser=user, cron=cron)
        for user, cron in zip("abcde", ("", "1h", "5m", "live", "22:00"), strict=True)
    ]
    for name, change in zip(names[1:4], ({}, {"exit_code": 6}, {"messages_failed": 3}), strict=True):
        idle.paths.result(name).write_text(json.dumps(ENDED | change))
    idle.paths.env(names[4]).write_text("REMOTEPORT=none\n")
    return idle


def test_a_view_shows_a_page_and_how_many_there_are_of_each_condition(ended: Node) -> None:
    answer = ask(ended, view={"sort": "localuser", "page": 2, "length": 2})
    assert (keys(answer["tasks"]), answer["page"]["tasks"]) == (["c_a0241w", "d_a0241w"],) * 2
    assert answer["page"]["total"] == 5
    told = {word: n for word, n in answer["page"]["counts"].items() if n}
    assert told == {"never": 1, "done": 1, "failed": 2, "problems": 1}
    failed = ask(ended, view={"condition": ["failed", "problems"], "sort": "localuser", "page": 1})
    assert (failed["page"]["total"], failed["page"]["counts"]) == (3, answer["page"]["counts"])
    assert keys(failed["tasks"]) == ["c_a0241w", "d_a0241w", "e_a0241w"]
    found = ask(ended, view={"search": "A", "page": 1})["page"]
    assert found["counts"]["failed"] == 2  # in the task id of each
    assert ended.action("get-task-counts").output["failed"] == 3


def test_every_column_of_the_table_orders(ended: Node) -> None:
    assert pages(ended, sort="result") == ["c", "e", "d", "a", "b"]
    assert pages(ended, sort="condition") == ["c", "e", "d", "b", "a"]
    assert pages(ended, sort="cron") == ["d", "c", "b", "a", "e"]  # e: nobody can read when
    assert pages(ended, sort="cron", descending=True) == ["e", "a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("cron", "period"),
    [
        ("live", 0),
        ("5m", 5),
        ("2h", 120),
        ("22:00", 1440),
        ("sat,sun 22:00", 5040),
        ("mon-fri 30m 20-06", 30),
        ("2026-12-24 22:00", 1e6),
        ("", float("inf")),
    ],
)
def test_schedules_are_ordered_by_how_often_they_come(cron: str, period: float) -> None:
    assert schedule.period_min(cron) == period


def test_who_sees_a_page_is_told_what_changes_on_it_what_comes_to_it_and_nothing_else(idle: Node) -> None:
    for user in "bcdef":
        idle.save(localuser=user)
    view = {"sort": "localuser", "page": 1, "length": 2}
    first = ask(idle, view=view)
    shown = first["page"]["tasks"]
    assert shown == ["b_a0241w", "c_a0241w"]
    seen = {"view": view, "shown": shown}
    idle.save(localuser="e", remotehostname="elsewhere.example.org")
    second = ask(idle, since=first["version"], **seen)
    assert (second["tasks"], second["page"]["tasks"]) == ([], shown)
    quiet = ask(idle, since=second["version"], **seen)
    assert (quiet["tasks"], quiet["removed"], quiet["page"]) == ([], [], None)
    assert len(json.dumps(quiet)) < 2000
    idle.save(localuser="c", remotehostname="elsewhere.example.org")
    idle.save(localuser="a")
    third = ask(idle, since=second["version"], **seen)
    assert keys(third["tasks"]) == ["a_a0241w", "c_a0241w"]
    assert (third["page"]["tasks"], third["page"]["total"]) == (["a_a0241w", "b_a0241w"], 6)
    # The reader's rows stay where they are: c, which is on the next page by now, is told all the same.
    idle.action("delete-task", {"localuser": "b"})
    fourth = ask(idle, since=third["version"], view=view, shown=["b_a0241w", "c_a0241w", "a_a0241w"])
    assert (fourth["removed"], fourth["tasks"]) == (["b_a0241w"], [])
    assert fourth["page"]["tasks"] == ["a_a0241w", "c_a0241w"]


def test_one_task_is_asked_for_by_its_name(idle: Node) -> None:
    idle.save(localuser="a")
    idle.save(localuser="b")
    answer = ask(idle, shown=["a_a0241w", "nobody_x"])
    assert (keys(answer["tasks"]), answer["removed"]) == (["a_a0241w"], ["nobody_x"])
    assert "page" not in answer


def test_a_version_of_list_tasks_is_one_of_list_changes(idle: Node) -> None:
    idle.save(localuser="a")
    version = idle.action("list-tasks", {"page": 1, "length": 10}).output["version"]
    assert ask(idle, since=version)["tasks"] == []
    idle.save(localuser="b")
    assert keys(ask(idle, since=version)["tasks"]) == ["b_a0241w"]


def test_another_schedule_of_its_project_is_a_change_of_the_task(idle: Node) -> None:
    project = {"project": "wave1", "stage": "full", "cron": "1h"}
    assert idle.action("set-project", project).exit_code == 0
    idle.save(localuser="a", project="wave1")
    idle.save(localuser="b")
    version = ask(idle)["version"]
    assert idle.action("set-project", project | {"cron": "5m"}).exit_code == 0
    told = ask(idle, since=version)["tasks"]
    assert [(row["localuser"], row["cron"]) for row in told] == [("a", "5m")]
    assert ask(idle, since=ask(idle)["version"])["tasks"] == []


def test_a_task_that_waits_for_a_server_while_it_runs_is_found_as_such(idle: Node) -> None:
    name = idle.save(localuser="a")
    idle.action("start-task", {"localuser": "a"})
    until(lambda: runtime.progress(idle.paths, name))
    assert pages(idle, condition="running") == ["a"]
    progress = idle.paths.progress(name)
    beside = progress.with_name(".new")
    beside.write_text('{"phase": "waiting"}')
    beside.replace(progress)
    assert (pages(idle, condition="server"), pages(idle, condition="running")) == (["a"], [])


@pytest.mark.parametrize("entry", ['["1", 2, "failed"]', '["1", 2, []]', "7"])
def test_a_memory_of_an_earlier_version_begins_anew(ended: Node, entry: str) -> None:
    ask(ended)
    kept = json.loads(ended.paths.changed_tasks.read_text())
    ended.paths.changed_tasks.write_text(json.dumps(kept | {"tasks": {"a_a0241w": json.loads(entry)}}))
    assert pages(ended, condition="never") == ["a"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_page_of_ten_thousand_tasks_comes_within_a_second(idle: Node) -> None:
    with idle.store.locked():
        env = to_env(from_request(request(localuser="user")))
        for number in range(10_000):
            name = f"user{number}_a0241w"
            idle.paths.env(name).write_text(envfile.render(env | {"LOCALUSER": f"user{number}"}))
            idle.paths.result(name).write_text(json.dumps(ENDED | {"exit_code": number % 3}))
    view = {"search": "user 9", "condition": ["failed"], "sort": "result", "page": 2, "length": 100}
    ask(idle, view=view)
    time.sleep(0.2)
    version = ask(idle, view=view)["version"]
    for what, data in (
        ("a page", {"view": view}),
        ("nothing new on a page", {"view": view, "since": version}),
        ("a look at one task", {"shown": ["user77_a0241w"]}),
        ("list-tasks, a page", {"page": 1, "length": 100}),
    ):
        action = "list-tasks" if "length" in data else "list-changes"
        program = str(IMAGEROOT / "actions" / action / "20read")
        took = min(spent(idle, program, **data) for _ in range(5))
        sys.stdout.write(f"\n10,000 tasks, {what}: {1000 * took:.0f} ms of processor time\n")
        assert took < 1
    assert len(remembered(idle).entries) == 10_000
