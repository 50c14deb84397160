"""A server that gives its messages other UIDs at each opening: in one run all arrive, nothing is believed.

Seen of GNU imap4d on Maildir, and foreseen by RFC 4315 (UIDNOTSTICKY).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import FOLDERS, MESSAGES, accounts, copied, lost_and_doubled
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, RICH, Folder, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


def fresh(folder: Folder) -> None:
    """Give numbers that nobody had before."""
    for mail in folder.mails:
        mail.uid = folder.uidnext
        folder.uidnext += 1


def turned(folder: Folder) -> None:
    """Give the same numbers to other messages."""
    for mail, uid in zip(folder.mails, [mail.uid for mail in folder.mails][::-1], strict=True):
        mail.uid = uid
    folder.mails.sort(key=lambda mail: mail.uid)


def last_one(folder: Folder) -> None:
    """Give the last message another number, as GNU imap4d does for new ones."""
    folder.mails[-1].uid = folder.uidnext
    folder.uidnext += 1


def another_validity(folder: Folder) -> None:
    """Say at each opening that it is another folder."""
    folder.uidvalidity += 1


def seldom_another_validity(folder: Folder) -> None:
    """Give other numbers each time, and say so now and then: GNU imap4d takes UIDVALIDITY from the clock."""
    opening = folder.uidnext // MESSAGES
    fresh(folder)
    if opening % 4 == 0:
        folder.uidvalidity += 1


WAYS: dict[str, tuple[Callable[[Folder], None], bytes]] = {
    "fresh": (fresh, b""),
    "turned": (turned, b""),
    "the last one": (last_one, b""),
    "another UIDVALIDITY": (another_validity, b""),
    "seldom another UIDVALIDITY": (seldom_another_validity, b""),
    "UIDNOTSTICKY": (fresh, b"UIDNOTSTICKY"),
    "UIDNOTSTICKY and another UIDVALIDITY": (another_validity, b"UIDNOTSTICKY"),
}

#: These stand for all in the usual test run.
USUAL = ("fresh", "seldom another UIDVALIDITY", "UIDNOTSTICKY")
EACH = [pytest.param(way, marks=[] if way in USUAL else [pytest.mark.slow]) for way in WAYS]


def renumbering(way: str) -> MemoryServer:
    server = MemoryServer()
    server.folders = accounts()
    server.opened, server.code = WAYS[way]
    return server


@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
@pytest.mark.parametrize("way", EACH)
def test_all_arrive_in_one_run_and_none_twice(way: str, journal: bool, tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state")) if journal else ()
    with renumbering(way) as source, MemoryServer() as destination:
        first = copied(source, destination, tmp_path, *options)
        assert first.exit_code == 0, first.output[-3000:]
        assert first.report["messages_transferred"] == MESSAGES * len(FOLDERS)
        assert lost_and_doubled(source, destination) == (0, 0)
        again = copied(source, destination, tmp_path, *options)
        assert (again.exit_code, again.report["messages_transferred"]) == (0, 0), again.output[-3000:]
        source.folders[b"Work"].add(b"Message-Id: <late@example.org>\r\n\r\nlate\r\n")
        last = copied(source, destination, tmp_path, *options)
        assert (last.exit_code, last.report["messages_transferred"]) == (0, 1), last.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


@pytest.mark.parametrize("way", EACH)
def test_what_is_half_there_is_completed(way: str, tmp_path: Path) -> None:
    with renumbering(way) as source, MemoryServer() as destination:
        destination.folders = accounts()
        for folder in destination.folders.values():
            del folder.mails[::3]
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code == 0, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


@pytest.mark.parametrize("journal", [False, True], ids=["plain", "state"])
@pytest.mark.parametrize("way", EACH)
def test_no_original_goes_whose_copy_is_not_there(way: str, journal: bool, tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state")) if journal else ()
    with renumbering(way) as source, MemoryServer() as destination:
        before = source.contents()
        for _ in range(3):
            ran = copied(source, destination, tmp_path, "--delete1", *options)
            left, found = source.contents(), destination.contents()
            assert {name: sorted({*left[name], *found.get(name, [])}) for name in before} == before
            if any(left.values()):
                assert ran.exit_code, ran.output[-3000:]


@pytest.mark.parametrize("way", ["fresh", "turned"])
def test_a_connection_that_breaks_meanwhile_costs_nothing(way: str, tmp_path: Path) -> None:
    with renumbering(way) as source, MemoryServer() as destination:
        losses = iter((True,) * 3)

        def bend(said: Said) -> bytes:
            if re.match(rb"\* 9 FETCH .*BODY\[\]", said.response) and next(losses, False):
                raise Drop
            return said.response

        source.bend = bend
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code == 0, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


def test_what_its_owner_expunges_meanwhile_has_vanished(tmp_path: Path) -> None:
    """While one came in its place: the folder holds as many as before, and keeps its UIDs."""
    source = MemoryServer(RICH)
    source.folders = accounts()
    openings = 0

    def opened(folder: Folder) -> None:
        nonlocal openings
        openings += folder is source.folders[b"Work"]
        if openings == 3:
            del folder.mails[4]
            folder.add(b"Message-Id: <late@example.org>\r\n\r\nlate\r\n")
            openings += 1

    source.opened = opened
    with source, MemoryServer() as destination:
        ran = copied(source, destination, tmp_path)
        assert ran.exit_code == 0, ran.output[-3000:]
        assert "other UIDs" not in ran.output
        assert "is no longer on host1" in ran.output
        assert ran.report["messages_transferred"] == MESSAGES * len(FOLDERS) - 1


#: A folder that is empty has no last message, and its UIDs do not grow.
THERE = [way for way in WAYS if way not in ("the last one", "seldom another UIDVALIDITY")]


@pytest.mark.parametrize(
    "options",
    [(), ("--state",), ("--state", "--delete2"), ("--delete1",), ("--state", "--delete1")],
    ids="".join,
)
@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[] if way == "UIDNOTSTICKY" else [pytest.mark.slow]) for way in THERE]
)
@pytest.mark.parametrize(
    "capabilities", [RICH, pytest.param(BARE, marks=pytest.mark.slow)], ids=["rich", "bare"]
)
def test_a_destination_that_does_so_loses_and_doubles_nothing(
    capabilities: bytes, way: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    """Its copies are known by who they are, not by their UIDs, and nothing of them is deleted.

    Where each opening shows another folder, no copy is proven, and no original goes.
    """
    words = [
        word for option in options for word in (option, str(tmp_path / "state"))[: 1 + (option == "--state")]
    ]
    with MemoryServer() as source, MemoryServer(capabilities) as destination:
        source.folders = accounts()
        destination.opened, destination.code = WAYS[way]
        everything = source.contents()
        unproven = "--delete1" in options and "UIDVALIDITY" in way
        for late in range(3):
            ran = copied(source, destination, tmp_path, *words)
            assert destination.contents() == everything, ran.output[-3000:]
            if "--delete1" not in options or unproven:
                assert source.contents() == everything
            # The brake of --delete2 may hold; nothing is missing all the same.
            codes = (0, 123) if "--delete2" in options else (111,) if unproven else (0,)
            assert ran.exit_code in codes, ran.output[-3000:]
            message = b"Message-Id: <late%d@example.org>\r\n\r\nlate\r\n" % late
            source.folders[b"Work"].add(message)
            everything[b"Work"] = sorted([*everything[b"Work"], message])
