"""The action steps as processes, in an instance whose engine only waits."""

from __future__ import annotations

import json
import random
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.module.conftest import Node, Step, request
from tests.module.waiting import until

from imapsync_tasks import runtime
from imapsync_tasks.errors import EXISTING_SPELLING

VALIDATION = "set-status validation-failed"


def refused(step: Step, field: str, error: str, exit_code: int) -> None:
    """Assert a validation answer."""
    assert isinstance(step.output, list), step
    assert step.exit_code == exit_code
    assert VALIDATION in step.status
    assert {"field": field, "parameter": field, "error": error}.items() <= step.output[0].items()
    assert "value" in step.output[0]


def rows(node: Node) -> list[dict[str, Any]]:
    """Give list-tasks' tasks."""
    step = node.action("list-tasks", {})
    assert step.exit_code == 0, step.error
    found: list[dict[str, Any]] = step.output["user_properties"]
    return found


def failing(node: Node, *errors: dict[str, object]) -> None:
    """Make the engine's login check report errors."""
    report = {"exit_code": 1, "errors": list(errors)}
    loop = f"case $word in --report=*) echo '{json.dumps(report)}' >${{word#--report=}};; esac"
    node.engine(f"#!/bin/sh\nfor word; do {loop}; done\n")


def test_the_readme_example_comes_back_from_list_tasks(idle: Node) -> None:
    step = idle.action("create-task", request())
    assert (step.exit_code, step.output) == (0, {"localuser": "administrator", "task_id": "a0241w"})
    (row,) = rows(idle)
    given_ = request(remotepassword="", remoteport="143", exclude=",folder1,folder2")
    assert {key: row[key] for key in given_} == given_
    assert (row["service_running"], row["state"], row["error"]) == (True, "running", None)
    assert (row["folder_inbox"], row["deletefolder"], row["expunge_remote"]) == ("", "", "")
    until(lambda: rows(idle)[0]["progress"])
    assert "password" not in json.dumps(idle.action("list-tasks", {}).output["user_properties"]).replace(
        '"remotepassword": ""', ""
    )


def test_actions_for_a_user_and_for_all(idle: Node) -> None:
    for task_id in ("a", "b"):
        idle.save(task_id=task_id)
    idle.save(localuser="foo")
    names = ["administrator_a", "administrator_b"]
    assert idle.action("start-task", {"localuser": "administrator"}).output == {"tasks": names}
    assert [row["state"] for row in rows(idle)] == ["running", "running", "stopped"]
    assert idle.action("stop-task", {"localuser": "administrator", "task_id": "a"}).exit_code == 0
    assert [row["state"] for row in rows(idle)] == ["stopped", "running", "stopped"]
    assert idle.action("start-all-tasks").exit_code == 0
    assert sorted(row["state"] for row in rows(idle)) == ["queued", "running", "running"]
    assert idle.action("stop-all-tasks").output == {"tasks": [*names, "foo_a0241w"]}
    assert {row["state"] for row in rows(idle)} == {"stopped"}
    assert idle.action("delete-task", {"localuser": "administrator"}).output == {"tasks": names}
    assert [row["localuser"] for row in rows(idle)] == ["foo"]
    assert idle.action("delete-task", {"localuser": "administrator"}).output == {"tasks": []}
    assert idle.action("start-task", {"localuser": "administrator"}).output == {"tasks": []}


def test_an_unknown_task_cannot_be_started(idle: Node) -> None:
    refused(idle.action("start-task", {"localuser": "foo", "task_id": "x"}), "task_id", "task_not_found", 2)


def test_deleting_a_running_task_leaves_nothing(idle: Node) -> None:
    before = set(idle.snapshot())
    assert idle.action("create-task", request()).exit_code == 0
    until(lambda: rows(idle)[0]["progress"])
    assert idle.action("delete-task", {"localuser": "administrator", "task_id": "a0241w"}).exit_code == 0
    after = {name for name in idle.snapshot() if not name.startswith(("imapsync/.", "cron/."))}
    assert after == {name for name in before if not name.startswith("imapsync/.")}


