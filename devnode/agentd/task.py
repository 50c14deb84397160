"""One task from the queue to its result."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import actions, command, environment, schema
from .process import Step

if TYPE_CHECKING:
    from pathlib import Path

    from .masking import Json

EXIT_UNDEFINED = 8
EXIT_VALIDATION = 10
EXIT_BUSY = 11
HEARTBEAT_S = 5.0
Publish = Callable[[str, int], Awaitable[None]]


class RequestError(ValueError):
    """What lies in the queue is no task; it is logged and dropped."""


@dataclass(frozen=True)
class Request:
    """The task object; `raw` is all of it, for the context."""

    task_id: str
    action: str
    data: Json
    user: str
    raw: dict[str, Json]

    @staticmethod
    def parse(text: str) -> Request:
        """Give the task of a queue item; RequestError when it is none."""
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise RequestError(f"not JSON: {error}") from error
        if (
            not isinstance(raw, dict)
            or not isinstance(raw.get("id"), str)
            or not isinstance(raw.get("action"), str)
        ):
            raise RequestError("a task has an id and an action")
        return Request(raw["id"], raw["action"], raw.get("data"), str(raw.get("user") or ""), raw)


@dataclass
class Result:
    """What is stored of a finished task."""

    status: str = "completed"
    exit_code: int = 0
    output: str = ""
    error: str = ""
    progress: int = 0


@dataclass(frozen=True)
class Home:
    """Where the agent works: its action folders and its state folder."""

    install: Path
    state: Path
    action_folders: Sequence[Path]
    environment: Mapping[str, str]


@dataclass
class TaskRun:
    """Run the steps of one task, tell the status through publish()."""

    request: Request
    home: Home
    publish: Publish
    _step: Step | None = None
    _cancelled: bool = False
    _status: str = "pending"
    _failed_validation: bool = False
    _weights: dict[str, int] = field(default_factory=dict)
    _done: dict[str, int] = field(default_factory=dict)

    def cancel(self) -> None:
        """End the running step and every following one: the cancelled state stays."""
        self._cancelled = True
        if self._step:
            self._step.terminate()

    async def run(self) -> Result:
        """Run the action; publishes pending, running and progress, not the final status (stored first)."""
        await self.publish("pending", 0)
        plan = actions.plan(self.home.action_folders, self.request.action)
        if not plan:
            text = f"Action {self.request.action} is not defined"
            return Result("aborted", EXIT_UNDEFINED, error=text)
        if plan.input_schema and (refused := self._check_input(plan.input_schema)):
            return refused
        self._weights = {path.name: 1 for path in plan.steps}
        self._status = "running"
        await self.publish("running", 0)
        result = Result()
        for path in plan.steps:
            await self._run_step(path, result)
            if result.exit_code or self._failed_validation:
                break
        result.progress = self._progress()
        self._conclude(result)
        if result.status == "completed":
            result.progress = 100
            if plan.output_schema:
                self._check_output(plan.output_schema, result)
        return result

    async def beat(self) -> None:
        """Repeat the current status, so that listeners know that the task lives."""
        await self.publish(self._status, self._progress())

    def _conclude(self, result: Result) -> None:
        if self._failed_validation:
            result.status = command.VALIDATION_FAILED
            result.exit_code = result.exit_code or EXIT_VALIDATION
        elif result.exit_code:
            result.status = "aborted"

    async def _run_step(self, path: Path, result: Result) -> None:
        extra = {
            "AGENT_COMFD": "3",
            "AGENT_TASK_ID": self.request.task_id,
            "AGENT_TASK_ACTION": self.request.action,
            "AGENT_TASK_USER": self.request.user,
        }
        variables = environment.of_step(self.home.environment, self.home.state, extra)
        changed = asyncio.Event()
        step = Step(path, variables, self.home.state, lambda line: self._on_command(path.name, line, changed))
        if await step.start():
            self._step = step
            if self._cancelled:
                step.terminate()
            text = json.dumps(self.request.data, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
            teller = asyncio.create_task(self._tell(changed))
            try:
                result.exit_code = await step.finish(text.encode("utf-8", "surrogatepass"))
            finally:
                teller.cancel()
                self._step = None
            result.output += step.stdout.decode(errors="replace")
            result.error += step.stderr.decode(errors="replace")
            if result.exit_code:
                return
        self._done[path.name] = 100
        await self.publish(self._status, self._progress())

    async def _tell(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            await self.publish(self._status, self._progress())

    def _on_command(self, step: str, line: str, changed: asyncio.Event) -> None:
        try:
            order = command.parse(line)
        except command.CommandError as error:
            print(f"<3>{self.request.action}/{step}: {error}", file=sys.stderr)
            return
        match order:
            case command.SetStatus():
                self._failed_validation = True
            case command.SetProgress(percent):
                self._done[step] = percent
                changed.set()
            case command.SetWeight(name, weight) if name in self._weights:
                self._weights[name] = weight
            case command.SetWeight(name, _):
                print(
                    f"<3>{self.request.action}/{step}: set-weight of unknown step {name!r}", file=sys.stderr
                )

    def _progress(self) -> int:
        whole = sum(100 * weight for weight in self._weights.values())
        done = sum(weight * self._done.get(name, 0) for name, weight in self._weights.items())
        return done * 100 // whole if whole else 0

    def _check_input(self, path: Path) -> Result | None:
        try:
            findings = self._validate(path, self.request.data)
        except schema.UnusableSchemaError as error:
            return Result("aborted", 1, error=str(error))
        if not findings:
            return None
        output = json.dumps([finding.element() for finding in findings], ensure_ascii=False)
        return Result(command.VALIDATION_FAILED, EXIT_VALIDATION, output, schema.summary(findings))

    def _check_output(self, path: Path, result: Result) -> None:
        try:
            findings = self._validate(path, json.loads(result.output))
        except (ValueError, schema.UnusableSchemaError) as error:
            problem = f"JSON Schema output validation aborted: {error}"
        else:
            problem = schema.summary(findings) if findings else ""
        if problem:
            result.status, result.exit_code = "aborted", 1
            result.error += problem

    def _validate(self, path: Path, document: Json) -> list[schema.Finding]:
        return schema.validate(path, self.home.install / "validator-definitions.json", document)
