"""Equal messages of one folder are a set: as long as one is on the source, one is on the destination."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.stopping import StopBefore
from tests.servers.commands import Watch

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World
    from tests.servers.commands import Step

pytestmark = pytest.mark.servers


def twins(world: World) -> None:
    world.deliver(1, "INBOX", 1, 1, 2, 3, 4, 5)


def test_the_first_of_two_equal_messages_is_deleted_on_the_source(world: World) -> None:
    twins(world)
    world.good("--delete2")
    world.expunge(1, "INBOX", 1, first=True)
    for _ in range(3):
        world.good("--delete2")
        assert world.names(2) == ["m1", "m2", "m3", "m4", "m5"]


def test_both_of_two_equal_messages_are_deleted_on_the_source(world: World) -> None:
    twins(world)
    world.good("--delete2")
    world.expunge(1, "INBOX", 1)
    world.good("--delete2")
    assert world.names(2) == ["m2", "m3", "m4", "m5"]


def test_a_twin_that_arrives_later_is_not_copied(world: World) -> None:
    twins(world)
    world.good()
    world.deliver(1, "INBOX", 1)
    for _ in range(2):
        world.good()
        assert world.names(2) == ["m1", "m2", "m3", "m4", "m5"]


def test_a_twin_that_arrives_later_is_copied_when_duplicates_are_wanted(world: World) -> None:
    twins(world)
    world.good("--syncduplicates")
    world.deliver(1, "INBOX", 1)
    world.good("--syncduplicates")
    assert world.names(2) == world.names(1)


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_a_selected_message_is_not_skipped_as_twin_of_one_that_is_not_selected(
    world: World, state: bool
) -> None:
    world.deliver(1, "INBOX", world.letter(1, flags=("\\Seen",)), 1, 2)
    world.good("--search1", "UNSEEN", "--delete2", state=state)
    assert world.names(2) == ["m1", "m2"]


def test_delete1_in_one_run_and_delete2_in_a_later_one_leave_the_message_somewhere(world: World) -> None:
    twins(world)
    world.good()
    world.run("--delete1")
    world.run("--delete2", "--maxdelete2", "10")
    assert {"m1"} <= set(world.names(1) + world.names(2))
    if "m1" in world.names(1):
        assert "m1" in world.names(2)


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_equal_messages_under_delete1_end_as_one_copy(world: World, state: bool) -> None:
    twins(world)
    for _ in range(3):
        world.good("--delete1", state=state)
        assert world.names(2) == ["m1", "m2", "m3", "m4", "m5"]


def test_a_copy_of_twins_that_the_user_deleted_is_not_replaced_by_its_twin(world: World) -> None:
    twins(world)
    world.good()
    world.good()
    world.expunge(2, "INBOX", 1)
    world.good()
    world.good()
    assert "m1" not in world.names(2)


def test_a_moved_message_that_its_owner_filed_is_not_deleted_by_a_later_mirror(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.deliver(1, "Filed", 9)
    world.good()
    world.good("--delete1")
    world.deliver(1, "INBOX", 4)
    world.deliver(1, "Filed", 8)
    world.move(2, "INBOX", 1, "Filed")
    world.run("--delete2", "--maxdelete2", "50")
    assert {"m1", "m2", "m3", "m9"} <= set(world.names(2))


class LeavesBeforeTheKill(StopBefore):
    """Takes the first of two equal messages away before it is copied, and kills the run after the copying."""

    def __init__(self, world: World) -> None:
        super().__init__(2, "^STATUS", nth=2)
        self._world = world
        self._taken = False

    def sent(self, step: Step) -> bool:
        if step.side == 1 and "INTERNALDATE BODY.PEEK[]" in step.text and not self._taken:
            self._taken = True
            with self._world.client(1) as client:
                client.command(b"SELECT INBOX")
                client.command(rb"UID STORE 3 +FLAGS.SILENT (\Deleted)")
                client.command(b"UID EXPUNGE 3")
        return super().sent(step)


def test_a_duplicate_whose_first_left_before_a_kill_is_copied_beside_one_that_looks_like_it(
    world: World,
) -> None:
    world.deliver(1, "INBOX", world.letter(1, "one version"))
    world.good()
    other = world.letter(1, "two version")
    world.deliver(1, "INBOX", 2, other, other)
    watch = LeavesBeforeTheKill(world)
    world.run(watch=watch, begun=watch.begun)
    assert watch.stopped_at is not None
    world.good()
    assert world.names(2) == ["m1:one version", "m1:two version", "m2"]


class PassesOverWhatIsCompared(Watch):
    """Lets host1 give nothing when it is asked for whole messages, until they are to be copied."""

    def rewritten(self, step: Step, raw: bytes) -> bytes:
        whole = b" (UID BODY.PEEK[])"
        return re.sub(rb"FETCH \S+" + re.escape(whole), b"FETCH 999" + whole, raw) if step.side == 1 else raw


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_a_message_that_could_not_be_compared_is_not_copied_beside_its_copy(
    world: World, state: bool
) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.deliver(2, "INBOX", 1)
    ran = world.run("--delete1", state=state, watch=PassesOverWhatIsCompared())
    assert world.names(2) == ["m1", "m2"]
    assert ran.code != 0
    assert world.names(1) == ["m1"]
    world.good("--delete1", state=state)
    assert world.names(2) == ["m1", "m2"]
    assert world.names(1) == []


class RefusesToShowWhatCame(Watch):
    """Lets host2 tell no UIDs of what it takes, and refuse to give them afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self._copied = False

    def sent(self, step: Step) -> bool:
        self._copied = self._copied or "APPEND" in step.text
        return True

    def retold(self, step: Step, response: bytes) -> bytes:
        if step.side == 2 and self._copied and "UID FETCH" in step.text:
            return step.tag + b" NO not now\r\n"
        return re.sub(rb"\[APPENDUID [^]]*\] ", b"", response)


def test_a_duplicate_has_the_copy_of_its_first_that_left_before_it_was_found(make_world: MakeWorld) -> None:
    world = make_world(frozenset(), frozenset({"UIDPLUS"}))
    one, other = world.letter(1, "one version"), world.letter(1, "two version")
    world.deliver(1, "INBOX", one, *range(2, 8))
    world.good("--delete2")
    world.deliver(1, "INBOX", other, other)
    assert world.run("--delete2", watch=RefusesToShowWhatCame()).code != 0
    with world.client(1) as client:
        client.command(b"SELECT INBOX")
        client.command(rb"UID STORE 8 +FLAGS.SILENT (\Deleted)")
        client.command(b"UID EXPUNGE 8")
    for _ in range(2):
        world.good("--delete2")
        assert world.names(2) == world.names(1)
        assert "m1:two version" in world.names(2)
