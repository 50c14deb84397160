"""list-changes and get-task-counts: a page that stays open is told only what happened."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import IMAGEROOT, Node, request
from tests.module.waiting import until

from imapsync_tasks import condition, envfile, runtime
from imapsync_tasks import history as history_of_tasks
from imapsync_tasks.brief import Brief
from imapsync_tasks.task import from_request, to_env

if TYPE_CHECKING:
    from collections.abc import Iterable


def ask(node: Node, since: str | None = None) -> dict[str, Any]:
    """Give the answer of list-changes."""
    step = node.action("list-changes", {} if since is None else {"since": since})
    assert step.exit_code == 0, step.error
    answer: dict[str, Any] = step.output
    return answer


def keys(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Give the names of tasks."""
    return sorted(f"{row['localuser']}_{row['task_id']}" for row in rows)


def test_the_first_answer_is_the_whole_list_as_list_tasks_gives_it(idle: Node) -> None:
    idle.save()
    idle.save(localuser="foo")
    answer = ask(idle)
    assert answer["full"]
    assert answer["tasks"] == idle.action("list-tasks", {}).output["user_properties"]


def test_an_answer_without_news_is_small(idle: Node) -> None:
    with idle.store.locked():
        for number in range(200):
            idle.store.save(from_request(request(localuser=f"user{number}")), "password")
    first = ask(idle)
    assert len(first["tasks"]) == 200
    second = ask(idle, first["version"])
    assert second == {**first, "full": False, "tasks": [], "queue": None}
    assert len(json.dumps(second)) < 2000


def test_only_what_changed_is_told_and_what_has_gone(idle: Node) -> None:
    for user in ("a", "b", "c"):
        idle.save(localuser=user)
    first = ask(idle)
    idle.save(localuser="b", remotehostname="elsewhere.example.org")
    second = ask(idle, first["version"])
    assert (keys(second["tasks"]), second["removed"]) == (["b_a0241w"], [])
    idle.action("delete-task", {"localuser": "c"})
    idle.save(localuser="d")
    third = ask(idle, second["version"])
    assert (keys(third["tasks"]), third["removed"]) == (["d_a0241w"], ["c_a0241w"])
    # A reader that slept learns both steps at once.
    both = ask(idle, first["version"])
    assert (keys(both["tasks"]), both["removed"]) == (["b_a0241w", "d_a0241w"], ["c_a0241w"])
    idle.save(localuser="c")
    assert ask(idle, first["version"])["removed"] == []


