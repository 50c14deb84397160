"""Robot keywords that wait for what a task does, as list-tasks tells it. The instance is the variable MID."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S: Final = 0.2
COPYING_TIMEOUT_S: Final = 60.0

Task = dict[str, Any]
"""A JSON object: an answer, or an element of list-tasks."""


@library(scope="GLOBAL", auto_keywords=False)
class Tasks:
    """Each keyword reads list-tasks by `Run task`; a time limit ends it with what was seen last."""

    def _action(self, name: str, data: object = None) -> Task:
        module = BuiltIn().get_variable_value("${MID}")
        answer: Task = BuiltIn().run_keyword("Run task", f"module/{module}/{name}", json.dumps(data))
        return answer

    @keyword("Task")
    def task(self, localuser: str, task_id: str) -> Task:
        """Give the task's element of list-tasks."""
        elements: list[Task] = self._action("list-tasks")["user_properties"]
        for element in elements:
            if (element["localuser"], element["task_id"]) == (localuser, task_id):
                return element
        raise AssertionError(f"list-tasks does not know {localuser}_{task_id}")

    @keyword("Task names")
    def task_names(self) -> list[str]:
        """Give <localuser>_<task_id> of all tasks, sorted."""
        elements = self._action("list-tasks")["user_properties"]
        return sorted(f"{element['localuser']}_{element['task_id']}" for element in elements)

    @keyword("Wait for result")
    def wait_for_result(
        self,
        localuser: str,
        task_id: str,
        after: float = 0.0,
        exit_code: int | None = 0,
        timeout_s: float = 120,
    ) -> Task:
        """Give the result of a run that started after the Unix time `after`, once the task has stopped."""

        def ended(task: Task) -> bool:
            result = task["result"]
            return task["state"] == "stopped" and result is not None and result["started_at"] > after

        result: Task = self._wait(localuser, task_id, "a result", ended, timeout_s)["result"]
        if exit_code is not None and result["exit_code"] != exit_code:
            log = self._action("get-log", {"localuser": localuser, "task_id": task_id})["log_content"]
            raise AssertionError(
                f"exit code {result['exit_code']} instead of {exit_code}: {result}\n{log[-4000:]}"
            )
        return result

    @keyword("Wait for copying")
    def wait_for_copying(
        self, localuser: str, task_id: str, messages: int = 1, timeout_s: float = 60
    ) -> None:
        """Wait until the running task has copied so many messages and has more to do."""

        def copying(task: Task) -> object:
            progress = task["progress"]
            if task["state"] == "stopped" and task["result"] is not None:
                raise AssertionError(f"the run ended before it could be caught: {task['result']}")
            return (
                task["state"] == "running" and progress is not None and progress["messages_done"] >= messages
            )

        self._wait(localuser, task_id, "a run in the middle of copying", copying, timeout_s)

    @keyword("Wait for state")
    def wait_for_state(self, localuser: str, task_id: str, state: str, timeout_s: float = 30) -> Task:
        """Wait until the task is running, queued or stopped."""
        return self._wait(localuser, task_id, state, lambda task: task["state"] == state, timeout_s)

    def _wait(
        self,
        localuser: str,
        task_id: str,
        what: str,
        condition: Callable[[Task], object],
        timeout_s: float,
    ) -> Task:
        deadline = time.monotonic() + timeout_s
        task: Task = self.task(localuser, task_id)
        while not condition(task):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} of {localuser}_{task_id} within {timeout_s} s: {task}")
            time.sleep(POLL_S)
            task = self.task(localuser, task_id)
        return task
