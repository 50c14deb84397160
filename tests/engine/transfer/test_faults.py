"""Connections that break at the worst moment: the run goes on, nothing is lost, nothing comes twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, same, settings, sync
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Drop, Relay
from tests.servers.proxy import Proxy

from imapsync.plan.rules import IdentityRules
from imapsync.report import events
from imapsync.terms import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.base import ImapServer

    from imapsync.session.endpoint import Endpoint

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]
LINE = "0123456789" * 7 + "\r\n"
FOLDERS = {
    "INBOX": [mail(n, body=LINE * 20, flags=("\\Seen",) if n % 2 else ()) for n in range(300)],
    "Twins": [mail(1000 + n // 3, body=LINE * 20) for n in range(90)],
    "Big": [mail(2000, body=LINE * 9000), mail(2001), mail(2002, body=LINE * 12000)],
    "None": [mail(3000)._replace(content=b"Subject: no identity %d\r\n\r\ntext\r\n" % n) for n in range(20)],
}


def through(proxy: Proxy, server: ImapServer) -> Endpoint:
    return endpoint(server)._replace(port=proxy.port)


@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize(
    "cut",
    [
        {"cut_after_up": 60_000},
        {"cut_after_up": 450_000},
        {"cut_after_up": 900_000},
        {"cut_after_up": 1_500_000},
        {"cut_on": b"APPENDUID"},
        {"cut_on": b"Append completed"},
        {"cut_after_down": 3_000},
    ],
    ids=str,
)
def test_the_destination_breaks_the_connection(
    servers: Servers, tmp_path: Path, cut: dict[str, Any], state: bool
) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    with Proxy(destination.host, destination.port, max_cuts=3, **cut) as proxy:
        wanted = settings(
            *servers,
            identity=IdentityRules(sync_duplicates=True),
            state_path=str(tmp_path / "state") if state else None,
        )
        ran = good(sync(wanted._replace(destination=through(proxy, destination))))
        assert proxy.counters().cuts >= 1
    assert ran.all(events.Reconnected)
    assert ran.copied == 413
    same(source.snapshot("source"), destination.snapshot("target"))
    assert good(sync(wanted)).copied == 0


@pytest.mark.parametrize(
    "cut", [{"cut_after_down": 5_000}, {"cut_after_down": 300_000}, {"cut_after_down": 1_300_000}], ids=str
)
def test_the_source_breaks_the_connection(servers: Servers, cut: dict[str, Any]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    # A third cut over the same command would be taken for its doing.
    with Proxy(source.host, source.port, max_cuts=2, **cut) as proxy:
        wanted = settings(*servers, identity=IdentityRules(sync_duplicates=True))
        ran = good(sync(wanted._replace(source=through(proxy, source))))
        assert proxy.counters().cuts >= 1
    assert ran.copied == 413
    same(source.snapshot("source"), destination.snapshot("target"))


@pytest.mark.parametrize(
    "without", [["UIDPLUS"], ["MULTIAPPEND"], ["MULTIAPPEND", "LITERAL+", "UIDPLUS"]], ids=str
)
def test_plain_servers_break_too(servers: Servers, tmp_path: Path, without: list[str]) -> None:
    source, _ = servers
    source.fill("source", FOLDERS)
    with Dovecot(without=without) as destination:
        destination.add_user("target")
        with Proxy(destination.host, destination.port, max_cuts=2, cut_after_up=500_000) as proxy:
            wanted = settings(
                source,
                destination,
                identity=IdentityRules(sync_duplicates=True),
                state_path=str(tmp_path / "state"),
            )
            good(sync(wanted._replace(destination=through(proxy, destination))))
        same(source.snapshot("source"), destination.snapshot("target"))
        assert good(sync(wanted)).copied == 0
        assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))


def test_one_refused_message_does_not_stop_the_others(servers: Servers, tmp_path: Path) -> None:
    source, _ = servers
    folders = {"INBOX": [mail(n, body=LINE * (1200 if n == 17 else 3)) for n in range(40)]}
    source.fill("source", folders)
    with Dovecot(quota_kib=60) as destination:
        destination.add_user("target")
        wanted = settings(source, destination, state_path=str(tmp_path / "state"))
        ran = sync(wanted)
        assert ran.copied == 39
        assert [(failure.uid, failure.reason) for failure in ran.failed] == [(18, Reason.OVERQUOTA)]
        assert ran.failed[0].message_id == "<17@example.org>"
        assert ran.failed[0].subject == "message 17"
        again = sync(wanted)
        assert again.copied == 0
        assert len(again.failed) == 1  # still missing, still said


@pytest.mark.parametrize("lost", [101])
def test_a_lost_message_is_not_taken_for_one_of_the_same_identity(tmp_path: Path, lost: int) -> None:
    """Against a destination that names no copies: what it has confirmed is not what was lost."""
    seen = 0

    def unnamed(response: bytes) -> bytes:
        return re.sub(rb"\[APPENDUID [^\]]*\] ", b"", response)

    def drop(tag: bytes, line: bytes) -> bytes | None:
        nonlocal seen
        seen += line.startswith(tag + b" APPEND")
        if seen == lost and line.startswith(tag + b" APPEND"):
            raise Drop
        return None

    with Dovecot() as source, Dovecot(without=["UIDPLUS", "MULTIAPPEND", "LITERAL+"]) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", {"INBOX": [mail(1, body="x" * n) for n in range(1, 151)]})
        with Relay(destination.port, lambda: (unnamed, drop)) as relay:
            wanted = settings(source, destination, state_path=str(tmp_path / "state"))
            ran = sync(wanted._replace(destination=endpoint(destination)._replace(port=relay.port)))
            assert relay.accepted > 1
        assert not ran.failed
        assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))
        assert good(sync(wanted)).copied == 0


@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("uidplus", [True, False])
@pytest.mark.parametrize("last", [100, 9_000], ids=["between messages", "within a message"])
def test_what_a_slow_network_still_delivers_does_not_come_twice(
    tmp_path: Path, last: int, uidplus: bool, state: bool
) -> None:
    """The source is lost while the way to the destination still holds messages that were sent."""
    sizes = [6_900, 6_900, 6_900, last, 9_000]
    path = str(tmp_path / "state") if state else None
    with Dovecot() as source, Dovecot(without=[] if uidplus else ["UIDPLUS"]) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", {"INBOX": [mail(n, body=LINE * size) for n, size in enumerate(sizes)]})
        with (
            Proxy(source.host, source.port, cut_after_down=1_800_000) as near,
            Proxy(destination.host, destination.port, bits_per_second=6_000_000) as slow,
        ):
            base = settings(source, destination, state_path=path)
            wanted = base._replace(source=through(near, source), destination=through(slow, destination))
            assert good(sync(wanted)).copied == len(sizes)
            assert near.counters().cuts == 1
        same(source.snapshot("source"), destination.snapshot("target"))
