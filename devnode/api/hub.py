"""The websocket: every authorised session hears all progress messages of the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import redis.exceptions
from aiohttp import WSMsgType, web

from .tokens import TokenError, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

AUTHORIZE_WITHIN_S = 10.0
HEARTBEAT_S = 25.0
RECONNECT_S = 0.5
MAX_MESSAGE_BYTES = 65536
MAX_WAITING = 1000
"""A session that lets more messages wait is closed: the others shall not wait for it."""


class Hub:
    """All websocket sessions."""

    def __init__(self, connection: Redis, tokens: Tokens, longest_life: Callable[[], float | None]) -> None:
        """`longest_life` gives the seconds after which a session is dropped at the latest, None for never."""
        self._longest_life = longest_life
        self._redis = connection
        self._tokens = tokens
        self._sessions: dict[web.WebSocketResponse, asyncio.Queue[object]] = {}
        self._closing: set[asyncio.Task[bool]] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one session until it ends; one that does not authorise itself is closed after a while."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        timer = asyncio.get_running_loop().call_later(AUTHORIZE_WITHIN_S, self._close_stranger, socket)
        messages: asyncio.Queue[object] = asyncio.Queue(MAX_WAITING)
        dropping = self._drop_some_time(request)
        sender = asyncio.create_task(_send(socket, messages))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and await self._authorizes(socket, message.data):
                    self._sessions[socket] = messages
        finally:
            timer.cancel()
            if dropping:
                dropping.cancel()
            sender.cancel()
            self._sessions.pop(socket, None)
        return socket

    async def broadcast_forever(self) -> None:
        """Pass on what agents publish; after a failure of Redis the subscription is renewed."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.psubscribe("progress/*")
                    async for message in subscription.listen():
                        self._broadcast(message["channel"], message["data"])
            except (redis.exceptions.RedisError, OSError) as error:
                print(f"<4>Redis: {error}", file=sys.stderr)
                await asyncio.sleep(RECONNECT_S)

    async def close(self) -> None:
        """End all sessions."""
        for socket in list(self._sessions):
            await socket.close()

    async def _authorizes(self, socket: web.WebSocketResponse, text: str) -> bool:
        """Tell whether the client's message is a valid authorization; an invalid one ends the session."""
        try:
            order = json.loads(text)
            action, payload = order["action"], order.get("payload")
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        if action != "authorize":
            return False
        try:
            self._tokens.user(str(payload["jwt"]))
        except (TokenError, KeyError, TypeError) as error:
            await socket.send_json({"type": "authorize-error", "payload": str(error)})
            await socket.close(message=b"Bye")
            return False
        return True

    def _broadcast(self, channel: str, text: str) -> None:
        message = {
            "name": channel,
            "payload": json.loads(text),
            "timestamp": datetime.now(UTC).isoformat(),
            "type": "task",
        }
        for socket, messages in list(self._sessions.items()):
            if messages.full():
                self._sessions.pop(socket)
                self._close(socket)
            else:
                messages.put_nowait(message)

    def _drop_some_time(self, request: web.Request) -> asyncio.TimerHandle | None:
        """Cut the connection at a random moment, without a word, when that is asked for."""
        longest = self._longest_life()
        if longest is None or request.transport is None:
            return None
        moment = random.uniform(0, longest)  # noqa: S311 - no secret
        return asyncio.get_running_loop().call_later(moment, request.transport.abort)

    def _close_stranger(self, socket: web.WebSocketResponse) -> None:
        if socket not in self._sessions:
            self._close(socket)

    def _close(self, socket: web.WebSocketResponse) -> None:
        closing = asyncio.create_task(socket.close(message=b"Bye"))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _send(socket: web.WebSocketResponse, messages: asyncio.Queue[object]) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await socket.send_json(await messages.get())
