"""The agent: waits for tasks and events, runs them side by side."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import redis.exceptions
from redis.asyncio import Redis

from . import actions, environment, events
from .store import Store
from .task import EXIT_BUSY, EXIT_VALIDATION, HEARTBEAT_S, Home, Request, RequestError, Result, TaskRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Sequence
    from pathlib import Path

    from .masking import Json

POLL_S = 5
"""BRPOP waits that long; submitters take 8 idle seconds for a dead agent."""
RECONNECT_S = 0.5


class Agent:
    """One agent. SIGUSR1 lets it finish what runs and end; SIGTERM ends the process at once."""

    def __init__(
        self,
        agent_id: str,
        home: Home,
        event_folders: Sequence[Path],
        max_concurrency: int,
        overload_sleep_s: float,
    ) -> None:
        self._agent_id = agent_id
        self._home = home
        self._event_home = replace(home, action_folders=event_folders)
        self._slots = asyncio.Semaphore(max_concurrency)
        self._overload_sleep_s = overload_sleep_s
        self._runs: dict[str, TaskRun] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._hears_events = asyncio.Event()
        self._redis = self._connect("REDIS_ADDRESS", os.environ["REDIS_USER"], os.environ["REDIS_PASSWORD"])
        self._replica = self._connect("REDIS_REPLICA_ADDRESS", "default", "default")
        self._store = Store(self._redis, agent_id)

    async def run(self) -> None:
        """Serve until SIGUSR1; an agent that takes tasks hears events too."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._stopping.set)
        listeners = [asyncio.create_task(self._take_events())]
        await self._hears_events.wait()
        listeners.append(asyncio.create_task(self._take_tasks()))
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([*listeners, stop], return_when=asyncio.FIRST_COMPLETED)
        for listener in listeners:
            listener.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)

    def _connect(self, address: str, user: str, password: str) -> Redis:
        host, _, port = os.environ[address].rpartition(":")
        return Redis(
            host=host,
            port=int(port),
            username=user,
            password=password,
            client_name=self._agent_id,
            decode_responses=True,
            protocol=3,
        )

    async def _take_tasks(self) -> None:
        queue = f"{self._agent_id}/tasks"
        while True:
            try:
                item = await cast("Awaitable[list[str] | None]", self._redis.brpop([queue], timeout=POLL_S))
            except (redis.exceptions.RedisError, OSError) as error:
                print(f"<4>Redis: {error}", file=sys.stderr)
                await asyncio.sleep(RECONNECT_S)
                continue
            if item is not None:
                self._spawn(self._serve(item[1]))

    async def _take_events(self) -> None:
        while True:
            try:
                async with self._replica.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.psubscribe("*/event/*")
                    self._hears_events.set()
                    async for message in subscription.listen():
                        if found := events.split_channel(message["channel"]):
                            self._spawn(events.handle(self._event_home, *found, message["data"]))
            except (redis.exceptions.RedisError, OSError) as error:
                print(f"<4>Redis: {error}", file=sys.stderr)
                await asyncio.sleep(RECONNECT_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _serve(self, text: str) -> None:
        try:
            request = Request.parse(text)
        except RequestError as error:
            print(f"<3>queue item dropped: {error}", file=sys.stderr)
            return
        await self._store.begin(request)
        if request.action == "list-actions":
            await self._finish(request, self._list_actions(), builtin=True)
        elif request.action == "cancel-task":
            await self._finish(request, self._cancel_task(request.data), builtin=True)
        else:
            await self._serve_action(request)

    async def _serve_action(self, request: Request) -> None:
        try:
            await asyncio.wait_for(self._slots.acquire(), self._overload_sleep_s)
        except TimeoutError:
            text = f"Agent is busy. Action {request.action} rejected!"
            await self._finish(request, Result("aborted", EXIT_BUSY, error=text))
            return
        try:
            run = TaskRun(
                request, self._home, lambda status, progress: self._store.publish(request, status, progress)
            )
            self._runs[request.task_id] = run
            heart = asyncio.create_task(self._beat(request, run))
            try:
                result = await run.run()
            finally:
                heart.cancel()
                self._runs.pop(request.task_id, None)
        finally:
            self._slots.release()
        await self._finish(request, result)

    async def _beat(self, request: Request, run: TaskRun) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await run.beat()
            await self._store.keep(request)

    async def _finish(self, request: Request, result: Result, *, builtin: bool = False) -> None:
        variables = environment.read(self._home.state / "environment")
        await self._store.finish(request, result, variables, builtin=builtin)

    def _list_actions(self) -> Result:
        names = {"cancel-task", "list-actions", *actions.names(self._home.action_folders)}
        return Result(output=json.dumps(sorted(names)), progress=100)

    def _cancel_task(self, data: Json) -> Result:
        task_id = data.get("task") if isinstance(data, dict) else None
        if not isinstance(task_id, str):
            return Result("validation-failed", EXIT_VALIDATION, error="cancel-task wants the member task")
        run = self._runs.get(task_id)
        if run is None:
            return Result("validation-failed", 2, error=f"Task {task_id} not found")
        run.cancel()
        return Result(progress=100)
