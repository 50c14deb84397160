"""A listener and servers that do what servers do: tell, lie, hang up, fall silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import pytest
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.plan import watching
from imapsync.plan.watching import Way
from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security
from imapsync.watch import listener as listening
from imapsync.watch.listener import Listener, Standing, Watched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from imapsync.session.errors import SyncError

PATIENCE_S = 20


class Heard:
    """A listener at a scripted server, and what it told."""

    def __init__(self, server: ScriptedServer, poll_s: float = 0.2, *, wide: bool = False) -> None:
        endpoint = Endpoint(server.host, server.port, Security.NONE, timeout_s=PATIENCE_S)
        account = Watched(endpoint, Credentials("anna", Secret("word")), poll_s, wide)
        self.news = 0
        self.standings: list[Standing] = []
        self._changed = asyncio.Event()
        self._task = asyncio.ensure_future(
            Listener(lambda: account, self._on_news, self._on_standing).listen()
        )

    def _on_news(self) -> None:
        self.news += 1
        self._changed.set()

    def _on_standing(self, standing: Standing) -> None:
        self.standings.append(standing)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def ways(self) -> list[Way | None]:
        return [standing.way for standing in self.standings]

    @property
    def last_error(self) -> SyncError:
        error = self.standings[-1].error
        assert error is not None
        return error


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rests and pauses last a fraction of a second."""
    for name in ("PROVEN_REST_S", "UNPROVEN_REST_S"):
        monkeypatch.setattr(watching, name, 0.2)
    monkeypatch.setattr(watching, "LEAST_REST_S", 0.02)
    monkeypatch.setattr(watching, "FIRST_LOST_S", 0.02)
    monkeypatch.setattr(watching, "QUIET_S", 0.02)
    monkeypatch.setattr(listening, "ANSWER_S", PATIENCE_S)


async def greet(peer: Peer, capabilities: bytes = b"IMAP4rev1 IDLE") -> None:
    await peer.send(b"* OK [CAPABILITY " + capabilities + b"] ready")
    await peer.expect("LOGIN anna .*")
    await peer.answer(b"OK [CAPABILITY " + capabilities + b"] logged in")


async def examine(peer: Peer, messages: int) -> None:
    """Answer a look."""
    await peer.expect('EXAMINE "INBOX"')
    await opened(peer, messages)


async def opened(peer: Peer, messages: int) -> None:
    await peer.answer(
        b"OK done",
        b"* %d EXISTS" % messages,
        b"* OK [UIDVALIDITY 7] .",
        b"* OK [UIDNEXT %d] ." % (messages + 1),
    )


async def idle(peer: Peer) -> None:
    await peer.expect("IDLE")
    await peer.send(b"+ idling")


async def idled(peer: Peer) -> None:
    """Wait for DONE and complete the IDLE."""
    await done(peer)
    await peer.answer()


async def done(peer: Peer) -> None:
    """Wait for DONE; ConnectionError when the listener has gone."""
    line = await peer.read_line()
    if not line or b"LOGOUT" in line:
        raise ConnectionError
    assert line == b"DONE\r\n"


def serving(script: Callable[[Peer], Awaitable[None]]) -> ScriptedServer:
    """Let each connection end as it likes: the listener goes when the test is over."""

    async def lenient(peer: Peer) -> None:
        try:
            await script(peer)
        except ConnectionError:
            pass
        except AssertionError:
            if peer.lines[-1] and b"LOGOUT" not in peer.lines[-1]:
                raise

    return ScriptedServer(lenient)


async def quiet(peer: Peer, messages: int) -> None:
    """Have nothing to tell, for ever."""
    while True:
        await idle(peer)
        await idled(peer)
        await examine(peer, messages)


async def test_what_is_told_is_news_once_and_a_rest_without_mail_is_none() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await examine(peer, 3)
        await idle(peer)
        await peer.send(b"* 4 EXISTS", b"* 5 EXISTS", b"* 1 RECENT")
        await idled(peer)
        await examine(peer, 5)
        await idle(peer)
        await peer.send(b"* 2 EXPUNGE", b"* OK still here", b"+ still idling")
        await idled(peer)
        await examine(peer, 4)
        waited.set()
        await quiet(peer, 4)

    waited = asyncio.Event()
    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.news == 2)
        async with asyncio.timeout(PATIENCE_S):
            await waited.wait()
        await asyncio.sleep(0.5)
        assert heard.news == 2
        assert heard.ways == [Way.IDLE]


