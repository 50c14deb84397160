"""Several connections a side: opened where the copying waits for a server, never at the cost of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, same, settings, sync
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy

from imapsync.plan.rules import IdentityRules
from imapsync.report import events
from imapsync.transfer.outcome import Stop
from imapsync.transfer.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.proxy import Counters

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
LINE = "0123456789" * 7 + "\r\n"
#: Each message costs a round trip to such a destination.
PLAIN = ["MULTIAPPEND", "LITERAL+", "LITERAL-", "UIDPLUS"]
RTT_S = 0.02
FOLDERS = {
    "INBOX": [mail(n, flags=("\\Seen",) if n % 2 else (), day=n) for n in range(130)],
    "Twins": [mail(1000 + n // 3, body=LINE * 20) for n in range(60)],
    "Big": [
        mail(2000, body=LINE * 9000),
        *(mail(n) for n in range(2001, 2040)),
        mail(2040, body=LINE * 9000),
    ],
    "None": [mail(3000)._replace(content=b"Subject: no identity %d\r\n\r\ntext\r\n" % n) for n in range(20)],
}
EACH = IdentityRules(sync_duplicates=True)
COUNT = sum(map(len, FOLDERS.values()))


@pytest.fixture
def far() -> Iterator[tuple[Dovecot, Dovecot]]:
    """Give a filled source, and a destination where each message is waited for."""
    with Dovecot() as source, Dovecot(without=PLAIN) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        yield source, destination


def wanted(
    servers: tuple[Dovecot, Dovecot],
    proxy: Proxy,
    **options: Any,  # noqa: ANN401 - any field
) -> Settings:
    base = settings(*servers, identity=EACH, **options)
    return base._replace(destination=endpoint(servers[1])._replace(port=proxy.port))


def slowly(servers: tuple[Dovecot, Dovecot], **options: Any) -> Counters:  # noqa: ANN401 - any field
    """Copy to a destination that is far away; give what passed on the way there."""
    source, destination = servers
    with Proxy(destination.host, destination.port, rtt_s=RTT_S) as proxy:
        assert good(sync(wanted(servers, proxy, **options))).copied == COUNT
        passed = proxy.counters()
    same(source.snapshot("source"), destination.snapshot("target"))
    return passed


def test_a_slow_destination_gets_more_connections(far: tuple[Dovecot, Dovecot], tmp_path: Path) -> None:
    assert slowly(far, state=str(tmp_path / "state")).connections > 1
    again = good(sync(settings(*far, identity=EACH, state_path=str(tmp_path / "state"))))
    assert again.copied == 0
    assert again.unchanged == len(far[0].snapshot("source"))


def test_no_more_connections_than_allowed(far: tuple[Dovecot, Dovecot]) -> None:
    assert slowly(far, limits=Limits(connections=1)).connections == 1


def test_a_near_destination_gets_one_connection(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": FOLDERS["INBOX"][:20]})
    with Proxy(destination.host, destination.port) as proxy:
        assert good(sync(wanted(servers, proxy))).copied == 20
        assert proxy.counters().connections == 1


def test_a_folder_is_not_shared_because_the_server_begins_slowly(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(n, body=LINE * 28) for n in range(4000)]})
    with Proxy(destination.host, destination.port, bits_per_second=2_000_000) as proxy:

        def listen(event: events.Event) -> None:
            if isinstance(event, events.MessagesCopied):
                proxy.limit(0)

        assert good(sync(wanted(servers, proxy), listen)).copied == 4000
        assert proxy.counters().connections == 1


def test_one_large_folder_is_shared(far: tuple[Dovecot, Dovecot]) -> None:
    source, destination = far
    many = [mail(n, body=LINE * 110, day=n) for n in range(700)]
    source.fill("source", {"Large": many})
    source.doveadm("expunge", "-u", "source", "mailbox", "INBOX", "all")
    with Proxy(destination.host, destination.port, rtt_s=RTT_S / 4) as proxy:
        ran = good(sync(wanted(far, proxy)))
        assert proxy.counters().connections > 1
    same(source.snapshot("source"), destination.snapshot("target"))
    begun = [event.source for event in ran.all(events.FolderStarted)]
    assert len(begun) == len(set(begun))


def test_a_server_that_takes_no_second_connection_is_left_in_peace(tmp_path: Path) -> None:
    with Dovecot() as source, Dovecot(without=PLAIN, max_connections=1) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", FOLDERS)
        with Proxy(destination.host, destination.port, rtt_s=RTT_S) as proxy:
            ran = good(sync(wanted((source, destination), proxy, state=str(tmp_path / "state"))))
            # One more was tried, once.
            assert proxy.counters().connections == 2
        assert ran.copied == COUNT
        assert any(event.text.startswith("No further connection") for event in ran.all(events.Noted))
        same(source.snapshot("source"), destination.snapshot("target"))


def test_a_connection_that_brings_no_speed_leaves_no_messages_behind(
    servers: tuple[Dovecot, Dovecot],
) -> None:
    source, destination = servers
    for at, folder in enumerate(("INBOX", "Second", "Third", "Fourth")):
        source.fill("source", {folder: [mail(3000 * at + n, body=LINE * 10) for n in range(2500)]})
    # Fast enough that nobody shares a folder, and no faster with two connections than with one.
    with Proxy(source.host, source.port, bits_per_second=24_000_000) as proxy:
        base = settings(*servers, limits=Limits(connections=3))
        ran = good(sync(base._replace(source=endpoint(source)._replace(port=proxy.port))))
        assert proxy.counters().connections > 1
    assert ran.copied == 10_000
    same(source.snapshot("source"), destination.snapshot("target"))


@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("place", ["first", "second"])
def test_a_connection_of_several_breaks(
    far: tuple[Dovecot, Dovecot], tmp_path: Path, place: str, state: bool
) -> None:
    source, destination = far
    with Proxy(destination.host, destination.port, rtt_s=RTT_S) as proxy:
        copied = 0

        def listen(event: events.Event) -> None:
            nonlocal copied
            if isinstance(event, events.MessagesCopied):
                copied += len(event.source_uids)
                several = proxy.counters().connections > 1
                if several and copied > (100 if place == "first" else 180) and not broken:
                    broken.append(copied)
                    proxy.cut()

        broken: list[int] = []
        path = str(tmp_path / "state") if state else None
        ran = sync(wanted(far, proxy, state=path), listen)
    assert broken
    assert ran.outcome.stop is Stop.DONE
    assert not ran.failed
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))
    assert (
        good(sync(settings(*far, state_path=path, identity=IdentityRules(sync_duplicates=True)))).copied == 0
    )


def test_the_limits_on_speed_hold_with_one_connection(far: tuple[Dovecot, Dovecot]) -> None:
    source, destination = far
    source.doveadm("expunge", "-u", "source", "mailbox", "*", "all")
    source.fill("source", {"INBOX": FOLDERS["INBOX"][:60]})
    with Proxy(destination.host, destination.port, rtt_s=RTT_S) as proxy:
        limits = Limits(connections=3, messages_per_second=1000)
        assert good(sync(wanted(far, proxy, limits=limits))).copied == 60
        assert proxy.counters().connections == 1


def test_the_limit_is_passed_by_what_is_under_way(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill(
        "source", {f"F{n}": [mail(100 * n + m, body=LINE * 20) for m in range(60)] for n in range(12)}
    )
    ran = sync(settings(*servers, limits=Limits(exit_when_over_bytes=1)))
    assert ran.outcome.stop is Stop.TRANSFER_EXCEEDED
    arrived = sum(map(len, destination.snapshot("target").values()))
    assert ran.copied == arrived == 1
