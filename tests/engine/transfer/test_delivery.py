"""INBOX by LMTP: delivered as mail from outside is, once, whatever happens in between."""

from __future__ import annotations

import io
import os
import queue
import shutil
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from aiosmtpd.controller import Controller
from tests.engine.transfer.harness import good, mail, settings, sync
from tests.servers.base import free_port
from tests.servers.dovecot import MAIL_UID, Dovecot

from imapsync.plan.rules import DeletionRules, FlagRules, FolderRules, IdentityRules, SelectionRules
from imapsync.session import lmtp
from imapsync.session.endpoint import Endpoint, Trust
from imapsync.terms import Reason, Side
from imapsync.transfer.delivering import sender_of
from imapsync.transfer.settings import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]
SCRIPT = """require ["fileinto", "mailbox"];
if header :contains "Subject" "filed" { fileinto :create "Lists"; }
if header :contains "Subject" "unwanted" { discard; }
"""


@pytest.fixture
def delivering(servers: Servers) -> Iterator[Servers]:
    with Dovecot(lmtp=True, quota_kib=300) as destination:
        destination.add_user("target")
        yield servers[0], destination


def inbox(servers: Servers, tmp_path: Path, port: int = 0, **options: Any) -> Settings:  # noqa: ANN401 - any field
    destination = servers[1]
    trust = Trust.parse(f"sha256:{destination.fingerprint}")
    place = Endpoint(destination.host, port or destination.lmtp_port, trust=trust, connect_timeout_s=5)
    return settings(
        *servers,
        folders=FolderRules(only=("INBOX",)),
        selection=SelectionRules(source_search="UNSEEN"),
        flags=FlagRules(resync=False, set_on_source=("\\Seen",)),
        state=str(tmp_path / "state"),
        delivery=Delivery(place, "target"),
        **options,
    )


def about(number: int, subject: str, body: bytes = b"") -> Any:  # noqa: ANN401 - the harness's message
    made = mail(number, headers=f"Return-Path: <anna@example.net>\r\nX-Was: {number}\r\n")
    content = made.content.replace(f"message {number}".encode(), f"{subject} {number}".encode(), 1)
    return made._replace(content=content + body)


def whole(server: Dovecot) -> bytes:
    """Give the first message of the target's INBOX."""
    with server.client("target") as client:
        client.command(b"EXAMINE INBOX")
        return b"\r\n".join(client.command(b"FETCH 1 BODY.PEEK[]"))


def unseen(server: Dovecot) -> int:
    return sum("\\Seen" not in message.flags for message in server.snapshot("source")["INBOX"])


def test_the_users_whole_script_runs_and_each_message_is_delivered_once(
    delivering: Servers, tmp_path: Path
) -> None:
    source, destination = delivering
    destination.set_sieve("target", SCRIPT)
    dots = b".\r\n..two\r\n.\r\n" * 20
    source.fill("source", {"INBOX": [about(1, "plain", dots), about(2, "filed"), about(3, "unwanted")]})
    wanted = inbox(delivering, tmp_path)
    ran = good(sync(wanted))
    assert ran.copied == 3
    assert unseen(source) == 0
    there = destination.snapshot("target")
    assert (len(there["INBOX"]), len(there["Lists"])) == (1, 1)
    delivered = whole(destination)
    assert dots in delivered
    assert b"Return-Path: <anna@example.net>" in delivered
    source.fill("source", {"INBOX": [about(4, "plain")]})
    assert good(sync(wanted)).copied == 1
    assert len(destination.snapshot("target")["INBOX"]) == 2


