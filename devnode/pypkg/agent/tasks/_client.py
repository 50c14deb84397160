"""What the two clients have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

FINAL = ("completed", "aborted", "validation-failed")


class TaskResult(TypedDict):
    """What a finished task gives."""

    output: Any
    error: str
    exit_code: int


@dataclass(frozen=True)
class Submission:
    """One task to submit."""

    agent_id: str
    action: str
    data: object
    parent: str
    extra: dict[str, Any] = field(default_factory=dict)


class Client(Protocol):
    """A way to submit tasks; used as an asynchronous context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *details: object) -> None: ...

    async def submit(self, submission: Submission) -> str:
        """Submit the task and give its path."""
        ...

    async def run(self, submission: Submission, progress: Callable[[int], None]) -> TaskResult:
        """Submit the task and wait for its result."""
        ...

    async def cancel_all(self) -> None:
        """Ask the agents to end the tasks that this client submitted."""
        ...


def decoded(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Give the JSON value of an output, or the text itself when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
