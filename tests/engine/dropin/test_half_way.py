"""A migration begun with one tool and ended with the other, in both orders, under ten sets of options.

The original is not at hand: what it leaves behind (names, bytes, flags, dates) is written down here, folder
by folder. Begun with it, ours finds every copy and adds what is missing; begun with ours, the account is what
the original would have left, so that it finds every copy, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.dropin.world import BACK_THEN_S, mail

if TYPE_CHECKING:
    from tests.engine.dropin.world import World
    from tests.servers.client import NewMessage

pytestmark = pytest.mark.servers
SEEN = ("\\Seen",)


class Case(NamedTuple):
    """Options, what host1 has, and what the original makes of it on host2 (separator ., prefix INBOX.)."""

    options: list[str]
    source: dict[str, list[NewMessage]]
    result: dict[str, list[NewMessage]]


def inbox(*keys: str) -> list[NewMessage]:
    return [mail(key, flags=SEEN if key < "c" else (), arrived=BACK_THEN_S + ord(key[-1])) for key in keys]


ADDED = "Message-Id: <{}@imapsync>\r\n"
POOR = [mail(key, mid=None, received=False) for key in "ab"]
PLAIN = {"INBOX": inbox("a", "b", "c"), "Work/2024": inbox("d", "e"), "Entwürfe": inbox("f")}
PLAIN_THERE = {
    "INBOX": inbox("a", "b", "c"),
    "INBOX.Work.2024": inbox("d", "e"),
    "INBOX.Entwürfe": inbox("f"),
}

CASES = {
    "plain": Case([], PLAIN, PLAIN_THERE),
    "addheader": Case(
        ["--addheader"],
        {"INBOX": POOR},
        {
            "INBOX": [
                row._replace(content=ADDED.format(n).encode() + row.content) for n, row in enumerate(POOR, 1)
            ]
        },
    ),
    "automap": Case(
        ["--automap"],
        {"INBOX": inbox("a"), "Sent Items": inbox("b", "c")},
        {"INBOX": inbox("a"), "INBOX.Sent": inbox("b", "c")},
    ),
    "f1f2": Case(
        ["--f1f2", "Old=INBOX.New", "--folder", "Old"],
        {"Old": inbox("a", "b")},
        {"INBOX": [], "INBOX.New": inbox("a", "b")},
    ),
    "subfolder2": Case(
        ["--subfolder2", "Backup"],
        {"INBOX": inbox("a"), "Work": inbox("b", "c")},
        {"INBOX": [], "INBOX.Backup.INBOX": inbox("a"), "INBOX.Backup.Work": inbox("b", "c")},
    ),
    "regextrans2": Case(
        ["--regextrans2", "s,Work,Archive,"],
        {"INBOX": inbox("a"), "Work/x": inbox("b", "c")},
        {"INBOX": inbox("a"), "INBOX.Archive.x": inbox("b", "c")},
    ),
    "gmail": Case(
        ["--gmail1", "--nossl1"],
        {"INBOX": inbox("a", "b"), "[Gmail]/Important": inbox("c", "d")},
        {"INBOX": inbox("a", "b"), "INBOX.Important": inbox("c", "d")},
    ),
    "regexflag": Case(
        ["--regexflag", "s/\\\\Seen/\\\\Flagged/"],
        {"INBOX": inbox("a", "b", "c")},
        {"INBOX": [row._replace(flags=("\\Flagged",) if row.flags else ()) for row in inbox("a", "b", "c")]},
    ),
    "regexmess": Case(
        ["--regexmess", "s/hello/good day/"],
        {"INBOX": inbox("a", "b", "c")},
        {
            "INBOX": [
                row._replace(content=row.content.replace(b"hello", b"good day"))
                for row in inbox("a", "b", "c")
            ]
        },
    ),
    "idatefromheader": Case(
        ["--idatefromheader"],
        {"INBOX": inbox("a", "b")},
        {"INBOX": [row._replace(internaldate=BACK_THEN_S) for row in inbox("a", "b")]},
    ),
}
NORMAL_RUN = {"plain", "regexmess"}
EACH = [pytest.param(name, marks=() if name in NORMAL_RUN else pytest.mark.slow, id=name) for name in CASES]


def expect(world: World, wanted: dict[str, list[NewMessage]]) -> None:
    """Check that host2 holds just these messages, with their flags."""
    found = {
        name: sorted((row.content, row.flags) for row in rows) for name, rows in world.look(2).items() if rows
    }
    assert found == {
        name: sorted((row.content, frozenset(row.flags)) for row in rows)
        for name, rows in wanted.items()
        if rows
    }


@pytest.mark.parametrize("name", EACH)
def test_begun_here_the_original_would_copy_again(world: World, name: str) -> None:
    case = CASES[name]
    world.fill(1, case.source)
    if name == "automap":
        world.fill(2, {"INBOX.Sent": []})
    world.good(case.options)
    expect(world, case.result)
    dates = {
        stored.internaldate for rows in world.servers[1].snapshot(world.user).values() for stored in rows
    }
    assert dates == {row.internaldate for rows in case.result.values() for row in rows}


@pytest.mark.parametrize("name", EACH)
def test_begun_with_the_original_copies_are_made_again(world: World, name: str) -> None:
    case = CASES[name]
    world.fill(1, case.source)
    half = {folder: rows[: (len(rows) + 1) // 2] for folder, rows in case.result.items()}
    if name == "automap":
        half["INBOX.Sent"] = case.result["INBOX.Sent"][:1]
    world.fill(2, half)
    for _ in range(2):
        world.good(case.options)
        expect(world, case.result)
