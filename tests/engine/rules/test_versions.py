"""The same message is the same content: a draft that was saved again is a message of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
MODULE = ("--personal1", "--syncduplicates", "--noexpungeaftereach")
LONGER, SHORTER = "version two is much longer than the first one", "v2"


@pytest.mark.parametrize("text", [LONGER, SHORTER], ids=["longer", "shorter"])
@pytest.mark.parametrize(
    "deletion", [(), ("--delete1",), ("--delete1older", "30")], ids=["keep", "delete1", "older"]
)
@pytest.mark.parametrize("more", [(), MODULE], ids=["plain", "module"])
@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_an_edited_draft_arrives(
    world: World, state: bool, more: tuple[str, ...], deletion: tuple[str, ...], text: str
) -> None:
    world.deliver(1, "Drafts", 1)
    world.good(*more, state=state)
    world.edit(1, "Drafts", 1, text)
    world.good(*more, *deletion, state=state)
    assert f"m1:{text[:12]}" in world.names(2)


def test_a_draft_edited_to_the_same_size_arrives(world: World) -> None:
    world.deliver(1, "Drafts", world.letter(1, "aaaa"))
    world.good()
    world.edit(1, "Drafts", 1, "bbbb")
    world.good("--delete1")
    assert "m1:bbbb" in world.names(2)


@pytest.mark.parametrize("deletion", [(), ("--delete1",)], ids=["keep", "delete1"])
@pytest.mark.parametrize("more", [(), MODULE], ids=["plain", "module"])
def test_a_draft_edited_to_the_same_size_arrives_without_a_journal_though_nothing_marks_it(
    world: World, more: tuple[str, ...], deletion: tuple[str, ...]
) -> None:
    r"""Not all programs set \Draft; the folder tells what it is."""
    world.deliver(1, "Brouillons", world.letter(1, "aaaa"), 2)
    world.good(*more, state=False)
    world.edit(1, "Brouillons", 1, "bbbb")
    world.good(*more, *deletion, state=False)
    assert "m1:bbbb" in world.names(2)


def test_another_version_of_one_size_in_place_of_a_copy_is_not_the_copy_that_was_put_back(
    world: World,
) -> None:
    world.deliver(1, "Drafts", world.letter(1, "aaaa"), 2, 3)
    world.good()
    world.expunge(2, "Drafts", 1)
    world.deliver(2, "Drafts", world.letter(1, "bbbb"))
    for _ in range(2):
        world.run("--delete1")
        assert {"m1:aaaa", "m1:bbbb"} <= set(world.names(1) + world.names(2))


def test_a_draft_that_is_edited_in_every_run_arrives_each_time(world: World) -> None:
    world.deliver(1, "Drafts", 1, 2)
    for number in range(4):
        world.good("--delete2")
        world.edit(1, "Drafts", 1, "x" * number)
    world.good("--delete2", "--maxdelete2", "10")
    assert world.names(2) == world.names(1)


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
@pytest.mark.parametrize("deletion", [(), ("--delete1",)], ids=["keep", "delete1"])
def test_two_messages_of_one_identity_and_size_with_other_content_both_arrive(
    world: World, state: bool, deletion: tuple[str, ...]
) -> None:
    world.deliver(1, "INBOX", world.letter(1, "aaaa"), world.letter(1, "bbbb"))
    world.good(*deletion, state=state)
    assert world.names(2) == ["m1:aaaa", "m1:bbbb"]


def test_a_stale_draft_on_the_destination_fails_the_verification(world: World) -> None:
    world.deliver(1, "Drafts", 1, 2)
    world.good()
    world.edit(1, "Drafts", 1, LONGER)
    assert world.run("--verify").code != 0


@pytest.mark.parametrize("memory", ["never", "later", "always"])
def test_a_message_that_looks_like_one_that_left_is_not_taken_for_its_copy(world: World, memory: str) -> None:
    world.deliver(1, "INBOX", world.letter(1, "aaaa"))
    world.good(state=memory == "always")
    world.expunge(1, "INBOX", 1)
    world.deliver(1, "INBOX", world.letter(1, "bbbb"))
    if memory == "later":
        world.good()  # it is believed: no run had a state file when the copy was made
        world.run("--delete1")  # and read before it goes
    world.good("--delete1", state=memory != "never")
    assert world.names(1) == []
    assert world.names(2) == ["m1:aaaa", "m1:bbbb"]
