"""Servers that hang up at a command about one folder: it costs that folder, and often not even that.

A crash in a server's handler of one damaged folder looks so. The run went over the same command five times
and ended, whatever else was to be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, RICH, Heard, MemoryServer, Said

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


class Case(NamedTuple):
    """Commands, and the beginning of an answer, at which a server hangs up; what is missing then."""

    verbs: frozenset[bytes] = frozenset()
    answer: bytes = b"nothing"
    missing: int = 0
    exit_code: int = 0


class HangsUp:
    """The habits of a server that hangs up at these commands about Work, and in these answers."""

    def __init__(self, case: Case, server: MemoryServer) -> None:
        self.times = 0
        self._case = case
        server.hears = self.hears
        server.bend = self.bend

    def hears(self, heard: Heard) -> None:
        about = heard.folder if heard.verb.startswith(b"UID ") else heard.rest.split(b" (")[0].strip(b'"')
        if heard.verb in self._case.verbs and about == b"Work":
            self.times += 1
            raise Drop

    def bend(self, said: Said) -> bytes:
        if said.response.startswith(self._case.answer):
            self.times += 1
            raise Drop
        return said.response


OPENING = frozenset({b"SELECT", b"EXAMINE"})
STATUS = frozenset({b"STATUS"})
SOURCE = {
    "STATUS": Case(STATUS, b'* STATUS "Work"'),
    "opening": Case(OPENING, missing=MESSAGES, exit_code=117),
    "STATUS and opening": Case(STATUS | OPENING, b'* STATUS "Work"', MESSAGES, 117),
    "the list": Case(answer=b'* LIST (\\HasNoChildren) "/" "Work"', missing=MESSAGES, exit_code=111),
}
DESTINATION = {
    "STATUS": Case(STATUS, b'* STATUS "Work"'),
    "opening": Case(OPENING, missing=MESSAGES, exit_code=117),
    "CREATE": Case(frozenset({b"CREATE"}), missing=MESSAGES, exit_code=116),
    "SUBSCRIBE": Case(frozenset({b"SUBSCRIBE"})),
    "all but CREATE": Case(STATUS | OPENING | {b"SUBSCRIBE"}, missing=MESSAGES, exit_code=117),
    "the list": Case(answer=b'* LIST (\\HasNoChildren) "/" "Work"'),
}
SLOW = pytest.mark.slow
SERVERS = pytest.mark.parametrize(
    ("capabilities", "journal"),
    [
        pytest.param(BARE, False, id="bare"),
        pytest.param(COUNTING, True, id="counting-state"),
        pytest.param(BARE, True, id="bare-state", marks=SLOW),
        pytest.param(RICH, False, id="rich", marks=SLOW),
        pytest.param(RICH, True, id="rich-state", marks=SLOW),
    ],
)


@SERVERS
@pytest.mark.parametrize("kind", SOURCE)
def test_a_source_that_hangs_up_at_one_folder_costs_that_folder(
    kind: str, capabilities: bytes, journal: bool, tmp_path: Path
) -> None:
    with MemoryServer(capabilities) as source, MemoryServer() as destination:
        source.folders = accounts()
        habits = HangsUp(SOURCE[kind], source)
        for _ in range(2):
            check(SOURCE[kind], habits, source, destination, tmp_path, *options(journal, tmp_path))


@SERVERS
@pytest.mark.parametrize("kind", DESTINATION)
def test_a_destination_that_hangs_up_at_one_folder_costs_that_folder(
    kind: str, capabilities: bytes, journal: bool, tmp_path: Path
) -> None:
    with MemoryServer() as source, MemoryServer(capabilities) as destination:
        source.folders = accounts()
        habits = HangsUp(DESTINATION[kind], destination)
        check(DESTINATION[kind], habits, source, destination, tmp_path, *options(journal, tmp_path))


def options(journal: bool, folder: Path) -> tuple[str, ...]:
    return ("--state", str(folder / "state")) if journal else ()


def check(
    case: Case, habits: HangsUp, source: MemoryServer, destination: MemoryServer, folder: Path, *words: str
) -> None:
    ran = copied(source, destination, folder, *words)
    assert "Traceback" not in ran.output
    assert lost_and_doubled(source, destination) == (case.missing, 0), ran.output[-3000:]
    assert ran.exit_code == case.exit_code, ran.output[-3000:]
    told = ("the connection broke each time", "it hung up", "a server hangs up")
    assert not habits.times or any(words in ran.output for words in told), ran.output[-3000:]
