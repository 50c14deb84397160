"""Run actions of other agents and wait for their results.

Not callable inside a running event loop. A failing action does not raise: look at `exit_code`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from . import exceptions
from ._client import Client, Submission, TaskResult
from .exceptions import TaskError, TaskRetryAbort, TaskSubmissionCheckFailed

__all__ = [
    "TaskError",
    "TaskResult",
    "TaskRetryAbort",
    "TaskSubmissionCheckFailed",
    "exceptions",
    "run",
    "run_nowait",
    "runp",
    "runp_brief",
    "runp_nowait",
]
Progress = Callable[[int], None]
IDLE_S = 8
_NO_DATA: Mapping[str, Any] = {}


def run(agent_id: str, action: str, data: object = _NO_DATA, **kwargs: Any) -> TaskResult:  # noqa: ANN401 - runp() names them
    """Run one action and give {"output", "error", "exit_code"}.

    `output` is the decoded JSON, or the text when it is none. Raises aiohttp.ClientResponseError 403 (no
    grant) or 404 (agent not connected), or a TaskError.
    """
    result = runp([{"agent_id": agent_id, "action": action, "data": data}], **kwargs)[0]
    assert isinstance(result, dict)  # noqa: S101 - a single task raises its exception
    return result


def run_nowait(agent_id: str, action: str, data: object = _NO_DATA, **kwargs: Any) -> str:  # noqa: ANN401 - runp_nowait() names them
    """Submit one action and give its task path at once."""
    return str(runp_nowait([{"agent_id": agent_id, "action": action, "data": data}], **kwargs)[0])


def runp(
    tasks: Sequence[Mapping[str, Any]],
    *,
    endpoint: str | None = None,
    progress_callback: Progress | None = None,
    extra: Mapping[str, Any] | None = None,
    check_idle_time: int = IDLE_S,
    on_sigterm_tasks: Callable[[], None] | None = None,
    **kwargs: Any,  # noqa: ANN401 - further options of a node's clients
) -> list[TaskResult | BaseException]:
    """Run several actions side by side. Exceptions are items of the list, a single task raises its own."""
    submissions = [_submission(task, extra) for task in tasks]

    async def work() -> list[TaskResult | BaseException]:
        async with _client(endpoint, check_idle_time, kwargs) as client:
            with _cancel_on_sigterm(client, on_sigterm_tasks):
                shares = [0] * len(submissions)

                def teller(position: int) -> Progress:
                    def tell(percent: int) -> None:
                        shares[position] = percent
                        if progress_callback:
                            progress_callback(sum(shares) // len(shares))

                    return tell

                jobs = [client.run(item, teller(position)) for position, item in enumerate(submissions)]
                return await asyncio.gather(*jobs, return_exceptions=True)

    results = asyncio.run(work())
    if len(results) == 1 and isinstance(results[0], BaseException):
        raise results[0]
    return results


def runp_nowait(
    tasks: Sequence[Mapping[str, Any]],
    *,
    endpoint: str | None = None,
    extra: Mapping[str, Any] | None = None,
    check_idle_time: int = 0,
    **kwargs: Any,  # noqa: ANN401 - further options of a node's clients
) -> list[str | BaseException]:
    """Submit several actions and give their task paths at once."""
    submissions = [_submission(task, extra) for task in tasks]

    async def work() -> list[str | BaseException]:
        async with _client(endpoint, check_idle_time, kwargs) as client:
            return await asyncio.gather(
                *(client.submit(item) for item in submissions), return_exceptions=True
            )

    results = asyncio.run(work())
    if len(results) == 1 and isinstance(results[0], BaseException):
        raise results[0]
    return results


def runp_brief(tasks: Sequence[Mapping[str, Any]], **kwargs: Any) -> int:  # noqa: ANN401 - runp() names them
    """Run several actions and give the number of failures, with details on stderr."""
    failures = 0
    try:
        results = runp(tasks, **kwargs)
    except Exception as error:  # noqa: BLE001 - a single task raises; here it only counts
        results = [error]
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, BaseException):
            problem = f"{type(result).__name__}: {result}"
        elif result["exit_code"] != 0:
            problem = f"exit code {result['exit_code']}: {result['error']}"
        else:
            continue
        failures += 1
        print(f"<3>{task['agent_id']}/{task['action']}: {problem}", file=sys.stderr)
    return failures


def _submission(task: Mapping[str, Any], extra: Mapping[str, Any] | None) -> Submission:
    return Submission(
        agent_id=task["agent_id"],
        action=task["action"],
        data=task.get("data", _NO_DATA),
        parent=str(task.get("parent", os.environ.get("AGENT_TASK_ID", ""))),
        extra={**(extra or {}), **task.get("extra", {})},
    )


def _client(endpoint: str | None, check_idle_time: int, options: dict[str, Any]) -> Client:
    endpoint = endpoint or os.environ.get("DEVNODE_API", "http://cluster-leader:9311")
    if endpoint.startswith("redis://"):
        from ._redis_client import RedisClient

        return RedisClient(endpoint, check_idle_time)
    from ._api_client import ApiClient

    return ApiClient(endpoint, options.get("auth_token"))


@contextlib.contextmanager
def _cancel_on_sigterm(client: Client, then: Callable[[], None] | None) -> Iterator[None]:
    """While the block runs, SIGTERM cancels the submitted tasks; waiting for their results goes on."""
    loop = asyncio.get_running_loop()
    jobs: set[asyncio.Task[None]] = set()

    def cancel() -> None:
        jobs.add(loop.create_task(client.cancel_all()))
        if then:
            then()

    loop.add_signal_handler(signal.SIGTERM, cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
