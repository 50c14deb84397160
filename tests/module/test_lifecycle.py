"""Restore, clone, migration from NethServer 7, update from the upstream module."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.module.conftest import Node


def environment(node: Node) -> dict[str, str]:
    """Give the stored variables."""
    path = node.state / "environment"
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if line)


def step(node: Node, action: str, name: str, data: object) -> None:
    """Run one step of an action, for core's own steps need a node."""
    from tests.module.conftest import IMAGEROOT

    assert (IMAGEROOT / "actions" / action / name).exists()
    done = node.helper(f"../actions/{action}/{name}", given=json.dumps(data).encode())
    assert done.returncode == 0, done.stderr


def test_a_restored_instance_takes_its_settings_and_waits(node: Node) -> None:
    (node.state / "environment").write_text("MODULE_ID=imapsync2\n")
    saved = {
        "MAIL_SERVER": "u",
        "MAIL_HOST": "10.5.4.1",
        "MAX_PARALLEL": "3",
        "MODULE_ID": "imapsync1",
        "X": "y",
    }
    step(node, "restore-module", "06copyenv", {"environment": saved, "replace": False})
    assert environment(node) == {
        "MAIL_SERVER": "u",
        "MAIL_HOST": "10.5.4.1",
        "MAX_PARALLEL": "3",
        "MODULE_ID": "imapsync2",
        "SCHEDULES_PAUSED": "1",
    }


@pytest.mark.parametrize(("replace", "paused"), [(False, True), (True, False)])
def test_a_copy_waits_and_a_move_does_not(node: Node, replace: bool, paused: bool) -> None:
    step(node, "clone-module", "50pause", {"replace": replace})
    assert ("SCHEDULES_PAUSED" in environment(node)) is paused


def test_paused_schedules_run_again_when_an_admin_says_so(node: Node) -> None:
    name = node.save()
    node.environ["SCHEDULES_PAUSED"] = "1"
    (node.state / "environment").write_text("SCHEDULES_PAUSED=1\n")
    assert node.helper("expand-cron").returncode == 0
    assert not node.paths.cron_file(name).exists()
    (row,) = node.action("list-tasks", {}).output["user_properties"]
    assert (row["schedule_paused"], row["cron"], row["state"]) == (True, "5m", "stopped")
    assert node.action("resume-schedules", {}).output == {"resumed": True}
    assert node.paths.cron_file(name).exists()
    assert environment(node) == {}


def test_an_admin_pauses_schedules_and_resumes_them(node: Node) -> None:
    name = node.save()
    node.publish()
    (node.state / "environment").write_text("MAIL_HOST=127.0.0.1\n")
    schedule = node.paths.cron_file(name).read_text()
    assert node.action("pause-schedules", {}).output == {"paused": True}
    assert environment(node) == {
        "MAIL_HOST": "127.0.0.1",
        "SCHEDULES_PAUSED": "1",
        "SCHEDULES_PAUSED_BY": "admin",
    }
    assert not node.paths.cron_file(name).exists()
    assert node.store.load(name).cron == "5m"
    node.environ |= environment(node)
    assert node.helper("expand-cron").returncode == 0
    assert not node.paths.cron_file(name).exists()
    answer = node.action("list-tasks", {}).output
    assert (answer["schedules_paused"], answer["user_properties"][0]["schedule_paused"]) == (True, True)
    assert node.action("pause-schedules", {}).output == {"paused": False}
    assert node.action("resume-schedules", {}).output == {"resumed": True}
    assert environment(node) == {"MAIL_HOST": "127.0.0.1"}
    assert node.paths.cron_file(name).read_text() == schedule


def test_a_copy_stays_one_when_an_admin_pauses_it(node: Node) -> None:
    node.environ["SCHEDULES_PAUSED"] = "1"
    (node.state / "environment").write_text("SCHEDULES_PAUSED=1\n")
    assert node.action("pause-schedules", {}).output == {"paused": False}
    assert environment(node) == {"SCHEDULES_PAUSED": "1"}


def test_the_clone_of_a_paused_instance_is_a_copy(node: Node) -> None:
    (node.state / "environment").write_text("SCHEDULES_PAUSED=1\nSCHEDULES_PAUSED_BY=admin\n")
    step(node, "clone-module", "50pause", {"replace": False})
    assert environment(node) == {"SCHEDULES_PAUSED": "1"}


def test_leftovers_of_a_copied_state_never_say_running(node: Node) -> None:
    name = node.save()
    node.paths.lock(name).write_text('{"worker": [1, 1], "engine": [1, 1], "stop": false}')
    node.paths.progress(name).write_text('{"phase": "copying"}')
    node.paths.queue.write_text(json.dumps({"entries": [[name, 0]]}))
    (node.paths.imapsync / f"{name}.pid").write_text("1\n")
    (row,) = node.action("list-tasks", {}).output["user_properties"]
    assert (row["state"], row["service_running"], row["progress"], row["queue_position"]) == (
        "stopped",
        False,
        None,
        None,
    )