CHECKS = [
    ({"side": "host1", "code": "authentication"}, "remotepassword", "bad_user_credentials", 2),
    ({"side": "host1", "code": "login_dropped"}, "remotepassword", "bad_user_credentials", 2),
    (
        {"side": "host1", "code": "connection", "cause": "unknown_host"},
        "remotehostname",
        "check_hostname_or_tcp_port",
        3,
    ),
    (
        {"side": "host1", "code": "connection", "cause": "refused"},
        "remoteport",
        "check_hostname_or_tcp_port",
        3,
    ),
    ({"side": "host1", "code": "timeout"}, "remoteport", "check_hostname_or_tcp_port", 3),
    ({"side": "host1", "code": "tls"}, "security", "ssl_encryption_error", 4),
    ({"side": "host1", "code": "starttls_missing"}, "security", "starttls_not_allowed_use_imaps", 4),
    ({"side": "host1", "code": "plaintext_refused"}, "security", "encryption_required", 4),
    (
        {"side": "host1", "code": "certificate_changed", "fingerprint": "ab"},
        "tls_trust",
        "certificate_changed",
        5,
    ),
    ({"side": "host1", "code": "certificate_untrusted"}, "tls_trust", "certificate_untrusted", 5),
    ({"side": "host2", "code": "login_dropped"}, "localuser", "mailbox_not_found", 6),
    ({"side": "host2", "code": "authentication"}, "localuser", "master_password_refused", 7),
    ({"side": "host2", "code": "connection"}, "localuser", "mail_server_unreachable", 7),
    ({"side": None, "code": "usage", "option": "exclude"}, "exclude", "invalid_exclude", 10),
    ({"side": None, "code": "internal"}, "remotehostname", "validation_failed", 1),
]


@pytest.mark.parametrize(
    ("error", "field", "key", "exit_code"), CHECKS, ids=[f"{c[2]}-{c[1]}" for c in CHECKS]
)
def test_each_refused_login_has_its_field_and_changes_nothing(
    idle: Node, error: dict[str, object], field: str, key: str, exit_code: int
) -> None:
    before = idle.snapshot()
    failing(idle, error)
    step = idle.action("create-task", request())
    refused(step, field, key, exit_code)
    assert idle.snapshot() == before
    spelling = EXISTING_SPELLING.get(key)
    existing = {"field": "createTask", "parameter": "createTask", "value": "error", "error": spelling}
    assert step.output[1:] == ([existing] if spelling else [])


def test_a_refused_update_leaves_the_old_task_and_its_run(idle: Node) -> None:
    idle.action("create-task", request())
    until(lambda: rows(idle)[0]["progress"])
    lock = idle.paths.lock("administrator_a0241w").read_bytes()
    before = idle.snapshot()
    failing(idle, {"side": "host1", "code": "authentication"})
    refused(
        idle.action("create-task", request(remotepassword="other")),
        "remotepassword",
        "bad_user_credentials",
        2,
    )
    assert idle.snapshot() == before
    assert idle.paths.lock("administrator_a0241w").read_bytes() == lock
    assert rows(idle)[0]["state"] == "running"


def test_a_mailbox_that_mail_does_not_list_is_told_from_a_wrong_master_password(idle: Node) -> None:
    known = {"mail_server": "uuid", "asked_at": 1, "mailboxes": ["Foo"], "error": None}
    idle.paths.mailboxes.write_text(json.dumps(known))
    failing(idle, {"side": "host2", "code": "authentication"})
    refused(idle.action("create-task", request()), "localuser", "mailbox_not_found", 6)
    refused(
        idle.action("create-task", request(localuser="foo@x.org")), "localuser", "master_password_refused", 7
    )


def test_without_password_the_stored_one_is_used_or_asked_for(idle: Node) -> None:
    refused(idle.action("create-task", request(remotepassword="")), "remotepassword", "password_required", 10)
    idle.save()
    assert idle.action("create-task", request(remotepassword="", cron="7m")).exit_code == 0
    assert idle.store.password("administrator_a0241w") == "password"


def test_without_service_or_settings_there_are_own_words(idle: Node) -> None:
    idle.save()
    (idle.home / "service-down").touch()
    refused(idle.action("create-task", request()), "localuser", "service_not_running", 7)
    refused(idle.action("start-all-tasks"), "localuser", "service_not_running", 7)
    assert idle.action("stop-all-tasks").exit_code == 0
    assert idle.action("list-informations", {"localuser": "administrator", "task_id": "a0241w"}).output == {
        "status": False
    }
    refused(idle.action("start-all-tasks", MAIL_HOST=""), "localuser", "not_configured", 7)
    refused(idle.action("create-task", request(), MAIL_HOST=""), "localuser", "not_configured", 7)
    assert idle.action("delete-task", {"localuser": "administrator"}).exit_code == 0
    assert rows(idle) == []


