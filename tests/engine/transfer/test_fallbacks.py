"""Every extension is optional: the same results without each, and without all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, same, settings, sync
from tests.servers.dovecot import CAPABILITIES, Dovecot

from imapsync.plan.rules import DeletionRules, IdentityRules

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers
LARGE = 600_000
FOLDERS = {
    "INBOX": [mail(n, flags=("\\Seen", "$Label") if n % 3 else ()) for n in range(40)],
    "Sent/2020": [mail(n, day=n) for n in range(100, 104)],
    "Big": [mail(200, body="x" * 70 + ("\r\n" + "y" * 70) * (LARGE // 72)), mail(201)],
    "Empty": [],
}
SWITCHES = {
    "MULTIAPPEND": ["MULTIAPPEND"],
    "LITERAL+": ["LITERAL+"],
    "LITERAL+ MULTIAPPEND": ["LITERAL+", "MULTIAPPEND"],
    "UIDPLUS": ["UIDPLUS"],
    "QRESYNC": ["QRESYNC"],
    "CONDSTORE": ["CONDSTORE", "QRESYNC"],
    "ESEARCH": ["ESEARCH"],
    "LIST-STATUS": ["LIST-STATUS"],
    "LIST-EXTENDED": ["LIST-EXTENDED", "LIST-STATUS"],
    "NAMESPACE": ["NAMESPACE"],
    "SPECIAL-USE": ["SPECIAL-USE"],
    "STATUS=SIZE": ["STATUS=SIZE"],
    "ENABLE": ["ENABLE"],
    "UNSELECT": ["UNSELECT"],
    "everything": [name for name in CAPABILITIES.split() if name != "IMAP4rev1"],
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_result_is_the_same_without(switch: str, tmp_path: Path) -> None:
    without = SWITCHES[switch]
    with Dovecot(without=without) as source, Dovecot(without=without) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        wanted = settings(
            source,
            destination,
            identity=IdentityRules(sync_duplicates=True),
            state=str(tmp_path / "state"),
            sizes_at_start=True,
            sizes_at_end=True,
        )
        assert good(sync(wanted)).copied == 46
        same(source.snapshot("source"), destination.snapshot("target"))
        again = good(sync(wanted))
        assert again.copied == 0
        if switch not in ("CONDSTORE", "everything"):
            assert again.unchanged == 4
        source.fill("source", {"INBOX": [mail(500)], "New": [mail(501)]})
        with source.client("source") as client:
            client.command(b"SELECT INBOX")
            client.command(b"UID STORE 2 +FLAGS (\\Flagged)")
            client.command(b"UID STORE 5 +FLAGS (\\Deleted)")
            client.command(b"EXPUNGE")
        wanted = settings(
            source,
            destination,
            identity=IdentityRules(sync_duplicates=True),
            state=str(tmp_path / "state"),
            deletion=DeletionRules(destination=True),
        )
        ran = good(sync(wanted))
        assert ran.copied == 2
        same(source.snapshot("source"), destination.snapshot("target"))
        assert good(sync(wanted)).copied == 0
        (tmp_path / "state").unlink()
        assert good(sync(wanted)).copied == 0
        same(source.snapshot("source"), destination.snapshot("target"))


def test_small_non_synchronising_literals_only() -> None:
    with (
        Dovecot(without=["LITERAL+"], announce=["LITERAL-"]) as source,
        Dovecot(without=["LITERAL+"], announce=["LITERAL-"]) as destination,
    ):
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        assert good(sync(settings(source, destination))).copied == 46
        same(source.snapshot("source"), destination.snapshot("target"))


def test_other_separators_and_prefixes() -> None:
    with Dovecot(separator=".", prefix="INBOX.") as source, Dovecot() as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", {"INBOX": [mail(1)], "INBOX.Sent": [mail(2)], "INBOX.a.b": [mail(3)]})
        assert good(sync(settings(source, destination))).copied == 3
        assert {"INBOX", "Sent", "a/b"} <= set(destination.snapshot("target"))
        source.add_user("back")
        assert good(sync(settings(destination, source, user1="target", user2="back"))).copied == 3
        back = source.snapshot("back")
        assert {"INBOX", "INBOX.Sent", "INBOX.a.b"} <= set(back)
        assert back["INBOX.a.b"] == source.snapshot("source")["INBOX.a.b"]
