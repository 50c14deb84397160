"""A command about a folder that breaks the connection each time is refused by us."""

from __future__ import annotations

import asyncio

import pytest
from tests.engine.session.helpers import INBOX, greet, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.session.breaking import Breaking
from imapsync.session.errors import CommandRefused, ConnectionFailed
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.responses import StatusItems

WORK = MailboxName.from_text("Work")


async def lose(server: ScriptedServer, breaking: Breaking) -> None:
    """Lose a connection over opening Work."""
    async with await open_scripted(server) as session:
        session.share(breaking)
        with pytest.raises(ConnectionFailed):
            await session.select(WORK)


async def hang_up_at_work(peer: Peer) -> None:
    await greet(peer)
    await peer.expect('SELECT "Work"')


async def test_what_is_asked_of_a_folder_that_is_not_opened_reaches_no_other() -> None:
    """The command was answered from the folder that was open before."""

    async def script(peer: Peer) -> None:
        if len(server.peers) <= 3:
            await hang_up_at_work(peer)
            return
        await greet(peer)
        await peer.expect('SELECT "INBOX"')
        await peer.answer(b"OK done", b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] valid")
        await peer.expect('STATUS "Work" .*')
        await peer.answer(b"OK done", b"* STATUS Work (MESSAGES 4)")
        await peer.expect('SELECT "INBOX"')
        await peer.answer(b"OK done", b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] valid")
        await peer.expect(r"UID SEARCH ALL")
        await peer.answer(b"OK done", b"* SEARCH 1 2 3")
        await peer.until_closed()

    breaking = Breaking()
    server = ScriptedServer(script)
    async with server:
        for _ in range(3):
            await lose(server, breaking)
        assert breaking.untold() == ["SELECT of Work"]
        async with await open_scripted(server) as session:
            session.share(breaking)
            await session.select(INBOX)
            answers = [session.select(WORK, read_only=read_only) for read_only in (False, True)]
            stream = session.fetch(b"1:*", b"(UID FLAGS)")
            body = session.fetch_body(1)
            found = session.search("ALL")
            for answer in answers:
                with pytest.raises(CommandRefused, match="broke each time"):
                    await answer
            with pytest.raises(CommandRefused):
                await stream.collect()
            with pytest.raises(CommandRefused):
                await body.open()
            with pytest.raises(CommandRefused):
                await found
            assert await session.status(WORK, ("MESSAGES",)) == StatusItems(messages=4)
            await session.select(INBOX)
            assert len(await session.search("ALL")) == 3


async def test_a_search_over_a_connection_that_is_gone_ends() -> None:
    """It was waited for without end."""

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        session.abort()
        for lost in (session.search("ALL"), session.expunge()):
            with pytest.raises(ConnectionFailed):
                await asyncio.wait_for(lost, 10)


async def test_the_folder_whose_answer_was_lost_is_not_taken_for_the_one_that_breaks_the_connection() -> None:
    """What stands before a server takes its last answers along: the first in the line was blamed."""

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect('STATUS "INBOX" .*')
        if len(server.peers) > 1:
            await peer.answer(b"OK done", b"* STATUS INBOX (MESSAGES 4)")
            await peer.expect('STATUS "Work" .*')

    breaking = Breaking()
    server = ScriptedServer(script)
    async with server:
        for _ in range(3):
            async with await open_scripted(server) as session:
                session.share(breaking)
                answers = [session.status(name, ("MESSAGES",)) for name in (INBOX, WORK)]
                await asyncio.gather(*answers, return_exceptions=True)
        assert breaking.untold() == ["STATUS of Work"]


async def test_one_answer_in_between_says_that_it_was_the_network() -> None:
    async def script(peer: Peer) -> None:
        await hang_up_at_work(peer)
        if len(server.peers) == 2:
            await peer.answer(b"OK done", b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] valid")
            await peer.until_closed()

    breaking = Breaking()
    server = ScriptedServer(script)
    async with server:
        for _ in range(1):
            await lose(server, breaking)
        async with await open_scripted(server) as session:
            session.share(breaking)
            assert (await session.select(WORK)).exists == 3
        await lose(server, breaking)
        assert not breaking.untold()
