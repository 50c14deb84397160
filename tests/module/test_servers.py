"""syncctl and the actions with the real engine between two real Dovecots."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy

from imapsync_tasks import runtime

pytestmark = pytest.mark.servers

MANY = 1500
#: A link on which MANY messages take half a minute.
SLOW = 200_000


@pytest.fixture
def mail(mail: Node, remote: Dovecot) -> Node:
    """Give an instance whose Mail instance and filled remote account are real servers."""
    remote.fill("anna", {"INBOX": messages(20), "Archive/2024": messages(5), "Public": messages(1)})
    return mail


def messages(count: int) -> list[NewMessage]:
    """Give small messages, some flagged."""
    return [
        NewMessage(
            f"Message-Id: <{number}@test>\r\nSubject: {number}\r\n\r\n{'x' * (number % 300)}\r\n".encode(),
            ("\\Seen",) if number % 2 else (),
            1_700_000_000 + number,
        )
        for number in range(count)
    ]


def account(remote: Dovecot, **changes: object) -> dict[str, object]:
    """Give create-task's input for the remote account."""
    base = request(
        localuser="bob",
        remotehostname=remote.host,
        remoteport=remote.port,
        remoteusername="anna",
        remotepassword="remote secret",
        exclude="",
        cron="",
    )
    return base | changes


def wait(node: Node, name: str) -> dict[str, object]:
    """Wait for the end of a run and give its result."""

    def stopped() -> bool:
        with node.store.locked():
            return runtime.states(node.paths, [name])[name].state == runtime.STOPPED

    until(stopped, 60)
    result = runtime.result(node.paths, name)
    assert result
    return result


