"""Done is written when it is done, and what we marked ourselves is not taken for the user's doing."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.stopping import EndAfter, StopBefore
from tests.servers.commands import Watch

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
NO_UIDPLUS = frozenset({"UIDPLUS"})
DELETIONS = pytest.mark.parametrize(
    "deletion", [("--delete1",), ("--delete1older", "30")], ids=["delete1", "older"]
)
STATE = pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
INBOX = ("--folder", "INBOX", "--search1", "UNSEEN", "--setflag1", "\\Seen", "--noresyncflags")
UNMARKED = [("m1", ()), ("m2", ()), ("m3", ())]


def kill_before(world: World, side: int, pattern: str, *options: str, state: bool = True) -> None:
    watch = StopBefore(side, pattern)
    ran = world.run(*options, state=state, watch=watch, begun=watch.begun)
    assert ran.code == -signal.SIGKILL


@STATE
@DELETIONS
def test_our_own_mark_on_the_source_is_not_passed_to_the_copies_after_a_kill(
    world: World, deletion: tuple[str, ...], state: bool
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    kill_before(world, 1, "EXPUNGE", *deletion, state=state)
    world.good(*deletion, state=state)
    assert world.names(1) == []
    assert world.content(2)["INBOX"] == UNMARKED


@STATE
@DELETIONS
def test_our_own_mark_on_the_source_is_not_passed_to_the_copies_by_the_next_run(
    world: World, deletion: tuple[str, ...], state: bool
) -> None:
    """No kill needed: with --noexpunge1 the originals stay, marked by us."""
    world.deliver(1, "INBOX", 1, 2, 3)
    for _ in range(2):
        world.good(*deletion, "--noexpunge1", state=state)
        assert world.names(1) == ["m1", "m2", "m3"]
        assert world.content(2)["INBOX"] == UNMARKED


@STATE
@DELETIONS
def test_our_own_mark_stays_ours_on_a_source_that_cannot_expunge_by_uid(
    make_world: MakeWorld, deletion: tuple[str, ...], state: bool
) -> None:
    """A message that the user marked keeps us from sending EXPUNGE."""
    world = make_world(NO_UIDPLUS)
    old = world.letter(9, flags=("\\Deleted",), internaldate=2_000_000_000)
    world.deliver(1, "INBOX", 1, 2, 3, old)
    for _ in range(2):
        world.run(*deletion[:1], *deletion[1:], "--maxage", "100000", state=state)
        copies = [(name, flags) for name, flags in world.content(2)["INBOX"] if name != "m9"]
        assert copies == UNMARKED


def test_the_deletion_on_the_destination_that_a_kill_interrupted_is_made_up_for(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 9))
    world.good("--delete2")
    world.expunge(1, "INBOX", 1)
    kill_before(world, 2, r"UID STORE", "--delete2")
    world.good("--delete2")
    assert world.names(2) == world.names(1)


def test_the_deletion_on_the_destination_that_a_kill_left_half_done_is_completed(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 9))
    world.good("--delete2")
    world.expunge(1, "INBOX", 1)
    kill_before(world, 2, r"EXPUNGE", "--delete2")
    world.good("--delete2")
    assert world.names(2) == world.names(1)


def test_a_brake_holds_in_the_next_run_too(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 7))
    world.good("--delete2")
    world.expunge(1, "INBOX", 1, 2, 3, 4, 5)
    first = world.run("--delete2")
    assert first.code == 123
    assert world.run("--delete2").code == 123
    world.good("--delete2", "--maxdelete2", "5")
    assert world.names(2) == ["m6"]


def test_flags_of_mail_that_was_there_before_are_set_after_a_kill_in_the_first_comparison(
    world: World,
) -> None:
    world.deliver(1, "INBOX", world.letter(1, flags=("\\Seen", "\\Flagged")), 2)
    world.deliver(2, "INBOX", 1)
    kill_before(world, 2, r"UID STORE")
    world.good()
    assert world.content(2)["INBOX"] == [("m1", ("\\Flagged", "\\Seen")), ("m2", ())]


def test_a_copy_whose_message_moved_away_is_known_after_a_run_that_was_ended_in_its_comparison(
    world: World,
) -> None:
    """Otherwise the message that moves back is copied a second time."""
    world.deliver(1, "A", 1, 2)
    world.good()
    world.move(1, "A", 1, "B")
    start = world.save()
    world.good(watch=(whole := Watch()))
    first = next(step.number for step in whole.steps if step.text.startswith(("SELECT", "EXAMINE")))
    last = next(step.number for step in whole.steps if step.text.startswith("APPEND"))
    for number in range(first, last):
        world.restore(start)
        watch = EndAfter(number)
        assert world.run(watch=watch, begun=watch.begun).code == 6
        world.good()
        world.move(1, "B", 1, "A")
        world.good()
        assert world.names(2, "A") == ["m1", "m2"], watch.stopped_at


@STATE
@DELETIONS
@pytest.mark.parametrize("pattern", [r"STORE .*Deleted", "EXPUNGE"], ids=["unmarked", "marked"])
def test_a_message_that_an_inbox_task_had_marked_as_read_before_a_kill_is_still_deleted(
    world: World, pattern: str, deletion: tuple[str, ...], state: bool
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    kill_before(world, 1, pattern, *INBOX, *deletion, state=state)
    for _ in range(2):
        world.good(*INBOX, *deletion, state=state)
    assert world.names(1) == []
    assert world.names(2) == ["m1", "m2", "m3"]


@STATE
def test_a_message_that_comes_back_takes_our_mark_from_its_copy(world: World, state: bool) -> None:
    """A killed run had marked the copy for its deletion; marked on, any mail program would remove it."""
    world.deliver(1, "A", *range(1, 9))
    world.good("--delete2", state=state)
    world.move(1, "A", 1, "B")
    kill_before(world, 2, "EXPUNGE", "--delete2", state=state)
    world.move(1, "B", 1, "A")
    for _ in range(2):
        world.good("--delete2", "--maxdelete2", "9", state=state)
    assert world.content(2) == world.content(1)


@STATE
def test_a_message_that_comes_back_with_other_flags_brings_them_to_its_copy(
    world: World, state: bool
) -> None:
    world.deliver(1, "A", 1, 2)
    world.good(state=state)
    world.move(1, "A", 1, "B")
    world.good(state=state)
    world.flag(1, "B", 1, r"+FLAGS (\Flagged)")
    world.move(1, "B", 1, "A")
    world.good(state=state)
    assert world.content(2)["A"] == world.content(1)["A"]
