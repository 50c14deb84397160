"""Submit tasks through the HTTP API, as modules do."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from agent.safeio import safe_open

from ._client import FINAL, Client, Submission, TaskResult
from .exceptions import TaskRetryAbort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

POLL_S = 5.0
HEARTBEAT_S = 4.0
RETRIES = 20
FIRST_DELAY_S = 0.25
MAX_DELAY_S = 10.0
TEMPORARY = (429, 500, 502, 503, 504)


class ApiClient(Client):
    """Tasks through the API server with the agent's account; its token is kept in `apitoken.cache`."""

    def __init__(self, endpoint: str, auth_token: str | None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = auth_token or _cached_token()
        self._submitted: list[tuple[str, str]] = []
        self._progress: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *details: object) -> None:
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._session.close()

    async def submit(self, submission: Submission) -> str:
        """Post the task and give `<agent>/task/<id>`."""
        return f"{submission.agent_id}/task/{await self._post(submission)}"

    async def run(self, submission: Submission, progress: Callable[[int], None]) -> TaskResult:
        """Post the task and wait: the websocket tells the end, a poll every five seconds makes sure."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        task_id = await self._post(submission)
        path = f"{submission.agent_id}/task/{task_id}"
        messages = self._progress.setdefault(f"progress/{path}", asyncio.Queue())
        while True:
            if found := await self._status(path):
                return found
            async for payload in _until_final(messages):
                progress(int(payload["progress"]))

    async def cancel_all(self) -> None:
        """Post a cancel-task for each submitted task."""
        for agent_id, task_id in list(self._submitted):
            await self._post(Submission(agent_id, "cancel-task", {"task": task_id}, ""))

    async def _post(self, submission: Submission) -> str:
        body = {
            "action": submission.action,
            "data": submission.data,
            "extra": submission.extra,
            "parent": submission.parent,
        }
        answer = await self._request("POST", f"/api/{submission.agent_id}/tasks", body)
        task_id = str(answer["data"]["id"])
        if submission.action != "cancel-task":
            self._submitted.append((submission.agent_id, task_id))
        return task_id

    async def _status(self, path: str) -> TaskResult | None:
        try:
            answer = await self._request("GET", f"/api/{path}/status")
        except aiohttp.ClientResponseError as error:
            if error.status in {400, 404}:
                return None
            raise
        data = answer["data"]
        return TaskResult(output=data["output"], error=data["error"], exit_code=int(data["exit_code"]))

    async def _request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON value
        """Send one request; a 401 is answered by one new login, temporary failures by later attempts."""
        delay = FIRST_DELAY_S
        fresh = False
        for _ in range(RETRIES):
            if not self._token:
                await self._login()
                fresh = True
            headers = {"Authorization": f"Bearer {self._token}"}
            try:
                async with self._session.request(
                    method, self._endpoint + path, json=body, headers=headers
                ) as response:
                    if response.status == 401 and not fresh:
                        self._token = ""
                        continue
                    if response.status not in TEMPORARY:
                        response.raise_for_status()
                        return await response.json()
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_DELAY_S)
        raise TaskRetryAbort(f"{method} {path}: no answer after {RETRIES} attempts")

    async def _login(self) -> None:
        account = {"username": os.environ["REDIS_USER"], "password": os.environ["REDIS_PASSWORD"]}
        async with self._session.post(f"{self._endpoint}/api/login", json=account) as response:
            response.raise_for_status()
            self._token = str((await response.json())["token"])
        with contextlib.suppress(OSError):
            _cache_file().touch(mode=0o600)
            with safe_open(_cache_file(), "w") as stream:
                stream.write(self._token)

    async def _listen(self) -> None:
        """Sort the progress messages of the websocket to those who wait; the poll covers its failures."""
        with contextlib.suppress(aiohttp.ClientError, KeyError):
            if not self._token:
                await self._login()
            async with self._session.ws_connect(f"{self._endpoint}/ws", heartbeat=HEARTBEAT_S) as socket:
                await socket.send_json({"action": "authorize", "payload": {"jwt": self._token}})
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._dispatch(message.json())

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message.get("type") == "task":
            self._progress.setdefault(message["name"], asyncio.Queue()).put_nowait(message["payload"])


async def _until_final(messages: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Give the messages until one is final or none came for a poll interval."""
    while True:
        try:
            payload = await asyncio.wait_for(messages.get(), POLL_S)
        except TimeoutError:
            return
        yield payload
        if payload["status"] in FINAL:
            return


def _cache_file() -> Path:
    return Path(os.environ["AGENT_STATE_DIR"]) / "apitoken.cache"


def _cached_token() -> str:
    try:
        return _cache_file().read_text().strip()
    except (OSError, KeyError):
        return ""
