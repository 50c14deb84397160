"""What a server announces and does not do is done without: it stopped whole accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.engine.hostile.test_unreadable import LATE
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, Connection, Heard, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers


class Refused(NamedTuple):
    """What is refused: commands, by a word of theirs; the answer that becomes BAD."""

    verbs: tuple[bytes, ...]
    word: bytes
    answer: bytes


OPENING = Refused((b"SELECT", b"EXAMINE"), b"CONDSTORE", b" OK [READ-WRITE] selected")
SEARCHING = Refused((b"UID SEARCH",), b"RETURN", b" OK done")


class Refuses:
    """The habits of a server that does not know what it announced."""

    def __init__(self, server: MemoryServer, refused: Refused) -> None:
        self.times = 0
        self._refused = refused
        self._now = False
        server.hears = self.hears
        server.bend = self.bend

    def hears(self, heard: Heard) -> None:
        self._now = heard.verb in self._refused.verbs and self._refused.word in heard.rest
        self.times += self._now

    def bend(self, said: Said) -> bytes:
        if not self._now:
            return said.response
        return (
            said.response.replace(self._refused.answer, b" BAD unknown") if said.response[:1] == b"a" else b""
        )


@pytest.mark.parametrize("source_refuses", [True, False], ids=["source", "destination"])
def test_folders_are_opened_without_the_parameter_that_is_refused(
    source_refuses: bool, tmp_path: Path
) -> None:
    """With a state file each folder was an error."""
    with MemoryServer(COUNTING) as source, MemoryServer(COUNTING) as destination:
        source.folders = accounts()
        habits = Refuses(source if source_refuses else destination, OPENING)
        for transferred in (3 * MESSAGES, 1):
            ran = copied(source, destination, tmp_path, "--state", str(tmp_path / "state"))
            assert habits.times
            assert ran.exit_code == 0, ran.output[-3000:]
            assert ran.report["messages_transferred"] == transferred
            assert lost_and_doubled(source, destination) == (0, 0)
            source.folders[b"Work"].add(LATE)


def test_a_search_is_made_without_the_words_that_are_refused(tmp_path: Path) -> None:
    """In INBOX mode nothing was copied."""
    with MemoryServer(COUNTING) as source, MemoryServer() as destination:
        source.folders = accounts()
        habits = Refuses(source, SEARCHING)
        ran = copied(source, destination, tmp_path, "--search1", "UNSEEN")
        assert habits.times
        assert ran.exit_code == 0, ran.output[-3000:]
        assert ran.report["messages_transferred"] == 3 * MESSAGES / 2


class NothingOld(Connection):
    """A server that takes no date before 1980."""

    def do_append(self, rest: bytes, command: list[bytes]) -> Iterator[bytes]:
        if any(b"-1970 " in part for part in command[::2]):
            yield b"BAD invalid internal date"
        else:
            yield from super().do_append(rest, command)


@pytest.mark.parametrize("capabilities", [BARE, COUNTING], ids=["bare", "rich"])
def test_a_message_whose_date_is_refused_arrives_without_it(capabilities: bytes, tmp_path: Path) -> None:
    """It was a failure each time."""
    with MemoryServer() as source, MemoryServer(capabilities) as destination:
        destination.connection = NothingOld
        source.folders = accounts()
        source.folders[b"Work"].mails[4].date = b"01-Jan-1970 00:00:00 +0000"
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code == 0, ran.output[-3000:]
        assert "refuses the date '01-Jan-1970" in ran.output
        assert lost_and_doubled(source, destination) == (0, 0)


@pytest.mark.parametrize("source_breaks", [True, False], ids=["source", "destination"])
def test_a_server_that_hangs_up_when_we_say_who_we_are_is_not_told(
    source_breaks: bool, tmp_path: Path
) -> None:
    """Each login ended there, and the run with it."""

    def hears(heard: Heard) -> None:
        if heard.verb == b"ID":
            raise Drop

    with MemoryServer(COUNTING + b" ID") as source, MemoryServer(COUNTING + b" ID") as destination:
        source.folders = accounts()
        (source if source_breaks else destination).hears = hears
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code == 0, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)
