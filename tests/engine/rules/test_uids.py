"""A UID is what it was only as long as the same message lies there: looked at before anything hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.stopping import StopBefore
from tests.servers.commands import Before

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
OLD, NEW = range(1, 6), range(6, 11)
FRESH = range(50, 57)
LACKS = pytest.mark.parametrize(
    "lacks", [frozenset[str](), frozenset({"CONDSTORE", "QRESYNC"})], ids=["condstore", "plain"]
)
#: What came after the restore: fewer than what it lost, as many, more.
AGAIN = pytest.mark.parametrize("again", [3, 5, 6], ids=["fewer", "equal", "more"])


def restored(world: World, side: int, again: int) -> None:
    """Two runs, then a side goes back to the first, and other mail gets the UIDs of the second."""
    world.deliver(1, "INBOX", *OLD)
    world.good()
    yesterday = world.save()
    world.deliver(1, "INBOX", *NEW)
    world.good()
    world.restore(yesterday, side)
    world.deliver(side, "INBOX", *FRESH[:again])


@AGAIN
@LACKS
def test_originals_of_copies_that_a_restore_took_arrive_again(
    make_world: MakeWorld, lacks: frozenset[str], again: int
) -> None:
    world = make_world(frozenset(), lacks)
    restored(world, 2, again)
    world.run()
    world.run()
    assert set(world.names(1)) <= set(world.names(2))
    assert len(world.names(2)) == len(set(world.names(2)))


@AGAIN
@LACKS
@pytest.mark.parametrize("deletion", [("--delete1",), ("--delete1older", "30")], ids=["delete1", "older"])
def test_no_original_goes_for_a_copy_that_a_restore_took(
    make_world: MakeWorld, lacks: frozenset[str], again: int, deletion: tuple[str, ...]
) -> None:
    world = make_world(frozenset(), lacks)
    restored(world, 2, again)
    for _ in range(3):
        world.run(*deletion)
        assert {f"m{number}" for number in (*OLD, *NEW)} <= set(world.names(1) + world.names(2))


@AGAIN
@LACKS
def test_mail_that_got_the_uids_of_mail_lost_by_the_source_arrives(
    make_world: MakeWorld, lacks: frozenset[str], again: int
) -> None:
    world = make_world(lacks)
    restored(world, 1, again)
    world.run()
    world.run()
    assert set(world.names(1)) <= set(world.names(2))
    assert len(world.names(2)) == len(set(world.names(2)))


@AGAIN
@LACKS
@pytest.mark.parametrize("deletion", [("--delete1",), ("--delete1older", "30")], ids=["delete1", "older"])
def test_mail_that_got_the_uids_of_mail_lost_by_the_source_is_not_deleted_uncopied(
    make_world: MakeWorld, lacks: frozenset[str], again: int, deletion: tuple[str, ...]
) -> None:
    world = make_world(lacks)
    restored(world, 1, again)
    for _ in range(3):
        world.run(*deletion)
        assert {f"m{number}" for number in FRESH[:again]} <= set(world.names(1) + world.names(2))


def test_a_flag_is_not_set_on_mail_that_got_the_uid_of_a_lost_copy(world: World) -> None:
    restored(world, 2, 5)
    for number in NEW:
        world.flag(1, "INBOX", number, r"+FLAGS (\Flagged)")
    world.run()
    fresh = {f"m{number}" for number in FRESH}
    assert not [flags for name, flags in world.content(2)["INBOX"] if name in fresh and flags]


def test_mail_that_got_the_uid_of_a_lost_copy_is_not_deleted_for_its_original(world: World) -> None:
    restored(world, 2, 5)
    world.expunge(1, "INBOX", *NEW)
    before = world.names(2)
    world.run("--delete2", "--maxdelete2", "3")
    assert world.names(2) == before


def test_a_draft_that_got_the_uid_of_mail_of_its_identity_arrives(world: World) -> None:
    """The recorded message was no draft: only the one that has its UID now says so."""
    world.deliver(1, "INBOX", 1)
    yesterday = world.save()
    world.deliver(1, "INBOX", 2)
    world.good()
    world.restore(yesterday, 1)
    world.deliver(1, "INBOX", world.letter(2, "another version", flags=("\\Draft",)))
    world.flag(1, "INBOX", 1, r"+FLAGS (\Flagged)")  # so that the folder is opened
    world.good()
    assert "m2:another vers" in world.names(2)


@AGAIN
@LACKS
def test_copies_of_mail_that_the_source_lost_in_a_restore_are_not_mirrored_away(
    make_world: MakeWorld, lacks: frozenset[str], again: int
) -> None:
    world = make_world(lacks)
    restored(world, 1, again)
    for _ in range(3):
        world.run("--delete2", "--maxdelete2", "50")
        assert {f"m{number}" for number in (*OLD, *NEW)} <= set(world.names(2))


@pytest.mark.parametrize("killed", [False, True], ids=["whole", "killed"])
def test_copies_whose_originals_we_deleted_outlast_a_restore_of_the_source(
    world: World, killed: bool
) -> None:
    world.deliver(1, "INBOX", *OLD)
    yesterday = world.save()
    world.expunge(1, "INBOX", 5)
    world.deliver(1, "INBOX", *NEW)
    world.good("--delete1")
    world.restore(yesterday, 1)
    watch = StopBefore(2, "^(UID STORE|STATUS)", nth=2) if killed else None
    mirror = ("--delete2", "--maxdelete2", "50")
    world.run(*mirror, watch=watch, begun=watch.begun if watch else None)
    for _ in range(2):
        world.run(*mirror)
        assert {f"m{number}" for number in (*OLD, *NEW)} <= set(world.names(1) + world.names(2))


def test_a_source_folder_replaced_before_it_is_emptied(world: World) -> None:
    world.deliver(1, "A", 1, 2, 3)
    world.deliver(1, "B", 4, 5, 6)
    watch = Before(2, r"^APPEND \"?B", lambda: world.replace(1, "A", 21, 22, 23))
    world.run("--delete1", watch=watch)
    assert watch.fired
    assert {"m21", "m22", "m23"} <= set(world.names(1) + world.names(2))


def test_a_source_folder_replaced_before_it_is_flagged(world: World) -> None:
    world.deliver(1, "A", 1, 2, 3)
    world.deliver(1, "B", 4, 5, 6)
    watch = Before(2, r"^APPEND \"?B", lambda: world.replace(1, "A", 21, 22, 23))
    world.run("--setflag1", "\\Seen", "--search1", "UNSEEN", watch=watch)
    assert watch.fired
    world.good("--setflag1", "\\Seen", "--search1", "UNSEEN")
    assert {"m21", "m22", "m23"} <= set(world.names(2))


def test_a_destination_folder_replaced_before_it_is_deleted_in(world: World) -> None:
    world.deliver(1, "A", 1, 2, 3)
    world.deliver(1, "B", 4, 5, 6)
    world.deliver(2, "A", 11, 12, 13)
    watch = Before(2, r"^APPEND \"?B", lambda: world.replace(2, "A", 21, 22, 23))
    world.run("--delete2", "--maxdelete2", "50", watch=watch)
    assert watch.fired
    assert {"m21", "m22", "m23"} <= set(world.names(2))


def test_a_destination_folder_replaced_before_its_flags_change(world: World) -> None:
    world.deliver(1, "A", 1, 2, 3)
    world.deliver(1, "B", 4)
    world.good()
    world.flag(1, "A", 1, r"+FLAGS (\Flagged)")
    world.deliver(1, "B", 5)
    watch = Before(2, r"^APPEND \"?B", lambda: world.replace(2, "A", 21, 22, 23))
    world.run(watch=watch)
    assert watch.fired
    assert not [flags for _, flags in world.content(2)["A"] if flags and _ in ("m21", "m22", "m23")]
    world.good()
    assert {"m1", "m2", "m3"} <= set(world.names(2))


def test_a_destination_folder_replaced_while_its_copies_are_under_way(world: World) -> None:
    world.deliver(1, "A", 1, 2, 3)
    watch = Before(1, r"^UID STORE", lambda: world.replace(2, "A", 21))
    world.run("--delete1", watch=watch)
    assert watch.fired
    world.run("--delete1")
    # What was proven a moment before it was deleted was in the folder that somebody deleted.
    assert "m21" in world.names(2)
