"""Keywords that one of the two servers cannot carry cost the keyword, never the message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, hashes, mail, settings, sync
from tests.servers.dovecot import MAIL_UID, Dovecot

from imapsync.report import events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]

ODD = (b"50%off", b"caf\xe9", b"a\x01b", b"x*y", b"$Forwarded")


def write_maildir(
    server: Dovecot, user: str, keywords: tuple[bytes, ...], letters: Mapping[int, str]
) -> None:
    """Give an account messages whose keywords no IMAP command could have set: as older servers left them."""
    root = server.home(user) / "Maildir"
    for part in (server.home(user), root, *(root / name for name in ("cur", "new", "tmp"))):
        part.mkdir(exist_ok=True)
        os.chown(part, MAIL_UID, MAIL_UID)
    for number, marks in letters.items():
        path = root / "cur" / f"15000000{number:02d}.M{number}P1.host:2,{marks}"
        path.write_bytes(mail(number).content)
        os.chown(path, MAIL_UID, MAIL_UID)
    listing = root / "dovecot-keywords"
    listing.write_bytes(b"".join(b"%d %b\n" % (at, word) for at, word in enumerate(keywords)))
    os.chown(listing, MAIL_UID, MAIL_UID)


@pytest.mark.parametrize("state", [True, False])
def test_a_keyword_that_is_no_atom_on_host1_is_left_out_and_told(
    servers: Servers, tmp_path: Path, state: bool
) -> None:
    source, destination = servers
    write_maildir(source, "source", ODD, {1: "Sa", 2: "be", 3: "cd", 4: "S", 5: "abcde"})
    wanted = settings(*servers, state_path=str(tmp_path / "state") if state else None)
    ran = good(sync(wanted))
    assert ran.copied == 5
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))
    arrived = destination.snapshot("target")["INBOX"]
    assert sorted(sorted(message.flags) for message in arrived) == [
        [], ["$Forwarded"], ["$Forwarded"], ["\\Seen"], ["\\Seen"],
    ]  # fmt: skip
    told = [warning.text for warning in ran.all(events.Warned) if "keyword" in warning.text]
    assert len(told) == 4, told
    assert any("50%off" in text for text in told)
    assert good(sync(wanted)).copied == 0


def test_a_keyword_that_is_no_atom_on_host2_stays_as_it_is(servers: Servers) -> None:
    """Flags are set exactly as on host1, but what no command can name cannot be taken away."""
    source, destination = servers
    source.fill("source", {"INBOX": [mail(1, flags=("\\Flagged",)), mail(2)]})
    write_maildir(destination, "target", ODD, {1: "Sa", 2: "bc"})
    ran = good(sync(settings(*servers)))
    assert ran.copied == 0
    with destination.client("target") as client:
        client.command(b"SELECT INBOX")
        first, second = client.command(b"FETCH 1:2 (FLAGS)")
    assert b"50%off" in first
    assert b"\\Flagged" in first
    assert b"\\Seen" not in first
    assert b"caf" in second
