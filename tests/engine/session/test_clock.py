"""Time and endings: idle servers, our own stand-stills, cancellation, logout, and waits between attempts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_scripted, until
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.session.errors import ConnectionFailed, ProtocolViolation, TimedOut
from imapsync.session.session import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from imapsync.session.session import Session

pytestmark = pytest.mark.servers


async def test_a_server_that_falls_silent() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        session = await open_scripted(server, timeout_s=0.5)
        answers = [session.noop() for _ in range(3)]
        for answer in answers:
            with pytest.raises(TimedOut) as caught:
                await answer
            assert caught.value.code == "timeout"
            assert caught.value.details == {"cause": "timeout"}
        assert not session.usable


async def test_a_server_may_take_its_time_while_it_talks() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        for number in range(8):
            await asyncio.sleep(0.3)
            await peer.send(b"* %d EXISTS" % number)
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server, timeout_s=1.5) as session:
        await session.noop()


async def test_a_server_that_only_says_that_it_still_works_is_left() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.send(b"* OK still working", b"* 3 EXISTS", b"* 1 FETCH (FLAGS ())", b"* XNEWS 1")
                await asyncio.sleep(0.05)

    async with ScriptedServer(script) as server:
        session = await open_scripted(server, timeout_s=0.2)
        with pytest.raises(TimedOut, match="nothing that was asked for for 2 seconds"):
            await session.noop()
        await session.logout()


SAME = {
    "SELECT": (b"* 3 EXISTS", b"* FLAGS (\\Seen)", b"* OK [UIDNEXT 4] next", b"* OK [X%d] other"),
    "STATUS": (b"* STATUS INBOX (MESSAGES %d)",),
    "LIST": (b'* LIST () "/" INBOX', b'* LIST (\\X%d) "/" a'),
    "NAMESPACE": (b'* NAMESPACE (("%d" "/")) NIL NIL',),
    "UID SEARCH": (b"* SEARCH 1 2 3", b"* SEARCH 2"),
    "UID FETCH": (b"* 1 FETCH (UID 1 FLAGS (k%d))", b"* 2 FETCH (UID 2 FLAGS ())"),
}
ASKS: dict[str, Callable[[Session], Awaitable[object]]] = {
    "SELECT": lambda session: session.select(INBOX),
    "STATUS": lambda session: session.status(INBOX, ("MESSAGES",)),
    "LIST": lambda session: session.list_folders(),
    "NAMESPACE": lambda session: session.namespaces(),
    "UID SEARCH": lambda session: session.search("ALL"),
    "UID FETCH": lambda session: session.fetch(b"1:*", b"(UID FLAGS)").collect(),
}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(asked, marks=[] if asked in ("STATUS", "UID FETCH") else [pytest.mark.slow])
        for asked in SAME
    ],
)
async def test_a_server_that_gives_the_same_answer_again_and_again_is_left(asked: str) -> None:
    """Each of them counted as progress: it held a run for ever."""

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(asked + ".*")
        number = 0
        with contextlib.suppress(ConnectionError):
            while True:
                number += 1
                await peer.send(*(line.replace(b"%d", b"%d" % number) for line in SAME[asked]))
                await asyncio.sleep(0.05)

    async with ScriptedServer(script) as server:
        session = await open_scripted(server, timeout_s=0.2)
        with pytest.raises(TimedOut, match="nothing that was asked for for 2 seconds"):
            await ASKS[asked](session)
        await session.logout()


async def test_a_body_that_comes_slowly_but_comes_is_waited_for() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(".*FETCH.*")
        await peer.send(b"* 1 FETCH (UID 1 BODY[] {%d}" % (8 * 500_000))
        for _ in range(8):
            await asyncio.sleep(0.1)
            await peer.write(b"x" * 500_000)
        await peer.answer(b"OK done", b")")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server, timeout_s=0.2) as session:
        body = session.fetch_body(1)
        assert sum([len(chunk) async for chunk in body]) == 8 * 500_000


async def test_a_server_that_tells_the_same_for_ever_is_left() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(".*FETCH.*")
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.send(*[b"* 1 FETCH (UID 1 FLAGS ())"] * 500)

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        with pytest.raises(ProtocolViolation, match="without end"):
            await session.fetch(b"1:*", b"(UID FLAGS)").collect()
        await session.logout()


async def test_an_idle_session_does_not_time_out() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server, timeout_s=0.8) as session:
        await asyncio.sleep(1.2)
        await session.noop()


async def test_a_stand_still_of_our_own_ends_too() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(".*FETCH.*")
        body = b"x" * 100_000
        with contextlib.suppress(ConnectionError):  # the client may go while the rest is on its way
            for uid in range(1, 80):
                await peer.send(b"* %d FETCH (UID %d BODY[] {%d}" % (uid, uid, len(body)), body + b")")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        session = await open_scripted(server, timeout_s=0.4)
        stream = session.fetch(b"1:*", b"(UID BODY.PEEK[])")
        await until(lambda: not session.usable)
        with pytest.raises((TimedOut, ConnectionFailed)):
            await stream.collect()
        await session.logout()


async def test_cancelling_who_waits_leaves_the_session_usable() -> None:
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        await release.wait()
        await peer.answer()
        await peer.expect('SELECT "INBOX"')
        await peer.answer(b"OK", b"* 3 EXISTS")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        answer = session.noop()

        async def wait() -> None:
            await answer

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        assert (await session.select(INBOX)).exists == 3
        await answer


async def test_cancelling_a_stream_in_the_middle_closes_the_connection() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(r'APPEND "INBOX" \{1000\+\}')
        await peer.until_closed()

    async def never() -> object:
        yield b"x" * 10
        await asyncio.Event().wait()

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        task = asyncio.create_task(session.append_stream(INBOX, 1000, never()))  # type: ignore[arg-type]
        await until(lambda: len(server.peers[0].lines) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not session.usable


async def test_abort_fails_what_is_in_flight() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        answer = session.noop()
        session.abort()
        for waiting in (answer, session.noop(), session.append(INBOX, [Message(b"x")])):
            with pytest.raises(ConnectionFailed) as caught:
                await waiting
            assert not caught.value.retryable
        await session.logout()


@pytest.mark.parametrize("politely", [True, False])
async def test_nothing_is_delivered_after_a_connection_was_given_up(politely: bool) -> None:
    given_up = asyncio.Event()
    read: list[bytes] = []

    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.read(1)
        await given_up.wait()
        read.append(await peer.until_closed())

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        session.append(INBOX, [Message(b"x" * 8_000_000)])
        await asyncio.sleep(0)
        if politely:
            await session.logout()
        else:
            session.abort()
        given_up.set()
        await until(lambda: bool(read))
        assert read == [b""]  # the connection was reset: what the kernel still held is gone


async def test_the_servers_farewell_is_told() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        await peer.send(b"* BYE shutting down")

    async with ScriptedServer(script) as server:
        session = await open_scripted(server)
        with pytest.raises(ConnectionFailed) as caught:
            await session.noop()
        assert caught.value.server_text == "shutting down"
        assert caught.value.retryable