def test_who_is_away_is_answered_for(servers: Servers, tmp_path: Path) -> None:
    """Pigeonhole runs fully on a delivery: FILTER=SIEVE would send nothing."""
    letters: queue.Queue[tuple[str | None, list[str]]] = queue.Queue()

    class Away:
        async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
            letters.put((envelope.mail_from, envelope.rcpt_tos))
            return "250 OK"

    port = free_port()
    relay = Controller(Away(), hostname="127.0.0.1", port=port)
    relay.start()
    try:
        with Dovecot(lmtp=True, extra_config=f"submission_host = 127.0.0.1:{port}") as destination:
            destination.add_user("target")
            script = 'require "vacation"; vacation :addresses "target@example.org" "away"; keep;'
            destination.set_sieve("target", script)
            to_me = about(1, "plain")
            to_me = to_me._replace(content=b"To: target@example.org\r\n" + to_me.content)
            servers[0].fill("source", {"INBOX": [to_me]})
            assert good(sync(inbox((servers[0], destination), tmp_path))).copied == 1
        assert letters.get(timeout=20)[1] == ["anna@example.net"]
    finally:
        relay.stop()


def test_what_was_delivered_is_proof_for_deletion_wherever_the_script_put_it(
    delivering: Servers, tmp_path: Path
) -> None:
    source, destination = delivering
    destination.set_sieve("target", SCRIPT)
    source.fill("source", {"INBOX": [about(1, "plain"), about(2, "filed"), about(3, "unwanted")]})
    ran = good(sync(inbox(delivering, tmp_path, deletion=DeletionRules(source=True))))
    assert (ran.copied, ran.deleted(Side.SOURCE)) == (3, 3)
    assert source.snapshot("source")["INBOX"] == []


def test_new_numbers_on_the_source_deliver_nothing_again(delivering: Servers, tmp_path: Path) -> None:
    source, destination = delivering
    destination.set_sieve("target", SCRIPT)
    source.fill("source", {"INBOX": [about(1, "filed"), about(2, "unwanted")]})
    wanted = inbox(delivering, tmp_path)
    assert good(sync(wanted)).copied == 2
    with source.client("source") as client:
        client.command(b"CREATE Aside")
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 1:* -FLAGS (\\Seen)")
        client.command(b"UID MOVE 1:* Aside")
        client.command(b"SELECT Aside")
        client.command(b"UID MOVE 1:* INBOX")
    good(sync(wanted))
    assert len(destination.snapshot("target")["Lists"]) == 1
    assert unseen(source) == 0


@pytest.mark.parametrize("search", ["UNSEEN", ""])
def test_new_mail_under_uids_of_what_was_delivered_before_a_restore_is_delivered(
    delivering: Servers, tmp_path: Path, search: str
) -> None:
    """Host1 was put back, and all numbers have grown past what they were before anybody looked."""
    with Dovecot(without=["CONDSTORE", "QRESYNC"]) as source:
        source.add_user("source")
        destination = delivering[1]
        source.fill("source", {"INBOX": [about(1, "plain")]})
        wanted = inbox((source, destination), tmp_path)._replace(
            selection=SelectionRules(source_search=search), flags=FlagRules(set_on_source=("\\Seen",))
        )
        good(sync(wanted))
        home = source.home("source")
        shutil.copytree(home, tmp_path / "yesterday")
        source.fill("source", {"INBOX": [about(2, "plain"), about(3, "plain")]})
        assert good(sync(wanted)).copied == 2
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "yesterday", home)
        for path in (home, *home.rglob("*")):
            os.chown(path, MAIL_UID, MAIL_UID)
        source.fill("source", {"INBOX": [about(number, "plain") for number in (4, 5, 6)]})
        assert good(sync(wanted)).copied == 3
        assert len(destination.snapshot("target")["INBOX"]) == 6
        assert unseen(source) == 0
        with source.client("source") as client:
            client.command(b"SELECT INBOX")
            client.command(b"UID STORE 2 -FLAGS (\\Seen)")  # she wants to see it once more
        assert good(sync(wanted)).copied == 0
        assert len(destination.snapshot("target")["INBOX"]) == 6


