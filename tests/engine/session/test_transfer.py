"""Bodies in and out: batches, streams, literals in every mode, back-pressure, and breaks in the middle."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_account, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy

from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security
from imapsync.session.errors import CommandRefused, ConnectionFailed, MessageGone, ProtocolViolation
from imapsync.session.gate import READ_HIGH_BYTES, READ_MOST_BYTES
from imapsync.session.login import open_session
from imapsync.session.session import Appended, Message
from imapsync.terms import Side
from imapsync.wire.limits import Bounds
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from imapsync.session.fetch import BodyStream

pytestmark = pytest.mark.servers
DATE = b"17-Jul-1996 02:44:25 -0700"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 * 150_000 + b"\r\n"


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(body: BodyStream) -> bytes:
    return b"".join([chunk async for chunk in body])


@pytest.mark.parametrize("without", [[], ["LITERAL+"], ["MULTIAPPEND"], ["UIDPLUS", "LITERAL+"]])
@pytest.mark.parametrize("announce", [[], ["LITERAL-"]])
async def test_appends_with_what_the_server_announces(without: list[str], announce: list[str]) -> None:
    with Dovecot(without=without, announce=announce) as server:
        server.add_user("anna")
        messages = [
            Message(
                b"Subject: %d\r\n\r\n%b\r\n" % (number, b"x" * (number * 2500)), (b"\\Seen", b"$own"), DATE
            )
            for number in range(4)
        ]
        async with await open_account(server, "anna") as session:
            await session.select(INBOX)
            if session.has("MULTIAPPEND"):
                answers = [session.append(INBOX, messages), session.append(INBOX, messages)]
            else:
                answers = [session.append(INBOX, [message]) for message in messages * 2]
            appended = [await answer for answer in answers]
            answer = await session.append_stream(INBOX, len(LARGE), pieces(LARGE), (b"\\Flagged",), DATE)
            streamed = await answer
            assert session.exists == 9
        # Dovecot tells APPENDUID whatever it announces.
        assert [uid for answer in appended for uid in answer.uids or ()] == list(range(1, 9))
        assert streamed.uids == (9,)
        stored = server.snapshot("anna")["INBOX"]
        expected = [hashlib.sha256(message.content).hexdigest() for message in messages * 2]
        assert sorted(message.sha256 for message in stored) == sorted(
            [*expected, hashlib.sha256(LARGE).hexdigest()]
        )
        assert {message.internaldate for message in stored} == {837596665}
        assert {message.flags for message in stored} == {
            frozenset({"\\Seen", "$own"}),
            frozenset({"\\Flagged"}),
        }


async def test_a_refused_batch_leaves_the_session_usable(dovecot: Dovecot) -> None:
    dovecot.add_user("refused")
    missing = MailboxName.from_text("missing")
    async with await open_account(dovecot, "refused") as session:
        refused = session.append(missing, [Message(b"a: b\r\n\r\n" + b"x" * 100_000)] * 3)
        accepted = session.append(INBOX, [Message(b"a: b\r\n\r\n")])
        with pytest.raises(CommandRefused) as caught:
            await refused
        assert caught.value.response_code == "TRYCREATE"
        assert (await accepted).uids == (1,)
        with pytest.raises(CommandRefused):
            await (await session.append_stream(missing, len(LARGE), pieces(LARGE)))
        assert (await session.append(INBOX, [Message(b"a: b\r\n\r\n")])).uids == (2,)


async def test_quota_is_told_and_later_commands_go_on() -> None:
    for without in ([], ["LITERAL+"]):
        with Dovecot(without=without, quota_kib=500) as server:
            server.add_user("anna")
            async with await open_account(server, "anna", Side.DESTINATION) as session:
                with pytest.raises(CommandRefused) as caught:
                    await (await session.append_stream(INBOX, len(LARGE), pieces(LARGE)))
                assert caught.value.code == "overquota"
                assert (await session.append(INBOX, [Message(b"a: b\r\n\r\nx\r\n")])).uids == (1,)


async def test_a_synchronizing_literal_refused_in_place_of_plus() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, b"IMAP4rev1")
        for _ in range(2):
            await peer.expect(r'APPEND "INBOX" \{5\}')
            await peer.answer(b"NO [OVERQUOTA] no")
        await peer.expect("NOOP")
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server, Side.DESTINATION) as session:
        first = session.append(INBOX, [Message(b"12345")])
        second = asyncio.ensure_future(session.append_stream(INBOX, 5, pieces(b"12345")))
        after = asyncio.ensure_future(_later(session.noop))
        with pytest.raises(CommandRefused):
            await first
        with pytest.raises(CommandRefused):
            await (await second)
        await after


async def _later(command: object) -> None:
    await asyncio.sleep(0)
    assert callable(command)
    await command()


async def test_synchronizing_literals_wait_for_each_plus() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, b"IMAP4rev1 MULTIAPPEND UIDPLUS")
        await peer.expect(r'APPEND "INBOX" \{3\}')
        await peer.send(b"+ go")
        assert await peer.read_line() == b"one {3}\r\n"
        await peer.send(b"+ go")
        assert await peer.read_line() == b"two\r\n"
        await peer.answer(b"OK [APPENDUID 1 4:5] done")
        await peer.expect(r'APPEND "INBOX" \{6\}')
        await peer.send(b"+ go")
        assert await peer.read(8) == b"stream\r\n"
        await peer.answer(b"OK [APPENDUID 1 6] done")
        await peer.expect("NOOP")
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        appended = session.append(INBOX, [Message(b"one"), Message(b"two")])
        streaming = asyncio.ensure_future(session.append_stream(INBOX, 6, pieces(b"stream", 2)))
        await asyncio.sleep(0)
        idle = session.noop()
        assert await appended == Appended(1, (4, 5))
        assert await (await streaming) == Appended(1, (6,))
        await idle


@pytest.mark.parametrize("size", [len(LARGE) - 1, len(LARGE) + 1])
async def test_a_stream_of_the_wrong_size_leaves_nothing(dovecot: Dovecot, size: int) -> None:
    user = dovecot.add_user(f"size{size}")
    session = await open_account(dovecot, user)
    with pytest.raises(ConnectionFailed) as caught:
        await (await session.append_stream(INBOX, size, pieces(LARGE)))
    assert not caught.value.retryable
    assert not session.usable
    with pytest.raises(ConnectionFailed):
        await session.noop()
    await session.logout()
    assert dovecot.snapshot(user) == {"INBOX": []}


async def test_a_stream_whose_source_fails_leaves_nothing(dovecot: Dovecot) -> None:
    user = dovecot.add_user("producer")

    async def broken() -> AsyncIterator[bytes]:
        yield LARGE[:70_000]
        raise MessageGone("gone")

    session = await open_account(dovecot, user)
    with pytest.raises(MessageGone):
        await session.append_stream(INBOX, len(LARGE), broken())
    await session.logout()
    assert dovecot.snapshot(user) == {"INBOX": []}


async def test_from_socket_to_socket(dovecot: Dovecot) -> None:
    dovecot.add_user("from")
    dovecot.add_user("to")
    dovecot.fill("from", {"INBOX": [NewMessage(LARGE), NewMessage(b"small: 1\r\n\r\n")]})
    async with await open_account(dovecot, "from") as source, await open_account(dovecot, "to") as target:
        await source.select(INBOX)
        for uid in (1, 2):
            body = source.fetch_body(uid)
            size = await body.open()
            await (await target.append_stream(INBOX, size, body))
        await source.noop()
    assert [message.sha256 for message in dovecot.snapshot("to")["INBOX"]] == [
        message.sha256 for message in dovecot.snapshot("from")["INBOX"]
    ]


async def test_batches_and_large_bodies_in_flight_together(dovecot: Dovecot) -> None:
    """Dovecot works on pipelined FETCHes at once and withholds their tagged answers."""
    dovecot.add_user("mixed")
    small = [NewMessage(b"n: %d\r\n\r\n" % number) for number in range(20)]
    dovecot.fill("mixed", {"INBOX": [*small, NewMessage(LARGE), NewMessage(LARGE), *small]})
    async with await open_account(dovecot, "mixed") as session:
        await session.select(INBOX)
        first = session.fetch(UidSet.of(range(1, 21)), b"(UID FLAGS INTERNALDATE BODY.PEEK[])")
        asked = [
            (session.fetch(UidSet.of([uid]), b"(UID FLAGS INTERNALDATE)"), session.fetch_body(uid))
            for uid in (21, 22)
        ]
        last = session.fetch(UidSet.of(range(23, 43)), b"(UID FLAGS INTERNALDATE BODY.PEEK[])")
        assert [record.uid for record in await first.collect()] == list(range(1, 21))
        for meta, body in asked:
            [record] = await meta.collect()
            assert record.internaldate is not None
            assert await whole(body) == LARGE
        assert [record.body for record in await last.collect()] == [message.content for message in small]


async def test_a_body_in_a_batch_that_is_too_large_comes_as_its_size(dovecot: Dovecot) -> None:
    dovecot.add_user("inline")
    dovecot.fill(
        "inline", {"INBOX": [NewMessage(b"a: 1\r\n\r\n"), NewMessage(LARGE), NewMessage(b"a: 2\r\n\r\n")]}
    )
    async with await open_account(dovecot, "inline") as session:
        await session.select(INBOX)
        records = await session.fetch(b"1:*", b"(UID BODY.PEEK[])").collect()
        assert [(record.uid, record.body_size, record.body is None) for record in records] == [
            (1, 8, False),
            (2, len(LARGE), True),
            (3, 8, False),
        ]


async def test_records_of_a_later_command_before_the_end_of_an_earlier_one_with_an_open_set() -> None:
    """Dovecot holds completions back; what lies below an open set belongs to the command behind it."""

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(r"UID FETCH 11:\* \(UID RFC822.SIZE\)")
        first = peer.tag
        await peer.expect(r"UID FETCH 8:9 \(UID RFC822.SIZE\)")
        rows = [b"* %d FETCH (UID %d RFC822.SIZE %d)" % (uid, uid, uid) for uid in (11, 8, 9)]
        await peer.send(*rows, first + b" OK done")
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        new = session.fetch(b"11:*", b"(UID RFC822.SIZE)")
        known = session.fetch(UidSet(((8, 9),)), b"(UID RFC822.SIZE)")
        assert [record.uid for record in await new.collect()] == [11]
        assert [record.uid for record in await known.collect()] == [8, 9]


async def test_a_message_that_is_gone(dovecot: Dovecot) -> None:
    dovecot.add_user("gone")
    dovecot.fill("gone", {"INBOX": [NewMessage(b"a: 1\r\n\r\n")]})
    async with await open_account(dovecot, "gone") as session:
        await session.select(INBOX)
        body = session.fetch_body(77)
        with pytest.raises(MessageGone):
            await body.open()
        assert await session.fetch(UidSet.of([1, 77]), b"(UID BODY.PEEK[])").collect() != []


async def test_a_slow_consumer_stops_the_server(dovecot: Dovecot) -> None:
    dovecot.add_user("slow")
    dovecot.fill("slow", {"INBOX": [NewMessage(LARGE)] * 4})
    async with await open_account(dovecot, "slow", security=Security.NONE) as session:
        await session.select(INBOX)
        body = session.fetch_body(1)
        bodies = [session.fetch_body(uid) for uid in (2, 3, 4)]
        await body.open()
        received = -1
        while received != session.counters.bytes_in:
            received = session.counters.bytes_in
            await asyncio.sleep(0.2)
        assert received < READ_HIGH_BYTES + 3_000_000
        for stream in (body, *bodies):
            assert await whole(stream) == LARGE


async def test_who_waits_is_served_though_much_waits_before_it(dovecot: Dovecot) -> None:
    dovecot.add_user("before")
    dovecot.fill("before", {"INBOX": [NewMessage(LARGE)] * 4})
    async with await open_account(dovecot, "before") as session:
        await session.select(INBOX)
        held = session.fetch(b"1:*", b"(UID FLAGS INTERNALDATE BODY.PEEK[HEADER])")
        body = session.fetch_body(2)
        assert (await session.search("ALL")) == UidSet.of(range(1, 5))
        assert await whole(body) == LARGE
        assert len(await held.collect()) == 4


async def test_bodies_nobody_reads_are_given_up_before_memory_ends(dovecot: Dovecot) -> None:
    dovecot.add_user("unread")
    count = READ_MOST_BYTES // len(LARGE) + 3
    dovecot.fill("unread", {"INBOX": [NewMessage(LARGE)] * count})
    async with await open_account(dovecot, "unread") as session:
        await session.select(INBOX)
        bodies = [session.fetch_body(uid) for uid in range(1, count + 1)]
        await session.noop()
        results: list[bool] = []
        for body in bodies:
            try:
                results.append(await whole(body) == LARGE)
            except MessageGone:
                results.append(False)
        assert results[0]
        assert not results[-1]
        assert await whole(session.fetch_body(count)) == LARGE


async def test_discarded_answers_do_not_disturb(dovecot: Dovecot) -> None:
    dovecot.add_user("discard")
    dovecot.fill("discard", {"INBOX": [NewMessage(LARGE)] * 3})
    async with await open_account(dovecot, "discard") as session:
        await session.select(INBOX)
        body = session.fetch_body(1)
        stream = session.fetch(b"1:*", b"(UID BODY.PEEK[])")
        await body.open()
        await anext(body)
        body.discard()
        stream.discard()
        assert await whole(session.fetch_body(3)) == LARGE


async def test_small_limits_change_nothing_but_the_shape(dovecot: Dovecot) -> None:
    dovecot.add_user("limits")
    dovecot.fill("limits", {"INBOX": [NewMessage(b"a: 1\r\n\r\n" + b"x" * 5000)]})
    endpoint = Endpoint(dovecot.host, dovecot.port, Security.NONE)
    credentials = Credentials("limits", Secret("secret"))
    async with await open_session(endpoint, credentials, limits=Bounds(inline_bytes=100)) as session:
        await session.select(INBOX)
        assert await session.fetch_body(1).open() == 5008


@pytest.mark.parametrize("cut", [5000, 200_000, 3_000_000])
async def test_a_connection_that_breaks_while_reading(dovecot: Dovecot, cut: int) -> None:
    user = dovecot.add_user(f"cut{cut}")
    dovecot.fill(user, {"INBOX": [NewMessage(LARGE)]})
    with Proxy(dovecot.host, dovecot.port, cut_after_down=cut) as proxy:
        session = await open_account(dovecot, user, port=proxy.port)
        await session.select(INBOX)
        body = session.fetch_body(1)
        behind = session.fetch(b"1:*", b"(UID FLAGS)")
        with pytest.raises(ConnectionFailed) as caught:
            await whole(body)
        assert caught.value.retryable
        with pytest.raises(ConnectionFailed):
            await behind.collect()
        await session.logout()


async def test_a_connection_that_breaks_while_writing(dovecot: Dovecot) -> None:
    user = dovecot.add_user("cutup")
    with Proxy(dovecot.host, dovecot.port, cut_after_up=1_000_000) as proxy:
        session = await open_account(dovecot, user, port=proxy.port)
        with pytest.raises(ConnectionFailed):
            await (await session.append_stream(INBOX, len(LARGE), pieces(LARGE)))
        await session.logout()
    with Proxy(dovecot.host, dovecot.port, cut_after_up=100_000) as proxy:
        session = await open_account(dovecot, user, port=proxy.port)
        answers = [session.append(INBOX, [Message(b"a: b\r\n\r\n" + b"x" * 50_000)]) for _ in range(20)]
        outcomes = []
        for answer in answers:
            try:
                outcomes.append((await answer).uids is not None)
            except ConnectionFailed:
                outcomes.append(False)
        assert not outcomes[-1]
        with pytest.raises(ConnectionFailed):
            await session.drain()
        await session.logout()
    assert outcomes.count(True) <= len(dovecot.snapshot(user)["INBOX"])


@pytest.mark.parametrize(
    "garbage",
    [b"* X" + b" {1}\r\nx" * 1001, b"a2 DONE what", b"\r\n" * 1001],
)
async def test_a_server_that_breaks_the_protocol(garbage: bytes) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(".*FETCH.*")
        await peer.send(garbage)
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        with pytest.raises((ProtocolViolation, ConnectionFailed)):
            await session.fetch(b"1:*", b"(UID BODY.PEEK[])").collect()
        assert not session.usable
