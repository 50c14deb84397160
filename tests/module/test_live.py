"""Live tasks: the watcher hears of mail and starts the task; a refused password is one state, no storm."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until
from tests.servers.client import NewMessage

from imapsync_tasks import runtime, schedule
from syncctl import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.dovecot import Dovecot

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]
TASK = "bob_a0241w"
COMMAND = Path(__file__).parents[2] / "src" / "syncctl" / "command.sh"


@pytest.fixture
def watcher(mail: Node) -> Iterator[subprocess.Popen[bytes]]:
    process = start(mail, "watch")
    yield process
    process.kill()
    process.wait()


def start(node: Node, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "syncctl", *words], env=node.environ)


def live(remote: Dovecot, **changes: object) -> dict[str, Any]:
    given = request(
        localuser="bob", remotehostname=remote.host, remoteport=remote.port, remoteusername="anna",
        remotepassword="remote secret", exclude="", cron="live", foldersynchronization="inbox",
    )  # fmt: skip
    return given | changes


def deliver(remote: Dovecot, number: int) -> None:
    content = f"Message-Id: <{number}@test>\r\nSubject: {number}\r\n\r\ntext\r\n".encode()
    with remote.client("anna") as client:
        client.append(b"INBOX", [NewMessage(content)])


def arrived(local: Dovecot, count: int) -> bool:
    return len(local.snapshot("bob")["INBOX"]) == count


def standing(node: Node) -> dict[str, Any]:
    """Give how list-tasks shows the account of the one task."""
    (row,) = node.action("list-tasks").output["user_properties"]
    found: dict[str, Any] = row["live"]
    return found


def test_mail_is_there_in_seconds_and_a_changed_password_is_one_clear_state(
    mail: Node, remote: Dovecot, local: Dovecot, watcher: subprocess.Popen[bytes]
) -> None:
    assert mail.action("create-task", live(remote)).exit_code == 0
    daily = mail.paths.cron_file(TASK).read_text().splitlines()[-1]
    assert daily.split()[2:5] == ["*", "*", "*"]
    until(lambda: standing(mail)["state"] == "watching", 30)
    deliver(remote, 1)
    until(lambda: arrived(local, 1), 30)
    until(lambda: [one.flags for one in remote.snapshot("anna")["INBOX"]] == [frozenset({"\\Seen"})], 30)

    remote.change_password("anna", "another")
    remote.doveadm("kick", "anna")
    until(lambda: standing(mail)["state"] == "refused", 30)
    assert standing(mail)["error"] == "authentication"
    deliver(remote, 2)
    assert (mail.home / "system.log").read_text().count("not watched: ") == 1

    done = mail.action("create-task", live(remote, remotepassword="another"))
    assert done.exit_code == 0, done
    until(lambda: standing(mail)["state"] == "watching", 30)
    until(lambda: arrived(local, 2), 30)
    deliver(remote, 3)
    until(lambda: arrived(local, 3), 30)

    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(30) == 0
    assert standing(mail)["state"] == "waiting"
    assert not [name for name in mail.paths.imapsync.iterdir() if name.name == ".pending"]


def test_what_came_while_nobody_watched_comes_first_and_no_live_task_is_watched_while_paused(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    mail.save(**live(remote))
    deliver(remote, 1)
    process = start(mail, "watch")
    try:
        until(lambda: arrived(local, 1), 30)
        until(lambda: runtime.result(mail.paths, TASK), 30)
        assert mail.syncctl("watch").returncode == 1
        mail.publish(mail_host=local.host, schedules_paused=True)
        until(lambda: not mail.paths.cron_file(TASK).exists(), 30)
        until(lambda: "anna" not in remote.doveadm("who"), 30)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_first_process_keeps_the_watcher_and_ends_as_its_command(mail: Node, remote: Dovecot) -> None:
    mail.save(**live(remote))
    process = start(mail, "serve", "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    try:
        until(lambda: standing(mail)["state"] == "watching", 30)
        (watcher,) = children(process.pid, "syncctl")
        subprocess.run(["kill", "-KILL", str(watcher)], check=True)
        until(lambda: standing(mail)["state"] == "waiting", 30)
        until(lambda: standing(mail)["state"] == "watching", 30)
        process.terminate()
        assert process.wait(30) == 7
        assert standing(mail)["state"] == "waiting"
    finally:
        process.kill()
        process.wait()


def children(pid: int, words: str) -> list[int]:
    """Give the children of a process whose command line has these words."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if words in Path(f"/proc/{one}/cmdline").read_text()]


