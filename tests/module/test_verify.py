"""Comparing both accounts of a task: nothing is copied, and what was found is kept and told."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import Node, request
from tests.module.test_runs import engine_pid, kill_container, runs, state
from tests.module.test_stops import NAME, WHICH
from tests.module.waiting import until
from tests.servers.client import NewMessage

from imapsync_tasks import queue, runtime
from imapsync_tasks.queue import Release
from syncctl import budget

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
    assert "--verify=headers" in asked
    assert "--errorsmax=1000000000" in asked
    assert not [word for word in asked if word.startswith(("--delete", "--search1", "--setflag1"))]
    assert row(idle)["result"] is None
    assert "verified, exit code 0" in (idle.home / "system.log").read_text()


def test_a_verification_that_was_cut_off_goes_on_as_one(idle: Node) -> None:
    task = idle.save()
    idle.action("start-task", VERIFY | {"method": "content"})
    engine_pid(idle, task)
    kill_container(idle, [task])
    (idle.home / "seconds").write_text("0")
    assert idle.syncctl("resume").returncode == 0
    until(lambda: len(runs(idle)) == 2 and state(idle, task) == "stopped")
    assert [("--verify=content" in asked) for asked in words(idle)] == [True, True]


@pytest.mark.parametrize(("asked", "method"), [({}, "headers"), ({"method": "content"}, "content")])
def test_many_tasks_are_verified_by_one_action(idle: Node, asked: dict[str, str], method: str) -> None:
    (idle.home / "seconds").write_text("0")
    names = [idle.save(task_id=f"t{number}") for number in range(3)]
    tasks = [{"localuser": "administrator", "task_id": f"t{number}"} for number in range(3)]
    done = idle.action("run-tasks", {"verb": "verify", "tasks": tasks} | asked)
    assert (done.output["done"], done.output["failed"]) == (3, 0)
    until(lambda: len(words(idle)) == 3 and all(state(idle, name) == "stopped" for name in names))
    assert all(f"--verify={method}" in words_of for words_of in words(idle))


@pytest.mark.parametrize("other", [{"retry_failed": True}, {"allow_deleted": 5}, {"allow_vanished": 5}])
def test_a_verification_is_nothing_else_besides(idle: Node, other: dict[str, object]) -> None:
    idle.save()
    refused = idle.action("start-task", VERIFY | other)
    assert (refused.exit_code, refused.output[0]["field"]) == (10, "verify")
    assert words(idle) == []


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("start-task", WHICH | {"method": "content"}),
        ("start-task", VERIFY | {"method": "bodies"}),
        ("run-tasks", {"verb": "start", "method": "content", "filter": {}}),
        ("run-tasks", {"verb": "verify", "method": "", "filter": {}}),
    ],
)
def test_a_method_that_is_none_or_is_for_no_verification_is_refused(
    idle: Node, action: str, asked: dict[str, object]
) -> None:
    idle.save()
    refused = idle.action(action, asked)
    assert (refused.exit_code, refused.output[0]["field"]) == (10, "method")
    assert words(idle) == []


def test_a_verification_that_waits_for_the_earlier_version_is_one_by_headers(idle: Node) -> None:
    task = idle.save()
    idle.paths.queue.write_text(json.dumps({"entries": [[task, 5.0, [0, 0, False, True]]]}))
    (entry,) = queue.read(idle.paths)
    assert entry.release == Release(verify="headers")


REPORT = {
    "ended_at": 1_700_000_000.5,
    "exit_code": 121,
    "verify": {"checked": 5, "equal": 3, "exceptions_total": 2, "exceptions": []},
}
TOLD = {"at": 1_700_000_000, "checked": 5, "equal": 3, "differences": 2, "exit_code": 121}


def test_lists_of_tasks_read_no_report_where_what_it_comes_to_is_known(node: Node) -> None:
    name = node.save()
    node.paths.verified(name).write_text(json.dumps(REPORT))
    assert row(node)["verified"] == TOLD | {"method": "headers"}  # of an earlier version
    report = REPORT | {"verify": {**REPORT["verify"], "method": "content"}}  # type: ignore[dict-item]
    with node.store.locked():
        runtime.keep_verification(node.paths, name, report, "content", 121)
    assert json.loads(node.paths.verified(name).read_text()) == report
    node.paths.verified(name).chmod(0)
    node.paths.verified(name).write_bytes(b"not looked at")
    assert row(node)["verified"] == TOLD | {"method": "content"}
    assert node.paths.proof(name).stat().st_size < 200
    node.paths.proof(name).write_bytes(b"{")
    assert row(node)["verified"] is None
    node.paths.verified(name).write_text(json.dumps(report))
    assert row(node)["verified"] == TOLD | {"method": "content"}


def test_a_verification_that_came_to_no_report_is_told_and_leaves_the_last_report(node: Node) -> None:
    name = node.save()
    with node.store.locked():
        runtime.keep_verification(node.paths, name, REPORT, "headers", 121)
        runtime.keep_verification(node.paths, name, {}, "content", 124)
    found = row(node)["verified"]
    assert (found["checked"], found["exit_code"], found["method"]) == (0, 124, "content")
    assert json.loads(node.paths.verified(name).read_text()) == REPORT


def test_what_a_comparison_by_content_reads_counts_in_the_bytes_of_the_day(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    name = idle.save(remotehostname="imap.gmail.com", security="ssl", remoteport=993)
    task = idle.store.load(name)
    limit = budget.daily_bytes("imap.gmail.com")
    with idle.store.locked():
        budget.spend(idle.paths, task, limit - 1000, time.time())
    idle.action("start-task", VERIFY | {"method": "content"})
    until(lambda: words(idle) and state(idle, NAME) == "stopped")
    assert "--exitwhenover=1000" in words(idle)[-1]
    idle.action("start-task", VERIFY)
    until(lambda: len(words(idle)) == 2 and state(idle, NAME) == "stopped")
    assert not [word for word in words(idle)[-1] if word.startswith("--exitwhenover")]
    with idle.store.locked():
        budget.spend(idle.paths, task, 1000, time.time())
    idle.action("start-task", VERIFY | {"method": "content"})
    until(lambda: row(idle)["verified"] is not None and row(idle)["verified"]["exit_code"] == 124)
    assert len(words(idle)) == 2


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
    assert [(row["row"], row["different"], row["extra"]) for row in told] == [
        ("folder", "1", "0"),
        ("difference", "", ""),
    ]
    assert told[0]["first_date"] == told[0]["last_date"] != ""
    assert [told[1][key] for key in ("folder", "uid", "kind")] == ["INBOX", "2", "missing"]
    page = mail.action("get-report", task).output["content"]
    assert "Messages checked" in page
    (path,) = [path for path in local.home("bob").rglob("cur/*") if b"<3@x>" in path.read_bytes()]
    path.write_bytes(path.read_bytes().replace(b"hello", b"hallo"))
    mail.syncctl("start", "--verify=content", "bob_a")
    assert row(mail)["verified"]["method"] == "content"
    report = json.loads(mail.action("get-report", {**task, "format": "json"}).output["content"])
    assert [(one["uid"], one["kind"]) for one in report["verify"]["exceptions"] if one["kind"] != "date"] == [
        (2, "missing"),
        (4, "content"),
    ]
    assert "by SHA-256" in mail.action("get-report", task).output["content"]
    with mail.store.locked():
        assert runtime.verified(mail.paths, "nobody_x") is None