@pytest.mark.parametrize("arrived", [True, False])
def test_a_delivery_without_an_answer_is_looked_for_before_it_is_done_again(
    delivering: Servers, tmp_path: Path, arrived: bool
) -> None:
    source, destination = delivering
    destination.set_sieve("target", SCRIPT)
    source.fill("source", {"INBOX": [about(1, "filed")]})
    with _Cutting(destination.lmtp_port, before_data=not arrived) as cut:
        ran = sync(inbox(delivering, tmp_path, cut.port))
    assert ran.copied == 0
    assert [failed.reason for failed in ran.failed] == [Reason.DELIVERY]
    assert unseen(source) == 1
    assert len(destination.snapshot("target").get("Lists", [])) == arrived
    assert good(sync(inbox(delivering, tmp_path))).copied == 1
    assert len(destination.snapshot("target")["Lists"]) == 1
    assert unseen(source) == 0


def test_a_refused_message_stays_on_the_source_and_costs_nothing_else(
    delivering: Servers, tmp_path: Path
) -> None:
    source, destination = delivering
    huge = about(2, "large", b"x" * 70 + b"\r\n")
    huge = huge._replace(content=huge.content + b"0123456789\r\n" * 60_000)
    source.fill("source", {"INBOX": [about(1, "plain"), huge, about(3, "plain")]})
    wanted = inbox(delivering, tmp_path, deletion=DeletionRules(source=True))
    ran = sync(wanted)
    assert ran.copied == 2
    assert [failed.reason for failed in ran.failed] == [Reason.OVERQUOTA]
    assert len(source.snapshot("source")["INBOX"]) == 1
    assert len(destination.snapshot("target")["INBOX"]) == 2


def test_no_lmtp_at_the_port_leaves_all_mail_on_the_source(delivering: Servers, tmp_path: Path) -> None:
    source, _ = delivering
    source.fill("source", {"INBOX": [about(1, "plain"), about(2, "plain")]})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ran = sync(inbox(delivering, tmp_path, port, deletion=DeletionRules(source=True)))
    assert ran.copied == 0
    assert {failed.reason for failed in ran.failed} == {Reason.DELIVERY}
    assert len(source.snapshot("source")["INBOX"]) == 2


def test_messages_that_differ_in_nothing_but_their_message_id_are_both_delivered(
    delivering: Servers, tmp_path: Path
) -> None:
    source, destination = delivering
    one = about(1, "alarm")
    other = one._replace(content=one.content.replace(b"Message-ID: <1", b"Message-ID: <other1"))
    other = other._replace(content=other.content.replace(b"Message-Id: <1", b"Message-Id: <other1"))
    assert one.content != other.content
    source.fill("source", {"INBOX": [one, other]})
    assert good(sync(inbox(delivering, tmp_path))).copied == 2
    assert len(destination.snapshot("target")["INBOX"]) == 2


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (b"Return-Path: <a@example.org>\r\nFrom: b@example.org\r\n", "a@example.org"),
        (b"From: Anna <b@example.org>\r\n", "b@example.org"),
        (b"Return-Path: <>\r\nFrom: b@example.org\r\n", ""),
        (b"From: " + b"(" * 5000 + b"\r\n", ""),
        (b"From: \xff@example.org\r\n", ""),
        (b"From: a@example.org> SIZE=1\r\n", "a@example.org"),
        (b"Subject: none\r\n", ""),
        (b"Content-Type: message/rfc822\r\n" * 1500, ""),
    ],
)
def test_nobody_can_write_a_sender_that_ends_the_run(header: bytes, sender: str) -> None:
    body = b"\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 1500
    assert sender_of(header + body) == sender


def test_lines_end_as_they_should_and_no_dot_ends_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in (1, 2, 3, 64 * 1024):
        monkeypatch.setattr(lmtp, "PIECE_BYTES", piece)
        given = b".a\r\n.\r\nb\n.\n\r.\rc\r\n..d"
        wanted = b"..a\r\n..\r\nb\r\n..\r\n\r\n..\r\nc\r\n...d\r\n"
        assert b"".join(lmtp._dotted(io.BytesIO(given))) == wanted