@pytest.mark.usefixtures("watcher")
def test_accounts_that_share_few_connections_are_listened_to_as_far_as_these_go(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    """Runs look at the others, and come to a changed source at once."""
    local.add_user("carl", "local secret")
    source = {
        "source": "office", "auth": "password", "remotehostname": remote.host, "remoteport": remote.port,
        "security": "", "tls_trust": "any", "max_connections": 3,
    }  # fmt: skip
    assert mail.action("set-source", source).exit_code == 0
    deliver(remote, 1)
    for user in ("bob", "carl"):
        mail.save(**live(remote, localuser=user, source="office", remotehostname="", remoteport=0))

    def states() -> dict[str, str]:
        rows = mail.action("list-tasks").output["user_properties"]
        return {row["localuser"]: row["live"]["state"] for row in rows}

    until(lambda: states() == {"bob": "watching", "carl": "polling"}, 30)
    until(lambda: len(local.snapshot("bob")["INBOX"]) + len(local.snapshot("carl")["INBOX"]) == 1, 30)
    assert mail.action("set-source", {**source, "max_connections": 0}).exit_code == 0
    until(lambda: states() == {"bob": "watching", "carl": "watching"}, 30)


def test_half_of_what_is_shared_is_for_listening_and_a_run_finds_its_connections() -> None:
    for most, listened in {1: 0, 2: 0, 3: 1, 4: 2, 15: 7}.items():
        accounts = {f"task{number}": {"source office": most} for number in range(20)}
        chosen, held = limits.listened(accounts | {"other": {}})
        assert len(chosen) == listened + 1
        assert "other" in chosen
        assert held["source office"] == listened


def test_a_live_task_is_one_without_schedule_to_earlier_versions(node: Node) -> None:
    name = node.save(cron="live")
    lines = node.paths.env(name).read_text().splitlines()
    assert "CRON=" in lines
    assert "LIVE=1" in lines
    assert node.store.load(name).cron == "live"
    node.save(cron="5m")
    assert "LIVE=1" not in node.paths.env(name).read_text()


def test_daily_runs_of_live_tasks_are_spread_over_the_day() -> None:
    times = {schedule.expressions("live", f"user{number}_x")[0] for number in range(100)}
    assert len(times) > 90
    for one in times:
        minute, hour, *rest = one.split()
        assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*"] * 3)


def test_what_cron_starts_is_handed_over_and_run_by_the_loaded_engine(
    mail: Node, remote: Dovecot, local: Dovecot, watcher: subprocess.Popen[bytes]
) -> None:
    task_id = next(one for one in map(str, range(1000)) if schedule.delay_s(f"bob_{one}") == 0)
    name = mail.save(**live(remote, cron="5m", task_id=task_id))
    deliver(remote, 1)
    until(mail.paths.starts.exists, 30)
    assert cron(mail, name) == 0
    assert not (mail.home / "programs").exists()  # no Python was started
    until(lambda: runtime.result(mail.paths, name), 30)
    assert arrived(local, 1)
    until(lambda: not os.listdir(mail.paths.starts), 30)
    parent = re.findall(r"my PPID is (\d+)", mail.paths.log(name).read_text())[-1]
    assert "--forks" in Path(f"/proc/{parent}/cmdline").read_text()

    os.kill(int(parent), signal.SIGKILL)  # costs nothing but loading it again
    deliver(remote, 2)
    assert cron(mail, name) == 0
    until(lambda: arrived(local, 2), 30)

    watcher.terminate()
    assert watcher.wait(30) == 0
    deliver(remote, 3)
    assert cron(mail, name) == 0  # nobody to hand over to: as ever
    until(lambda: arrived(local, 3), 30)
    assert (mail.home / "programs").exists()


def cron(node: Node, name: str) -> int:
    """Start a task as the container's crond does."""
    program = node.home / "bin" / "syncctl-program"
    program.write_text(f'#!/bin/sh\n>"{node.home}/programs"\nexec {sys.executable} -m syncctl "$@"\n')
    program.chmod(0o755)
    environ = node.environ | {"SYNCCTL_SCHEDULED": "1", "SYNCCTL_PROGRAM": str(program)}
    return subprocess.run([COMMAND, "start", name], env=environ, check=False).returncode