def test_one_broken_file_hides_no_other_task(idle: Node) -> None:
    idle.save()
    idle.paths.env("foo_a1").write_text("LOCALUSER=foo\n")
    idle.paths.env("weird name").write_bytes(b"\xff\xfe")
    found = {row["localuser"]: row["error"] for row in rows(idle)}
    assert found == {
        "administrator": None,
        "foo": "missing or wrong: remotehostname, remoteport, remoteusername",
        "weird name": "not UTF-8 text at byte 0",
    }
    assert idle.action("delete-task", {"localuser": "foo"}).output == {"tasks": ["foo_a1"]}
    assert set(found) - {row["localuser"] for row in rows(idle)} == {"foo"}


def test_results_of_the_upstream_module_are_shown(idle: Node) -> None:
    name = idle.save()
    idle.paths.upstream_status(name).write_text("1700000000\n162\n")
    (row,) = rows(idle)
    assert (row["last_sync_timestamp"], row["last_sync_exit_code"], row["has_log"]) == (
        1700000000,
        162,
        False,
    )


def test_mailboxes_are_a_reason_when_mail_is_down(idle: Node) -> None:
    answer = idle.action("list-tasks", {}).output
    assert (answer["enabled_mailboxes"], answer["mailboxes_error"]) == ([], "mail_server_unreachable")
    answer = idle.action("list-tasks", {}, MAIL_SERVER="").output
    assert (answer["enabled_mailboxes"], answer["mailboxes_error"]) == ([], "not_configured")


def test_the_log_is_cut_at_a_line(idle: Node) -> None:
    name = idle.save()
    given_ = {"localuser": "administrator", "task_id": "a0241w"}
    assert idle.action("get-log", given_).output == {"log_content": "", "truncated": False}
    lines = [f"line {number} é" for number in range(20000)]
    idle.paths.log(name).write_text("\n".join(lines) + "\n")
    answer = idle.action("get-log", given_).output
    assert answer["truncated"] is True
    assert len(answer["log_content"].encode()) <= runtime.LOG_BYTES
    shown = answer["log_content"].splitlines()
    assert shown == lines[-len(shown) :]
    idle.paths.log(name).write_bytes(b"x" * runtime.LOG_BYTES)
    assert idle.action("get-log", given_).output == {
        "log_content": "x" * runtime.LOG_BYTES,
        "truncated": False,
    }


@pytest.mark.parametrize(
    "which",
    [
        {"localuser": "Administrator", "task_id": "a0241w"},
        {"localuser": "a b", "task_id": "a0241w"},
        {"localuser": "user@example.org", "task_id": "a0241w"},
        {"localuser": "1user", "task_id": "a0241w"},
        {"localuser": "u" * 33, "task_id": "a0241w"},
        {"localuser": "../administrator", "task_id": "a0241w"},
        {"localuser": "administrator", "task_id": "a b"},
        {"localuser": "administrator", "task_id": "../a0241w"},
        {"localuser": "administrator", "task_id": ""},
    ],
    ids=str,
)
def test_get_log_refuses_what_is_no_user_name(idle: Node, which: dict[str, str]) -> None:
    assert idle.action("get-log", which).exit_code == 10


def test_get_log_takes_the_name_of_a_task_that_exists(idle: Node) -> None:
    name = idle.save(localuser="User@example.org")
    idle.paths.log(name).write_text("text\n")
    answer = idle.action("get-log", {"localuser": "User@example.org", "task_id": "a0241w"}).output
    assert answer["log_content"] == "text\n"


