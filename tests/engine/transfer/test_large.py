"""Large messages pass from socket to socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync, side
from tests.engine.transfer.harness import endpoint, good, hashes, mail, same, settings, sync
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.proxy import Proxy

from imapsync.report import events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.client import NewMessage
    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
LINE = "0123456789" * 7 + "\r\n"
#: What one run may take, whatever the account holds.
PEAK_MIB = 64


def big(number: int, mebibytes: float) -> NewMessage:
    return mail(number, body=LINE * int(mebibytes * 1024 * 1024 / len(LINE)))


def test_a_large_message_among_small_ones_does_not_stop_the_copy(servers: tuple[Dovecot, Dovecot]) -> None:
    """Dovecot completes no FETCH before the body behind it is out: nothing may wait for that completion."""
    source, destination = servers
    small = [mail(n) for n in range(25)]
    source.fill("source", {"INBOX": [*small, big(100, 14)], "Sent": [mail(n) for n in range(200, 230)]})
    assert good(sync(settings(source, destination))).copied == 56
    same(source.snapshot("source"), destination.snapshot("target"))


def test_what_has_arrived_is_told_while_a_large_message_crosses_a_slow_line(
    servers: tuple[Dovecot, Dovecot],
) -> None:
    """Progress stood still for as long as the large message took, whatever had arrived before it."""
    source, destination = servers
    source.fill("source", {"INBOX": [*[mail(n) for n in range(25)], big(100, 2)]})
    seen: list[events.Event] = []
    with Proxy(source.host, source.port, bits_per_second=1_000_000) as proxy:

        def listen(event: events.Event) -> None:
            seen.append(event)
            if isinstance(event, events.MessagesCopied):
                proxy.limit(0)

        base = settings(source, destination)
        far = endpoint(source)._replace(port=proxy.port)
        assert good(sync(base._replace(source=far), listen)).copied == 26
    parts = [at for at, event in enumerate(seen) if isinstance(event, events.PartSent)]
    told = next(at for at, event in enumerate(seen) if isinstance(event, events.MessagesCopied))
    assert told < parts[-1]
    sizes = [event.size_bytes for event in seen if isinstance(event, events.PartSent)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == max(
        size for event in seen if isinstance(event, events.MessagesCopied) for size in event.sizes
    )
    same(source.snapshot("source"), destination.snapshot("target"))


def test_large_and_small_messages_alternate_over_folders(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    folders = {
        f"F{folder}": [
            big(folder * 100 + n, 0.7 + n / 5) if n % 3 == 1 else mail(folder * 100 + n) for n in range(9)
        ]
        for folder in range(6)
    }
    source.fill("source", folders)
    assert good(sync(settings(source, destination))).copied == 54
    same(source.snapshot("source"), destination.snapshot("target"), ignore=("INBOX",))


@pytest.mark.parametrize(
    "destination_bits",
    [0, 120_000_000, pytest.param(5_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_large_messages_among_many_small_ones_take_little_memory(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path, destination_bits: int
) -> None:
    """A large body must not come while small messages asked before it are awaited: nobody could take it."""
    source, destination = servers
    filler = LINE * 60
    messages = [big(n, 14) if n % 300 == 200 else mail(n, body=filler) for n in range(900)]
    source.fill("source", {"INBOX": messages})
    password = tmp_path / "password"
    password.write_text(DEFAULT_PASSWORD + "\n")
    with Proxy(destination.host, destination.port, bits_per_second=destination_bits) as proxy:
        ran = imapsync(
            tmp_path,
            *side(1, source.host, source.port, "source", password, "--tls{}", "--trust{}", "any"),
            *side(2, proxy.host, proxy.port, "target", password, "--tls{}", "--trust{}", "any"),
            limit_s=500,
        )
    assert ran.exit_code == 0, ran.output[-3000:]
    assert ran.peak_mib < PEAK_MIB
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))
