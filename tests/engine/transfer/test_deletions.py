"""What may be deleted, and the brakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, hashes, mail, same, settings, sync
from tests.servers.dovecot import Dovecot

from imapsync.plan.rules import DeletionRules, FolderRules, IdentityRules, SelectionRules
from imapsync.terms import Reason, Side
from imapsync.transfer import Stop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]
INBOX = [mail(n) for n in range(12)]


@pytest.mark.parametrize("state", [None, "state"])
def test_delete1_moves_messages(servers: Servers, tmp_path: Path, state: str | None) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX, "Sent": [mail(100)]})
    before = source.snapshot("source")
    wanted = settings(
        *servers, deletion=DeletionRules(source=True), state_path=str(tmp_path / state) if state else None
    )
    ran = good(sync(wanted))
    assert (ran.copied, ran.deleted(Side.SOURCE)) == (13, 13)
    assert hashes(destination.snapshot("target")) == hashes(before)
    assert not hashes(source.snapshot("source"))
    source.fill("source", {"INBOX": [mail(200)]})
    assert good(sync(wanted)).copied == 1
    assert len(destination.snapshot("target")["INBOX"]) == 13


def test_delete1_also_takes_what_was_there_already_and_leaves_the_users_own_marks(servers: Servers) -> None:
    source, _ = servers
    source.fill("source", {"INBOX": [*INBOX, mail(50, flags=("\\Deleted",))]})
    good(sync(settings(*servers)))
    ran = good(sync(settings(*servers, deletion=DeletionRules(source=True, source_expunge=False))))
    assert ran.copied == 0
    assert all("\\Deleted" in message.flags for message in source.snapshot("source")["INBOX"])


@pytest.mark.parametrize("state", [None, "state"])
def test_delete2_mirrors(servers: Servers, tmp_path: Path, state: str | None) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX})
    destination.fill("target", {"INBOX": [mail(n) for n in range(300, 304)]})
    wanted = settings(
        *servers,
        deletion=DeletionRules(destination=True),
        state_path=str(tmp_path / state) if state else None,
    )
    ran = good(sync(wanted))
    assert ran.deleted(Side.DESTINATION) == 4
    same(source.snapshot("source"), destination.snapshot("target"))
    with source.client("source") as client:
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 3,5 +FLAGS (\\Deleted)")
        client.command(b"EXPUNGE")
    destination.fill("target", {"INBOX": [mail(305)]})
    ran = good(sync(wanted))
    assert (ran.copied, ran.deleted(Side.DESTINATION)) == (0, 3)
    same(source.snapshot("source"), destination.snapshot("target"))


def test_delete2_keeps_what_selection_left_out(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [*INBOX, mail(60, body="x" * 5000)]})
    good(sync(settings(*servers)))
    wanted = settings(
        *servers,
        deletion=DeletionRules(destination=True),
        selection=SelectionRules(max_size_bytes=1000),
    )
    assert good(sync(wanted)).deleted(Side.DESTINATION) == 0
    assert len(destination.snapshot("target")["INBOX"]) == 13


def test_a_source_that_is_suddenly_empty_stops_deletions(servers: Servers) -> None:
    _, destination = servers
    destination.fill("target", {"INBOX": INBOX})
    wanted = settings(*servers, deletion=DeletionRules(destination=True))
    ran = sync(wanted)
    assert ran.outcome.stop is Stop.BRAKE_SOURCE_EMPTY
    assert [problem.reason for problem in ran.problems] == [Reason.BRAKE_SOURCE_EMPTY]
    assert len(destination.snapshot("target")["INBOX"]) == 12
    allowed = settings(*servers, deletion=DeletionRules(destination=True, max_destination=12))
    assert good(sync(allowed)).deleted(Side.DESTINATION) == 12
    assert not hashes(destination.snapshot("target"))


def test_more_than_half_stops_deletions(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX[:5]})
    destination.fill("target", {"INBOX": INBOX, "Mine": [mail(400)]})
    ran = sync(settings(*servers, deletion=DeletionRules(destination=True)))
    assert ran.outcome.stop is Stop.BRAKE_DELETE
    assert len(destination.snapshot("target")["INBOX"]) == 12
    ran = sync(settings(*servers, deletion=DeletionRules(destination=True, max_destination=6)))
    assert ran.outcome.stop is Stop.BRAKE_DELETE
    ran = good(sync(settings(*servers, deletion=DeletionRules(destination=True, max_destination=7))))
    assert ran.deleted(Side.DESTINATION) == 7


def test_delete2folders_spares_what_the_source_has(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX, "Kept/Below": [mail(500)], "Excluded": [mail(501)]})
    destination.fill(
        "target", {"Gone/Deep": [mail(600)], "Gone": [mail(601)], "Excluded": [mail(501)], "Safe": []}
    )
    wanted = settings(
        *servers,
        folders=FolderRules(exclude=(lambda name: name == "Excluded",)),
        deletion=DeletionRules(
            destination_folders=True, destination_folders_but_not=(lambda name: name == "Safe",)
        ),
    )
    good(sync(wanted))
    assert set(destination.snapshot("target")) == {"INBOX", "Kept/Below", "Excluded", "Safe"} | (
        {"Kept"} & set(destination.snapshot("target"))
    )


def test_without_uidplus_the_users_marks_are_never_expunged() -> None:
    with Dovecot(without=["UIDPLUS"]) as source, Dovecot(without=["UIDPLUS"]) as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", {"INBOX": [*INBOX, mail(70, flags=("\\Deleted",))]})
        destination.fill("target", {"INBOX": [mail(80)], "Sent": [mail(81)]})
        wanted = settings(
            source,
            destination,
            deletion=DeletionRules(destination=True),
            identity=IdentityRules(sync_duplicates=True),
        )
        ran = good(sync(wanted))
        there = destination.snapshot("target")["INBOX"]
        assert len(there) == 14  # the extra one is marked, not expunged: another message carries the mark
        assert ran.copied == 13
        assert sum("\\Deleted" in message.flags for message in there) == 2


def test_delete1_and_delete2_together_never_delete_the_last_copy(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX})
    wanted = settings(
        *servers,
        deletion=DeletionRules(source=True, destination=True, max_destination=100),
        state_path=str(tmp_path / "state"),
    )
    assert good(sync(wanted)).copied == 12
    assert good(sync(wanted)).deleted(Side.DESTINATION) == 0
    assert len(destination.snapshot("target")["INBOX"]) == 12


def test_duplicates_on_the_destination_go_when_asked(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX})
    destination.fill("target", {"INBOX": [INBOX[0], INBOX[0], INBOX[1], mail(90), mail(90)]})
    ran = good(sync(settings(*servers, deletion=DeletionRules(destination_duplicates=True))))
    assert ran.deleted(Side.DESTINATION) == 2
    assert len(destination.snapshot("target")["INBOX"]) == 13


def test_emptied_source_folders_go_when_asked(servers: Servers) -> None:
    source, _ = servers
    source.fill(
        "source", {"INBOX": INBOX, "Done": [mail(91)], "Parent": [mail(92)], "Parent/Child": [mail(93)]}
    )
    good(sync(settings(*servers, deletion=DeletionRules(source=True, source_empty_folders=True))))
    assert set(source.snapshot("source")) == {"INBOX"}


def test_delete1_added_to_a_task_takes_what_earlier_runs_copied(servers: Servers, tmp_path: Path) -> None:
    source, _ = servers
    source.fill("source", {"INBOX": INBOX})
    wanted = settings(*servers, state_path=str(tmp_path / "state"))
    good(sync(wanted))
    ran = good(sync(wanted._replace(deletion=DeletionRules(source=True))))
    assert ran.deleted(Side.SOURCE) == 12
    assert not hashes(source.snapshot("source"))


def test_delete2_added_to_a_task_mirrors(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": INBOX})
    destination.fill("target", {"INBOX": [mail(700)]})
    wanted = settings(*servers, state_path=str(tmp_path / "state"))
    good(sync(wanted))
    assert (
        good(sync(wanted._replace(deletion=DeletionRules(destination=True)))).deleted(Side.DESTINATION) == 1
    )
    same(source.snapshot("source"), destination.snapshot("target"))
