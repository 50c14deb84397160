"""What changes between looking at a folder and opening it is seen: now, or by the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.commands import Before

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
OPENED = r"^(SELECT|EXAMINE) \"?{}\"?( |$)"
PLAIN = frozenset({"CONDSTORE", "QRESYNC"})


def opened(folder: str) -> str:
    return OPENED.format(folder)


@pytest.mark.parametrize("lacks", [frozenset[str](), PLAIN], ids=["condstore", "plain"])
def test_a_message_that_arrives_in_an_empty_folder_before_it_is_opened(
    make_world: MakeWorld, lacks: frozenset[str]
) -> None:
    world = make_world(lacks)
    world.deliver(1, "INBOX", 1)
    world.deliver(1, "Leads")
    watch = Before(1, opened("Leads"), lambda: world.deliver(1, "Leads", 2))
    world.good(watch=watch)
    world.good()
    assert world.names(2, "Leads") == world.names(1, "Leads")


def test_a_message_that_arrives_in_an_empty_folder_of_a_later_group_while_the_first_is_copied(
    world: World,
) -> None:
    """Between listing and opening the folders of a large account lie minutes."""
    world.deliver(1, "INBOX", 1)
    with world.client(1) as client:
        for number in range(204):
            client.command(b"CREATE F%03d" % number)
    world.deliver(1, "Z")
    watch = Before(2, r"^APPEND", lambda: world.deliver(1, "Z", 2))
    world.good(watch=watch)
    assert watch.fired
    world.good()
    assert world.names(2, "Z") == ["m2"]


def test_one_message_goes_and_one_comes_before_a_known_folder_is_opened(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3, 4)
    world.good()
    world.expunge(1, "INBOX", 1)
    watch = Before(1, opened("INBOX"), lambda: world.deliver(1, "INBOX", 5))
    world.good(watch=watch)
    assert watch.fired
    world.good()
    assert "m5" in world.names(2, "INBOX")


def test_a_flag_that_changes_before_a_known_folder_is_opened(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3, 4)
    world.good()
    world.deliver(2, "INBOX", 9)
    watch = Before(1, opened("INBOX"), lambda: world.flag(1, "INBOX", 2, r"+FLAGS (\Flagged)"))
    world.good(watch=watch)
    assert watch.fired
    world.good()
    assert ("m2", ("\\Flagged",)) in world.content(2)["INBOX"]


@pytest.mark.parametrize("state", [True, False])
def test_copies_that_reach_an_empty_destination_before_it_is_opened_are_not_doubled(
    world: World, state: bool
) -> None:
    """A killed run's copies, still on their way when the next run lists the destination."""
    world.deliver(1, "A", 1, 2, 3)
    world.deliver(2, "A")
    watch = Before(2, opened("A"), lambda: world.deliver(2, "A", 1, 2))
    world.good(state=state, watch=watch)
    assert watch.fired
    world.good(state=state)
    assert world.names(2, "A") == ["m1", "m2", "m3"]


def test_an_unread_message_that_arrives_in_the_window_of_an_inbox_task(world: World) -> None:
    options = ("--folder", "INBOX", "--search1", "UNSEEN", "--setflag1", "\\Seen", "--noresyncflags")
    watch = Before(1, opened("INBOX"), lambda: world.deliver(1, "INBOX", 1))
    world.good(*options, watch=watch)
    world.good(*options)
    assert world.names(2, "INBOX") == ["m1"]


@pytest.mark.parametrize("state", [True, False])
def test_a_message_that_arrives_in_the_window_is_not_deleted_with_its_empty_folder(
    world: World, state: bool
) -> None:
    world.deliver(1, "INBOX", 1)
    world.deliver(1, "Leads")
    watch = Before(1, opened("Leads"), lambda: world.deliver(1, "Leads", 2))
    world.run("--delete1", "--delete1emptyfolders", state=state, watch=watch)
    world.good("--delete1", "--delete1emptyfolders", state=state)
    assert sorted(world.names(1) + world.names(2)) == ["m1", "m2"]
    assert world.names(2, "Leads") == ["m2"]


def test_a_message_that_arrives_right_before_its_emptied_folder_is_deleted(world: World) -> None:
    world.deliver(1, "A", 1)
    watch = Before(1, r"^(DELETE|RENAME) \"?A", lambda: world.deliver(1, "A", 2))
    world.run("--delete1", "--delete1emptyfolders", watch=watch)
    assert watch.fired
    assert "m2" in world.names(1) + world.names(2)
