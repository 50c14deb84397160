"""What --delete2 leaves on host2: what host1 has, and what may be the last copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.commands import Before

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
MIRROR = ("--delete2", "--maxdelete2", "99")


def test_a_copy_that_its_owner_filed_before_its_original_went_is_not_deleted_by_a_later_mirror(
    world: World,
) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.good()
    world.move(2, "INBOX", 1, "Archive")
    world.good("--delete1")
    assert world.names(1) == []
    world.deliver(1, "Archive", 3)
    world.good(*MIRROR)
    assert world.names(2, "Archive") == ["m1", "m3"]


@pytest.mark.parametrize("options", [("--maxsize", "2000"), ("--maxage", "30")], ids=["size", "age"])
def test_what_is_not_selected_stays_when_somebody_brings_it_to_host2(
    world: World, options: tuple[str, ...]
) -> None:
    other = world.letter(2, "long " * 999, internaldate=1_000_000_000)
    world.deliver(1, "INBOX", 1, other)
    world.good(*MIRROR, *options)
    world.deliver(2, "INBOX", other, 3)
    world.run(*MIRROR, *options)
    assert "m2:long long lo" in world.names(2, "INBOX")


def test_what_is_extra_stays_when_the_copy_beside_it_is_removed_before_the_deletion(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.good()
    world.deliver(2, "INBOX", 1)
    watch = Before(2, r"^(NOOP|UID SEARCH)", lambda: world.expunge(2, "INBOX", 1, first=True))
    world.run(*MIRROR, watch=watch)
    assert watch.fired
    assert world.names(2, "INBOX") == ["m1", "m2"]
    world.good(*MIRROR)
    assert world.names(2, "INBOX") == ["m1", "m2"]


def test_a_duplicate_inherits_the_copy_of_its_own_content_only(world: World) -> None:
    """Three messages look alike; one is on host1 twice, and the first of each leaves."""
    one, other = world.letter(1, "one text  "), world.letter(1, "other text")
    world.deliver(1, "INBOX", one, other, other)
    world.good()
    assert world.names(2, "INBOX") == ["m1:one text  ", "m1:other text"]
    with world.client(1) as client:
        client.command(b"SELECT INBOX")
        client.command(rb"UID STORE 1:2 +FLAGS.SILENT (\Deleted)")
        client.command(b"EXPUNGE")
    world.good(*MIRROR)
    assert world.names(2, "INBOX") == ["m1:other text"]


def test_host1_is_put_back_between_its_listing_and_its_opening(world: World) -> None:
    world.deliver(1, "INBOX", 1)
    saved = world.save()
    world.deliver(1, "INBOX", 2)
    world.good()
    watch = Before(1, r"^(SELECT|EXAMINE) \"?INBOX", lambda: world.restore(saved, 1))
    world.deliver(2, "INBOX", 9)
    world.run(*MIRROR, watch=watch)
    assert watch.fired
    world.run(*MIRROR)
    assert "m2" in world.names(2, "INBOX")


def test_what_a_backup_brings_back_under_an_old_uid_is_copied(make_world: MakeWorld) -> None:
    world = make_world(frozenset({"CONDSTORE", "QRESYNC"}))
    world.deliver(1, "INBOX", 1, 2)
    world.good()
    saved = world.save()
    world.move(1, "INBOX", 1, "Archive")
    world.good(*MIRROR)
    assert world.names(2, "INBOX") == ["m2"]
    world.restore(saved, 1)
    world.good()
    assert world.names(2, "INBOX") == ["m1", "m2"]


@pytest.mark.parametrize("state", [True, False])
def test_a_duplicate_of_a_message_that_leaves_before_it_is_copied_is_not_forgotten(
    world: World, state: bool
) -> None:
    world.deliver(1, "INBOX", 1, 1, 2)

    def leave() -> None:
        world.expunge(1, "INBOX", 1, first=True)

    ran = world.run(state=state, watch=Before(1, r"^UID FETCH [0-9,:]+ .*BODY.PEEK\[\]\)$", leave))
    assert ran.code != 0 or world.names(2, "INBOX") == ["m1", "m2"], ran.output
    world.good(state=state)
    assert world.names(2, "INBOX") == ["m1", "m2"]


def test_a_backup_from_before_the_folder_was_made_anew_takes_no_copy_of_what_it_lacks(world: World) -> None:
    world.deliver(1, "Work", 1, 2, 3, 4)
    before = world.save()
    world.good()
    world.replace(1, "Work", 1, 2, 3, 4, 5)
    world.good()
    world.restore(before, 1)
    ran = world.run("--delete2")
    assert ran.code == 0, ran.output[-2000:]
    assert "m5" in world.names(2, "Work")
    assert "m5" not in world.names(1)


def test_a_trash_that_its_owner_emptied_on_the_source_does_not_stop_the_mirror(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.deliver(1, "Trash", 3, 4, 5, 6)
    world.good("--delete2")
    world.expunge(1, "Trash")
    world.good("--delete2")
    assert world.names(2) == ["m1", "m2"]


def test_a_mirror_that_knows_nothing_stops_at_an_emptied_trash(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.deliver(2, "Trash", 3, 4, 5, 6)
    with world.client(1) as client:
        client.command(b"CREATE Trash")
    assert world.run("--delete2").code == 123
    assert world.names(2) == ["m1", "m2", "m3", "m4", "m5", "m6"]


def test_a_source_that_lost_other_mail_with_its_trash_stops_the_mirror(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.deliver(1, "Trash", 4, 5, 6, 7)
    world.good("--delete2")
    world.expunge(1, "Trash")
    world.expunge(1, "INBOX", 1, 2)
    assert world.run("--delete2").code == 123
    assert world.names(2) == [f"m{number}" for number in range(1, 8)]


def test_the_true_copy_stays_beside_one_that_only_looks_like_its_original(world: World) -> None:
    """Identity and size spoke for the one that was there first; then somebody brings the message itself."""
    one, other = world.letter(1, "one text  "), world.letter(1, "other text")
    world.deliver(1, "INBOX", one, 2)
    world.deliver(2, "INBOX", other)
    world.good()
    world.deliver(2, "INBOX", one)
    world.good(*MIRROR)
    assert "m1:one text  " in world.names(2)


def rename(world: World, old: str, new: str) -> None:
    with world.client(2) as client:
        client.command(f"RENAME {old} {new}".encode())


def test_a_folder_that_has_the_name_of_another_for_a_moment_loses_no_copy_of_that_one(world: World) -> None:
    """A is found as it was; then it has the name B on host2, until the next run."""
    world.deliver(1, "A", 1, 2)
    world.deliver(1, "B", 3)
    world.good()

    def swap() -> None:
        rename(world, "B", "C")
        rename(world, "A", "B")

    watch = Before(2, r"^(SELECT|EXAMINE) \"?B", swap)
    world.deliver(1, "B", 4)
    world.run(*MIRROR, watch=watch)
    assert watch.fired
    rename(world, "B", "A")
    rename(world, "C", "B")
    world.good(*MIRROR)
    assert {"m1", "m2"} <= set(world.names(2, "A"))
    assert world.names(2, "B") == ["m3", "m4"]


def test_a_copy_that_its_owner_filed_before_a_backup_took_its_original_is_not_mirrored_away(
    world: World,
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.deliver(1, "Archive", 4)
    yesterday = world.save()
    world.deliver(1, "INBOX", 5)
    world.good("--delete2")
    world.move(2, "INBOX", 5, "Archive")
    world.restore(yesterday, 1)
    for _ in range(2):
        world.run("--delete2")
        assert world.names(2, "Archive") == ["m4", "m5"]
