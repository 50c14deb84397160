"""Only unseen messages, marked on the source after the copy is proven, filed by the user's Sieve script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.transfer.harness import endpoint, good, mail, settings, sync
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy

from imapsync.plan.rules import DeletionRules, FlagRules, FolderRules, IdentityRules, SelectionRules
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]
SCRIPT = (
    'require ["fileinto", "mailbox"];\nif header :contains "Subject" "filed" { fileinto :create "Lists"; }\n'
)


@pytest.fixture
def sieve_servers(servers: Servers) -> Iterator[Servers]:
    with Dovecot(sieve=True) as destination:
        destination.add_user("target")
        yield servers[0], destination


def inbox(servers: Servers, tmp_path: Path | None = None, **options: Any) -> Settings:  # noqa: ANN401 - any field
    options.setdefault("sieve_delivery", True)
    return settings(
        *servers,
        folders=FolderRules(only=("INBOX",)),
        selection=SelectionRules(source_search="UNSEEN"),
        flags=FlagRules(resync=False, set_on_source=("\\Seen",)),
        identity=IdentityRules(sync_duplicates=True),
        state=str(tmp_path / "state") if tmp_path else None,
        **options,
    )


def unseen(server: Dovecot, user: str) -> int:
    return sum("\\Seen" not in message.flags for message in server.snapshot(user)["INBOX"])


@pytest.mark.parametrize("with_state", [True, False])
def test_unseen_messages_arrive_once_and_are_marked(
    sieve_servers: Servers, tmp_path: Path, with_state: bool
) -> None:
    source, destination = sieve_servers
    source.fill("source", {"INBOX": [mail(1), mail(2, flags=("\\Seen",)), mail(3)], "Other": [mail(4)]})
    wanted = inbox(sieve_servers, tmp_path if with_state else None)
    assert good(sync(wanted)).copied == 2
    assert unseen(source, "source") == 0
    assert len(destination.snapshot("target")["INBOX"]) == 2
    assert unseen(destination, "target") == 2
    assert good(sync(wanted)).copied == 0
    source.fill("source", {"INBOX": [mail(5)]})
    assert good(sync(wanted)).copied == 1
    assert set(destination.snapshot("target")) == {"INBOX"}


@pytest.mark.parametrize("with_state", [True, False])
def test_the_users_script_files_and_only_filed_messages_are_expunged(
    sieve_servers: Servers, tmp_path: Path, with_state: bool
) -> None:
    source, destination = sieve_servers
    destination.set_sieve("target", SCRIPT)
    destination.fill("target", {"INBOX": [mail(900, flags=("\\Deleted",)), mail(901)]})
    source.fill("source", {"INBOX": [mail(1, headers="X: 1\r\nSubject: filed one\r\n"), mail(2)]})
    filed = mail(3)
    source.fill(
        "source", {"INBOX": [filed._replace(content=filed.content.replace(b"message 3", b"filed 3"))]}
    )
    wanted = inbox(sieve_servers, tmp_path if with_state else None)
    assert good(sync(wanted)).copied == 3
    there = destination.snapshot("target")
    assert len(there["Lists"]) >= 1
    assert len(there["INBOX"]) + len(there["Lists"]) == 5
    assert sum("\\Deleted" in message.flags for message in there["INBOX"]) == 1
    assert unseen(source, "source") == 0
    assert good(sync(wanted)).copied == 0
    assert destination.snapshot("target") == there


def test_a_message_filed_away_but_not_yet_marked_is_not_copied_again(
    sieve_servers: Servers, tmp_path: Path
) -> None:
    """The run was killed between the filter and the mark on the source: the journal knows the pair."""
    source, destination = sieve_servers
    destination.set_sieve("target", SCRIPT)
    filed = mail(3)
    source.fill(
        "source", {"INBOX": [filed._replace(content=filed.content.replace(b"message 3", b"filed 3"))]}
    )
    wanted = inbox(sieve_servers, tmp_path)
    assert good(sync(wanted)).copied == 1
    with source.client("source") as client:
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 1 -FLAGS (\\Seen)")
    assert good(sync(wanted)).copied == 0
    assert unseen(source, "source") == 0
    assert len(destination.snapshot("target")["Lists"]) == 1


def test_a_copied_message_that_was_not_marked_is_recognised_without_a_journal(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(1), mail(2)]})
    destination.fill("target", {"INBOX": [mail(1)]})
    assert good(sync(inbox(servers, sieve_delivery=False))).copied == 1
    assert unseen(source, "source") == 0
    assert len(destination.snapshot("target")["INBOX"]) == 2


def test_a_destination_without_sieve_keeps_the_messages(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(1)]})
    ran = sync(inbox(servers, tmp_path))
    assert ran.copied == 1
    assert len(destination.snapshot("target")["INBOX"]) == 1


def test_old_messages_leave_the_source_when_their_copy_is_proven(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    recent = mail(2)._replace(internaldate=4_000_000_000 // 2 + 100)
    source.fill("source", {"INBOX": [mail(1), recent, mail(3, flags=("\\Seen",))]})
    wanted = inbox(servers, tmp_path, sieve_delivery=False, deletion=DeletionRules(source_older_days=30))
    ran = good(sync(wanted))
    assert ran.copied == 2
    assert ran.deleted(Side.SOURCE) == 1
    left = source.snapshot("source")["INBOX"]
    assert len(left) == 2  # the recent one, and the seen one that was never copied
    assert len(destination.snapshot("target")["INBOX"]) == 2
    assert good(sync(wanted)).copied == 0


def test_a_filter_that_was_interrupted_is_completed(sieve_servers: Servers, tmp_path: Path) -> None:
    """The connection ends right after FILTER was sent: the server filters, nobody hears of it."""
    source, destination = sieve_servers
    destination.set_sieve("target", SCRIPT)
    destination.fill("target", {"INBOX": [mail(900, flags=("\\Deleted",))]})
    filed = [mail(n)._replace(content=mail(n).content.replace(b"message", b"filed")) for n in range(5)]
    source.fill("source", {"INBOX": [*filed, mail(50)]})
    with Proxy(destination.host, destination.port, cut_on=b"FILTER SIEVE", max_cuts=2) as proxy:
        wanted = inbox(sieve_servers, tmp_path)
        away = endpoint(destination)._replace(port=proxy.port)
        good(sync(wanted._replace(destination=away)))
    there = destination.snapshot("target")
    assert len(there["Lists"]) == 5
    assert len(there["INBOX"]) == 2
    assert good(sync(wanted)).copied == 0
