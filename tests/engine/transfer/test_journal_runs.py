"""Runs with a state file: free when nothing changed, small when little did, never a duplicate."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.transfer.harness import good, hashes, mail, same, settings, sync

from imapsync.plan.rules import DeletionRules, IdentityRules
from imapsync.report import events
from imapsync.terms import Reason
from imapsync.transfer import Stop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import Dovecot

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple["Dovecot", "Dovecot"]
FOLDERS = {
    "INBOX": [mail(n, flags=("\\Seen",) if n % 2 else ()) for n in range(20)],
    "Sent": [mail(n, day=n) for n in range(100, 110)],
    "Empty": [],
}


def stateful(servers: Servers, tmp_path: Path, **options: Any) -> Settings:  # noqa: ANN401 - any field
    options.setdefault("identity", IdentityRules(sync_duplicates=True))
    return settings(*servers, state_path=str(tmp_path / "state"), **options)


def store(server: Dovecot, user: str, folder: str, uids: str, change: str) -> None:
    with server.client(user) as client:
        client.command(f'SELECT "{folder}"'.encode())
        client.command(f"UID STORE {uids} {change}".encode())


def expunge(server: Dovecot, user: str, folder: str, uids: str) -> None:
    store(server, user, folder, uids, "+FLAGS (\\Deleted)")
    with server.client(user) as client:
        client.command(f'SELECT "{folder}"'.encode())
        client.command(f"UID EXPUNGE {uids}".encode())


def test_nothing_changed_means_nothing_is_opened(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    lines: list[str] = []
    wanted = stateful(servers, tmp_path)
    assert good(sync(wanted)).copied == 30
    again = good(sync(stateful(servers, tmp_path, source_trace=lines.append, destination_trace=lines.append)))
    assert again.unchanged == 3
    assert again.copied == 0
    commands = [line for line in lines if line.startswith("C: ")]
    assert not any(
        " EXAMINE " in line or " SELECT " in line or " STATUS " in line.split("RETURN")[0]
        for line in commands
    )
    assert sum(" LIST " in line for line in commands) == 2
    same(source.snapshot("source"), destination.snapshot("target"))


def test_new_messages_and_changed_flags_are_all_that_is_done(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    source.fill("source", {"INBOX": [mail(500), mail(501, flags=("\\Flagged",))]})
    store(source, "source", "INBOX", "1:3", "+FLAGS (\\Flagged $Work)")
    store(source, "source", "INBOX", "2", "-FLAGS (\\Seen)")
    ran = good(sync(wanted))
    assert ran.copied == 2
    assert ran.flags_changed == 3
    assert ran.unchanged == 2
    same(source.snapshot("source"), destination.snapshot("target"))
    assert good(sync(wanted)).unchanged == 3


def test_what_the_user_changed_on_the_destination_stays(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    store(destination, "target", "INBOX", "1", "+FLAGS (\\Flagged)")
    store(source, "source", "INBOX", "1", "+FLAGS (\\Seen)")
    good(sync(wanted))
    flags = {
        message.flags for message in destination.snapshot("target")["INBOX"] if "\\Flagged" in message.flags
    }
    assert flags == {frozenset({"\\Seen", "\\Flagged"})}


def test_a_message_deleted_on_the_destination_is_not_copied_again(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "3:4")
    assert good(sync(wanted)).copied == 0
    source.fill("source", {"INBOX": [mail(600)]})
    assert good(sync(wanted)).copied == 1
    assert len(destination.snapshot("target")["INBOX"]) == 19
    recopy = stateful(servers, tmp_path, deletion=DeletionRules(recopy_deleted=True))
    assert good(sync(recopy)).copied == 2
    same(source.snapshot("source"), destination.snapshot("target"))


def test_uidvalidity_changed_on_the_source(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    with source.client("source") as client:
        client.command(b"RENAME Sent Old")
        client.command(b"CREATE Sent")
    source.doveadm("mailbox", "update", "-u", "source", "--uid-validity", "4242", "Sent")
    source.fill("source", {"Sent": FOLDERS["Sent"] + [mail(111)]})
    ran = good(sync(wanted))
    assert ran.copied == 11  # the renamed folder is new on the destination, and one message is new
    assert good(sync(wanted)).copied == 0
    same(source.snapshot("source"), destination.snapshot("target"))


def test_uidvalidity_changed_on_the_destination(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    destination.doveadm("mailbox", "update", "-u", "target", "--uid-validity", "4242", "INBOX")
    ran = good(sync(wanted))
    assert ran.copied == 0
    assert good(sync(wanted)).unchanged == 3
    same(source.snapshot("source"), destination.snapshot("target"))


def test_a_folder_renamed_on_the_source_is_copied_once(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    with source.client("source") as client:
        client.command(b"RENAME Sent Posted")
    assert good(sync(wanted)).copied == 10
    assert good(sync(wanted)).copied == 0
    assert destination.snapshot("target")["Posted"] == source.snapshot("source")["Posted"]


def test_a_message_moved_in_with_an_old_date_arrives(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    with source.client("source") as client:
        client.command(b"SELECT Sent")
        client.command(b"UID MOVE 1 INBOX")
    assert good(sync(wanted)).copied == 1
    there = destination.snapshot("target")
    assert there["INBOX"] == source.snapshot("source")["INBOX"]
    assert good(sync(wanted)).unchanged == 3


def test_a_message_moved_out_and_back_is_recognised(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    with source.client("source") as client:
        client.command(b"SELECT INBOX")
        client.command(b"UID MOVE 5 Empty")
        client.command(b"SELECT Empty")
        client.command(b"UID MOVE 1 INBOX")
    assert good(sync(wanted)).copied == 0
    same(source.snapshot("source"), destination.snapshot("target"))


@pytest.mark.parametrize("damage", ["lost", "garbage", "truncated", "other account"])
def test_an_unusable_state_never_duplicates(servers: Servers, tmp_path: Path, damage: str) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    state = tmp_path / "state"
    if damage == "lost":
        state.unlink()
    elif damage == "garbage":
        state.write_bytes(b"\0\1nothing of ours" * 500)
    elif damage == "truncated":
        state.write_bytes(state.read_bytes()[:5000])
    else:
        source.add_user("someone")
        sync(settings(*servers, user1="someone", state_path=str(tmp_path / "other")))
        source.remove_account("someone")
        shutil.copy(tmp_path / "other", state)
    ran = good(sync(wanted))
    assert ran.copied == 0
    assert any("state file" in event.text for event in ran.all(events.Warned)) == (damage != "lost")
    same(source.snapshot("source"), destination.snapshot("target"))
    assert good(sync(wanted)).unchanged == 3


def test_an_older_state_never_duplicates(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = stateful(servers, tmp_path)
    good(sync(wanted))
    shutil.copy(tmp_path / "state", tmp_path / "old")
    source.fill("source", {"INBOX": [mail(700), mail(701)], "New": [mail(702)]})
    assert good(sync(wanted)).copied == 3
    shutil.copy(tmp_path / "old", tmp_path / "state")
    assert good(sync(wanted)).copied == 0
    same(source.snapshot("source"), destination.snapshot("target"))


def test_a_state_file_in_use_is_an_error_of_its_own(servers: Servers, tmp_path: Path) -> None:
    from imapsync.journal.journal import Journal

    accounts = "source@127.0.0.1\ntarget@127.0.0.1"
    held = Journal.open(str(tmp_path / "state"), accounts, lambda _: None)
    try:
        ran = sync(stateful(servers, tmp_path))
    finally:
        held.close()
    assert ran.outcome.stop is Stop.FATAL
    assert [problem.reason for problem in ran.problems] == [Reason.JOURNAL]


def test_equal_messages_are_counted(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(1)] * 4 + [mail(2)]})
    wanted = stateful(servers, tmp_path)
    assert good(sync(wanted)).copied == 5
    source.fill("source", {"INBOX": [mail(1)] * 2})
    assert good(sync(wanted)).copied == 2
    assert good(sync(wanted)).copied == 0
    (tmp_path / "state").unlink()
    assert good(sync(wanted)).copied == 0
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))


def test_a_server_with_a_new_address_keeps_its_state_by_its_name(servers: Servers, tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    named = stateful(servers, tmp_path, state_hosts=(None, "mail"))
    assert good(sync(named)).copied == 30
    expunge(destination, "target", "INBOX", "1:3")
    assert named.destination is not None
    moved = named._replace(destination=named.destination._replace(host="localhost"))
    again = good(sync(moved))
    assert again.copied == 0
    assert again.skipped(events.Skip.REMOVED_BY_USER) == 3
    assert good(sync(moved._replace(state_hosts=(None, None)))).copied == 3
