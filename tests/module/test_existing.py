"""An update from the existing module: no task, schedule or password is lost, a downgrade reads its files."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest
from tests.module import existing
from tests.module.conftest import IMAGEROOT, Node, request
from tests.module.test_actions import refused
from tests.module.waiting import until

from imapsync_tasks import rules
from imapsync_tasks.store import Store

if TYPE_CHECKING:
    from tests.module.existing import Existing

PASSWORD = "pass=word ü"


@pytest.fixture
def made() -> list[Existing]:
    return existing.tasks()


@pytest.fixture
def updated(idle: Node, made: list[Existing]) -> Node:
    """Give an instance of the existing module after the update to this one."""
    existing.write(idle.state, made, PASSWORD)
    assert idle.helper("../update-module.d/15tidy").returncode == 0
    assert idle.helper("expand-cron").returncode == 0
    (idle.home / "seconds").write_text("0")
    return idle


def rows(node: Node) -> dict[tuple[str, str], dict[str, Any]]:
    """Give list-tasks' tasks by who they are."""
    step = node.action("list-tasks", {})
    assert step.exit_code == 0, step.error
    return {(row["localuser"], row["task_id"]): row for row in step.output["user_properties"]}


def test_every_task_is_listed_under_its_own_id(updated: Node, made: list[Existing]) -> None:
    found = rows(updated)
    for one in made:
        row = found.pop((one.localuser, one.task_id))
        given = existing.request(one)
        assert row["error"] is None
        shown = {key: row[key] for key in given} | {"exclude": row["exclude"].removeprefix(",")}
        cron = {"60m": "1h"}.get(str(given["cron"]), given["cron"])  # what cron makes of it
        assert shown == given | {"remoteport": "143", "cron": cron}
        assert (row["last_sync_timestamp"], row["last_sync_exit_code"]) == (1700000000, 0)
        assert row["state"] == "stopped"
    reasons = {f"{user}_{task_id}": row["error"] for (user, task_id), row in found.items()}
    assert reasons.keys() == existing.BROKEN.keys()
    assert all(reasons.values())
    assert ("broken", "BAD_id") in found


@pytest.mark.timeout(400)  # a process for each of many tasks
def test_every_schedule_goes_on_and_starts_its_own_task(updated: Node, made: list[Existing]) -> None:
    expected = {f"{one.name}.cron" for one in made if one.values["CRON"]}
    assert {path.name for path in updated.paths.cron_files()} == expected
    for one in made:
        if one.values["CRON"]:
            line = updated.paths.cron_file(one.name).read_text().splitlines()[-1]
            command = line.partition(" root ")[2].replace("\\%", "%")
            done = updated.syncctl("status", "-", given=shell_words(command)[-1])
            assert done.stdout == "Stopped\n", line


