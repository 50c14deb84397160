"""Who may run what: accounts, roles and grants."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    from collections.abc import Awaitable

IDLE_S = 8
"""An agent that was silent for longer is not there."""


@dataclass(frozen=True)
class Access:
    """Questions about rights, asked with the account of the API server."""

    connection: Redis
    host: str
    port: int

    async def valid_account(self, user: str, password: str) -> bool:
        """Tell whether the account exists with that password. RedisError when Redis is down."""
        if user in {"", "default"}:
            return False
        probe = Redis(
            host=self.host,
            port=self.port,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),  # a wrong password is an answer, not a lost connection
        )
        try:
            await probe.execute_command("AUTH", user, password)  # type: ignore[no-untyped-call]
        except (redis.exceptions.AuthenticationError, redis.exceptions.ResponseError):
            return False
        finally:
            await probe.aclose()
        return True

    async def may_run(self, user: str, agent_id: str, action: str) -> bool:
        """Tell whether a role of the user on the agent covers the action."""
        granted = await cast("Awaitable[str | None]", self.connection.hget(f"roles/{user}", agent_id))
        for role in (granted or "").split(","):
            if not role:
                continue
            key = f"{agent_id}/roles/{role}"
            patterns = await cast("Awaitable[set[str]]", self.connection.smembers(key))
            if any(fnmatch.fnmatchcase(action, pattern) for pattern in patterns):
                return True
        return False

    async def is_connected(self, agent_id: str) -> bool:
        """Tell whether the agent listens: it names its Redis connections by its id."""
        clients: list[dict[str, str]] = await self.connection.client_list()
        return any(client.get("name") == agent_id and int(client["idle"]) <= IDLE_S for client in clients)
