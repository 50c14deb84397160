"""`--watch`: mail is there a moment after it has come, whatever becomes of servers and passwords."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.watch.watcher import Watcher, until
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.base import ImapServer

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
USER = "anna"
WATCHING = "Watching INBOX of host1 for new mail: the server tells"


@pytest.fixture
def home() -> Iterator[Dovecot]:
    with Dovecot() as server:
        server.add_user(USER)
        yield server


@pytest.fixture
def remote() -> Iterator[Dovecot]:
    with Dovecot() as server:
        server.add_user(USER)
        yield server


def mail(number: int) -> NewMessage:
    return NewMessage(b"Message-Id: <w.%d@example.org>\r\nSubject: w %d\r\n\r\ntext\r\n" % (number, number))


def deliver(server: ImapServer, *numbers: int) -> None:
    for number in numbers:
        with server.client(USER) as client:
            client.append(b"INBOX", [mail(number)])


def here(server: ImapServer) -> list[int]:
    """Give the numbers of the messages in INBOX, in order; doubled ones twice."""
    numbers: list[int] = []

    def note(content: bytes) -> bytes:
        numbers.append(int(content.split(b"<w.")[1].split(b"@")[0]))
        return content

    with server.client(USER) as client:
        for _ in client.read_folder(b"INBOX", note):
            pass
    return sorted(numbers)


def watch(tmp_path: Path, remote: Dovecot, home: Dovecot, *more: str) -> Watcher:
    watcher = Watcher(tmp_path, (remote.host, remote.port), home, USER, "--tls1", "--folder", "INBOX", *more)
    watcher.passfile1.write_text(remote.passwords[USER])
    return watcher


def test_mail_is_there_within_two_seconds_and_a_burst_is_taken_together(
    tmp_path: Path, remote: Dovecot, home: Dovecot
) -> None:
    deliver(remote, 1)
    with watch(tmp_path, remote, home) as watcher:
        until(lambda: here(home) == [1])
        watcher.says(WATCHING)
        runs = watcher.text.count("Here is imapsync")
        began = time.monotonic()
        deliver(remote, 2)
        until(lambda: here(home) == [1, 2], seconds=2)
        assert time.monotonic() - began < 2
        with remote.client(USER) as client:
            client.append(b"INBOX", [mail(number) for number in range(3, 23)])
        until(lambda: here(home) == list(range(1, 23)))
        until(lambda: watcher.text.count("Exiting with return value 0 ") == watcher.text.count("Here is"))
        # One for the single message, one for the burst, one more where it was cut by the begin of a run.
        assert watcher.text.count("Here is imapsync") - runs <= 3
        assert watcher.told()[0] == "READY=1" or "READY=1" in watcher.told()
        until(lambda: watcher.told().count("WATCHDOG=1") >= 2)
        code, seconds = watcher.end()
        assert (code, seconds < 2) == (6, True)
        assert watcher.told()[-1] == "STOPPING=1"
        assert not (tmp_path / "pid").exists()
        assert here(remote) == list(range(1, 23))


def test_what_came_while_the_server_or_the_watcher_was_away_is_there_first(
    tmp_path: Path, remote: Dovecot, home: Dovecot
) -> None:
    with watch(tmp_path, remote, home) as watcher:
        watcher.says(WATCHING)
        deliver(remote, 1)
        until(lambda: here(home) == [1])
        remote.shutdown()
        watcher.says("Not watching: ")
        remote.restart()
        deliver(remote, 2)
        until(lambda: here(home) == [1, 2])
        watcher.says(WATCHING, 2)
        watcher.end(signal.SIGKILL)
        deliver(remote, 3)
        watcher.start()
        until(lambda: here(home) == [1, 2, 3])


def test_a_changed_password_is_told_once_and_no_storm(tmp_path: Path, remote: Dovecot, home: Dovecot) -> None:
    with watch(tmp_path, remote, home) as watcher:
        watcher.says(WATCHING)
        watcher.says("Exiting with return value 0 ")
        watcher.passfile1.write_text("another")
        remote.doveadm("kick", USER)
        watcher.says("login as anna refused")
        attempts = remote.log_text().count("auth failed")
        time.sleep(2)  # that nothing happens cannot be awaited
        assert watcher.text.count("login as anna refused") == 1
        # Its failed logins come to the log when their connection ends.
        assert remote.log_text().count("auth failed") <= attempts + 1
        assert "trying again in" in watcher.text.splitlines()[-1]
        assert watcher.end()[0] == 6


@pytest.mark.parametrize("wrong", ["password", "option", "both"])
def test_what_cannot_be_watched_ends_at_once(
    tmp_path: Path, remote: Dovecot, home: Dovecot, wrong: str
) -> None:
    more = {"password": (), "option": ("--watchpoll", "0"), "both": ("--dry",)}[wrong]
    code, words = {
        "password": (161, "login as anna refused"),
        "option": (64, "Option --watchpoll"),
        "both": (64, "Option --watch goes with"),
    }[wrong]
    with watch(tmp_path, remote, home, *more) as watcher:
        watcher.process.kill()
        watcher.process.wait()
        if wrong == "password":
            watcher.passfile1.write_text("not hers")
        watcher.start()
        assert watcher.process.wait(30) == code
        watcher.says(words)
