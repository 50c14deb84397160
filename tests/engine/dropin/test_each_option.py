"""Options that no other test uses: what each of them is there for, and what is seen without it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync, side
from tests.engine.dropin.world import BACK_THEN_S, LONG_AGO, mail
from tests.servers.hostile import Drop
from tests.servers.memory import MemoryServer, Said

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.dropin.world import World

pytestmark = [pytest.mark.servers, pytest.mark.slow]
DELETED = ("\\Deleted",)


def flags(world: World, side: int = 2) -> dict[str, frozenset[str]]:
    """Give subject -> flags of an INBOX."""
    return {
        next(line for line in row.content.decode().split("\r\n") if line.startswith("Subject: "))[
            9:
        ]: row.flags
        for row in world.look(side)["INBOX"]
    }


def test_justconnect_and_justbanner_log_in(world: World) -> None:
    text = world.good("--justconnect")
    assert "Host1: connected to" in text
    assert "Host2: connected to" in text
    assert "success login" not in text
    assert world.good("--justbanner").startswith("imapsync ")


def test_justfolderlists_copies_or_does_not_list(world: World) -> None:
    world.fill(1, {"Work": [mail("a")]})
    assert "[Work]" in world.good("--justfolderlists")
    assert "INBOX.Work" not in world.look(2)


def test_skipemptyfolders_makes_empty_folders(world: World) -> None:
    world.fill(1, {"Empty": [], "Full": [mail("a")]})
    world.good("--skipemptyfolders")
    assert sorted(world.look(2)) == ["INBOX", "INBOX.Full"]
    world.good()
    assert "INBOX.Empty" in world.look(2)


def test_exchange2_leaves_long_lines_and_read_receipts(world: World) -> None:
    head = "Disposition-Notification-To: a@b"
    world.fill(1, {"INBOX": [mail("a", head=head, body="x" * 25_000)]})
    for _ in range(2):
        world.good("--exchange2")
        (copy,) = world.look(2)["INBOX"]
    assert b"\r\nX-Disposition-Notification-To: a@b" in copy.content
    assert max(map(len, copy.content.split(b"\n"))) == 10_240
    assert copy.content.count(b"x") >= 25_000


def test_domino2_copies_again_what_lies_under_its_own_domain(world: World) -> None:
    world.fill(1, {"INBOX": [mail("s", mid="<1@a>")], "Inbox\\Work": [mail("w")]})
    world.fill(2, {"INBOX": [mail("s", mid="<1@domino>")]})
    world.good(["--domino2", "--sep2", ".", "--prefix2", "INBOX."])
    assert world.subjects(2) == ["s"]


@pytest.mark.parametrize(("option", "copied"), [("--noabletosearch1", ["old"]), ("--noabletosearch2", [])])
def test_noabletosearch1_is_about_host2(world: World, option: str, copied: list[str]) -> None:
    world.fill(1, {"INBOX": [mail("old", date=LONG_AGO, arrived=int(time.time()))]})
    world.good(f"--maxage 30 {option}")
    assert world.subjects(2) == copied


@pytest.mark.parametrize(("option", "left"), [("--noabletosearch2", []), ("--noabletosearch1", ["archived"])])
def test_noabletosearch2_is_not_about_what_is_deleted(world: World, option: str, left: list[str]) -> None:
    world.fill(1, {"Other": [mail("o")]})
    world.fill(2, {"INBOX": [mail("archived", date=LONG_AGO, arrived=int(time.time()))]})
    world.good(f"--maxage 30 --delete2 --maxdelete2 5 {option}")
    assert world.subjects(2) == left


def test_nosyncinternaldates_keeps_the_dates(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    world.good("--nosyncinternaldates")
    (stored,) = world.servers[1].snapshot(world.user)["INBOX"]
    assert abs(stored.internaldate - time.time()) < 300
    world.command(2, "SELECT INBOX", r"STORE 1:* +FLAGS (\Deleted)", "EXPUNGE")
    world.good("--syncinternaldates")
    (stored,) = world.servers[1].snapshot(world.user)["INBOX"]
    assert stored.internaldate == BACK_THEN_S


def test_delete2foldersonly_deletes_other_folders(world: World) -> None:
    world.fill(2, {"INBOX.Junk": [], "INBOX.Mine": []})
    world.good(["--delete2foldersonly", "/Junk$/"])
    assert sorted(world.look(2)) == ["INBOX", "INBOX.Mine"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"a": (), "mine": DELETED}),
        ("--expunge2", {"a": ()}),
        ("--delete2 --maxdelete2 5", {"a": (), "mine": DELETED}),
        ("--delete2 --maxdelete2 5 --noexpunge2", {"a": (), "mine": DELETED, "extra": DELETED}),
        ("--delete2 --maxdelete2 5 --nouidexpunge2", {"a": (), "mine": DELETED, "extra": DELETED}),
    ],
)
def test_expunging_host2_takes_too_much_or_too_little(
    world: World, options: str, expected: dict[str, tuple[str, ...]]
) -> None:
    """`mine` was marked on host2 by its user and lies on host1, too; `extra` is on host2 only."""
    world.fill(1, {"INBOX": [mail("a"), mail("mine", flags=DELETED)]})
    extra = [mail("extra")] if "--delete2" in options else []
    world.fill(2, {"INBOX": [mail("mine", flags=DELETED), *extra]})
    world.good(f"{options} --noresyncflags")
    found = flags(world)
    if options == "--expunge2":
        found.pop("mine", None)  # it is copied anew, as what it is on host1
    assert found == {subject: frozenset(each) for subject, each in expected.items()}


def test_maxbytespersecond_is_no_limit_or_begins_at_once_in_spite_of_maxbytesafter(world: World) -> None:
    world.fill(1, {"INBOX": [mail(f"m{n}", body="x" * 20_000) for n in range(3)]})
    began = time.monotonic()
    world.good("--maxbytespersecond 30000")
    slow_s = time.monotonic() - began
    world.command(2, "SELECT INBOX", r"STORE 1:* +FLAGS (\Deleted)", "EXPUNGE")
    began = time.monotonic()
    world.good("--maxbytespersecond 30000 --maxbytesafter 1000000")
    fast_s = time.monotonic() - began
    assert slow_s > 1.3
    assert fast_s < slow_s


def test_noid_tells_who_we_are(world: World) -> None:
    assert '"name"' in world.good("--justlogin --debugimap1").lower()
    assert '"name"' not in world.good("--justlogin --debugimap1 --noid").lower()


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--debugimap1", ["Host1 C:"]),
        ("--debugimap2", ["Host2 C:"]),
        ("--debugimap", ["Host1 C:", "Host2 C:"]),
    ],
)
def test_debugimap_shows_the_other_side_or_the_password(world: World, option: str, shown: list[str]) -> None:
    text = world.good(f"--justlogin {option}")
    assert [words for words in ("Host1 C:", "Host2 C:") if words in text] == shown
    assert world.servers[0].passwords[world.user] not in text
    assert "AUTHENTICATE" in text.upper() or "LOGIN" in text.upper()


@pytest.mark.parametrize(("option", "expected"), [("", True), ("--nokeepalive1 --nokeepalive2", False)])
def test_nokeepalive_keeps_connections_alive(option: str, expected: bool) -> None:
    from imapsync.cli.getopt import Parser
    from imapsync.cli.options import TABLE
    from imapsync.cli.sides import endpoint

    given, problems = Parser(TABLE).read(["--host1", "a", "--host2", "b", *option.split()])
    assert problems == []
    assert [endpoint(given, side, "/nowhere").keepalive for side in (1, 2)] == [expected, expected]


@pytest.mark.parametrize(
    ("options", "times"),
    [("--foldersizes", 2), ("--foldersizes --nofoldersizesatend", 1), ("--nofoldersizes", 0)],
)
def test_sizes_are_told_although_nobody_wants_them(world: World, options: str, times: int) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    assert world.good(options).count("Host2 Total size") == times


def test_maxsleep_is_longer_than_it_says(world: World) -> None:
    world.fill(1, {"INBOX": [mail(f"m{n}") for n in range(5)]})
    began = time.monotonic()
    world.good("--maxmessagespersecond 0.1 --maxsleep 0.2")
    assert 0.8 < time.monotonic() - began < 40


@pytest.mark.parametrize(("minutes", "fewest", "most"), [("0", 2, 2), ("0.02", 3, 20)])
def test_a_server_that_is_gone_is_tried_for_longer_than_maxlost(
    tmp_path: Path, minutes: str, fewest: int, most: int
) -> None:
    """It goes while its folder is opened, and greets nobody any more."""
    gone: list[int] = []

    def bend(said: Said) -> bytes:
        if gone or said.folder:
            gone.append(said.number)
            raise Drop
        return said.response

    (tmp_path / "password").write_text("secret\n")
    with MemoryServer(bend=bend) as source, MemoryServer() as destination:
        source.folders[b"INBOX"].add(b"Subject: a\r\n\r\na\r\n")
        sides = [
            word
            for number, server in ((1, source), (2, destination))
            for word in side(
                number, server.host, server.port, "a", tmp_path / "password", "--notls{}", "--nossl{}"
            )
        ]
        ran = imapsync(tmp_path, *sides, "--maxlost", minutes)
        assert ran.exit_code == 101, ran.output[-2000:]
        assert fewest <= source.accepted <= most
