"""Servers that keep messages back from one question: the folder is not complete, whatever its numbers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import MESSAGES, accounts, copied, lost_and_doubled
from tests.engine.hostile.test_unreadable import LATE
from tests.servers.memory import BARE, COUNTING, Folder, Heard, MemoryServer, Said

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


@pytest.mark.parametrize("capabilities", [BARE, COUNTING], ids=["bare", "rich"])
@pytest.mark.parametrize(
    "becomes",
    [
        b"",
        pytest.param(rb"\1 ()" + b"\r\n", marks=pytest.mark.slow),
        pytest.param(rb"\1 (MESSAGES NIL)" + b"\r\n", marks=pytest.mark.slow),
    ],
)
def test_a_folder_whose_number_nobody_tells_is_not_deleted(
    becomes: bytes, capabilities: bytes, tmp_path: Path
) -> None:
    """It counted as empty: --delete2folders deleted it with all its mail, under the eyes of the brake."""

    def bend(said: Said) -> bytes:
        return re.sub(rb'\A(\* STATUS "Old/Below") .*', becomes, said.response, flags=re.DOTALL)

    with MemoryServer() as source, MemoryServer(capabilities, bend) as destination:
        source.folders = accounts()
        destination.folders = accounts() | {b"Old": Folder(), b"Old/Below": Folder(), b"Gone": Folder()}
        destination.folders[b"Old/Below"].add(b"Subject: only here\r\n\r\nmail\r\n")
        ran = copied(source, destination, tmp_path, "--delete2folders")
        assert ran.exit_code == 0, ran.output[-3000:]
        assert set(destination.contents()) == {b"INBOX", b"Sent", b"Work", b"Old", b"Old/Below"}
        assert "folder Old/Below is not deleted" in ran.output


def test_a_second_opening_that_cannot_be_read_costs_that_folder(tmp_path: Path) -> None:
    """The run ended, and no folder was copied."""
    garbled = second_opening(b"NIL 20 EXISTS\r\n")
    with MemoryServer(BARE, garbled) as source, MemoryServer() as destination:
        source.folders = accounts()
        ran = copied(source, destination, tmp_path, "--search1", "ALL")
        assert ran.exit_code == 117, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (MESSAGES, 0)
        assert not destination.contents()[b"Sent"]


class Overlooks:
    """The habits of a server whose searches leave message 5 of Work out, but those for all."""

    def __init__(self, server: MemoryServer, *, finds_it_alone: bool) -> None:
        self._finds_it_alone = finds_it_alone
        self._criteria = b""
        server.hears = self.hears
        server.bend = self.bend

    def hears(self, heard: Heard) -> None:
        if heard.verb == b"UID SEARCH":
            self._criteria = heard.rest

    def bend(self, said: Said) -> bytes:
        found = re.fullmatch(rb"(\* SEARCH|\* ESEARCH .* UID ALL) ([ ,\d]+)\r\n", said.response)
        alone = b"UID" in self._criteria and self._finds_it_alone
        if said.folder != b"Work" or found is None or b"SEEN" not in self._criteria or alone:
            return said.response
        uids = [uid for uid in re.findall(rb"\d+", found[2]) if uid != b"5"]
        return found[1] + b" " + (b" " if b"* S" in found[1] else b",").join(uids) + b"\r\n"


@pytest.mark.parametrize(
    ("capabilities", "journal", "finds_it_alone"),
    [
        pytest.param(BARE, False, True, id="bare-plain-found"),
        pytest.param(COUNTING, True, False, id="rich-state-lost"),
        pytest.param(COUNTING, True, True, id="rich-state-found", marks=pytest.mark.slow),
        pytest.param(BARE, True, True, id="bare-state-found", marks=pytest.mark.slow),
        pytest.param(BARE, True, False, id="bare-state-lost", marks=pytest.mark.slow),
        pytest.param(COUNTING, False, True, id="rich-plain-found", marks=pytest.mark.slow),
        pytest.param(COUNTING, False, False, id="rich-plain-lost", marks=pytest.mark.slow),
        pytest.param(BARE, False, False, id="bare-plain-lost", marks=pytest.mark.slow),
    ],
)
def test_a_message_that_a_search_overlooks_arrives_or_is_told(
    finds_it_alone: bool, journal: bool, capabilities: bytes, tmp_path: Path
) -> None:
    """What SEARCH UNSEEN does not name passed for read: exit code 0, and the message stayed behind."""
    state = ("--state", str(tmp_path / "state")) if journal else ()
    exit_code = 0 if finds_it_alone else 126
    with MemoryServer(capabilities) as source, MemoryServer() as destination:
        source.folders = accounts()
        Overlooks(source, finds_it_alone=finds_it_alone)
        for late in (0, 1):
            ran = copied(source, destination, tmp_path, "--search1", "UNSEEN", *state)
            assert ran.exit_code == exit_code, ran.output[-3000:]
            work = destination.contents()[b"Work"]
            assert len(work) == MESSAGES / 2 + late - (not finds_it_alone)
            source.folders[b"Work"].add(LATE)
        destination.folders[b"Work"].add(LATE)
        verified = copied(source, destination, tmp_path, "--verify", "--search1", "UNSEEN")
        assert verified.exit_code == exit_code, verified.output[-3000:]
