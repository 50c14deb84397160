"""Deliveries by LMTP that are refused, get lost, or cannot be looked for, without any Dovecot."""

from __future__ import annotations

import asyncio
import re
import socket
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from tests.engine.transfer.harness import settings, sync
from tests.engine.transfer.test_copying_in_memory import LARGE, Refusing, accounts
from tests.engine.transfer.test_in_memory import Accounts, letter
from tests.servers.base import free_port

from imapsync.plan.rules import DeletionRules, FolderRules
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.terms import Reason
from imapsync.transfer import Settings, Stop, run
from imapsync.transfer.settings import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session
    from tests.engine.transfer.harness import Ran

__all__ = ["accounts"]  # the fixture


class Deliveries:
    """Answers each message with the next of these words, else takes it; "" hangs up in place of an answer."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.taken: list[bytes] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.begun.set()
        await asyncio.to_thread(self.may_end.wait, 30)
        words = self.words.pop(0) if self.words else "250 taken"
        if words.startswith("250"):
            assert isinstance(envelope.original_content, bytes)
            self.taken.append(envelope.original_content)
        if not words:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return words or "250 nobody hears this"


class Service(Controller):
    """Speaks LMTP."""

    def factory(self) -> SMTP:
        return LMTP(self.handler, data_size_limit=None)


@pytest.fixture
def deliveries() -> Iterator[tuple[Deliveries, int]]:
    handler, port = Deliveries(), free_port()
    service = Service(handler, hostname="127.0.0.1", port=port)
    service.start()
    yield handler, port
    handler.may_end.set()
    service.stop()


def inbox(accounts: Accounts, port: int, **options: Any) -> Settings:  # noqa: ANN401 - any field
    place = Endpoint("127.0.0.1", port, Security.NONE, Trust("any"), connect_timeout_s=5, timeout_s=20)
    return settings(
        accounts.source.server,
        accounts.destination.server,
        folders=FolderRules(only=("INBOX",)),
        state=str(accounts.state),
        delivery=Delivery(place, "target"),
        **{"deletion": DeletionRules(source=True), **options},
    )


def reasons(ran: Ran) -> list[Reason]:
    return [failed.reason for failed in ran.failed]


def test_what_is_refused_stays_and_its_reason_is_told(
    accounts: Accounts, deliveries: tuple[Deliveries, int]
) -> None:
    handler, port = deliveries
    handler.words = ["552 5.3.4 too large", "452 4.2.2 mailbox full", "550 5.7.1 not you", "250 taken"]
    accounts.source.deliver(1, 2, 3, 4)
    ran = sync(inbox(accounts, port))
    assert reasons(ran) == [Reason.TOO_BIG, Reason.OVERQUOTA, Reason.DELIVERY]
    assert (accounts.source.letters(), len(handler.taken)) == ([1, 2, 3], 1)
    assert sync(inbox(accounts, port)).copied == 3
    assert (accounts.source.letters(), len(handler.taken)) == ([], 4)


def test_a_service_that_does_not_answer_is_not_tried_for_each_message(accounts: Accounts) -> None:
    accounts.source.deliver(*range(1, 7))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ran = sync(inbox(accounts, port))
    assert reasons(ran) == [Reason.DELIVERY] * 6
    assert sum("not tried" in failed.server_text for failed in ran.failed) == 3
    assert accounts.source.letters() == [*range(1, 7)]


def test_a_large_message_that_no_disk_holds_stays(
    accounts: Accounts,
    deliveries: tuple[Deliveries, int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    handler, port = deliveries
    accounts.source.folder().add(LARGE + b"z" * 1024 * 1024 + b"\r\n")
    accounts.source.deliver(1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    ran = sync(inbox(accounts, port))
    assert reasons(ran) == [Reason.DELIVERY]
    assert "cannot be held" in ran.failed[0].server_text
    assert (accounts.source.letters(), len(handler.taken)) == ([70], 1)


@pytest.mark.parametrize(
    "head",
    [
        b"Message-Id: <1@example.org>\r\nSubject: one\r\n",
        b"Message-Id: <\xfc@b>\r\nSubject: one\r\n",
        b"X-A: 1\r\n",
    ],
    ids=["a Message-Id", "one that cannot be asked for", "nothing to look for"],
)
def test_a_delivery_whose_answer_got_lost_is_looked_for_wherever_that_is_possible(
    accounts: Accounts, deliveries: tuple[Deliveries, int], head: bytes
) -> None:
    """Not among sent mail, where the user's own copy lies, and not in folders that cannot be opened."""
    handler, port = deliveries
    message = head + b"\r\ntext\r\n"
    accounts.source.folder().add(message)
    handler.words = [""]
    assert reasons(sync(inbox(accounts, port))) == [Reason.DELIVERY]
    server = accounts.destination.server
    for name in (b"Sent", b"Shown"):
        accounts.destination.folder(name).add(message)
    server.bend = lambda said: re.sub(
        rb'\\HasNoChildren\) "/" "(Sent|Shown)"',
        lambda found: (rb"\Sent" if found[1] == b"Sent" else rb"\Noselect") + b') "/" "%s"' % found[1],
        said.response,
    )
    lookable = not head.startswith(b"X-")
    for refusing in (
        Refusing(b"UID SEARCH", lambda heard: b"HEADER" in heard.rest),
        Refusing(b"UID FETCH", lambda heard: heard.rest.endswith(b"(UID BODY.PEEK[])")),
    ):
        if lookable:
            accounts.destination.folder().add(letter(9))
            server.hears = refusing
            assert "cannot be looked for" in sync(inbox(accounts, port)).failed[0].server_text
            assert accounts.source.folder().mails
    server.hears = lambda _: None
    assert sync(inbox(accounts, port)).copied == 1
    assert (handler.taken, accounts.source.letters()) == ([message], [])


def test_a_folder_that_gives_other_uids_each_time_is_delivered_once(
    accounts: Accounts, deliveries: tuple[Deliveries, int]
) -> None:
    handler, port = deliveries
    accounts.source.deliver(1, 2)
    accounts.source.server.code = b"UIDNOTSTICKY"
    for copied in (2, 2):
        assert sync(inbox(accounts, port, deletion=DeletionRules())).copied == copied
    assert sorted(handler.taken) == [letter(1), letter(2)]


def test_an_answer_that_comes_while_the_run_ends_is_taken(
    accounts: Accounts, deliveries: tuple[Deliveries, int]
) -> None:
    handler, port = deliveries
    accounts.source.deliver(1)
    handler.may_end.clear()
    wanted = inbox(accounts, port)

    async def ended() -> Stop:
        under_way = asyncio.create_task(run(wanted, lambda _: None))
        await asyncio.to_thread(handler.begun.wait, 30)
        under_way.cancel()
        handler.may_end.set()
        return (await under_way).stop

    assert asyncio.run(ended()) is Stop.SIGNAL
    assert sync(wanted).failed == []
    assert (accounts.source.letters(), handler.taken) == ([], [letter(1)])