async def test_an_idle_that_never_tells_is_found_out_and_replaced_by_looking() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await examine(peer, 0)
        messages = 0
        while True:
            match = await peer.expect('IDLE|EXAMINE "INBOX"')
            if match[0] == "IDLE":
                await peer.send(b"+ idling")
                await idled(peer)
            else:
                messages += 1
                await opened(peer, messages)

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.ways == [Way.IDLE, Way.POLL])
        # Each look that found mail was news, those that convicted it among them.
        assert heard.news >= 1 + watching.MOST_LIES
        before = heard.news
        await heard.until(lambda: heard.news >= before + 3)


async def test_an_idle_that_tells_only_when_it_ends_counts_as_one_that_does_not_tell() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await examine(peer, 0)
        messages = 0
        while True:
            match = await peer.expect('IDLE|EXAMINE "INBOX"')
            if match[0] == "IDLE":
                await peer.send(b"+ idling")
                await done(peer)
                messages += 1
                await peer.answer(b"OK done", b"* %d EXISTS" % messages)
            else:
                await opened(peer, messages)

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.ways == [Way.IDLE, Way.POLL])


@pytest.mark.parametrize("how", ["not offered", "refused"])
async def test_without_idle_the_folder_is_looked_at(how: str) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, b"IMAP4rev1" if how == "not offered" else b"IMAP4rev1 IDLE")
        messages = 0
        while True:
            match = await peer.expect('IDLE|EXAMINE "INBOX"')
            if match[0] == "IDLE":
                assert how == "refused"
                await peer.answer(b"BAD never heard of it")
            else:
                messages += 1
                await opened(peer, messages)

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.news >= 4)
        assert heard.ways[-1] is Way.POLL


@pytest.mark.parametrize("how", ["silent", "closed", "bye"])
async def test_a_connection_that_is_gone_is_noticed_and_what_came_meanwhile_is_news(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0
    if how == "silent":
        monkeypatch.setattr(listening, "ANSWER_S", 1)

    async def script(peer: Peer) -> None:
        nonlocal connections
        connections += 1
        await greet(peer)
        await examine(peer, 1 if connections == 1 else 2)
        if connections > 1:
            await quiet(peer, 2)
        await idle(peer)
        if how == "silent":
            await peer.until_closed()  # DONE is never answered
        elif how == "bye":
            await peer.send(b"* BYE autologout")

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.news == 2)
        await heard.until(lambda: heard.ways == [Way.IDLE, None, Way.IDLE])
        assert heard.standings[1].error is not None
        assert not heard.standings[1].refused


async def test_mail_between_the_end_of_a_rest_and_the_look_is_not_lost() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await examine(peer, 1)
        await idle(peer)
        await peer.send(b"* 2 EXISTS")
        await idled(peer)
        await examine(peer, 3)  # one more came meanwhile
        await peer.expect("IDLE")
        await peer.send(b"* 4 EXISTS", b"+ idling")  # and one before the rest began
        await idled(peer)
        await examine(peer, 4)
        await quiet(peer, 4)

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: heard.news == 3)
        assert heard.ways == [Way.IDLE]


async def test_a_refused_password_is_told_once_and_not_tried_again_soon() -> None:
    logins = 0

    async def script(peer: Peer) -> None:
        nonlocal logins
        logins += 1
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] ready")
        await peer.expect("LOGIN anna .*")
        await peer.answer(b"NO [AUTHENTICATIONFAILED] no")

    async with serving(script) as server, Heard(server) as heard:
        await heard.until(lambda: bool(heard.standings))
        await asyncio.sleep(0.3)
        assert (logins, len(heard.standings), heard.news) == (1, 1, 0)
        assert heard.standings[0].refused
        assert heard.last_error.code == "authentication"
        assert heard.standings[0].pause_s >= watching.FIRST_REFUSED_S / 2


async def test_notify_tells_of_mail_in_other_folders() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, b"IMAP4rev1 IDLE NOTIFY")
        await examine(peer, 1)
        await peer.expect(r"NOTIFY SET \(SELECTED .*\) \(PERSONAL .*\)")
        await peer.answer()
        await idle(peer)
        await peer.send(b"* STATUS Work (MESSAGES 3 UIDNEXT 9)")
        await idled(peer)
        await examine(peer, 1)
        await idle(peer)
        await peer.send(b"* STATUS Work (MESSAGES 2 UIDNEXT 9)")  # one was removed
        await idled(peer)
        await examine(peer, 1)
        quiet_now.set()
        await quiet(peer, 1)

    quiet_now = asyncio.Event()
    async with serving(script) as server, Heard(server, wide=True) as heard:
        await heard.until(lambda: heard.news == 2)
        async with asyncio.timeout(PATIENCE_S):
            await quiet_now.wait()
        assert heard.news == 2
