"""Keywords that one of the two servers cannot carry cost the keyword, never the message."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, settings, sync
from tests.servers.dovecot import MAIL_UID, Dovecot
from tests.servers.hostile import Relay

from imapsync.report import events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.servers.base import Snapshot

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]

LINE = "0123456789 abcdefghijklmnop\r\n"
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


FOLDERS = {
    "INBOX": [
        mail(n, flags=("\\Seen", "$Label", "badword")[: n % 4], body=LINE * 25_000 if n in (3, 11) else "")
        for n in range(40)
    ],
    "Sent": [mail(100 + n, flags=("\\Answered", "other")) for n in range(5)],
    "None": [mail(200)],
}


def flags_of(snapshot: Snapshot) -> list[tuple[str, str, frozenset[str]]]:
    return sorted(
        ((folder, message.sha256, message.flags) for folder, found in snapshot.items() for message in found),
        key=str,
    )


def without(word: str, snapshot: Snapshot) -> list[tuple[str, str, frozenset[str]]]:
    return [(folder, digest, flags - {word}) for folder, digest, flags in flags_of(snapshot)]


@pytest.mark.parametrize("missing", [[], ["MULTIAPPEND"], ["MULTIAPPEND", "UIDPLUS", "LITERAL+"]], ids=str)
@pytest.mark.parametrize("permanent", [rb"\1", rb"(\\*)"], ids=["told", "star alone"])
def test_flags_that_a_destination_drops_are_set_afterwards(missing: list[str], permanent: bytes) -> None:
    """As UW imapd and its kin do: what follows the first keyword that they do not know is not kept."""

    def known(flags: bytes) -> bytes:
        return b" ".join(itertools.takewhile(re.compile(rb"\\").match, flags.split()))

    def drop(line: bytes) -> bytes:
        options = rb"\(([^)]*)\)(?= \"[^\"]*\" \{\d+\+?\}\r\n)"
        return re.sub(options, lambda found: b"(" + known(found[1]) + b")", line)

    def twist(response: bytes) -> bytes:
        return re.sub(rb"(?<=\[PERMANENTFLAGS )(\([^)]*\))", permanent, response)

    with Dovecot() as source, Dovecot(without=missing) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        wanted = settings(source, destination)
        with Relay(destination.port, lambda: (twist, None), drop) as relay:
            ran = sync(wanted._replace(destination=endpoint(destination)._replace(port=relay.port)))
        assert good(ran).copied == 46
        assert flags_of(destination.snapshot("target")) == flags_of(source.snapshot("source"))


@pytest.mark.parametrize(
    "answer", [b" BAD no such flag\r\n", b" NO [CANNOT] invalid keyword\r\n"], ids=["BAD", "NO"]
)
@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("missing", [["MULTIAPPEND"], ["MULTIAPPEND", "UIDPLUS"]], ids=str)
def test_a_keyword_that_a_destination_refuses_costs_the_keyword(
    tmp_path: Path, missing: list[str], state: bool, answer: bytes
) -> None:
    def refuse(tag: bytes, line: bytes) -> bytes | None:
        return tag + answer if b"badword" in line else None

    with Dovecot() as source, Dovecot(without=missing) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        wanted = settings(source, destination, state_path=str(tmp_path / "state") if state else None)
        with Relay(destination.port, lambda: (None, refuse)) as relay:
            wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
            ran = good(sync(wanted))
            assert ran.copied == 46
            assert without("badword", source.snapshot("source")) == flags_of(destination.snapshot("target"))
            assert len([warning for warning in ran.all(events.Warned) if "badword" in warning.text]) == 1
            assert good(sync(wanted)).copied == 0
