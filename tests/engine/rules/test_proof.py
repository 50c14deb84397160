"""What was copied once is no proof that the copy is there now: originals go only when theirs is."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest
from tests.servers.commands import Before

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
DELETIONS = [("--delete1",), ("--delete1older", "30")]
PLAIN = frozenset({"CONDSTORE", "QRESYNC"})


def lose_files(world: World, side: int, user: str) -> None:
    """Do what a crash of the store does: files are gone, nobody deleted a message."""
    for folder in (world.servers[side].home(user) / "Maildir").rglob("*"):
        if folder.name in ("cur", "new"):
            for file in folder.iterdir():
                file.unlink()


@pytest.mark.parametrize("seen_alive", [True, False])
@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda words: words[0])
def test_all_copies_expunged_on_the_destination_keep_their_originals(
    world: World, deletion: tuple[str, ...], seen_alive: bool
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3, 4, 5)
    world.good()
    if seen_alive:
        world.good()
    world.expunge(2, "INBOX", 1, 2, 3, 4, 5)
    ran = world.run(*deletion)
    assert world.names(1) == ["m1", "m2", "m3", "m4", "m5"]
    assert ran.code != 0
    assert world.run(*deletion).code == ran.code
    assert world.names(1) == ["m1", "m2", "m3", "m4", "m5"]


@pytest.mark.parametrize("lacks", [frozenset[str](), PLAIN], ids=["condstore", "plain"])
@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda words: words[0])
def test_a_store_that_lost_its_files_keeps_the_originals(
    make_world: MakeWorld, deletion: tuple[str, ...], lacks: frozenset[str]
) -> None:
    world = make_world(lacks)
    world.deliver(1, "INBOX", 1, 2, 3, 4, 5)
    world.good()
    lose_files(world, 2, "target")
    ran = world.run(*deletion)
    assert world.names(1) == ["m1", "m2", "m3", "m4", "m5"]
    assert ran.code != 0


def with_trash(world: World, *deletion: str) -> None:
    """Bring more mail into Trash than into all other folders, and see it there once more."""
    world.deliver(1, "INBOX", 1, 2)
    world.deliver(1, "Trash", 3, 4, 5, 6)
    world.good(*deletion)
    world.deliver(1, "INBOX", 7)
    world.deliver(1, "Trash", 8)
    world.good(*deletion)


def test_a_trash_that_its_owner_emptied_on_the_destination_does_not_stop_the_run(world: World) -> None:
    with_trash(world, "--delete1older", "30000")
    world.expunge(2, "Trash")
    world.good("--delete1older", "30")
    assert world.names(1) == ["m8"], "nobody has seen that copy alive"
    assert world.names(2) == ["m1", "m2", "m7"]
    world.good("--delete1older", "30")


def test_mail_that_was_filed_in_trash_before_it_was_emptied_does_not_stop_the_run(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 8))
    world.good("--delete1")
    for number in range(1, 6):
        world.move(2, "INBOX", number, "Trash")
    world.deliver(1, "INBOX", 8)
    world.good("--delete1")
    world.expunge(2, "Trash")
    world.deliver(1, "INBOX", 9)
    world.good("--delete1")
    assert world.names(1) == []


def test_a_store_that_lost_its_files_and_those_of_trash_keeps_the_originals(world: World) -> None:
    with_trash(world)
    lose_files(world, 2, "target")
    for _ in range(2):
        assert world.run("--delete1").code == 125
        assert world.names(1) == [f"m{number}" for number in range(1, 9)]


def test_a_trash_beside_which_nothing_lies_keeps_the_originals(world: World) -> None:
    """Nothing says that the store is whole."""
    world.deliver(1, "Trash", 3, 4, 5, 6)
    world.good()
    world.good()
    world.expunge(2, "Trash")
    assert world.run("--delete1").code == 125
    assert world.names(1) == ["m3", "m4", "m5", "m6"]


def test_a_destination_that_was_made_anew_keeps_the_originals(world: World) -> None:
    """UIDVALIDITY is another one: everything is copied again, and nothing goes until somebody says so."""
    world.deliver(1, "INBOX", 1, 2, 3)
    world.good()
    before = uidvalidity(world)
    while uidvalidity(world) == before:  # Dovecot takes the second of the folder's making for it
        shutil.rmtree(world.servers[2].home("target"))
    for _ in range(2):
        assert world.run("--delete1").code == 125
        assert world.names(1) == world.names(2) == ["m1", "m2", "m3"]
    world.good("--delete1", "--maxvanished2", "3")
    assert world.names(1) == []
    assert world.names(2) == ["m1", "m2", "m3"]


def test_a_small_folder_that_was_made_anew_is_filled_again(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.deliver(1, "Small", 4)
    world.good()
    with world.client(2) as client:
        client.command(b"DELETE Small")
    world.good("--delete1")
    assert world.names(1) == []
    assert world.names(2, "Small") == ["m4"]


def uidvalidity(world: World) -> str:
    with world.client(2) as client:
        told = client.command(b'STATUS "INBOX" (UIDVALIDITY)')[0].decode()
    return told[told.index("UIDVALIDITY") :]


@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda words: words[0])
def test_a_destination_restored_from_yesterday_keeps_the_originals(
    world: World, deletion: tuple[str, ...]
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.good()
    yesterday = world.save()
    world.deliver(1, "INBOX", 4, 5, 6, 7, 8)
    world.good()
    world.restore(yesterday, 2)
    ran = world.run(*deletion)
    assert {"m4", "m5", "m6", "m7", "m8"} <= set(world.names(1))
    assert set(world.names(1) + world.names(2)) == {f"m{number}" for number in range(1, 9)}
    assert ran.code != 0


def test_mail_that_the_user_filed_on_the_destination_leaves_the_source_after_its_days(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 7))
    world.good("--delete1older", "30000")
    for number in (1, 2, 3, 4, 5):
        world.move(2, "INBOX", number, f"Filed{number % 2}")
    world.good("--delete1older", "30000")
    world.good("--delete1older", "30")
    assert world.names(1) == []
    assert world.names(2) == [f"m{number}" for number in range(1, 7)]


def test_one_message_that_the_user_deleted_for_good_leaves_the_source_after_its_days(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 9))
    world.good("--delete1older", "30000")
    world.good("--delete1older", "30000")
    world.deliver(1, "INBOX", 9)
    world.good("--delete1older", "30000")  # has seen the copies alive
    world.expunge(2, "INBOX", 3)
    world.good("--delete1older", "30000")
    world.good("--delete1older", "30")
    assert world.names(1) == []
    assert "m3" not in world.names(2)


def test_a_copy_that_vanished_before_a_run_saw_it_alive_keeps_its_original(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 9))
    world.good()
    world.expunge(2, "INBOX", 3)
    world.run("--delete1older", "30")
    world.run("--delete1older", "30")
    assert world.names(1) == ["m3"]


def test_a_copy_that_moved_before_a_run_saw_it_alive_is_found_in_its_folder(world: World) -> None:
    world.deliver(1, "INBOX", *range(1, 9))
    world.good()
    world.move(2, "INBOX", 3, "Filed")
    world.good("--delete1older", "30")
    world.good("--delete1older", "30")
    assert world.names(1) == []
    assert world.names(2, "Filed") == ["m3"]


@pytest.mark.parametrize("state", [True, False])
def test_a_copy_that_is_removed_right_before_the_run_looks_at_it(world: World, state: bool) -> None:
    """A server may answer from what the session knew when its last command ended (RFC 3501 §7.4.1)."""
    world.deliver(1, "INBOX", 1, 2, 3, 4, 5)
    world.good(state=state)
    watch = Before(2, r"^(NOOP|UID SEARCH)", lambda: world.expunge(2, "INBOX", 2))
    world.run("--delete1", state=state, watch=watch)
    assert watch.fired
    assert world.names(1) == ["m2"]


@pytest.mark.parametrize("deletion", DELETIONS, ids=lambda words: words[0])
def test_a_store_that_is_lost_after_its_owner_had_filed_all_copies_keeps_the_originals(
    world: World, deletion: tuple[str, ...]
) -> None:
    """Nothing of what is lost was a copy any more: only the account as a whole tells."""
    young = [world.letter(number, internaldate=int(time.time())) for number in (1, 2)]
    world.deliver(1, "INBOX", *young)
    world.good()
    for number in (1, 2):
        world.move(2, "INBOX", number, "Filed")
    world.good("--delete1older", "30")
    world.expunge(2, "Filed")
    ran = world.run(*deletion)
    assert (ran.code, world.names(1)) == (125, ["m1", "m2"])
    world.good(*deletion, "--maxvanished2", "2")


def test_a_message_that_only_looked_like_the_copy_is_removed_and_the_original_stays(world: World) -> None:
    """Identity and size spoke for it; nobody has ever seen the original's own copy."""
    world.deliver(1, "INBOX", world.letter(1, "one text  "), *range(2, 9))
    world.deliver(2, "INBOX", world.letter(1, "other text"))
    world.good()
    world.deliver(1, "INBOX", 9)
    world.good()
    world.expunge(2, "INBOX", 1)
    world.run("--delete1")
    assert world.names(1) == ["m1:one text  "]