def account(**props: str) -> dict[str, object]:
    """Give one record of getmail.json."""
    base = {
        "Account": "foo@ns7.example",
        "Server": "imap.example.org",
        "Username": "user@example.org",
        "Password": "se,cret",
        "Retriever": "SimpleIMAPSSLRetriever",
        "Delete": "-1",
        "Time": "10",
        "status": "enabled",
        "VirusCheck": "enabled",
        "SpamCheck": "enabled",
    }
    return {"name": "user@example.org", "type": "getmail", "props": {**base, **props}}


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({}, (993, "ssl", "10m", False, 0)),
        ({"Retriever": "SimpleIMAPRetriever"}, (143, "tls", "10m", False, 0)),
        ({"Retriever": "SimplePOP3SSLRetriever"}, (993, "ssl", "", False, 0)),
        ({"Retriever": "SimplePOP3Retriever"}, (143, "tls", "", False, 0)),
        ({"Time": "60"}, (993, "ssl", "1h", False, 0)),
        ({"Time": ""}, (993, "ssl", "30m", False, 0)),
        ({"Delete": "0"}, (993, "ssl", "10m", True, 0)),
        ({"Delete": ""}, (993, "ssl", "10m", True, 0)),
        ({"Delete": "90"}, (993, "ssl", "10m", True, 90)),
        ({"status": "disabled"}, (993, "ssl", "", False, 0)),
    ],
)
def test_each_kind_of_account_of_nethserver_7(
    node: Node, props: dict[str, str], expected: tuple[int, str, str, bool, int]
) -> None:
    source = node.state / "getmail.json"
    source.write_text(json.dumps([account(**props)]))
    step(node, "import-module", "50tasks", {"credentials": ["u", "s"], "port": 1, "volumes": []})
    (name,) = node.store.names()
    task = node.store.load(name)
    found = (task.remoteport, task.security, task.cron, task.delete_remote, task.delete_remote_older)
    assert found == expected
    assert (task.localuser, task.foldersynchronization) == ("foo", "inbox")
    assert node.store.password(name) == "se,cret"
    assert not source.exists()


def test_incomplete_accounts_are_left_out_and_told(node: Node) -> None:
    records = [
        {"name": "x", "type": "getmail"},
        account(Password=""),
        account(Retriever="Other"),
        account(Server="bad host"),
        account(),
        "text",
        None,
        {"name": "y", "props": []},
    ]
    (node.state / "getmail.json").write_text(json.dumps(records))
    step(node, "import-module", "50tasks", {})
    assert len(node.store.names()) == 1
    assert not (node.state / "getmail.json").exists()


def test_a_migration_without_accounts_is_no_error(node: Node) -> None:
    step(node, "import-module", "50tasks", {})
    (node.state / "getmail.json").write_text("{broken")
    step(node, "import-module", "50tasks", {})
    assert node.store.names() == []


def test_an_upstream_instance_keeps_everything(node: Node) -> None:
    """State as the upstream module leaves it: our service start makes the same schedule and loses nothing."""
    env = (
        "\nTASK_ID=vd2am3\nLOCALUSER=john\nREMOTEUSERNAME=user@domain.com\nREMOTEHOSTNAME=imap.domain.com\n"
        "REMOTEPORT=143\nSECURITY=--tls1\nDELETE_LOCAL=\nDELETEFOLDER=\nEXCLUDE=,a,b\nDELETE_REMOTE=--delete1\n"
        "SIEVE_ENABLED=\nEXPUNGE_REMOTE=--noexpungeaftereach\nCRON=5m\nFOLDER_INBOX=\nFOLDERSYNCHRONIZATION=exclusion\n"
    )
    name = "john_vd2am3"
    node.paths.env(name).write_text(env)
    node.paths.pwd(name).write_text("pw")
    node.paths.upstream_status(name).write_text("1700000000\n0\n")
    (node.paths.imapsync / f"{name}.timestamp").write_text("exclusion\n")
    (node.paths.imapsync / "john_vd2am3.rollback").write_text("secret")
    (node.paths.cron / "own.custom").write_text("1 */1 * * *  root /etc/imapsync/script.custom\n")
    assert node.helper("../update-module.d/15tidy").returncode == 0
    assert node.helper("expand-cron").returncode == 0
    assert not (node.paths.imapsync / "john_vd2am3.rollback").exists()
    assert node.paths.env(name).read_text() == env
    assert (
        "*/5 * * * * root /usr/local/bin/syncctl start john_vd2am3\n"
        in node.paths.cron_file(name).read_text()
    )
    (row,) = node.action("list-tasks", {}).output["user_properties"]
    assert (row["exclude"], row["delete_remote"], row["last_sync_exit_code"], row["error"]) == (
        ",a,b",
        True,
        0,
        None,
    )
    assert node.action("delete-task", {"localuser": "john"}).exit_code == 0
    assert {path.name for path in node.paths.imapsync.iterdir() if path.name[0] != "."} == {"vmail.pwd"}
    assert {path.name for path in node.paths.cron.iterdir()} == {"own.custom"}


def test_the_master_password_is_kept_when_mail_does_not_answer(node: Node) -> None:
    done = node.helper("reveal-master-secret", "0")
    assert (done.returncode, node.paths.master_password.read_text()) == (0, "master")
