"""--delete2 beside a selection, or into a folder of several sources: neither too much goes nor too little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import LONG_AGO, World, mail

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.servers
TODAY = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
MERGED = "--f1f2 Work=INBOX.All --f1f2 Sent=INBOX.All"


def runs(tmp_path_name: str, state: bool) -> Sequence[str]:
    return ["--state", tmp_path_name] if state else []


@pytest.mark.parametrize("state", [False, True])
def test_search_with_delete2_deletes_nothing_and_says_nothing(world: World, state: bool) -> None:
    kept = [mail(f"k{n}") for n in range(9)]
    world.fill(1, {"INBOX": [mail("a", flags=("\\Flagged",)), mail("b"), mail("c")]})
    world.fill(2, {"INBOX": [mail("x", flags=("\\Flagged",)), mail("y"), mail("c", flags=("\\Flagged",))]})
    world.fill(2, {"INBOX.Keep": kept})
    options = ["--folder", "INBOX", "--search", "FLAGGED", "--delete2", *runs("s", state)]
    world.good(options)
    # y is not selected; c is on host1, although not selected there.
    assert world.subjects(2) == ["a", "c", "y"]
    world.good(options)
    assert world.subjects(2) == ["a", "c", "y"]


@pytest.mark.parametrize("state", [False, True])
def test_search1_with_delete2_deletes_what_host1_still_has(world: World, state: bool) -> None:
    world.fill(1, {"INBOX": [mail("a", flags=("\\Flagged",)), mail("b"), mail("c")]})
    world.fill(2, {"INBOX": [mail("b"), mail("c"), mail("x")]})
    for _ in range(2):
        world.good(["--search1", "FLAGGED", "--delete2", *runs("s", state)])
        assert world.subjects(2) == ["a", "b", "c"]


@pytest.mark.parametrize("state", [False, True])
def test_the_archive_older_than_maxage_is_deleted_by_delete2(world: World, state: bool) -> None:
    """host1 forgets what is old, host2 is its archive: the original keeps it."""
    now = int(time.time())
    world.fill(1, {"INBOX": [mail("new", date=TODAY, arrived=now)]})
    world.fill(2, {"INBOX": [mail("old", date=LONG_AGO, arrived=now), mail("gone", date=TODAY, arrived=now)]})
    world.fill(2, {"INBOX.Keep": [mail(f"k{n}") for n in range(9)]})
    for _ in range(2):
        world.good(["--maxage", "30", "--delete2", *runs("s", state)])
        assert world.subjects(2) == ["new", "old"]


def test_an_import_of_old_mail_is_new_for_maxage(world: World) -> None:
    now = int(time.time())
    world.fill(1, {"INBOX": [mail("old", date=LONG_AGO, arrived=now), mail("new", date=TODAY, arrived=now)]})
    world.good("--maxage 30")
    assert world.subjects(2) == ["new"]
    world.good("--maxage 30 --noabletosearch")
    assert world.subjects(2) == ["new", "old"]


def test_a_message_without_date_is_left_out_for_its_age(world: World) -> None:
    now = int(time.time())
    world.fill(1, {"INBOX": [mail("a", date="not a date", arrived=now), mail("b", date="neither")]})
    world.good("--maxage 30")
    assert world.subjects(2) == ["a"]


@pytest.mark.parametrize("state", [False, True])
def test_what_no_source_of_a_merged_folder_has_stays(world: World, state: bool) -> None:
    world.fill(1, {"Work": [mail("w1"), mail("w2"), mail("both")], "Sent": [mail("s1"), mail("both")]})
    world.fill(2, {"INBOX.All": [mail("x1"), mail("w1")], "INBOX.Keep": [mail(f"k{n}") for n in range(9)]})
    options = [*MERGED.split(), "--folder", "Work", "--folder", "Sent", "--delete2", *runs("s", state)]
    world.good(options)
    assert "x1" not in world.subjects(2, "INBOX.All")
    world.good(options)
    world.good(options)
    assert world.subjects(2, "INBOX.All") == ["both", "both", "s1", "w1", "w2"]


def test_a_merged_folder_loses_what_a_source_outside_of_the_run_has(world: World) -> None:
    world.fill(1, {"Work": [mail("w1")], "Sent": [mail("s1")]})
    world.fill(2, {"INBOX.All": [mail("s1")]})
    text = world.good(f"{MERGED} --folder Work --delete2 --maxdelete2 5")
    assert world.subjects(2, "INBOX.All") == ["s1", "w1"]
    assert "nothing is deleted in INBOX.All: not all host1 folders that share it are part of this run" in text


def test_a_last_copy_in_a_merged_folder_is_deleted(world: World) -> None:
    """What --delete1 took from host1 is nowhere else."""
    world.fill(1, {"Work": [mail("w1")], "Sent": [mail("s1")]})
    world.good(f"{MERGED} --delete1 --state s")
    world.good(f"{MERGED} --delete2 --maxdelete2 5 --state s")
    assert world.subjects(2, "INBOX.All") == ["s1", "w1"]


def test_a_dry_run_at_a_brake_ends_with_an_error(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    world.fill(2, {"INBOX": [mail("x"), mail("y")]})
    text = world.good("--delete2 --dry")
    assert "without --dry the run would stop here (--maxdelete2 2 allows it)" in text
    assert world.subjects(2) == ["x", "y"]
    assert world.run("--delete2").code == 123


@pytest.mark.parametrize("identity", [[], ["--useheader", "Message-Id"], ["--gmail1", "--nossl1"]])
def test_a_last_copy_that_was_filed_is_deleted_when_other_headers_identify(
    world: World, identity: list[str]
) -> None:
    """What --delete1 took from host1 is known by who it is, wherever its owner has put it since."""
    world.fill(1, {"INBOX": [mail("last")], "Archive": [mail("x")]})
    world.fill(2, {"INBOX.Archive": [mail("x"), mail("y"), mail("z")]})
    world.good("--delete1 --folder INBOX --state s")
    world.command(2, "SELECT INBOX", "UID MOVE 1:* INBOX.Archive")
    world.good(["--delete2", "--maxdelete2", "5", "--state", "s", *identity])
    assert "last" in world.subjects(2, "INBOX.Archive")
    if not identity:
        assert world.subjects(2, "INBOX.Archive") == ["last", "x"]
