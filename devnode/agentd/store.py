"""What an agent writes to Redis about its tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .masking import masked

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .task import Request, Result

CONTEXT_TTL_S = 60
RESULT_TTL_S = 28800


class Store:
    """The keys and the channel of one agent's tasks."""

    def __init__(self, connection: Redis, agent_id: str) -> None:
        self._redis = connection
        self._agent_id = agent_id

    async def begin(self, request: Request) -> None:
        """Store the context, secrets masked."""
        context = json.dumps(masked(request.raw), separators=(",", ":"), ensure_ascii=False)
        await self._redis.set(self._key(request, "context"), context, ex=CONTEXT_TTL_S)

    async def keep(self, request: Request) -> None:
        """Give the context another minute."""
        await self._redis.expire(self._key(request, "context"), CONTEXT_TTL_S)

    async def publish(self, request: Request, status: str, progress: int) -> None:
        """Tell the status on the progress channel."""
        await self._redis.publish(self._channel(request), _payload(status, progress))

    async def finish(
        self, request: Request, result: Result, environment: dict[str, str], *, builtin: bool
    ) -> None:
        """Store everything and tell the final status at once: who sees the status finds the result."""
        async with self._redis.pipeline(transaction=True) as queue:
            queue.delete(f"{self._agent_id}/environment")
            if environment:
                queue.hset(f"{self._agent_id}/environment", mapping=environment)
            queue.set(self._key(request, "output"), result.output, ex=RESULT_TTL_S)
            queue.set(self._key(request, "error"), result.error, ex=RESULT_TTL_S)
            queue.set(self._key(request, "exit_code"), result.exit_code, ex=RESULT_TTL_S)
            queue.expire(self._key(request, "context"), CONTEXT_TTL_S if builtin else RESULT_TTL_S)
            queue.publish(self._channel(request), _payload(result.status, result.progress))
            await queue.execute()

    def _key(self, request: Request, name: str) -> str:
        return f"task/{self._agent_id}/{request.task_id}/{name}"

    def _channel(self, request: Request) -> str:
        return f"progress/{self._agent_id}/task/{request.task_id}"


def _payload(status: str, progress: int) -> str:
    return json.dumps({"status": status, "progress": progress}, separators=(",", ":"))
