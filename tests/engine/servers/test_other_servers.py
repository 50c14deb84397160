"""Copies from and to each server are exact, over STARTTLS and imaps; a second run moves nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import Ran, imapsync, side
from tests.servers.client import NewMessage
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot24 import Dovecot24

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.base import ImapServer, Snapshot

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    # The first use of a server makes its Debian tree.
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap (scripts/install)"),
]

PASSWORD = "pass word"
FOLDERS = ("INBOX", "Sent", "Work", "Work/2024", "Work/2024/June", "With space", "R&AOk-sum&AOk-s", "Empty")


@pytest.fixture(scope="module")
def home() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="module", params=[Dovecot24, Cyrus, Courier], ids=lambda kind: kind.__name__)
def other(request: pytest.FixtureRequest) -> Iterator[ImapServer]:
    kind: type[ImapServer] = request.param
    with kind() as server:
        yield server


def name_on(server: ImapServer, folder: str) -> str:
    """Give a folder's name as this server wants it."""
    if isinstance(server, Courier) and folder != "INBOX":
        return "INBOX." + folder.replace("/", ".")
    return folder


def content(server: ImapServer, user: str) -> Snapshot:
    """Give an account with the folder names that Dovecot would use."""
    found = server.snapshot(user)
    if not isinstance(server, Courier):
        return found
    return {name.removeprefix("INBOX.").replace(".", "/"): messages for name, messages in found.items()}


def mail(folder: str, number: int) -> NewMessage:
    flags = (("\\Seen",), (), ("\\Seen", "\\Answered"), ("\\Flagged", "$Forwarded"), ("\\Draft",))[number % 5]
    size = 3_000_000 if number == 3 and folder == "Sent" else 200 * number
    text = (
        f"Message-Id: <{folder.replace(' ', '.')}.{number}@example.org>\r\nFrom: a@example.org\r\n"
        f"Subject: {folder} {number} é\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
    )
    line = "räksmörgås " * 6 + "\r\n"
    return NewMessage(
        (text + line * (size // len(line))).encode(), flags, 1_400_000_000 + 86_400 * number * 37
    )


def fill(server: ImapServer, user: str) -> None:
    server.add_user(user, PASSWORD)
    server.fill(
        user,
        {
            name_on(server, folder): [mail(folder, n) for n in range(0 if folder == "Empty" else 12)]
            for folder in FOLDERS
        },
    )


def copy(
    source: ImapServer, destination: ImapServer, user1: str, user2: str, folder: Path, *security: str
) -> Ran:
    password = folder / "password"
    password.write_text(PASSWORD + "\n")
    imaps = "--ssl{}" in security
    sides = [
        side(number, server.host, server.tls_port if imaps else server.port, user, password,
             *security, "--trust{}", f"sha256:{server.fingerprint}")
        for number, server, user in ((1, source, user1), (2, destination, user2))
    ]  # fmt: skip
    return imapsync(folder, *sides[0], *sides[1], "--state", str(folder / "state"))


def check_exact(
    source: ImapServer, destination: ImapServer, case: str, tmp_path: Path, *security: str
) -> None:
    user1, user2 = f"{case}from", f"{case}to"
    fill(source, user1)
    destination.add_user(user2, PASSWORD)
    before = content(source, user1)

    first = copy(source, destination, user1, user2, tmp_path, *security)
    assert first.exit_code == 0, first.output[-3000:]
    assert first.report["messages_transferred"] == 12 * (len(FOLDERS) - 1)
    assert content(source, user1) == before, "the source must stay as it was"
    assert content(destination, user2) == before

    with source.client(user1) as client:
        client.command(b"SELECT INBOX")
        client.command(b"STORE 1:3 +FLAGS (\\Flagged)")
        client.append(name_on(source, "Work").encode(), [mail("Work", 40)], create=False)
    second = copy(source, destination, user1, user2, tmp_path, *security)
    assert second.exit_code == 0, second.output[-3000:]
    assert second.report["messages_transferred"] == 1
    assert second.report["flags_changed"] == 3
    assert content(destination, user2) == content(source, user1)

    (tmp_path / "state").unlink()
    third = copy(source, destination, user1, user2, tmp_path, *security)
    assert third.exit_code == 0, third.output[-3000:]
    assert third.report["messages_transferred"] == 0
    assert content(destination, user2) == content(source, user1)


def test_from_it(home: Dovecot, other: ImapServer, tmp_path: Path) -> None:
    check_exact(other, home, f"a{type(other).__name__.lower()}", tmp_path, "--tls{}")


def test_to_it(home: Dovecot, other: ImapServer, tmp_path: Path) -> None:
    check_exact(home, other, f"b{type(other).__name__.lower()}", tmp_path, "--tls{}")


def test_to_it_over_imaps(home: Dovecot, other: ImapServer, tmp_path: Path) -> None:
    check_exact(home, other, f"c{type(other).__name__.lower()}", tmp_path, "--ssl{}")


def test_between_two_accounts_of_it(other: ImapServer, tmp_path: Path) -> None:
    check_exact(other, other, f"d{type(other).__name__.lower()}", tmp_path, "--tls{}")
