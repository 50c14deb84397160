"""Comparing both accounts of a task: nothing is copied, and what was found is kept and told."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import Node, request
from tests.module.test_runs import engine_pid, kill_container, runs, state
from tests.module.test_stops import NAME, WHICH
from tests.module.waiting import until
from tests.servers.client import NewMessage

from imapsync_tasks import runtime

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot

VERIFY = WHICH | {"verify": True}


def words(node: Node) -> list[list[str]]:
    path = node.home / "words"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def row(node: Node) -> dict[str, Any]:
    (found,) = node.action("list-tasks").output["user_properties"]
    listed: dict[str, Any] = found
    return listed


@pytest.mark.parametrize("mode", ["all", "inbox"])
def test_a_verification_copies_and_deletes_nothing_and_is_no_result(idle: Node, mode: str) -> None:
    (idle.home / "seconds").write_text("0")
    idle.save(delete_remote=True, delete_local=mode == "all", foldersynchronization=mode, exclude="")
    assert idle.action("start-task", VERIFY).exit_code == 0
    until(lambda: words(idle) and state(idle, NAME) == "stopped")
    (asked,) = words(idle)
    assert "--verify" in asked
    assert not [word for word in asked if word.startswith(("--delete", "--search1", "--setflag1"))]
    assert row(idle)["result"] is None
    assert "verified, exit code 0" in (idle.home / "system.log").read_text()


def test_a_verification_that_was_cut_off_goes_on_as_one(idle: Node) -> None:
    task = idle.save()
    idle.action("start-task", VERIFY)
    engine_pid(idle, task)
    kill_container(idle, [task])
    (idle.home / "seconds").write_text("0")
    assert idle.syncctl("resume").returncode == 0
    until(lambda: len(runs(idle)) == 2 and state(idle, task) == "stopped")
    assert [("--verify" in asked) for asked in words(idle)] == [True, True]


def test_many_tasks_are_verified_by_one_action(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    names = [idle.save(task_id=f"t{number}") for number in range(3)]
    tasks = [{"localuser": "administrator", "task_id": f"t{number}"} for number in range(3)]
    done = idle.action("run-tasks", {"verb": "verify", "tasks": tasks})
    assert (done.output["done"], done.output["failed"]) == (3, 0)
    until(lambda: len(words(idle)) == 3 and all(state(idle, name) == "stopped" for name in names))
    assert all("--verify" in asked for asked in words(idle))


@pytest.mark.parametrize("other", [{"retry_failed": True}, {"allow_deleted": 5}, {"allow_vanished": 5}])
def test_a_verification_is_nothing_else_besides(idle: Node, other: dict[str, object]) -> None:
    idle.save()
    refused = idle.action("start-task", VERIFY | other)
    assert (refused.exit_code, refused.output[0]["field"]) == (10, "verify")
    assert words(idle) == []


@pytest.mark.servers
def test_what_was_lost_after_the_sync_is_found_kept_and_in_the_report(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    task = {"localuser": "bob", "task_id": "a"}
    mail.save(
        **request(
            **task, remotehostname=remote.host, remoteport=remote.port, security="", remoteusername="anna",
            remotepassword="remote secret", exclude="", project="",
        )
    )  # fmt: skip
    with remote.client("anna") as client:
        client.append(b"INBOX", [NewMessage(b"Message-Id: <%d@x>\r\n\r\nhello\r\n" % n) for n in range(5)])
    mail.syncctl("start", "bob_a")
    mail.syncctl("start", "--verify", "bob_a")
    assert {key: row(mail)["verified"][key] for key in ("checked", "equal", "differences", "exit_code")} == {
        "checked": 5, "equal": 5, "differences": 0, "exit_code": 0,
    }  # fmt: skip
    with local.client("bob") as client:
        client.command(b"SELECT INBOX")
        client.command(rb"UID STORE 2 +FLAGS (\Deleted)")
        client.command(b"EXPUNGE")
    before = local.snapshot("bob")
    mail.syncctl("start", "--verify", "bob_a")
    assert local.snapshot("bob") == before
    found = row(mail)
    assert (found["verified"]["differences"], found["verified"]["exit_code"]) == (1, 121)
    assert (found["result"]["exit_code"], found["result"]["messages_transferred"]) == (0, 5)
    machine = mail.action("get-report", {**task, "format": "json"}).output["content"]
    (exception,) = json.loads(machine)["verify"]["exceptions"]
    assert (exception["folder"], exception["uid"]) == ("INBOX", 2)
    assert [(row["source"], row["different"]) for row in json.loads(machine)["folders"]] == [("INBOX", 1)]
    table = mail.action("get-report", {**task, "format": "csv"}).output["content"]
    told = list(csv.DictReader(io.StringIO(table)))
    assert [(row["row"], row["different"]) for row in told] == [("folder", "1"), ("difference", "")]
    assert [told[1][key] for key in ("folder", "uid", "kind")] == ["INBOX", "2", "missing"]
    page = mail.action("get-report", task).output["content"]
    assert "Messages checked" in page
    mail.paths.verified("bob_a").write_bytes(b"{}")
    assert row(mail)["verified"] is None
    with mail.store.locked():
        assert runtime.verified(mail.paths, "nobody_x") is None
