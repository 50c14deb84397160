"""Which folder a source folder becomes where the destination, in memory, lists names in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.test_in_memory import MIRROR, Account, Accounts
from tests.servers.memory import Connection, MemoryServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.memory import Said

#: Names in modified UTF-7: Ä and Ö composed, and decomposed.
A_UMLAUT, O_UMLAUT = b"&AMQ-", b"&ANY-"
A_APART, O_APART = b"A&Awg-", b"O&Awg-"


class Respelling(MemoryServer):
    """Has one spelling in place of another, whatever it is asked for."""

    spellings: tuple[tuple[bytes, bytes], ...] = ()


class RespellingConnection(Connection):
    """Reads each name in the server's spelling."""

    def read_command(self) -> list[bytes]:
        parts = super().read_command()
        assert isinstance(self.server, Respelling)
        for theirs, ours in self.server.spellings:
            parts[:1] = [part.replace(b'"%s"' % theirs, b'"%s"' % ours) for part in parts[:1]]
        return parts


Respelling.connection = RespellingConnection


def hiding(*names: bytes) -> Respelling:
    """Give a server that has folders of these names and does not list them."""

    def bend(said: Said) -> bytes:
        hidden = said.response.startswith(b"* LIST") and said.response.endswith(
            tuple(b'"%s"\r\n' % name for name in names)
        )
        return b"" if hidden else said.response

    return Respelling(bend=bend)


@pytest.fixture
def source() -> Iterator[Account]:
    with MemoryServer() as server:
        yield Account(server)


def test_new_folders_that_a_server_lists_in_another_unicode_form_stay_two(
    source: Account, tmp_path: Path
) -> None:
    with Respelling() as server:
        server.spellings = ((A_UMLAUT, A_APART), (O_UMLAUT, O_APART))
        both = Accounts(source, Account(server), tmp_path / "state")
        source.deliver(1, folder=A_UMLAUT)
        source.deliver(2, folder=O_UMLAUT)
        assert both.good().copied == 2
        assert both.good().copied == 0
        assert both.destination.letters(A_APART) == [1]
        assert both.destination.letters(O_APART) == [2]


def test_a_new_folder_that_is_not_listed_is_not_another_source_folder(
    source: Account, tmp_path: Path
) -> None:
    with hiding(b"A B") as server:
        both = Accounts(source, Account(server), tmp_path / "state")
        source.deliver(1, folder=b"A B")
        source.deliver(2, folder=b"A+B")
        assert both.good().copied == 2
        assert both.destination.letters(b"A B") == [1]
        assert both.destination.letters(b"A+B") == [2]


def test_a_new_folder_that_is_not_listed_is_none_of_two_that_look_like_it(
    source: Account, tmp_path: Path
) -> None:
    with hiding(b"A B") as server:
        both = Accounts(source, Account(server), tmp_path / "state")
        both.destination.folder(b"A+B")
        both.destination.folder(b"A-B")
        source.deliver(1, folder=b"A B")
        assert both.good().copied == 1
        assert both.destination.letters(b"A B") == [1]


@pytest.mark.parametrize("other", [b"A+B", b"A-B"])
def test_two_names_for_which_a_server_has_one_folder_share_it(
    source: Account, tmp_path: Path, other: bytes
) -> None:
    """It refuses to make the second of them, whichever that is."""
    with Respelling() as server:
        server.spellings = ((b"A,B", other),)
        both = Accounts(source, Account(server), tmp_path / "state")
        source.deliver(1, folder=b"A,B")
        source.deliver(2, folder=other)
        for _ in range(2):
            both.good(deletion=MIRROR)
            assert both.destination.letters(other) == [1, 2]