def test_a_verification_between_two_looks_is_told(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    name = idle.save()
    version = ask(idle)["version"]
    with idle.store.locked():
        runtime.keep_verification(idle.paths, name, {}, "content", 124)
    (row,) = ask(idle, version)["tasks"]
    assert row["verified"]["exit_code"] == 124


def test_a_run_is_followed_from_its_start_to_its_result(idle: Node) -> None:
    (idle.home / "seconds").write_text("0.5")
    name = idle.save()
    idle.save(localuser="other")
    version = ask(idle)["version"]
    idle.syncctl("start", name)
    seen: list[Any] = []

    def finished() -> bool:
        nonlocal version
        answer = ask(idle, version)
        version = answer["version"]
        seen.extend(answer["tasks"])
        return bool(seen) and seen[-1]["result"] is not None

    until(finished)
    assert {row["localuser"] for row in seen} == {"administrator"}
    assert (seen[-1]["state"], seen[-1]["result"]["exit_code"]) == ("stopped", 0)


def test_the_queue_is_told_by_itself_so_that_those_who_wait_need_no_new_rows(idle: Node) -> None:
    names = [idle.save(localuser=user) for user in "abcde"]
    idle.action("start-all-tasks")
    # The first sign of life of a run is news of its own.
    until(lambda: sum(runtime.progress(idle.paths, name) is not None for name in names) == 2)
    first = ask(idle)
    assert len(first["queue"]) == 3
    running = next(row["localuser"] for row in first["tasks"] if row["state"] == "running")
    idle.action("stop-task", {"localuser": running, "task_id": "a0241w"})
    until(lambda: len(ask(idle)["queue"]) == 2)
    second = ask(idle, first["version"])
    assert second["queue"] == first["queue"][1:]
    assert keys(second["tasks"]) == sorted([f"{running}_a0241w", first["queue"][0]])
    assert set(second["queue"]) < set(names)


@pytest.mark.parametrize("content", ["", "{}", '{"epoch": 1}', '{"entries": {"a": [1]}}', "[]"])
def test_a_lost_or_damaged_memory_costs_one_whole_list(idle: Node, content: str) -> None:
    idle.save()
    for path in (idle.paths.changes, idle.paths.changed_tasks):
        version = ask(idle)["version"]
        path.write_text(content)
        idle.save(localuser="b")
        again = ask(idle, version)
        assert (again["full"], len(again["tasks"])) == (True, 2)


def test_two_files_of_different_moments_are_no_memory(idle: Node) -> None:
    idle.save(localuser="a")
    version = ask(idle)["version"]
    kept = idle.paths.changed_tasks.read_bytes()
    idle.save(localuser="b")
    ask(idle, version)
    idle.paths.changed_tasks.write_bytes(kept)
    idle.save(localuser="c")
    again = ask(idle, version)
    assert (again["full"], len(again["tasks"])) == (True, 3)


@pytest.mark.parametrize("since", ["", "x", "1", ".", "0000.1", "9" * 60])
def test_a_version_of_nowhere_gets_the_whole_list(idle: Node, since: str) -> None:
    idle.save()
    assert ask(idle, since)["full"]


def test_a_version_of_the_future_gets_the_whole_list(idle: Node) -> None:
    idle.save()
    epoch, _, number = ask(idle)["version"].partition(".")
    assert ask(idle, f"{epoch}.{int(number) + 1}")["full"]


def test_who_missed_too_many_removals_gets_the_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    brief = Brief._make([*["x"] * 8, condition.NEVER, 0, condition.NEVER, 0])
    look = history_of_tasks.Looks(lambda _name: brief, lambda _brief: "")
    monkeypatch.setattr(history_of_tasks, "MAX_REMOVED", 2)
    history = history_of_tasks.History()
    history.observe(dict.fromkeys("abcd", "1"), look)
    begin = history.token
    for left in ("abc", "ab", "a"):
        history.observe(dict.fromkeys(left, "1"), look)
    assert history.since(begin) is None
    assert history.since(history.token) is not None


def test_tasks_are_counted_without_listing_them(idle: Node) -> None:
    names = [idle.save(localuser=user) for user in "abcde"]
    result = {"exit_code": 0, "started_at": 1, "ended_at": 2, "messages_failed": 0, "error": None}
    for name, change in zip(names, ({}, {"exit_code": 6}, {"messages_failed": 3}), strict=False):
        idle.paths.result(name).write_text(json.dumps(result | change))
    idle.paths.env(names[4]).write_text("REMOTEPORT=none\n")
    step = idle.action("get-task-counts")
    assert step.exit_code == 0, step.error
    counted = step.output
    assert counted == {
        "total": 5,
        "running": 0,
        "queued": 0,
        "failed": 3,
        "never": 1,
        "schedules_paused": False,
    }
    idle.action("start-task", {"localuser": "a"})
    assert idle.action("get-task-counts").output["running"] == 1


def quiet(node: Node) -> str:
    """Wait until a question finds that nothing changed without looking at every task; give the version."""
    version = ""

    def short() -> bool:
        nonlocal version
        before = looked_at(node)
        version = ask(node, version)["version"]
        return looked_at(node) == before > 0

    until(short, 120)
    return version


def looked_at(node: Node) -> float:
    """Give when every task was looked at."""
    return remembered(node).looked_at


def remembered(node: Node) -> history_of_tasks.History:
    """Give what the module remembers of its tasks."""
    return history_of_tasks.History.read(node.paths.changes, node.paths.changed_tasks)


def test_without_news_no_task_is_looked_at(idle: Node) -> None:
    idle.save()
    version = quiet(idle)
    before = looked_at(idle)
    assert ask(idle, version)["tasks"] == []
    assert idle.action("get-task-counts").output["total"] == 1
    assert looked_at(idle) == before


def test_while_a_task_runs_only_that_one_is_looked_at(idle: Node) -> None:
    name = idle.save(localuser="a")
    idle.save(localuser="b")
    idle.action("start-task", {"localuser": "a"})
    until(lambda: runtime.progress(idle.paths, name))
    version = quiet(idle)
    before = looked_at(idle)
    progress = idle.paths.progress(name)
    beside = progress.with_name(".new")
    beside.write_text('{"phase": "copying", "messages_done": 2}')
    beside.replace(progress)
    kept = idle.paths.changed_tasks.stat().st_mtime_ns
    answer = ask(idle, version)
    assert [row["progress"]["messages_done"] for row in answer["tasks"]] == [2]
    assert looked_at(idle) == before
    view = {"since": version, "view": {"page": 1}, "shown": ["a_a0241w", "b_a0241w"]}
    seen = idle.action("list-changes", view).output
    assert (keys(seen["tasks"]), seen["page"]) == (["a_a0241w"], None)
    # What is remembered of all tasks is neither read nor written for it.
    assert idle.paths.changed_tasks.stat().st_mtime_ns == kept
    idle.action("stop-task", {"localuser": "a"})
    answer = ask(idle, answer["version"])
    assert [row["state"] for row in answer["tasks"]] == ["stopped"]


def test_a_start_is_seen_at_once(idle: Node) -> None:
    name = idle.save()
    idle.syncctl("start", "--detach", name)
    idle.syncctl("stop", name)
    version = quiet(idle)
    idle.syncctl("start", "--detach", name)
    assert [row["state"] for row in ask(idle, version)["tasks"]] == ["running"]
    assert idle.action("get-task-counts").output["running"] == 1


def test_a_run_that_is_killed_with_its_container_is_told(idle: Node) -> None:
    name = idle.save()
    idle.syncctl("start", "--detach", name)
    until(lambda: runtime.progress(idle.paths, name))
    version = quiet(idle)
    held = json.loads(idle.paths.lock(name).read_text())
    for who in ("worker", "engine"):
        os.kill(held[who][0], signal.SIGKILL)
    until(lambda: [row["state"] for row in ask(idle, version)["tasks"]] == ["stopped"])


def test_a_file_that_an_administrator_edits_in_place_is_seen_after_a_while(idle: Node) -> None:
    name = idle.save()
    version = quiet(idle)
    env = idle.paths.env(name)
    env.write_text(env.read_text().replace("imap.foo.com", "imap.bar.com"))
    history = remembered(idle)
    history.looked_at -= 301
    history.write(idle.paths.changes, idle.paths.changed_tasks)
    assert [row["remotehostname"] for row in ask(idle, version)["tasks"]] == ["imap.bar.com"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_question_without_news_costs_nothing_with_ten_thousand_tasks(idle: Node) -> None:
    with idle.store.locked():
        env = to_env(from_request(request(localuser="user")))
        for number in range(10_000):
            idle.paths.env(f"user{number}_a0241w").write_text(
                envfile.render(env | {"LOCALUSER": f"user{number}"})
            )
    version = quiet(idle)
    alone = min(spent(idle, "-c", "import json, sys; json.load(sys.stdin)") for _ in range(7))
    asked = min(
        spent(idle, str(IMAGEROOT / "actions" / "list-changes" / "20read"), since=version) for _ in range(7)
    )
    sys.stdout.write(f"\n10,000 tasks, nothing new: {1000 * (asked - alone):.0f} ms of processor time\n")
    assert asked - alone < 0.03 * SLOWER
    # While tasks run each question finds another progress.
    (idle.home / "seconds").write_text("600")
    idle.action("start-task", {"localuser": "user77"})
    progress = idle.paths.progress("user77_a0241w")
    until(lambda: runtime.progress(idle.paths, "user77_a0241w"))
    view = {"sort": "localuser", "page": 1, "length": 100}
    data: dict[str, Any] = {"since": quiet(idle), "view": view, "shown": ["user77_a0241w"]}
    costs = []
    for number in range(7):
        beside = progress.with_name(".new")
        beside.write_text(json.dumps({"phase": "copying", "messages_done": number}))
        beside.replace(progress)
        costs.append(spent(idle, str(IMAGEROOT / "actions" / "list-changes" / "20read"), **data))
        answer = idle.action("list-changes", data).output
        assert [row["progress"]["messages_done"] for row in answer["tasks"]] == [number]
        data["since"] = answer["version"]
    took = min(costs) - alone
    sys.stdout.write(f"\n10,000 tasks, one runs: {1000 * took:.0f} ms of processor time\n")
    assert took < 0.03 * SLOWER


#: What a machine that does other things may need more.
SLOWER = 3


def spent(node: Node, *words: str, **data: object) -> float:
    """Give the processor time of a program of the node's Python, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *words],
        input=json.dumps(data),
        text=True,
        capture_output=True,
        check=True,
        cwd=node.state,
        env=node.environ,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_mailboxes_have_an_action_of_their_own(idle: Node) -> None:
    assert idle.action("list-mailboxes", {}, MAIL_SERVER="").output == {
        "enabled_mailboxes": [],
        "mailboxes_error": "not_configured",
        "delivers": False,
    }
