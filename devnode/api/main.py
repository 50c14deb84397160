"""Start the API server and the public web server of a node."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from aiohttp import web
from redis.asyncio import Redis

from devnode import faults
from devnode.settings import API_PORT, WEB_PORT, Node, load

from .access import Access
from .hub import Hub
from .pages import PREFIX, Pages
from .server import Server
from .tokens import Tokens

MAX_BODY_BYTES = 64 * 1024 * 1024


def main() -> int:
    """Serve until SIGTERM."""
    asyncio.run(_serve(load()))
    return 0


async def _serve(node: Node) -> None:
    host, _, port = node.redis.rpartition(":")
    connection = Redis(
        host=host,
        port=int(port),
        username=os.environ["REDIS_USER"],
        password=os.environ["REDIS_PASSWORD"],
        client_name="api-server",
        decode_responses=True,
        protocol=3,
    )
    tokens = Tokens.from_file(node.state / "api-server/state/jwt.key")
    hub = Hub(connection, tokens, lambda: faults.websocket_seconds(node))
    server = Server(connection, Access(connection, host, int(port)), tokens, hub)
    internal, public = (web.Application(client_max_size=MAX_BODY_BYTES) for _ in range(2))
    server.add_routes(internal, "")
    server.add_routes(public, PREFIX)
    Pages(Path(node.repo) / "devnode/cluster_admin/dist", node.apps).add_routes(public)
    runners = []
    for app, listen_port in ((internal, API_PORT), (public, WEB_PORT)):
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, node.address(1), listen_port).start()
        runners.append(runner)
    broadcast = asyncio.create_task(hub.broadcast_forever())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    broadcast.cancel()
    await hub.close()
    for runner in runners:
        await runner.cleanup()
