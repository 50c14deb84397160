"""Servers that hang up at a command about one folder: it costs that folder, and often not even that.

A crash in a server's handler of one damaged folder looks so. The run went over the same command five times
and ended, whatever else was to be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.engine.hostile.test_unreadable import LATE
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, RICH, Heard, MemoryServer, Said, words

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


class Case(NamedTuple):
    """Commands, and the beginning of an answer, at which a server hangs up; what is missing then."""

    verbs: frozenset[bytes] = frozenset()
    answer: bytes = b""
    missing: int = 0
    exit_code: int = 0
    items: bytes = b""
    #: How often it hangs up at all; 0: each time.
    most: int = 0
    options: tuple[str, ...] = ()


class HangsUp:
    """The habits of a server that hangs up at these commands about Work, and in these answers."""

    def __init__(self, case: Case, server: MemoryServer) -> None:
        self.times = 0
        self._case = case
        server.hears = self.hears
        server.bend = self.bend

    def hears(self, heard: Heard) -> None:
        if self._case.most and self.times >= self._case.most:
            return
        about = heard.folder if heard.verb.startswith(b"UID ") else next(iter(words(heard.rest)), b"")
        if heard.verb in self._case.verbs and about == b"Work" and self._case.items in heard.rest:
            self.times += 1
            raise Drop

    def bend(self, said: Said) -> bytes:
        if self._case.answer and said.response.startswith(self._case.answer):
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
    "each body": Case(frozenset({b"UID FETCH"}), b"", MESSAGES, 111, b"BODY.PEEK[])"),
    "each SEARCH": Case(frozenset({b"UID SEARCH"}), b"", MESSAGES, 111, options=("--search1", "ALL")),
    "each STORE": Case(frozenset({b"UID STORE"}), b"", 0, 111, options=("--setflag1", "\\Flagged")),
}
DESTINATION = {
    "STATUS": Case(STATUS, b'* STATUS "Work"'),
    "opening": Case(OPENING, missing=MESSAGES, exit_code=117),
    "CREATE": Case(frozenset({b"CREATE"}), missing=MESSAGES, exit_code=116),
    "SUBSCRIBE": Case(frozenset({b"SUBSCRIBE"})),
    "all but CREATE": Case(STATUS | OPENING | {b"SUBSCRIBE"}, missing=MESSAGES, exit_code=117),
    "the list": Case(answer=b'* LIST (\\HasNoChildren) "/" "Work"'),
    "each APPEND": Case(frozenset({b"APPEND"}), missing=MESSAGES, exit_code=111),
}
SLOW = pytest.mark.slow
#: Each of several messages breaks several connections.
TAKE_LONG = ("each body", "each APPEND")


def kinds(table: dict[str, Case]) -> list[object]:
    return [pytest.param(kind, marks=[SLOW] if kind in TAKE_LONG else []) for kind in table]


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
@pytest.mark.parametrize("kind", kinds(SOURCE))
def test_a_source_that_hangs_up_at_one_folder_costs_that_folder(
    kind: str, capabilities: bytes, journal: bool, tmp_path: Path
) -> None:
    with MemoryServer(capabilities) as source, MemoryServer() as destination:
        source.folders = accounts()
        habits = HangsUp(SOURCE[kind], source)
        for _ in range(2 if journal else 1):
            check(SOURCE[kind], habits, source, destination, tmp_path, *options(journal, tmp_path))


@SERVERS
@pytest.mark.parametrize("kind", kinds(DESTINATION))
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
    case: Case, habits: HangsUp, source: MemoryServer, destination: MemoryServer, folder: Path, *further: str
) -> None:
    ran = copied(source, destination, folder, *case.options, *further)
    assert "Traceback" not in ran.output
    assert lost_and_doubled(source, destination) == (case.missing, 0), ran.output[-3000:]
    assert ran.exit_code == case.exit_code, ran.output[-3000:]
    told = ("the connection broke each time", "breaks the connection", "hung up", "hangs up", "cannot be")
    assert not habits.times or any(words_of_it in ran.output for words_of_it in told), ran.output[-3000:]


@pytest.mark.parametrize("journal", [pytest.param(False, marks=SLOW), True], ids=["plain", "state"])
@pytest.mark.parametrize(
    ("verbs", "source_breaks"),
    [(OPENING, True), (OPENING, False), (frozenset({b"CREATE"}), False)],
    ids=["source", "destination", "CREATE"],
)
def test_a_network_that_cut_three_times_at_one_command_costs_nothing(
    verbs: frozenset[bytes], source_breaks: bool, journal: bool, tmp_path: Path
) -> None:
    """The folder was given up, exit code 117; it is tried once more when all others are done."""
    with MemoryServer(COUNTING) as source, MemoryServer(COUNTING) as destination:
        source.folders = accounts()
        breaking = source if source_breaks else destination
        habits = HangsUp(Case(verbs, most=3), breaking)
        ran = copied(source, destination, tmp_path, *options(journal, tmp_path))
        assert habits.times == 3
        assert "folder Work is tried once more at the end" in ran.output
        assert ran.exit_code == ran.report["errors_total"] == 0, ran.output[-3000:]
        assert ran.report["messages_missing"] == 0
        assert lost_and_doubled(source, destination) == (0, 0)
        again = copied(source, destination, tmp_path, *options(journal, tmp_path))
        assert (again.exit_code, again.report["messages_transferred"]) == (0, 0)
        habits.times = 0
        verified = copied(source, destination, tmp_path, "--verify")
        assert verified.exit_code == 0, verified.output[-3000:]
        assert verified.report["verify"]["checked"] == 3 * MESSAGES


def test_what_is_there_is_not_doubled_by_a_destination_that_hangs_up_at_each_look(tmp_path: Path) -> None:
    looks = Case(frozenset({b"UID FETCH", b"UID SEARCH"}))
    with MemoryServer() as source, MemoryServer() as destination:
        source.folders, destination.folders = accounts(), accounts()
        source.folders[b"Sent"].add(LATE)
        HangsUp(looks, destination)
        ran = copied(source, destination, tmp_path, "--delete2")
        assert ran.exit_code == 111, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


def test_a_source_that_hangs_up_at_each_look_into_a_folder_is_verified_but_for_it(tmp_path: Path) -> None:
    with MemoryServer() as source, MemoryServer() as destination:
        source.folders, destination.folders = accounts(), accounts()
        HangsUp(Case(frozenset({b"UID FETCH", b"UID SEARCH"})), source)
        ran = copied(source, destination, tmp_path, "--verify")
        assert ran.exit_code == 121, ran.output[-3000:]
        assert ran.report["verify"]["checked"] == 2 * MESSAGES, ran.report["verify"]
        assert "folder Work cannot be verified" in ran.output
