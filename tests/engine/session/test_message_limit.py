"""A server that works on so many messages a command (RFC 9738, RFC 9586): the session goes on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.session.errors import AnswerUnusable, CommandRefused
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Script = Callable[[Peer], Awaitable[None]]

CAPABILITIES = b"IMAP4rev1 LITERAL+ UIDPLUS MESSAGELIMIT=2"
ITEMS = b"(UID FLAGS)"


def told(*uids: int) -> tuple[bytes, ...]:
    return tuple(b"* %d FETCH (UID %d FLAGS ())" % (uid, uid) for uid in uids)


async def opened(peer: Peer, name: str, messages: int, *, verb: str = "SELECT", validity: int = 7) -> None:
    await peer.expect(f'{verb} "{name}"')
    await peer.answer(b"OK done", b"* %d EXISTS" % messages, b"* OK [UIDVALIDITY %d] valid" % validity)


async def test_a_folder_arrives_whole_below_the_limit() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 5)
        await peer.expect(r"UID FETCH 1:\* .*")
        await peer.answer(b"OK [MESSAGELIMIT 2 8] a part", *told(8, 9))
        await peer.expect(r"UID FETCH 1:7 .*")
        await peer.answer(b"OK [MESSAGELIMIT 2 4] a part", *told(4, 6))
        await peer.expect(r"UID FETCH 1:3 .*")
        await peer.answer(b"OK done", *told(2))
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        assert session.message_limit == 2
        await session.select(INBOX)
        records = await session.fetch(b"1:*", ITEMS).collect()
        assert [record.uid for record in records] == [8, 9, 4, 6, 2]


async def test_a_part_without_the_code_is_a_part_too() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 3)
        await peer.expect(r"UID FETCH 3:9 .*")
        await peer.answer(b"OK done", *told(8, 9))
        await peer.expect(r"UID FETCH 3:7 .*")
        await peer.answer(b"OK done", *told(5))
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        records = await session.fetch(UidSet([(3, 9)]), ITEMS).collect()
        assert [record.uid for record in records] == [8, 9, 5]


def both_folders(validity: int) -> Script:
    """Play two folders that are read at once, the first of which is told of in parts."""

    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        tags = []
        for words in ('EXAMINE "INBOX"', r"UID FETCH 1:\* .*", 'SELECT "Sent"', r"UID FETCH 1:\* .*"):
            await peer.expect(words)
            tags.append(peer.tag)
        await peer.send(b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] valid", tags[0] + b" OK done")
        await peer.send(*told(8, 9), tags[1] + b" OK [MESSAGELIMIT 2 8] a part")
        await peer.send(b"* 1 EXISTS", b"* OK [UIDVALIDITY 5] valid", tags[2] + b" OK done")
        await peer.send(*told(1), tags[3] + b" OK done")
        tags = []
        for words in ('EXAMINE "INBOX"', "UID FETCH 1:7 .*", 'SELECT "Sent"'):
            await peer.expect(words)
            tags.append(peer.tag)
        await peer.send(b"* 3 EXISTS", b"* OK [UIDVALIDITY %d] valid" % validity, tags[0] + b" OK done")
        await peer.send(*told(3), tags[1] + b" OK done")
        await peer.send(b"* 1 EXISTS", b"* OK [UIDVALIDITY 5] valid", tags[2] + b" OK done")
        await peer.expect("NOOP")
        await peer.answer()
        await peer.until_closed()

    return script


@pytest.mark.parametrize("validity", [7, 8])
async def test_the_right_folder_is_read_on_when_another_was_opened_meanwhile(validity: int) -> None:
    async with ScriptedServer(both_folders(validity)) as server, await open_scripted(server) as session:
        session.select(INBOX, read_only=True)
        first = session.fetch(b"1:*", ITEMS)
        session.select(MailboxName.from_text("Sent"))
        second = session.fetch(b"1:*", ITEMS)
        if validity == 7:
            assert [record.uid for record in await first.collect()] == [8, 9, 3]
        else:
            with pytest.raises(AnswerUnusable, match="replaced"):
                await first.collect()
        assert [record.uid for record in await second.collect()] == [1]
        await session.noop()
        assert session.selected is not None
        assert (session.selected.name.text, session.exists) == ("Sent", 1)


async def test_a_search_goes_on_below_even_where_nothing_matched() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 5)
        await peer.expect("UID SEARCH UNSEEN")
        await peer.answer(b"OK [MESSAGELIMIT 2 8] a part", b"* SEARCH")
        await peer.expect("UID SEARCH UNSEEN UID 1:7")
        await peer.answer(b"OK done", b"* SEARCH 4 6")
        await peer.expect("UID SEARCH UNSEEN UID 1:3")
        await peer.answer(b"OK done", b"* SEARCH 2")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        assert sorted(await session.search("UNSEEN")) == [2, 4, 6]


async def test_sets_are_cut_for_commands_that_change_something() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 5)
        for uids in ("1:2", "3:4", "5"):
            await peer.expect(rf"UID STORE {uids} \+FLAGS.SILENT \(x\)")
            await peer.answer()
        for uids, answer in (("1:2", b"OK done"), ("3", b"NO not that")):
            await peer.expect(f"UID EXPUNGE {uids}")
            await peer.answer(answer)
        for uids, there in (("1:2", b"8:9"), ("3", b"4")):
            await peer.expect(f'UID COPY {uids} "INBOX"')
            await peer.answer(b"OK [COPYUID 7 %b %b] done" % (uids.encode(), there))
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        assert not await session.store(UidSet([(1, 5)]), b"+FLAGS", [b"x"])
        with pytest.raises(CommandRefused, match="not that"):
            await session.expunge(UidSet([(1, 3)]))
        copied = await session.copy(UidSet([(1, 3)]), INBOX)
        assert copied == (7, (1, 2, 3), (8, 9, 4))


async def test_expunge_is_repeated_until_the_folder_is_done() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 5)
        await peer.expect("EXPUNGE")
        await peer.answer(b"OK [MESSAGELIMIT 2 4] a part", b"* 4 EXPUNGE")
        await peer.expect("EXPUNGE")
        await peer.answer(b"OK done", b"* 1 EXPUNGE")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        await session.expunge()
        assert session.exists == 3


async def test_a_server_that_never_comes_to_an_end_is_left() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES)
        await opened(peer, "INBOX", 3)
        await peer.expect("UID FETCH .*")
        await peer.answer(b"OK [MESSAGELIMIT 2 4294967295] a part")
        below = 4294967294
        for _ in range(202):
            await peer.expect(f"UID FETCH 1:{below} .*")
            await peer.answer(b"OK [MESSAGELIMIT 2 %d] a part" % below)
            below -= 1
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        assert await session.fetch(b"1:*", ITEMS).collect() == []


async def test_numbers_of_messages_are_given_up_where_that_shows_the_whole_folder() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, CAPABILITIES + b" ENABLE UIDONLY PARTIAL")
        await peer.expect("ENABLE UIDONLY")
        await peer.answer(b"OK done", b"* ENABLED UIDONLY")
        await opened(peer, "INBOX", 3)
        await peer.expect("UID FETCH .*")
        await peer.send(b"* 5 UIDFETCH (FLAGS ())", b"* 9 UIDFETCH (UID 9)", b"* 9 UIDFETCH (FLAGS (a))")
        await peer.answer()
        await peer.expect("NOOP")
        await peer.answer(b"OK done", b"* VANISHED 5,7")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        await session.select(INBOX)
        records = await session.fetch(UidSet([(5, 9)]), ITEMS).collect()
        assert [(record.uid, record.flags) for record in records] == [(5, ()), (9, (b"a",))]
        await session.noop()
        assert session.exists == 1
        assert "UIDONLY" in session.enabled
