"""Many tasks are given another source: logins first, stored passwords stay with their server."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import IMAGEROOT
from tests.module.test_actions import refused
from tests.module.test_bulk import ask
from tests.module.waiting import until
from tests.servers.dovecot import MASTER_USER, Dovecot

from imapsync_tasks import bulk

if TYPE_CHECKING:
    from tests.module.conftest import Node

HOUSE: dict[str, Any] = {
    "source": "house",
    "auth": "password",
    "remotehostname": "imap.house.example",
    "remoteport": 143,
    "security": "tls",
}
AT_HOUSE = {name: HOUSE[name] for name in ("remotehostname", "remoteport", "security")}
CHANGES = {"source": "house", "cron": "2h"}


def files_of(node: Node) -> dict[str, bytes]:
    """Give what lies in the directory of the tasks, but for what is remembered of actions."""
    return {
        path.name: path.read_bytes()
        for path in node.paths.imapsync.iterdir()
        if path.is_file() and not path.name.startswith(".bulk")
    }


def test_what_can_be_changed_for_many_is_what_the_schema_lets_through() -> None:
    schema = json.loads((IMAGEROOT / "actions" / "run-tasks" / "validate-input.json").read_text())
    assert tuple(schema["properties"]["changes"]["properties"]) == bulk.CHANGEABLE


@pytest.mark.servers
def test_tasks_whose_logins_work_move_to_a_source_and_the_others_stay(node: Node) -> None:
    with Dovecot() as remote, Dovecot() as local:
        remote.add_user("anna", "remote secret")
        local.add_user("bob", "local secret")
        node.environ |= {
            "MAIL_HOST": local.host,
            "SYNCCTL_MAIL_PORT": str(local.port),
            "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
        }
        node.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",))
        node.paths.master_password.write_text(local.master_password)
        source = {
            **HOUSE,
            "auth": "master",
            "remotehostname": remote.host,
            "remoteport": remote.port,
            "security": "",
            "master_user": MASTER_USER,
            "master_password": remote.master_password,
        }
        assert node.action("set-source", source).exit_code == 0
        good = node.save(localuser="bob", remoteusername="anna", remotehostname="gone.example.org")
        wrong = node.save(localuser="bob", task_id="b", remoteusername="nobody")
        nowhere = node.save(localuser="nobody", remoteusername="anna")
        before = files_of(node)
        tasks = [{"localuser": "bob", "task_id": "b"}, {"localuser": "nobody", "task_id": "a0241w"}]
        step = ask(node, "change", ["bob", "x"], changes=CHANGES)
        more = node.action("run-tasks", {"verb": "change", "tasks": tasks, "changes": CHANGES})
    assert [one["error"] for one in step.output["failures"]] == ["task_not_found"]
    told = {one["localuser"]: one["error"] for one in more.output["failures"]}
    assert set(told) == {"bob", "nobody"}
    assert told["bob"] == "bad_user_credentials"
    moved = node.store.load(good)
    assert (moved.source, moved.remotehostname, moved.cron) == ("house", remote.host, "2h")
    assert not node.paths.pwd(good).exists()
    after = files_of(node)
    for name in (wrong, nowhere):
        assert {key: after[key] for key in before if key.startswith(f"{name}.")} == {
            key: before[key] for key in before if key.startswith(f"{name}.")
        }


def test_a_stored_password_moves_to_no_other_server(idle: Node) -> None:
    assert idle.action("set-source", HOUSE).exit_code == 0
    idle.save(localuser="a")
    here = idle.save(localuser="b", **AT_HOUSE)
    before = files_of(idle)
    step = ask(idle, "change", "ab", changes=CHANGES)
    assert step.output["failures"] == [{"localuser": "a", "task_id": "a0241w", "error": "password_required"}]
    after = files_of(idle)
    assert {name: after[name] for name in after if name.startswith("a_")} == {
        name: before[name] for name in before if name.startswith("a_")
    }
    assert (idle.store.load(here).source, idle.store.password(here)) == ("house", "password")


def test_a_task_that_lost_its_source_is_moved_to_another(idle: Node) -> None:
    master = {**HOUSE, "auth": "master", "master_user": "m", "master_password": "secret"}
    for name in ("old", "house"):
        assert idle.action("set-source", master | {"source": name}).exit_code == 0
    name = idle.save(localuser="a", source="old")
    idle.paths.source("old").unlink()
    assert ask(idle, "change", "a", changes={"source": "house"}).output["failed"] == 0
    assert idle.store.load(name).remotehostname == HOUSE["remotehostname"]


def logins_wait(node: Node) -> Path:
    """Let every login of the idle engine wait for the file that is given; it makes `trying` beside it."""
    go, run = node.home / "go", node.home / "bin" / "imapsync.run"
    waits = f"""
while "--justlogin" in sys.argv and not os.path.exists({str(go)!r}):
    open({str(go.with_name("trying"))!r}, "w").close()
    time.sleep(0.02)
signal.signal("""
    run.write_text(run.read_text().replace("\nsignal.signal(", waits, 1))
    return go


def test_an_edit_made_while_the_logins_are_tried_is_not_reverted(idle: Node) -> None:
    assert idle.action("set-source", HOUSE).exit_code == 0
    names = [idle.save(localuser=user, **AT_HOUSE) for user in "abc"]
    go, answers = logins_wait(idle), []
    moving = threading.Thread(target=lambda: answers.append(ask(idle, "change", "abc", changes=CHANGES)))
    moving.start()
    try:
        until(go.with_name("trying").exists)
        idle.save(localuser="a", **AT_HOUSE, foldersynchronization="exclusion", exclude="Later", cron="1h")
        idle.save(localuser="b", **AT_HOUSE, remoteusername="another")
        edited = idle.paths.env(names[1]).read_bytes()
        with idle.store.locked():
            idle.store.forget(names[2])
    finally:
        go.touch()
        moving.join()
    (step,) = answers
    told = {one["localuser"]: one["error"] for one in step.output["failures"]}
    assert told == {"b": "task_changed", "c": "task_not_found"}
    moved = idle.store.load(names[0])
    assert (moved.source, moved.cron, moved.foldersynchronization, moved.exclude) == (
        *("house", "2h", "exclusion", "Later"),
    )
    assert idle.paths.env(names[1]).read_bytes() == edited
    assert not idle.store.exists(names[2])


@pytest.mark.parametrize("source", ["", "nowhere", "../house"])
def test_a_source_that_is_not_there_is_refused_before_any_task_is_touched(idle: Node, source: str) -> None:
    idle.save(localuser="a")
    before = idle.snapshot()
    refused(ask(idle, "change", "a", changes={"source": source}), "source", "source_not_found", 2)
    assert idle.snapshot() == before


def test_without_the_service_no_login_is_tried_and_nothing_moves(idle: Node) -> None:
    assert idle.action("set-source", HOUSE).exit_code == 0
    idle.save(localuser="a", **AT_HOUSE)
    idle.paths.env(idle.save(localuser="b", **AT_HOUSE)).write_text("REMOTEPORT=x\n")
    before = files_of(idle)
    (idle.home / "down").touch()
    tasks = [{"localuser": user, "task_id": "a0241w"} for user in "ab"]
    step = idle.action(
        "run-tasks",
        {"verb": "change", "tasks": tasks, "changes": CHANGES},
        SERVICE_DOWN=str(idle.home / "down"),
    )
    assert [one["error"] for one in step.output["failures"]] == ["service_not_running", "task_unreadable"]
    assert files_of(idle) == before
