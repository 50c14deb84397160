"""`--watch`: mail is there a moment after it has come, whatever becomes of servers and passwords."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.watch.watcher import Watcher, until
from tests.servers.client import NewMessage
from tests.servers.courier import Courier
from tests.servers.cyrus import CyrusDebian
from tests.servers.dovecot import Dovecot
from tests.servers.imap4d import Imap4d
from tests.servers.zoo import Kind, needs

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


def watch(tmp_path: Path, remote: ImapServer, home: Dovecot, *more: str, security: str = "--tls1") -> Watcher:
    words = (*security.split(), "--folder", "INBOX", *more)
    watcher = Watcher(tmp_path, (remote.host, remote.port), home, USER, *words)
    watcher.passfile1.write_text(remote.passwords[USER])
    return watcher


def test_mail_is_there_a_moment_later_and_a_burst_is_taken_together(
    tmp_path: Path, remote: Dovecot, home: Dovecot
) -> None:
    deliver(remote, 1)
    with watch(tmp_path, remote, home) as watcher:
        until(lambda: here(home) == [1])
        watcher.says(WATCHING)
        until(lambda: watcher.text.count("Exiting with return value 0 ") == watcher.text.count("Here is"))
        runs = watcher.text.count("Here is imapsync")
        deliver(remote, 2)
        until(lambda: here(home) == [1, 2])
        with remote.client(USER) as client:
            client.append(b"INBOX", [mail(number) for number in range(3, 23)])
        until(lambda: here(home) == list(range(1, 23)))
        until(lambda: watcher.text.count("Exiting with return value 0 ") == watcher.text.count("Here is"))
        # One for the single message, one for the burst, further ones where a busy machine cuts it in pieces.
        assert watcher.text.count("Here is imapsync") - runs < 10
        assert watcher.told()[0] == "READY=1" or "READY=1" in watcher.told()
        until(lambda: watcher.told().count("WATCHDOG=1") >= 2)
        assert watcher.end()[0] == 6
        assert watcher.told()[-1] == "STOPPING=1"
        assert not (tmp_path / "pid").exists()
        assert here(remote) == list(range(1, 23))


@pytest.mark.timeout(600)  # their trees may have to be made
@pytest.mark.parametrize("make", [CyrusDebian, Courier, Imap4d], ids=lambda make: make.__name__)
def test_mail_comes_from_servers_that_tell_in_their_own_way_or_not_at_all(
    tmp_path: Path, home: Dovecot, make: type[ImapServer]
) -> None:
    """GNU imap4d has no IDLE: INBOX is looked at."""
    needs(Kind(make))
    with make() as remote:
        remote.add_user(USER)
        deliver(remote, 1)
        with watch(tmp_path, remote, home, "--watchpoll", "1", security="--nossl1 --notls1") as watcher:
            until(lambda: here(home) == [1])
            watcher.says("Watching INBOX of host1 for new mail: ")
            for number in (2, 3):
                deliver(remote, number)
                until(lambda number=number: here(home) == list(range(1, number + 1)))  # type: ignore[misc]
            assert watcher.end()[0] == 6
        assert here(remote) == [1, 2, 3]


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
