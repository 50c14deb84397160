"""What the facts of a provider change: a folder that stops at its ceiling is never taken for whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync, side
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers
CEILING = 10_000


def messages(count: int) -> list[NewMessage]:
    text = "Message-Id: <{}@example.org>\r\nSubject: {}\r\n\r\nbody\r\n"
    return [NewMessage(text.format(n, n).encode(), (), 1_500_000_000) for n in range(count)]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot() as server:
        server.add_user("copy", "secret")
        server.add_user("few", "secret")
        server.fill("few", {"Old": messages(3)})
        yield server


def words(server: Dovecot, folder: Path, user: str, provider: str) -> list[str]:
    password = folder / "password"
    password.write_text("secret\n")
    sides = [
        side(number, server.host, server.port, who, password, "--notls{}", "--nossl{}")
        for number, who in ((1, user), (2, "copy"))
    ]
    return [*sides[0], *sides[1], "--provider", provider, "--dry", "--folder", "Old"]


@pytest.mark.slow
def test_a_folder_that_shows_as_many_messages_as_the_provider_ever_shows_may_hold_more(
    server: Dovecot, tmp_path: Path
) -> None:
    server.add_user("many", "secret")
    server.fill("many", {"Old": messages(CEILING)})
    for more in ([], ["--verify"]):
        done = imapsync(tmp_path, *words(server, tmp_path, "many", "yahoo"), *more)
        assert done.exit_code != 0, done.output[-2000:]
        assert "Yahoo, AOL, AT&T shows at most 10000 of a folder here" in done.output
        assert "100000 at export.imap.mail.yahoo.com" in done.output
        assert "source_incomplete" in done.error_codes
    for provider in ("none", "auto", "gmail"):
        done = imapsync(tmp_path, *words(server, tmp_path, "many", provider))
        assert done.exit_code == 0, done.output[-2000:]


def test_a_small_folder_of_such_a_provider_is_whole(server: Dovecot, tmp_path: Path) -> None:
    done = imapsync(tmp_path, *words(server, tmp_path, "few", "yahoo"))
    assert done.exit_code == 0, done.output[-2000:]


def test_an_unknown_provider_is_refused_with_those_that_are_known(server: Dovecot, tmp_path: Path) -> None:
    done = imapsync(tmp_path, *words(server, tmp_path, "few", "nobody"))
    assert done.exit_code == 64
    assert "'nobody' is not known; auto, none, gmail, office365, yahoo" in done.output
