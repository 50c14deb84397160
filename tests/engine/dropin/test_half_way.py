"""A migration begun with one tool and ended with the other, in both orders, under eighteen sets of options.

The original is not at hand: what it leaves behind (names, bytes, flags, dates) is written down here, folder
by folder. Begun with it, ours finds every copy and adds what is missing; begun with ours, the account is what
the original would have left, so that it finds every copy, too.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.dropin.world import BACK_THEN_S, mail
from tests.servers.client import NewMessage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers
SEEN = ("\\Seen",)


Folders = dict[str, list[NewMessage]]
NOTHING: Mapping[str, list[NewMessage]] = MappingProxyType({})


class Case(NamedTuple):
    """Options, what host1 has, and what the original makes of it on host2 (separator ., prefix INBOX.).

    before: what host2 has besides, before either tool has come. half: what is there when the original was
    stopped half-way, None: the first half of each folder. left: what host1 has then, None: all.
    """

    options: list[str]
    source: Folders
    result: Folders
    before: Mapping[str, list[NewMessage]] = NOTHING
    half: Folders | None = None
    left: Folders | None = None


def inbox(*keys: str) -> list[NewMessage]:
    return [mail(key, flags=SEEN if key < "c" else (), arrived=BACK_THEN_S + ord(key[-1])) for key in keys]


ADDED = "Message-Id: <{}@imapsync>\r\n"
LONG = mail("long", body="x" * 25_000)
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
        before={"INBOX.Sent": []},
    ),
    "f1f2": Case(
        ["--f1f2", "Old=INBOX.New", "--folder", "Old"],
        {"INBOX": [], "Old": inbox("a", "b")},
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
    "delete1": Case(
        ["--delete1"],
        {"INBOX": inbox("a", "b", "c", "d")},
        {"INBOX": inbox("a", "b", "c", "d")},
        left={"INBOX": inbox("c", "d")},
    ),
    "delete2": Case(
        ["--delete2", "--maxdelete2", "1"],
        {"INBOX": inbox("a", "b", "c")},
        {"INBOX": inbox("a", "b", "c")},
        before={"INBOX": inbox("x")},
        half={"INBOX": inbox("x", "a")},
    ),
    "useuid": Case(["--useuid"], PLAIN, PLAIN_THERE),
    # The original copies the first of two equal ones.
    "duplicates": Case([], {"INBOX": inbox("a", "b", "a")}, {"INBOX": inbox("a", "b")}),
    "syncduplicates": Case(
        ["--syncduplicates"], {"INBOX": inbox("a", "b", "a")}, {"INBOX": inbox("a", "b", "a")}
    ),
    # It has left these out: it did not know who they are.
    "without identifying headers": Case(
        [], {"INBOX": [*inbox("c"), *POOR]}, {"INBOX": [*inbox("c"), *POOR]}, half={"INBOX": inbox("c")}
    ),
    "skipcrossduplicates": Case(
        ["--skipcrossduplicates", "--folderlast", "Archive"],
        {"INBOX": inbox("a", "b"), "Archive": inbox("a", "c", "d")},
        {"INBOX": inbox("a", "b"), "INBOX.Archive": inbox("c", "d")},
    ),
    "office2": Case(
        ["--office2", "--nossl2"],
        {"INBOX": [LONG, *inbox("b")], "Files": inbox("c")},
        {
            "INBOX": [
                LONG._replace(content=LONG.content.replace(b"x" * 10_239, b"x" * 10_239 + b"\r\n")),
                *inbox("b"),
            ],
            "INBOX.Files_renamed_by_imapsync": inbox("c"),
        },
    ),
}
NORMAL_RUN = {"plain", "regexmess"}
EACH = [pytest.param(name, marks=() if name in NORMAL_RUN else pytest.mark.slow, id=name) for name in CASES]


def subjects(rows: list[NewMessage]) -> list[str]:
    return [row.content.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for row in rows]


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
    world.fill(2, case.before)
    world.good(case.options)
    expect(world, case.result)
    assert world.subjects(1) == ([] if case.left else sorted(subjects(case.source["INBOX"])))
    dates = {
        stored.internaldate for rows in world.servers[1].snapshot(world.user).values() for stored in rows
    }
    assert dates == {row.internaldate for rows in case.result.values() for row in rows}


@pytest.mark.parametrize("name", EACH)
def test_begun_with_the_original_copies_are_made_again(world: World, name: str) -> None:
    case = CASES[name]
    world.fill(1, case.left or case.source)
    half = {folder: rows[: (len(rows) + 1) // 2] for folder, rows in case.result.items()}
    world.fill(2, case.half or half)
    if name == "useuid":
        leave_cache(world.folder / "tmp")
    for _ in range(2):
        world.good(case.options)
        expect(world, case.result)


def leave_cache(folder: Path) -> None:
    """Leave what the original's cache looks like: an empty file for each pair of UIDs."""
    pairs = folder / "imapsync_cache" / "127.0.0.1" / "user" / "127.0.0.1" / "user" / "INBOX" / "INBOX"
    pairs.mkdir(parents=True)
    for name in ("1_1", "2_2"):
        (pairs / name).touch()


@pytest.mark.parametrize("name", ["addheader", pytest.param("plain", marks=pytest.mark.slow)])
def test_what_the_original_copied_between_two_runs_with_a_state_file_is_copied_again(
    world: World, name: str
) -> None:
    """Ours, the original, ours: the state file knows nothing of what came in between."""
    case = CASES[name]
    state = ["--state", str(world.folder / "state")]
    first = {folder: rows[:1] for folder, rows in case.source.items()}
    world.fill(1, first)
    world.good([*case.options, *state])
    expect(world, {folder: rows[:1] for folder, rows in case.result.items()})
    world.fill(1, {folder: rows[1:] for folder, rows in case.source.items()})
    world.fill(2, {folder: rows[1:] for folder, rows in case.result.items()})
    for _ in range(2):
        world.good([*case.options, *state])
        expect(world, case.result)