def test_a_server_of_smtp_is_no_delivery(servers: Servers, tmp_path: Path) -> None:
    """What it takes is queued, and may come back to somebody else."""

    class Queue:
        async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
            return "250 queued"

    port = free_port()
    relay = Controller(Queue(), hostname="127.0.0.1", port=port)
    relay.start()
    try:
        servers[0].fill("source", {"INBOX": [about(1, "plain")]})
        ran = sync(inbox(servers, tmp_path, port, deletion=DeletionRules(source=True)))
    finally:
        relay.stop()
    assert [failed.reason for failed in ran.failed] == [Reason.DELIVERY]
    assert len(servers[0].snapshot("source")["INBOX"]) == 1


def test_a_mirror_deletes_nothing_that_was_delivered(delivering: Servers, tmp_path: Path) -> None:
    source, destination = delivering
    source.fill("source", {"INBOX": [about(number, "plain") for number in range(4)]})
    assert good(sync(inbox(delivering, tmp_path, deletion=DeletionRules(source=True)))).copied == 4
    source.fill("source", {"INBOX": [about(number, "plain") for number in range(4, 20)]})
    mirror = settings(*delivering, state=str(tmp_path / "state"), deletion=DeletionRules(destination=True))
    ran = sync(mirror)
    assert ran.deleted(Side.DESTINATION) == 0
    assert len(destination.snapshot("target")["INBOX"]) == 20


def test_copies_that_are_wanted_again_are_delivered_again(delivering: Servers, tmp_path: Path) -> None:
    source, destination = delivering
    source.fill("source", {"INBOX": [about(1, "plain")]})
    assert good(sync(inbox(delivering, tmp_path))).copied == 1
    destination.doveadm("expunge", "-u", "target", "mailbox", "INBOX", "all")
    with source.client("source") as client:
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 1:* -FLAGS (\\Seen)")
    good(sync(inbox(delivering, tmp_path)))
    assert destination.snapshot("target")["INBOX"] == []
    with source.client("source") as client:
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 1:* -FLAGS (\\Seen)")
    good(sync(inbox(delivering, tmp_path, deletion=DeletionRules(recopy_deleted=True))))
    assert len(destination.snapshot("target")["INBOX"]) == 1


def test_equal_messages_are_delivered_as_often_as_they_lie_beside_each_other(
    delivering: Servers, tmp_path: Path
) -> None:
    """All duplicates are wanted: none is lost, and none comes again under other UIDs."""
    source, destination = delivering
    wanted = inbox(delivering, tmp_path, identity=IdentityRules(sync_duplicates=True))
    destination.set_sieve("target", SCRIPT)
    source.fill("source", {"INBOX": [about(1, "filed"), about(2, "plain"), about(1, "filed")]})
    assert good(sync(wanted)).copied == 3
    assert len(destination.snapshot("target")["Lists"]) == 2
    with source.client("source") as client:
        client.command(b"CREATE Aside")
        client.command(b"SELECT INBOX")
        client.command(b"UID STORE 1:* -FLAGS (\\Seen)")
        client.command(b"UID MOVE 1:* Aside")
        client.command(b"SELECT Aside")
        client.command(b"UID MOVE 1:* INBOX")
    good(sync(wanted))
    there = destination.snapshot("target")
    assert (len(there["INBOX"]), len(there["Lists"])) == (1, 2)
    assert unseen(source) == 0


class _Cutting:
    """Passes one LMTP connection on, and cuts it at the message: before its end, or before the answer."""

    def __init__(self, port: int, *, before_data: bool) -> None:
        self._target = port
        self._before_data = before_data
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            answers = server.makefile("rb")
            words = client.makefile("rb")
            client.sendall(answers.readline())
            in_data = False
            while line := words.readline():
                if in_data and line == b".\r\n":
                    server.sendall(line)
                    answers.readline()  # it has been delivered, and nobody hears of it
                    break
                if line.upper().startswith(b"DATA") and self._before_data:
                    break
                server.sendall(line)
                if in_data:
                    continue
                in_data = line.upper().startswith(b"DATA")
                while True:
                    answer = answers.readline()
                    client.sendall(answer.replace(b"STARTTLS", b"X-CLEAR"))
                    if answer[3:4] != b"-":
                        break
            client.shutdown(socket.SHUT_RDWR)
