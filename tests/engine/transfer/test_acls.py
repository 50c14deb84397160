"""--syncacls: other people's rights on folders come along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, settings, sync
from tests.servers.dovecot import Dovecot

from imapsync.plan.rules import FolderRules
from imapsync.report import events

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers
ACL = """
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile
  acl_anyone = allow
}
"""
FOLDERS = {"INBOX": [mail(1)], "Shared by me": [mail(2)]}
RULES = FolderRules(acls=True)


@pytest.fixture
def lists() -> Iterator[tuple[Dovecot, Dovecot]]:
    """Give two servers with access control lists; anna and everybody may read a folder."""
    with Dovecot(extra_config=ACL) as source, Dovecot(extra_config=ACL) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        with source.client("source") as client:
            client.command(b'SETACL "Shared by me" anna lrs')
            client.command(b'SETACL "Shared by me" anyone l')
        yield source, destination


def rights(server: Dovecot, user: str) -> dict[str, str]:
    with server.client(user) as client:
        words = b" ".join(client.command(b'GETACL "Shared by me"')).split(b'"Shared by me" ', 1)[1].split()
    found = [word.strip(b'"').decode() for word in words]
    return dict(zip(found[::2], found[1::2], strict=False))


def test_rights_of_others_are_copied_and_own_rights_stay(lists: tuple[Dovecot, Dovecot]) -> None:
    source, destination = lists
    good(sync(settings(*lists, folders=RULES)))
    there = rights(destination, "target")
    assert there["anna"] == "lrs"
    assert there["anyone"] == "l"
    assert "source" not in there
    assert there["target"] == rights(source, "source")["source"]
    with source.client("source") as client:
        client.command(b'SETACL "Shared by me" anna lr')
    good(sync(settings(*lists, folders=RULES)))
    assert rights(destination, "target")["anna"] == "lr"


def test_nobody_gets_rights_unless_asked_or_in_a_dry_run(lists: tuple[Dovecot, Dovecot]) -> None:
    good(sync(settings(*lists)))
    ran = good(sync(settings(*lists, folders=RULES, dry=True)))
    assert "anna" not in rights(lists[1], "target")
    assert "would set the rights of anna on Shared by me" in [event.text for event in ran.all(events.Noted)]


def test_a_server_without_lists_is_told_about(servers: tuple[Dovecot, Dovecot]) -> None:
    servers[0].fill("source", FOLDERS)
    ran = good(sync(settings(*servers, folders=RULES)))
    assert ran.copied == 2
    assert any("--syncacls" in event.text for event in ran.all(events.Warned))