def shell_words(command: str) -> list[str]:
    """Give the words that cron's shell makes of a command."""
    import subprocess

    done = subprocess.run(
        ["sh", "-c", f'syncctl() {{ printf "%s\\0" "$@"; }}; {command.replace("/usr/local/bin/", "")}'],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\0")[:-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_task_runs(updated: Node, made: list[Existing]) -> None:
    sound = {one.name for one in made}
    assert updated.action("start-all-tasks").exit_code == 0
    until(lambda: all(updated.paths.result(name).exists() for name in sound), 600)
    until(lambda: {row["state"] for row in rows(updated).values()} == {"stopped"}, 30)
    assert {row["last_sync_exit_code"] for row in rows(updated).values() if not row["error"]} == {0}
    for one in made[-len(existing.ODD_IDS) :]:
        which = {"localuser": one.localuser, "task_id": one.task_id}
        assert updated.action("start-task", which).output == {"tasks": [one.name]}
        assert updated.action("stop-task", which).output == {"tasks": [one.name]}
        assert updated.action("get-log", which).exit_code == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_task_can_be_edited_and_a_downgrade_reads_it(updated: Node, made: list[Existing]) -> None:
    odd = len(existing.ODD_IDS)
    for one in [*made[:-odd:9], *made[-odd:]]:
        before = updated.paths.env(one.name).read_text()
        step = updated.action("create-task", existing.request(one) | {"cron": "7m"})
        assert step.exit_code == 0, (one, step)
        assert updated.store.password(one.name) == PASSWORD
        written = updated.paths.env(one.name).read_text()
        assert existing.problems(written.encode()) == []
        old = written.replace("CRON=7m", f"CRON={one.values['CRON']}")
        assert old == before + "TLS_TRUST=tofu\n"
    assert rows(updated).keys() >= {(one.localuser, one.task_id) for one in made}


def test_every_task_can_be_deleted_and_nothing_else_is(updated: Node, made: list[Existing]) -> None:
    for one in made[-len(existing.ODD_IDS) :]:
        others = updated.paths.task_names()
        which = {"localuser": one.localuser, "task_id": one.task_id}
        assert updated.action("delete-task", which).output == {"tasks": [one.name]}
        assert updated.paths.task_names() == [name for name in others if name != one.name]
    assert updated.action("delete-task", {"localuser": "foo"}).exit_code == 0
    for user, task_id in rows(updated):
        assert updated.action("delete-task", {"localuser": user, "task_id": task_id}).exit_code == 0
    left = {path for path in updated.snapshot() if not path.startswith("imapsync/.")}
    assert left == {"imapsync/vmail.pwd", *existing.OWN}


def test_two_tasks_that_share_a_name_are_told_apart(idle: Node) -> None:
    name = idle.save(localuser="foo_a", task_id="b")
    before = idle.paths.env(name).read_bytes()
    other = {"localuser": "foo", "task_id": "a_b"}
    step = idle.action("create-task", request(**other))
    refused(step, "task_id", "task_id_taken", 10)
    for action in ("stop-task", "delete-task", "list-failures", "get-log"):
        idle.action(action, other)
    refused(idle.action("start-task", other), "task_id", "task_not_found", 2)
    assert idle.action("delete-task", {"localuser": "foo"}).output == {"tasks": []}
    assert idle.paths.env(name).read_bytes() == before
    (row,) = rows(idle).values()
    assert (row["localuser"], row["task_id"]) == ("foo_a", "b")


@pytest.mark.parametrize("task_id", ["A", "a-b_c.D", "-x", "_", "x" * 64, "0", "a.env"])
def test_new_ids_of_any_safe_form_are_taken(idle: Node, task_id: str) -> None:
    assert idle.action("create-task", request(task_id=task_id)).exit_code == 0
    assert ("administrator", task_id) in rows(idle)


@pytest.mark.parametrize("task_id", ["", ".a", "a b", "a/b", "../a", "x" * 65, "é", "a\nb", "*", "a%"])
def test_new_ids_that_are_not_safe_are_refused(idle: Node, task_id: str) -> None:
    before = idle.snapshot()
    refused(idle.action("create-task", request(task_id=task_id)), "task_id", "invalid_value", 10)
    assert idle.snapshot() == before


def test_the_files_of_a_task_are_not_those_of_one_whose_id_ends_like_a_file(idle: Node) -> None:
    plain = idle.save(task_id="a")
    ends = ("env", "pwd", "state", "json", "trust.1.new", "state-wal")
    kept = [idle.save(task_id=f"a.{end}") for end in ends]
    for path in ("state", "state-wal", "trust.77.new", "state.aside-1", "state.aside-1-shm", "json"):
        (idle.paths.imapsync / f"{plain}.{path}").write_text("x")
    (idle.paths.imapsync / f".{plain}.progress.4711").write_text("x")
    assert idle.action("delete-task", {"localuser": "administrator", "task_id": "a"}).exit_code == 0
    assert idle.store.names() == sorted(kept)
    assert all(idle.store.password(name) for name in kept)
    left = {path.name for path in idle.paths.imapsync.iterdir() if path.name.lstrip(".").startswith(plain)}
    assert left == {f"{name}.{end}" for name in kept for end in ("env", "pwd", "place")}


def test_an_id_of_the_existing_module_is_edited_where_it_stands(idle: Node) -> None:
    (one,) = [one for one in existing.tasks() if one.task_id == "with space"]
    existing.write(idle.state, [one], PASSWORD)
    assert idle.action("create-task", existing.request(one) | {"cron": "9m"}).exit_code == 0
    assert rows(idle)["foo", "with space"]["cron"] == "9m"
    assert rules.is_task_name(one.name)
    assert Store(idle.paths).of_user("foo") == [one.name]
    assert json.dumps(rows(idle)["foo", "with space"]["error"]) == "null"


def test_no_task_is_left_out_of_a_backup_for_its_name() -> None:
    lines = (IMAGEROOT / "etc" / "state-exclude.conf").read_text().splitlines()
    patterns = [line.rpartition("/")[2] for line in lines if line.startswith("state/")]
    ends = (
        "env",
        "state",
        "state-wal",
        "state.aside-1",
        "log",
        "lock",
        "pid",
        "progress",
        "report",
        "rollback",
    )
    for kept in [f"foo_a.{end}.{file}" for end in ends for file in ("env", "pwd")]:
        assert not any(fnmatch(kept, pattern) for pattern in patterns), kept
    for gone in [f"foo_a.{end}" for end in ends[1:]]:
        assert any(fnmatch(gone, pattern) for pattern in patterns), gone