def test_failures_and_statistics_follow_a_run(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    idle.syncctl("start", idle.save())
    answer = idle.action("list-failures", {"localuser": "administrator", "task_id": "a0241w"}).output
    assert answer == {"failures": [{"folder": "INBOX", "reason": "append"}], "total": 1}
    answer = idle.action("get-statistics").output
    assert len(answer["hours"]) == 168
    assert answer["day"] == answer["week"] == {"messages": 3, "bytes": 99, "failed": 1, "runs": 1}


def test_facts(idle: Node) -> None:
    idle.save(task_id="a", delete_remote=True)
    idle.save(task_id="b", delete_remote=True, delete_remote_older=3, foldersynchronization="inbox", cron="")
    idle.save(task_id="c", foldersynchronization="inbox", sieve_enabled=True)
    assert idle.action("get-facts").output == {
        "tasks_total_count": 3,
        "tasks_delete_count": 2,
        "tasks_delete_older_count": 1,
        "tasks_inbox_count": 2,
        "tasks_inbox_and_delete_count": 1,
        "tasks_cron_enabled_count": 2,
        "tasks_sieve_enabled_count": 1,
    }


HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                "a\nEVIL=1",
                "a\r\nb",
                "a\0b",
                "../../etc/passwd",
                "..",
                "/etc/passwd",
                "*",
                "?",
                "[a-z]*",
                "a b",
            ),
            *(
                "-x",
                "--delete2",
                "$(id)",
                "`id`",
                "a;b",
                "'",
                '"',
                "é",
                "漢字",
                "\u202e",
                "\u2028EVIL=1",
                "\x85x",
            ),
            *("x" * 5000, "a,b", "%0a", "\ud800", "", " ", "MAIL_HOST=1", "*/1 * * * * root id", "~root"),
        ]
    ),
    st.text(max_size=40),
)
FIELDS = [key for key, value in request(tls_trust="tofu").items() if isinstance(value, str)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(field=st.sampled_from(FIELDS), value=HOSTILE)
@example("remoteusername", "a\nEVIL=1")
@example("localuser", "../../escape")
@example("exclude", "x\u2028DELETE_REMOTE=--delete1")
def test_hostile_values_are_refused_or_come_back_exactly(idle: Node, field: str, value: str) -> None:
    (idle.home / "seconds").write_text("0")
    given_ = request(tls_trust="tofu", foldersynchronization="exclusion") | {field: value}
    before = idle.snapshot()
    step = idle.action("create-task", given_)
    own = f"{given_['localuser']}_{given_['task_id']}"
    if not step.exit_code:
        until(lambda: idle.syncctl("status", own).stdout == "Stopped\n")
    after = idle.snapshot()
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    if step.exit_code:
        assert VALIDATION in step.status, step.error
        assert not changed - {"imapsync/.lock"}
        return
    allowed = {f"cron/{own}.cron", *(f"imapsync/{path.name}" for path in idle.paths.files_of(own))}
    assert {name for name in changed if not name.startswith("imapsync/.")} <= allowed
    content = after[f"imapsync/{own}.env"].decode()
    assert content.count("\n") == 17
    assert len(after.get(f"cron/{own}.cron", b"\n\n\n").splitlines()) == 3
    (row,) = [row for row in rows(idle) if row["localuser"] == given_["localuser"]]
    if field == "remotepassword":
        assert idle.store.password(own) == value
        assert row["remotepassword"] == ""
    else:
        assert row[field] == (f",{value}" if field == "exclude" and value else value)
    idle.action("delete-task", {"localuser": given_["localuser"]})
    assert set(idle.snapshot()) - {"imapsync/.statistics", "imapsync/.queue"} <= set(before) | {
        "imapsync/.mailboxes"
    } | {name for name in after if name.startswith("imapsync/.")}


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    action=st.sampled_from(
        ["start-task", "stop-task", "delete-task", "get-log", "list-failures", "list-informations"]
    ),
    field=st.sampled_from(["localuser", "task_id"]),
    value=HOSTILE,
)
def test_hostile_names_reach_no_other_file(idle: Node, action: str, field: str, value: str) -> None:
    idle.save()
    before = idle.snapshot()
    step = idle.action(action, {"localuser": "nobody", "task_id": "a0241w"} | {field: value})
    assert step.exit_code in (0, 2, 10), step.error
    assert {
        name: content for name, content in idle.snapshot().items() if not name.startswith("imapsync/.")
    } == {name: content for name, content in before.items() if not name.startswith("imapsync/.")}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_anything_at_once_never_leaves_half_a_task(idle: Node) -> None:
    """Create, delete, start, stop and configure one task from several sides: it is whole or not there."""
    (idle.home / "seconds").write_text("0.05")
    chance = random.Random(1)
    name = "administrator_a0241w"
    which = {"localuser": "administrator", "task_id": "a0241w"}
    moves = [
        lambda: idle.action("create-task", request(remoteport=1001, remotepassword="p1001", cron="1m")),
        lambda: idle.action("create-task", request(remoteport=1002, remotepassword="p1002", cron="2m")),
        lambda: idle.action("delete-task", which),
        lambda: idle.action("start-task", which),
        lambda: idle.action("stop-task", which),
        lambda: idle.helper("expand-cron"),
    ]
    for _ in range(12):
        movers = [threading.Thread(target=chance.choice(moves)) for _ in range(4)]
        for mover in movers:
            mover.start()
        for mover in movers:
            mover.join()
        with idle.store.locked():
            if idle.store.exists(name):
                port = idle.store.load(name).remoteport
                assert idle.store.password(name) == f"p{port}"
                assert f"*/{port - 1000} " in idle.paths.cron_file(name).read_text().replace("\n* ", "\n*/1 ")
            else:
                assert not idle.paths.cron_file(name).exists()
                assert not idle.paths.pwd(name).exists()
    assert idle.action("delete-task", which).exit_code == 0
    assert idle.paths.files_of(name) == []
