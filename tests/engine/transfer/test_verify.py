"""--verify proves a migration, or names what is not as it should be; =content by all that mails say."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync, side
from tests.engine.transfer.harness import Ran, good, mail, settings, sync
from tests.engine.transfer.test_journal_runs import expunge, store
from tests.engine.transfer.test_large import PEAK_MIB, big
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.hostile import Drop
from tests.servers.memory import MemoryServer, Said

from imapsync.plan.rules import ContentRules
from imapsync.report import events
from imapsync.transfer import Limits, Mode, Settings, Stop, bodies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
FOLDERS = {"INBOX": [mail(n) for n in range(10)], "Sent": [mail(100)]}


def test_a_finished_migration_has_no_exceptions(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers)
    good(sync(wanted))
    before = destination.snapshot("target")
    ran = good(sync(wanted._replace(mode=Mode.VERIFY)))
    assert not ran.all(events.VerifyMismatch)
    assert [(event.checked, event.equal) for event in ran.all(events.Verified)] == [(10, 10), (1, 1)]
    assert destination.snapshot("target") == before


def test_missing_messages_and_other_flags_are_exceptions(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers)
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "4")
    store(destination, "target", "INBOX", "5", "+FLAGS (\\Flagged)")
    ran = sync(wanted._replace(mode=Mode.VERIFY))
    assert ran.outcome.stop is Stop.DONE
    assert [(event.uid, event.kind) for event in ran.all(events.VerifyMismatch)] == [
        (4, "missing"),
        (5, "flags"),
    ]


def test_an_exception_names_its_message_by_more_than_a_number(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers)
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "4")
    store(destination, "target", "INBOX", "5", "+FLAGS (\\Flagged)")
    missing, flags = sync(wanted._replace(mode=Mode.VERIFY)).all(events.VerifyMismatch)
    for found, text in ((missing, mail(3).content), (flags, mail(4).content)):
        assert found.message_id
        assert found.message_id.encode() in text
        assert found.subject
        assert found.subject.encode() in text
        assert found.date
        assert found.size_bytes == len(text)


def test_what_the_user_removed_is_named_as_such(servers: tuple[Dovecot, Dovecot], tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers, state_path=str(tmp_path / "state"))
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "4")
    ran = good(sync(wanted))
    assert ran.skipped(events.Skip.REMOVED_BY_USER) == 1
    assert good(sync(wanted)).skipped(events.Skip.REMOVED_BY_USER) == 1
    ran = sync(wanted._replace(mode=Mode.VERIFY))
    assert [(event.uid, event.kind) for event in ran.all(events.VerifyMismatch)] == [(4, "deleted_by_user")]


def verified(wanted: Settings, *, content: bool = True) -> Ran:
    return sync(wanted._replace(mode=Mode.VERIFY, verify_content=content))


def exceptions(ran: Ran) -> list[tuple[int, str]]:
    return [(event.uid, event.kind) for event in ran.all(events.VerifyMismatch)]


def spoil(server: Dovecot, user: str, text: bytes, other: bytes) -> None:
    """Change a mail in the Maildir by hand, byte for byte, behind the server's back."""
    (path,) = [
        path for path in server.home(user).rglob("cur/*") if path.is_file() and text in path.read_bytes()
    ]
    content = path.read_bytes()
    assert len(text) == len(other)
    arrived = path.stat().st_mtime_ns
    path.write_bytes(content.replace(text, other))
    os.utime(path, ns=(arrived, arrived))


def test_a_byte_changed_by_hand_in_a_copy_is_found_by_content_and_not_by_headers(
    servers: tuple[Dovecot, Dovecot],
) -> None:
    source, destination = servers
    source.fill("source", FOLDERS | {"Large": [big(500, 1), mail(501)]})
    wanted = settings(*servers)
    good(sync(wanted))
    whole = good(verified(wanted))
    assert [(event.checked, event.equal) for event in whole.all(events.Verified)] == [
        (10, 10),
        (2, 2),
        (1, 1),
    ]
    spoil(destination, "target", b"text 6", b"text 7")
    assert exceptions(good(verified(wanted, content=False))) == []
    ran = verified(wanted)
    assert ran.outcome.stop is Stop.DONE
    assert exceptions(ran) == [(7, "content")]
    (found,) = ran.all(events.VerifyMismatch)
    assert re.fullmatch("sha256 [0-9a-f]{64}", found.expected)
    assert re.fullmatch("sha256 [0-9a-f]{64}", found.found)
    assert found.expected != found.found
    inbox = ran.all(events.Verified)[0]
    assert (inbox.checked, inbox.equal, inbox.different, inbox.unproven) == (10, 9, 1, 0)


def test_large_messages_are_compared_in_little_memory(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [*[mail(n) for n in range(20)], big(100, 40), big(101, 0.9)]})
    good(sync(settings(*servers)))
    spoil(destination, "target", b"Subject: message 101", b"Subject: Message 101")
    password = tmp_path / "password"
    password.write_text(DEFAULT_PASSWORD + "\n")
    ran = imapsync(
        tmp_path,
        *side(1, source.host, source.port, "source", password, "--tls{}", "--trust{}", "any"),
        *side(2, destination.host, destination.port, "target", password, "--tls{}", "--trust{}", "any"),
        "--verify=content",
    )
    assert ran.exit_code == 121, ran.output[-3000:]
    assert ran.peak_mib < PEAK_MIB
    found = ran.report["verify"]
    assert [found[key] for key in ("method", "checked", "equal", "different")] == ["content", 22, 21, 1]
    assert [(one["uid"], one["kind"]) for one in found["exceptions"]] == [(22, "content")]
    assert found["bytes_read"] > 40 << 20
    assert "1 messages say something else there, 0 could not be compared." in ran.output
    assert "Verified by content (SHA-256 of all that each message says, on both sides)" in ran.output


