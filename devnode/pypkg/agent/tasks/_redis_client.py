"""Submit tasks straight to Redis: for root and the cluster agent, nothing is authorised."""

from __future__ import annotations

import json
import os
import urllib.parse
import uuid
from typing import TYPE_CHECKING, Any, Self, cast

from redis.asyncio import Redis

from ._client import FINAL, Client, Submission, TaskResult, decoded
from .exceptions import TaskSubmissionCheckFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LEADER = "cluster-leader"
POLL_S = 5.0
"""A lost message of the progress channel costs that much at most."""


class RedisClient(Client):
    """Tasks through `redis://host[:port]` with the account in REDIS_USER and REDIS_PASSWORD."""

    def __init__(self, endpoint: str, check_idle_time: int) -> None:
        parts = urllib.parse.urlsplit(endpoint)
        host, port = parts.hostname or LEADER, parts.port or 6379
        if host == LEADER and (address := os.environ.get("REDIS_ADDRESS")):
            host, _, text = address.rpartition(":")
            port = int(text)
        self._idle_s = check_idle_time
        self._submitted: list[tuple[str, str]] = []
        self._redis = Redis(
            host=host,
            port=port,
            username=os.environ["REDIS_USER"],
            password=os.environ["REDIS_PASSWORD"],
            decode_responses=True,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._redis.aclose()

    async def submit(self, submission: Submission) -> str:
        """Queue the task and give `task/<agent>/<id>`."""
        return f"task/{submission.agent_id}/{await self._push(submission, str(uuid.uuid4()))}"

    async def run(self, submission: Submission, progress: Callable[[int], None]) -> TaskResult:
        """Queue the task and wait for its final status; the subscription stands before the task is queued."""
        task_id = str(uuid.uuid4())
        async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(f"progress/{submission.agent_id}/task/{task_id}")
            await self._push(submission, task_id)
            while True:
                message = await subscription.get_message(timeout=POLL_S)
                status = json.loads(message["data"]) if message else {}
                if "progress" in status:
                    progress(status["progress"])
                if (not message or status["status"] in FINAL) and (
                    found := await self._result(submission.agent_id, task_id)
                ):
                    return found

    async def cancel_all(self) -> None:
        """Queue a cancel-task for each submitted task."""
        for agent_id, task_id in list(self._submitted):
            await self._push(Submission(agent_id, "cancel-task", {"task": task_id}, ""), str(uuid.uuid4()))

    async def _push(self, submission: Submission, task_id: str) -> str:
        if self._idle_s:
            await self._check_idle(submission.agent_id)
        task: dict[str, Any] = {
            "id": task_id,
            "action": submission.action,
            "data": submission.data,
            "parent": submission.parent,
            "extra": submission.extra,
        }
        queue = f"{submission.agent_id}/tasks"
        await cast("Awaitable[int]", self._redis.lpush(queue, json.dumps(task)))
        if submission.action != "cancel-task":
            self._submitted.append((submission.agent_id, task_id))
        return task_id

    async def _check_idle(self, agent_id: str) -> None:
        clients: list[dict[str, str]] = await self._redis.client_list()
        if not any(
            client.get("name") == agent_id and int(client["idle"]) <= self._idle_s for client in clients
        ):
            raise TaskSubmissionCheckFailed(f"Client idle check failed for {agent_id}: is its agent running?")

    async def _result(self, agent_id: str, task_id: str) -> TaskResult | None:
        prefix = f"task/{agent_id}/{task_id}"
        names = ("output", "error", "exit_code")
        output, error, code = await self._redis.mget([f"{prefix}/{name}" for name in names])
        if code is None:
            return None
        return TaskResult(output=decoded(output), error=error, exit_code=int(code))
