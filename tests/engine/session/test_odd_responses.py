"""One odd response costs one thing: it is skipped and told, and what it should have told is asked again."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.session.errors import AnswerUnusable, MessageGone, ProtocolViolation
from imapsync.wire.errors import ProtocolError
from imapsync.wire.parser import parse
from imapsync.wire.responses import StatusItems
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.wire.responses import Unreadable

ITEMS = b"(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER])"
DATE = b'INTERNALDATE "17-Jul-1996 02:44:25 +0000"'
ODD = [
    b"",
    b"nonsense",
    b"* ",
    b"* 7 NONSENSE )",
    b"* STATUS",
    b"+ unasked",
    b"a999 OK who?",
    b"\xff\xfe",
    b"* LIST (",
]


async def open_inbox(peer: Peer, messages: int = 3) -> None:
    await greet(peer)
    await peer.expect('SELECT "INBOX"')
    await peer.answer(b"OK done", b"* %d EXISTS" % messages, b"* OK [UIDVALIDITY 7] valid")


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_line_is_skipped_and_told(odd: bytes) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"OK done", odd, b"* STATUS INBOX (MESSAGES 4)", odd)
        await peer.until_closed()

    told: list[Unreadable] = []
    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        session.on_odd = told.append
        if odd == b"* STATUS":
            with pytest.raises(AnswerUnusable):
                await session.status(INBOX, ("MESSAGES",))
        else:
            assert await session.status(INBOX, ("MESSAGES",)) == StatusItems(messages=4)
        assert session.usable
    assert len(told) == 2


async def test_odd_lines_before_the_login_become_warnings() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"")
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi", b"* 5 STRANGE (")
        await peer.expect("LOGIN .*")
        await peer.answer(b"OK [CAPABILITY IMAP4rev1] in")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        assert sum("not IMAP" in warning for warning in session.warnings) == 2


async def test_a_search_that_cannot_be_read_twice_is_a_refusal_and_not_an_empty_answer() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        for _ in range(2):
            await peer.expect("UID SEARCH ALL.*")
            await peer.answer(b"OK done", b"* SEARCH 1 NIL 3")
        await peer.expect("UID SEARCH ALL")
        await peer.answer(b"OK done", b"* SEARCH 1 2 3")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        with pytest.raises(AnswerUnusable):
            await session.search("ALL")
        assert await session.search("ALL") == UidSet([(1, 3)])


async def test_a_message_told_of_in_odd_words_is_missing_and_the_stream_says_so() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        for _ in range(2):
            await peer.expect("UID FETCH .*")
            await peer.answer(
                b"OK done",
                b"* 1 FETCH (UID 1 FLAGS ())",
                b"* 2 FETCH (UID 2 FLAGS",
                b"* 3 FETCH (UID 3 FLAGS ())",
            )
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        for uids in (b"1:*", UidSet([(1, 3)])):
            stream = session.fetch(uids, b"(UID FLAGS)")
            assert [record.uid for record in await anext(stream)] == [1, 3]
            with pytest.raises(AnswerUnusable):
                await anext(stream)


async def test_a_large_body_told_of_in_odd_words_is_gone_and_can_be_asked_again() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        await peer.expect("UID FETCH 1 .*")
        await peer.answer(b"OK done", b"* 1 FETCH UID 1 BODY[] {3}", b"abc)")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        with pytest.raises(MessageGone):
            await session.fetch_body(1).open()
        assert session.usable


async def test_items_of_one_message_in_several_lines_are_one_record() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        await peer.expect("UID FETCH .*")
        await peer.answer(
            b"OK done",
            b"* 1 FETCH (UID 1 RFC822.SIZE 10)",
            b"* 2 FETCH (FLAGS (a) UID 2)",
            b"* 1 FETCH (FLAGS (b))",
            b"* 2 FETCH (RFC822.SIZE 20 " + DATE + b")",
            b"* 1 FETCH (" + DATE + b" UID 1)",
            b"* 1 FETCH (BODY[HEADER] {2}\r\nxx)",
            b"* 2 FETCH (BODY[HEADER] {2}\r\nyy)",
            b"* 3 FETCH (UID 3 FLAGS () RFC822.SIZE 30 " + DATE + b" BODY[HEADER] {2}\r\nzz)",
        )
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        records = await session.fetch(UidSet([(1, 3)]), ITEMS).collect()
    assert [(each.uid, each.flags, each.size, each.body) for each in records] == [
        (1, (b"b",), 10, b"xx"),
        (2, (b"a",), 20, b"yy"),
        (3, (), 30, b"zz"),
    ]


async def test_a_date_or_a_size_that_lacks_costs_itself_and_not_the_message() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        await peer.expect("UID FETCH .*")
        await peer.answer(
            b"OK done",
            b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10 INTERNALDATE NIL BODY[HEADER] {2}\r\nxx)",
            b"* 2 FETCH (UID 2 FLAGS () " + DATE + b" BODY[HEADER] {2}\r\nyy)",
            b"* 3 FETCH (UID 3 FLAGS () RFC822.SIZE NIL BODY[HEADER] NIL)",
            b"* 9 FETCH (UID 1 FLAGS (late))",
        )
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        records = await session.fetch(b"1:*", ITEMS).collect()
    assert [(each.uid, each.size, each.internaldate, each.body) for each in records] == [
        (1, 10, b"", b"xx"),
        (2, None, b"17-Jul-1996 02:44:25 +0000", b"yy"),
        (3, None, None, b""),
    ]


async def test_parts_of_messages_that_nobody_completes_stay_bounded() -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        await peer.expect("UID FETCH .*")
        await peer.answer(b"OK done", *(b"* %d FETCH (FLAGS ())" % number for number in range(1, 30_000)))
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        assert await session.fetch(b"1:*", b"(UID FLAGS)").collect() == []


async def test_a_folder_that_does_not_tell_how_many_messages_it_has_is_not_taken_for_empty() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect('SELECT "INBOX"')
        await peer.answer(b"OK done", b"* NIL EXISTS", b"* OK [UIDVALIDITY 7] valid")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        with pytest.raises(AnswerUnusable, match="how many"):
            await session.select(INBOX)


@pytest.mark.parametrize(
    "answer", [b'* ESEARCH (TAG "%b") UID ALL 1:4294967295', b"* SEARCH 1 2 3 4 5 6 7 8 9"]
)
async def test_more_messages_than_the_folder_has_are_not_believed(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await open_inbox(peer)
        for _ in range(2):
            await peer.expect("UID SEARCH .*")
            await peer.answer(b"OK done", answer % peer.tag if b"%" in answer else answer)
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        with pytest.raises(AnswerUnusable, match="in a folder of 3"):
            await session.search("UNSEEN")


FLOODS = {
    "SELECT": b"* 1 FETCH (FLAGS ())\r\n* VANISHED (EARLIER) 1:2,4:5\r\n* OK [X%d] other\r\n",
    "STATUS": b"* STATUS INBOX (MESSAGES %d)\r\n",
    "UID SEARCH": b"* SEARCH %d\r\n",
}


@pytest.mark.parametrize("asked", FLOODS)
async def test_a_server_that_answers_without_end_takes_no_memory(asked: str) -> None:
    """All of it was kept until the end of the command, which never comes."""

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(asked + ".*")
        for number in range(1, 41):
            lines = (FLOODS[asked].replace(b"%d", b"%d" % n) for n in range(number, 200 + number))
            await peer.write(b"".join(lines))
        await peer.answer()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        tracemalloc.start()
        try:
            with contextlib.suppress(AnswerUnusable, ProtocolViolation):
                if asked == "SELECT":
                    await session.select(INBOX)
                elif asked == "STATUS":
                    await session.status(INBOX, ("MESSAGES",))
                else:
                    await session.search("ALL")
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "line",
    [
        b"* SEARCH" + b" 1234567" * 500_000,
        b'* ESEARCH (TAG "x") UID ALL ' + b",".join(b"%d" % n for n in range(1, 2_000_000, 2)),
        b"* VANISHED (EARLIER) " + b",".join(b"%d" % n for n in range(1, 2_000_000, 2)),
        b"* SEARCH" + b" 1" * 200_000,
    ],
    ids=["SEARCH", "ESEARCH", "VANISHED", "short"],
)
def test_more_numbers_than_there_are_messages_are_not_looked_into(line: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="more numbers"):
            parse([line], most_numbers=100_000)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


async def test_a_server_that_refuses_what_it_announced_for_search_is_asked_plainly() -> None:
    """It cost all folders of a run with --search1."""

    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 ESEARCH] hi")
        await peer.expect("LOGIN .*")
        await peer.answer(b"OK [CAPABILITY IMAP4rev1 ESEARCH] in")
        await peer.expect('SELECT "INBOX"')
        await peer.answer(b"OK done", b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] valid")
        await peer.expect(r"UID SEARCH RETURN \(ALL\) UNSEEN")
        await peer.answer(b"BAD unknown argument RETURN")
        await peer.expect("UID SEARCH UNSEEN.*")
        await peer.answer(b"OK done", b"* SEARCH 0 2")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        assert await session.search("UNSEEN") == UidSet([(2, 2)])