def twins(*numbers: int, to: int = 0) -> tuple[MemoryServer, MemoryServer]:
    """Give two servers in memory that hold the same messages in INBOX."""
    pair = MemoryServer(), MemoryServer()
    for server in pair:
        for number in numbers or range(to):
            server.folders[b"INBOX"].add(mail(number).content)
    return pair


def test_line_ends_and_received_lines_that_a_server_changed_are_no_exception() -> None:
    source, destination = MemoryServer(), MemoryServer()
    message = mail(1, body="one\r\ntwo\r\nthree").content
    header, _, text = message.partition(b"\r\n\r\n")
    source.folders[b"INBOX"].add(message)
    destination.folders[b"INBOX"].add(
        b"Return-Path: <x@x>\r\n" + header + b"\r\n\r\n" + text.replace(b"\r\n", b"\n")
    )
    with source, destination:
        wanted = settings(source, destination)
        assert exceptions(good(verified(wanted))) == []
        assert exceptions(good(verified(wanted, content=False))) == [(1, "size")]


def test_a_message_that_cannot_be_read_is_not_proven_and_the_others_are() -> None:
    source, destination = twins(1, 2, 3)

    def refuse(said: Said) -> bytes:
        whole = b"BODY[] " in said.response and b"UID 2 " in said.response
        return b"" if whole else said.response

    destination.bend = refuse
    with source, destination:
        ran = verified(settings(source, destination))
    assert ran.outcome.stop is Stop.DONE
    (found,) = ran.all(events.VerifyMismatch)
    assert (found.uid, found.kind, found.found) == (2, "unproven", "")
    assert found.expected.startswith("sha256 ")
    (told,) = ran.all(events.Verified)
    assert (told.checked, told.equal, told.different, told.unproven) == (3, 2, 0, 1)


def test_a_message_that_came_wrong_once_is_looked_at_again() -> None:
    source, destination = twins(1, 2, 3)
    garbled: list[int] = []

    def once(said: Said) -> bytes:
        if b"BODY[] " in said.response and b"text 2" in said.response and not garbled:
            garbled.append(said.number)
            return said.response.replace(b"text 2", b"text X")
        return said.response

    source.bend = once
    with source, destination:
        assert exceptions(good(verified(settings(source, destination)))) == []
    assert garbled


def test_what_the_options_change_on_the_way_is_no_exception() -> None:
    source, destination = twins(1, 2)
    rules = ContentRules(rewrite=(lambda message: message.replace(b"text", b"word"),))
    with source, destination:
        for copy in destination.folders[b"INBOX"].mails:
            copy.content = copy.content.replace(b"text", b"word")
        wanted = settings(source, destination, content=rules)
        assert exceptions(good(verified(wanted))) == []
        destination.folders[b"INBOX"].mails[0].content = mail(1).content.replace(b"text", b"work")
        assert exceptions(verified(wanted)) in (
            [(1, "content")],
            [(1, "content"), (1, "size")],
            [(1, "missing")],
        )


def test_what_was_compared_before_a_lost_connection_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "BLOCK_MESSAGES", 10)
    source, destination = twins(to=60)
    destination.folders[b"INBOX"].mails[4].content = mail(4).content.replace(b"text 4", b"text X")
    read: list[int] = []

    def count(said: Said) -> bytes:
        if b"BODY[] " in said.response:
            uid = int(said.response.partition(b"UID ")[2].split()[0])
            read.append(uid)
            if uid == 45 and read.count(45) == 1:
                raise Drop
        return said.response

    source.bend = count
    with source, destination:
        ran = verified(settings(source, destination))
    assert exceptions(ran) == [(5, "content")]
    assert [(event.checked, event.equal) for event in ran.all(events.Verified)] == [(60, 59)]
    assert read.count(45) == 2
    assert [uid for uid in read if uid <= 40 and uid != 5] == [uid for uid in range(1, 41) if uid != 5]


def test_exitwhenover_ends_the_comparison_and_what_was_found_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "BLOCK_MESSAGES", 10)
    source, destination = twins(to=60)
    destination.folders[b"INBOX"].mails[4].content = mail(4).content.replace(b"text 4", b"text X")
    size = len(mail(10).content)
    with source, destination:
        ran = verified(settings(source, destination, limits=Limits(exit_when_over_bytes=25 * size)))
    assert ran.outcome.stop is Stop.TRANSFER_EXCEEDED
    assert exceptions(ran) == [(5, "content")]
    read = sum(event.messages for event in ran.all(events.ContentsRead))
    assert 20 <= read <= 27


def test_a_folder_that_does_not_open_has_its_row_and_is_not_proven() -> None:
    source, destination = twins(1, 2)
    for server in (source, destination):
        server.folders[b"Locked"] = type(server.folders[b"INBOX"])()
        for number in (7, 8, 9):
            server.folders[b"Locked"].add(mail(number).content)

    def refuse(said: Said) -> bytes:
        if said.folder == b"Locked":
            return said.response.replace(b"OK [READ-WRITE] selected", b"NO [NOPERM] not for you")
        return said.response

    destination.bend = refuse
    with source, destination:
        ran = verified(settings(source, destination), content=False)
    told = {event.source: event for event in ran.all(events.Verified)}
    assert (told["Locked"].refused, told["Locked"].checked, told["Locked"].unproven) == (True, 0, 3)
    assert (told["INBOX"].refused, told["INBOX"].equal) == (False, 2)
    assert [problem.folder for problem in ran.problems] == ["Locked"]
