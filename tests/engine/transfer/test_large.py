"""Large messages pass from socket to socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, same, settings, sync

if TYPE_CHECKING:
    from tests.servers.client import NewMessage
    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
LINE = "0123456789" * 7 + "\r\n"


def big(number: int, mebibytes: float) -> NewMessage:
    return mail(number, body=LINE * int(mebibytes * 1024 * 1024 / len(LINE)))


def test_a_large_message_among_small_ones_does_not_stop_the_copy(servers: tuple[Dovecot, Dovecot]) -> None:
    """Dovecot completes no FETCH before the body behind it is out: nothing may wait for that completion."""
    source, destination = servers
    small = [mail(n) for n in range(25)]
    source.fill("source", {"INBOX": [*small, big(100, 14)], "Sent": [mail(n) for n in range(200, 230)]})
    assert good(sync(settings(source, destination))).copied == 56
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
