"""Servers that keep messages back from one question: the folder is not complete, whatever its numbers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.servers.memory import BARE, COUNTING, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

KEPT_BACK = 5
SERVERS = pytest.mark.parametrize("capabilities", [BARE, COUNTING], ids=["bare", "rich"])


def first_ones_of_work(said: Said) -> bytes:
    """Show the newest messages of a folder only, to SEARCH and FETCH alike, as Yahoo did without a word."""
    response = said.response
    if said.folder != b"Work":
        return response
    told = re.match(rb"\* \d+ FETCH \(UID (\d+)", response)
    if told is not None:
        return response if int(told[1]) > KEPT_BACK else b""
    found = re.match(rb"(\* SEARCH|\* ESEARCH .* UID)( ALL)?([ ,\d]*)\r\n", response)
    if found is None:
        return response
    uids = [uid for uid in re.findall(rb"\d+", found[3]) if int(uid) > KEPT_BACK]
    return found[1] + (found[2] or b"") + b" " + (b"," if found[2] else b" ").join(uids) + b"\r\n"


def nothing_of_two_copies(said: Said) -> bytes:
    return b"" if re.match(rb"\* \d+ FETCH \(UID [59] ", said.response) else said.response


def second_opening(becomes: bytes) -> Callable[[Said], bytes]:
    """Give what bends the count that the second opening of Sent tells."""
    openings = 0

    def bend(said: Said) -> bytes:
        nonlocal openings
        counts = said.folder == b"Sent" and b" EXISTS" in said.response
        openings += counts
        return becomes if counts and openings == 2 else said.response

    return bend


@SERVERS
@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
@pytest.mark.parametrize("wanted", ["ALL", "UNSEEN", "UNDELETED"])
def test_a_search_does_not_hide_that_a_source_shows_a_part(
    wanted: str, journal: bool, capabilities: bytes, tmp_path: Path
) -> None:
    """What a search does not name was taken for left out by rule: exit code 0."""
    state = ("--state", str(tmp_path / "state")) if journal else ()
    with MemoryServer(capabilities, first_ones_of_work) as source, MemoryServer() as destination:
        source.folders = accounts()
        for _ in range(2):
            ran = copied(source, destination, tmp_path, "--search1", wanted, *state)
            assert ran.exit_code == 126, ran.output[-3000:]
            assert [error["folder"] for error in ran.report["errors"]] == ["Work"]
        assert lost_and_doubled(source, destination)[1] == 0
        verified = copied(source, destination, tmp_path, "--verify", "--search1", wanted)
        assert verified.exit_code == 126, verified.output[-3000:]


def test_a_whole_folder_that_is_searched_is_complete(tmp_path: Path) -> None:
    with MemoryServer(BARE) as source, MemoryServer() as destination:
        source.folders = accounts()
        ran = copied(source, destination, tmp_path, "--search1", "UNSEEN")
        assert ran.exit_code == 0, ran.output[-3000:]
        assert ran.report["messages_transferred"] == 3 * MESSAGES / 2


@pytest.mark.parametrize("option", ["--delete1", "--delete2"])
def test_copies_that_a_destination_never_shows_do_not_come_twice(option: str, tmp_path: Path) -> None:
    """With a state file the second run took them for missing."""
    with MemoryServer() as source, MemoryServer(BARE, nothing_of_two_copies) as destination:
        source.folders = accounts()
        for _ in range(3):
            copied(source, destination, tmp_path, option, "--state", str(tmp_path / "state"))
        found = destination.contents()
        assert [len(found[name]) for name in (b"INBOX", b"Sent", b"Work")] == 3 * [MESSAGES]


def test_a_second_opening_that_cannot_be_read_costs_that_folder(tmp_path: Path) -> None:
    """The run ended, and no folder was copied."""
    garbled = second_opening(b"NIL 20 EXISTS\r\n")
    with MemoryServer(BARE, garbled) as source, MemoryServer() as destination:
        source.folders = accounts()
        ran = copied(source, destination, tmp_path, "--search1", "ALL")
        assert ran.exit_code == 117, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (MESSAGES, 0)
        assert not destination.contents()[b"Sent"]
