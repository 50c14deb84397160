"""Servers with a message that they cannot read themselves: never shown, and SEARCH ends with the connection.

Seen of go-imap with headers that are none (`tests/servers/goimap`). One message costs itself, is told, and
does not come once more with each run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, RICH, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

ODD = b"Message-Id: <odd@example.org>\r\nthis line is no field\r\nSubject: odd\r\n\r\nodd\r\n"
#: The second run with a state file finds something to list.
LATE = b"Message-Id: <late@example.org>\r\nSubject: late\r\n\r\nlate\r\n"


def cannot_read(said: Said) -> bytes:
    """Show nothing of the odd message but numbers, and hang up at a SEARCH in its folder."""
    if said.folder == b"Work" and re.match(rb"\* E?SEARCH", said.response):
        raise Drop
    return b"" if b"odd@example.org" in said.response else said.response


def options(journal: bool, folder: Path) -> tuple[str, ...]:
    return ("--state", str(folder / "state")) if journal else ()


@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
@pytest.mark.parametrize("capabilities", [BARE, COUNTING], ids=["bare", "rich"])
def test_it_costs_a_source_that_one_message(capabilities: bytes, journal: bool, tmp_path: Path) -> None:
    with MemoryServer(capabilities, cannot_read) as source, MemoryServer() as destination:
        source.folders = accounts()
        source.folders[b"Work"].add(ODD)
        for late in (0, 1):
            ran = copied(source, destination, tmp_path, *options(journal, tmp_path))
            assert ran.exit_code == 115, ran.output[-3000:]
            assert ran.report["messages_missing"] == ran.report["failures_total"] == 1, ran.output[-3000:]
            assert lost_and_doubled(source, destination) == (1, 0)
            assert destination.contents()[b"Work"].count(LATE) == late
            source.folders[b"Work"].add(LATE)


@pytest.mark.parametrize(
    "capabilities", [BARE, pytest.param(COUNTING, marks=pytest.mark.slow)], ids=["bare", "rich"]
)
def test_new_mail_arrives_beside_a_message_that_breaks_connections(
    capabilities: bytes, tmp_path: Path
) -> None:
    """With a state file the folder was given up: its flags, and what was unknown, were asked for at once."""

    def bend(said: Said) -> bytes:
        if (
            said.folder == b"Work"
            and said.response.startswith(b"* 5 FETCH (UID 5 ")
            and b"BODY[]" not in said.response
        ):
            raise Drop
        return said.response

    with MemoryServer(capabilities, bend) as source, MemoryServer() as destination:
        source.folders = accounts()
        for late in (0, 1, 1):
            ran = copied(source, destination, tmp_path, *options(True, tmp_path))
            assert ran.exit_code == 111, ran.output[-3000:]
            assert ran.report["messages_missing"] == ran.report["failures_total"] == 1, ran.output[-3000:]
            assert lost_and_doubled(source, destination) == (1, 0)
            assert destination.contents()[b"Work"].count(LATE) == late
            if not late:
                source.folders[b"Work"].add(LATE)


@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
def test_a_destination_that_took_it_is_no_proof_and_gets_it_once(journal: bool, tmp_path: Path) -> None:
    """It said OK, its counts are right, and nobody will ever read the message there."""
    with MemoryServer() as source, MemoryServer(BARE, cannot_read) as destination:
        source.folders = accounts()
        source.folders[b"Work"].add(ODD)
        for _ in range(3):
            ran = copied(source, destination, tmp_path, "--delete1", *options(journal, tmp_path))
            assert ran.exit_code == 114, ran.output[-3000:]
            assert [failure["reason"] for failure in ran.report["failures"]] == ["not_stored"]
            assert source.contents()[b"Work"] == [ODD]
            assert destination.contents()[b"Work"].count(ODD) == 1
            assert len(destination.contents()[b"Work"]) == MESSAGES + 1
        verified = copied(source, destination, tmp_path, "--verify", *options(journal, tmp_path))
        assert verified.exit_code == 121, verified.output[-3000:]
        assert [case["kind"] for case in verified.report["verify"]["exceptions"]] == ["missing"]


def test_a_message_of_another_size_arrives_beside_it(tmp_path: Path) -> None:
    with MemoryServer() as source, MemoryServer(BARE, cannot_read) as destination:
        source.folders = accounts()
        source.folders[b"Work"].add(ODD)
        copied(source, destination, tmp_path)
        source.folders[b"Work"].add(LATE)
        ran = copied(source, destination, tmp_path)
        assert (ran.exit_code, ran.report["messages_transferred"]) == (114, 1), ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
def test_a_destination_that_hangs_up_at_one_message_loses_only_that(journal: bool, tmp_path: Path) -> None:
    """It stays unknown which message that is: one of its size is not copied once more, the others are."""

    def bend(said: Said) -> bytes:
        if said.folder == b"Work" and said.response.startswith(b"* 3 FETCH"):
            raise Drop
        return said.response

    with MemoryServer() as source, MemoryServer(RICH, bend) as destination:
        source.folders, destination.folders = accounts(), accounts()
        for late in (0, 1, 1):
            ran = copied(source, destination, tmp_path, "--delete2", *options(journal, tmp_path))
            assert ran.exit_code == 114, ran.output[-3000:]
            assert [failure["reason"] for failure in ran.report["failures"]] == ["not_stored"]
            assert lost_and_doubled(source, destination) == (0, 0)
            assert destination.contents()[b"Work"].count(LATE) == late
            if not late:
                source.folders[b"Work"].add(LATE)


@pytest.mark.parametrize("capabilities", [BARE, RICH], ids=["bare", "rich"])
@pytest.mark.parametrize("until", ["NOOP", "SELECT"])
@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
def test_a_destination_that_shows_late_what_it_took_has_it(
    journal: bool, until: str, capabilities: bytes, tmp_path: Path
) -> None:
    """An open folder is shown as it was, by Courier until a NOOP, by GNU imap4d until it is opened again."""
    with MemoryServer() as source, MemoryServer(capabilities) as destination:
        destination.late_until = until
        source.folders = accounts()
        for transferred in (3 * MESSAGES, 1):
            ran = copied(source, destination, tmp_path, *options(journal, tmp_path))
            assert ran.exit_code == 0, ran.output[-3000:]
            assert ran.report["messages_transferred"] == transferred
            assert lost_and_doubled(source, destination) == (0, 0)
            source.folders[b"Work"].add(LATE)


def version(text: bytes) -> bytes:
    """Give a message of one identity and size that says this."""
    return b"Message-Id: <versions@example.org>\r\nSubject: versions\r\n\r\n" + text.ljust(40) + b"\r\n"


ONE, TWO = version(b"one"), version(b"two")


def hides_one(said: Said) -> bytes:
    """Tell of a message all but what it says."""
    return b"" if b"BODY[] {" in said.response and ONE in said.response else said.response


def does_not_list_one(said: Said) -> bytes:
    """Tell of a message all but what it says, and leave it out where UIDs are listed; it still counts."""
    if said.folder == b"Work" and re.match(rb"\* SEARCH( \d+)*\r\n", said.response):
        return said.response.replace(b" %d\r\n" % (MESSAGES + 1), b"\r\n").replace(
            b" %d " % (MESSAGES + 1), b" "
        )
    return hides_one(said)


@pytest.mark.parametrize("bend", [hides_one, does_not_list_one])
@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
def test_a_destination_that_does_not_give_what_has_to_be_compared_gets_no_second_copy(
    journal: bool, bend: Callable[[Said], bytes], tmp_path: Path
) -> None:
    with MemoryServer() as source, MemoryServer(BARE, bend) as destination:
        source.folders, destination.folders = accounts(), accounts()
        source.folders[b"Work"].add(ONE, [b"\\Draft"])
        destination.folders[b"Work"].add(ONE)
        destination.folders[b"Work"].add(TWO)
        for _ in range(2):
            ran = copied(source, destination, tmp_path, "--delete2", *options(journal, tmp_path))
            assert ran.exit_code != 0, ran.output[-3000:]
            assert destination.contents()[b"Work"].count(ONE) == 1, ran.output[-3000:]


@pytest.mark.parametrize("bend", [hides_one, does_not_list_one])
def test_a_source_that_does_not_give_what_has_to_be_compared_has_not_lost_it(
    bend: Callable[[Said], bytes], tmp_path: Path
) -> None:
    with MemoryServer(BARE, bend) as source, MemoryServer() as destination:
        source.folders, destination.folders = accounts(), accounts()
        source.folders[b"Work"].add(ONE, [b"\\Draft"])
        destination.folders[b"Work"].add(TWO)
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code != 0, ran.output[-3000:]
        assert ran.report["messages_missing"] == 1, ran.output[-3000:]


def test_a_late_message_that_cannot_be_read_is_not_copied_beside_what_it_may_be(tmp_path: Path) -> None:
    """It is told, and copied or left out as a duplicate once the server gives it."""
    reads = False

    def bend(said: Said) -> bytes:
        return said.response if reads else hides_one(said)

    with MemoryServer(BARE, bend) as source, MemoryServer() as destination:
        source.folders = accounts()
        reads = True
        source.folders[b"Work"].add(ONE)
        state = options(True, tmp_path)
        assert copied(source, destination, tmp_path, *state).exit_code == 0
        reads = False
        source.folders[b"Work"].add(ONE)
        ran = copied(source, destination, tmp_path, *state)
        assert ran.exit_code == 115, ran.output[-3000:]
        assert ran.report["messages_missing"] == ran.report["failures_total"] == 1, ran.output[-3000:]
        reads = True
        assert copied(source, destination, tmp_path, *state).exit_code == 0
        assert destination.contents()[b"Work"].count(ONE) == 1