def test_a_brake_tells_the_same_numbers_in_every_run_until_it_is_released(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    held = account(remote, delete_remote=True, delete_remote_older=99_000)
    assert mail.action("create-task", held).exit_code == 0
    wait(mail, "bob_a0241w")
    for folder, until_uid in (("INBOX", "1:19"), ("Archive/2024", "1:*")):
        local.doveadm("expunge", "-u", "bob", "mailbox", folder, "uid", until_uid)
    assert mail.action("create-task", held | {"delete_remote_older": 1}).exit_code == 0
    for _ in range(3):
        result = wait(mail, "bob_a0241w")
        told = [result[key] for key in ("exit_code", "error", "brake_messages", "brake_of")]
        assert told == [125, "brake_vanished", 24, 26]
        mail.syncctl("start", "--maxvanished2=23", "bob_a0241w")
    assert sum(len(found) for found in remote.snapshot("anna").values()) == 26
    mail.syncctl("start", "--maxvanished2=24", "bob_a0241w")
    assert wait(mail, "bob_a0241w")["exit_code"] == 0
    assert sum(len(found) for found in remote.snapshot("anna").values()) == 0


def engine_pid(node: Node, name: str) -> int:
    """Give the engine's process id once it copies."""

    def copying() -> bool:
        found = runtime.progress(node.paths, name)
        return bool(found and found.get("phase") == "copying")

    until(copying, 30)
    return int(json.loads(node.paths.lock(name).read_text())["engine"][0])


def test_a_task_brings_the_mail_and_the_next_run_nothing(mail: Node, remote: Dovecot, local: Dovecot) -> None:
    assert mail.action("create-task", account(remote)).exit_code == 0
    result = wait(mail, "bob_a0241w")
    assert (result["exit_code"], result["messages_transferred"], result["error"]) == (0, 26, None)
    assert {name: found for name, found in local.snapshot("bob").items() if found} == remote.snapshot("anna")
    mail.syncctl("start", "bob_a0241w")
    assert wait(mail, "bob_a0241w")["messages_transferred"] == 0
    answer = mail.action("list-informations", {"localuser": "bob", "task_id": "a0241w"}).output
    assert (answer["status"], answer["host1Messages"], answer["host2Messages"]) == (True, 26, 26)
    members = ("remotehostname", "remoteport", "remoteusername", "remotepassword", "security")
    given = {key: account(remote)[key] for key in members}
    folders = mail.action("list-remote-folders", given).output["folders"]
    assert [(one["name"], one["messages"]) for one in folders if one["messages"]] == [
        ("INBOX", 20),
        ("Archive/2024", 5),
        ("Public", 1),
    ]


REFUSALS: list[tuple[dict[str, object], str, str, int]] = [
    ({"remotepassword": "wrong"}, "remotepassword", "bad_user_credentials", 2),
    ({"remoteport": 1}, "remoteport", "check_hostname_or_tcp_port", 3),
    ({"remotehostname": "nowhere.invalid"}, "remotehostname", "check_hostname_or_tcp_port", 3),
    ({"security": "ssl"}, "security", "ssl_encryption_error", 4),
    ({"tls_trust": "ca"}, "tls_trust", "certificate_untrusted", 5),
    ({"tls_trust": "sha256:" + "00" * 32}, "tls_trust", "certificate_untrusted", 5),
    ({"localuser": "nobody"}, "localuser", "mailbox_not_found", 6),
    ({"exclude": "a,(b", "foldersynchronization": "exclusion"}, "exclude", "invalid_exclude", 10),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=[str(one[0]) for one in REFUSALS])
def test_each_wrong_login_is_told_in_time_and_leaves_nothing(
    mail: Node, remote: Dovecot, refusal: tuple[dict[str, object], str, str, int]
) -> None:
    change, field, error, exit_code = refusal
    before = mail.snapshot()
    begin = time.monotonic()
    step = mail.action("create-task", account(remote, **change))
    assert time.monotonic() - begin < 15
    assert (step.exit_code, step.output[0]["field"], step.output[0]["error"]) == (exit_code, field, error)
    assert mail.snapshot() == before


def test_a_server_without_starttls_or_a_silent_one(mail: Node, remote: Dovecot) -> None:
    with Dovecot(tls=False) as plain:
        plain.add_user("anna", "remote secret")
        step = mail.action("create-task", account(remote, remoteport=plain.port, remotehostname=plain.host))
    assert step.output[0]["error"] == "starttls_not_allowed_use_imaps"
    begin = time.monotonic()
    step = mail.action("create-task", account(remote, remoteport=remote.tls_port))
    assert time.monotonic() - begin < 15
    assert (step.output[0]["field"], step.output[0]["error"]) == ("remoteport", "check_hostname_or_tcp_port")


def test_a_wrong_master_password_has_its_own_word(mail: Node, remote: Dovecot) -> None:
    mail.paths.master_password.write_text("wrong")
    step = mail.action("create-task", account(remote))
    assert (step.exit_code, step.output[0]["error"]) == (7, "master_password_refused")


def test_a_changed_certificate_stops_the_task_until_an_admin_accepts_it(mail: Node, remote: Dovecot) -> None:
    mail.action("create-task", account(remote))
    assert wait(mail, "bob_a0241w")["exit_code"] == 0
    with Dovecot() as other:
        other.add_user("anna", "remote secret")
        port = {"remoteport": other.port}
        trust = mail.paths.trust("bob_a0241w")
        trust.write_text(trust.read_text().replace(f":{remote.port}", f":{other.port}"))
        step = mail.action("create-task", account(remote, **port))
        assert (step.exit_code, step.output[0]["error"]) == (5, "certificate_changed")
        fingerprint = step.output[0]["value"]["fingerprint"]
        step = mail.action("create-task", account(remote, **port, tls_trust=f"sha256:{fingerprint}"))
        assert step.exit_code == 0, step
        assert wait(mail, "bob_a0241w")["exit_code"] == 0


def test_kill_at_any_moment_then_the_next_run_completes_without_duplicates(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    remote.fill("anna", {"Large": messages(MANY)})
    with Proxy(remote.host, remote.port, bits_per_second=SLOW) as slow:
        name = mail.save(**account(remote, remoteport=slow.port))
        mail.syncctl("start", "--detach", name)
        os.kill(engine_pid(mail, name), signal.SIGKILL)
        result = wait(mail, name)
        assert (result["exit_code"], result["error"]) == (137, "killed")
        slow.limit(0)
        assert mail.syncctl("start", name).returncode == 0
    arrived = {folder: found for folder, found in local.snapshot("bob").items() if found}
    assert arrived == remote.snapshot("anna")


def test_stop_in_the_middle_keeps_the_result_and_hides_no_secret(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    with Proxy(remote.host, remote.port) as link:
        name = mail.save(**account(remote, remoteport=link.port))
        assert mail.syncctl("start", name).returncode == 0
        before = mail.paths.result(name).read_bytes()
        remote.fill("anna", {"Large": messages(MANY)})
        link.limit(SLOW)
        mail.syncctl("start", "--detach", name)
        pid = engine_pid(mail, name)
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        begin = time.monotonic()
        assert mail.syncctl("stop", name).returncode == 0
        assert time.monotonic() - begin < 5
        assert json.loads(mail.paths.result(name).read_bytes()) == json.loads(before), (
            mail.home / "system.log"
        ).read_text()
        shown += mail.paths.log(name).read_bytes() + (mail.home / "system.log").read_bytes()
        for secret in ("remote secret", local.master_password):
            assert secret.encode() not in shown
        link.limit(0)
        assert mail.syncctl("start", name).returncode == 0
    arrived = {folder: found for folder, found in local.snapshot("bob").items() if found}
    assert arrived == remote.snapshot("anna")
