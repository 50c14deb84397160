"""Trying again what did not arrive: which runs are begun for it, and what is known afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.module.test_runs import state
from tests.module.test_stops import NAME, WHICH, ends
from tests.module.waiting import until

from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.cli.retry import retry_of
from imapsync.plan.retry import FailedMessage
from imapsync_tasks import queue, runtime
from imapsync_tasks.queue import Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.module.conftest import Node

RETRY = WHICH | {"retry_failed": True}
FAILED = {"folder": "INBOX", "uid": 7, "uidvalidity": 11, "message_id": "<a@b.example>", "reason": "too_big"}
OTHER = {"folder": "Sent", "uid": 9, "uidvalidity": 12, "message_id": None, "reason": "append"}


def publish(node: Node, *failures: Mapping[str, object], name: str = NAME) -> None:
    """Make a run of a task the last one in which these messages did not arrive."""
    keys = (
        "exit_code",
        "messages_transferred",
        "bytes_transferred",
        "messages_failed",
        "started_at",
        "ended_at",
    )
    with node.store.locked():
        runtime.publish(
            node.paths, name, dict.fromkeys(keys, 0), [dict(one) for one in failures], len(failures)
        )


def runs(node: Node) -> list[list[str]]:
    """Give what each run was told to try again."""
    path = node.home / "words"
    lines = path.read_text().splitlines() if path.exists() else []
    return [[word for word in json.loads(line) if word.startswith("--retry")] for line in lines]


def start(node: Node, request: Mapping[str, object]) -> list[str]:
    step = node.action("start-task", dict(request))
    assert step.exit_code == 0, step
    names: list[str] = step.output["tasks"]
    return names


def test_a_retry_is_for_one_run_and_names_the_list_of_failures(idle: Node) -> None:
    idle.save()
    publish(idle, FAILED)
    ends(idle, 0, "", complete=True, failures=[], failures_total=0)
    for request in (RETRY, WHICH):
        assert start(idle, request) == [NAME]
        until(lambda: state(idle, NAME) == "stopped")
    assert runs(idle) == [[f"--retryfailed={idle.paths.failures(NAME)}"], []]


def test_a_task_without_failures_is_left_alone(idle: Node) -> None:
    idle.save()
    idle.save(task_id="b")
    assert start(idle, RETRY) == []
    publish(idle, FAILED, name="administrator_b")
    assert start(idle, {"localuser": "administrator", "retry_failed": True}) == ["administrator_b"]


def test_the_engine_reads_the_list_as_a_report(idle: Node) -> None:
    idle.save()
    publish(idle, FAILED, OTHER)
    options, problems = Parser(TABLE).read([f"--retryfailed={idle.paths.failures(NAME)}"])
    assert problems == []
    retry = retry_of(options)
    assert retry is not None
    assert retry.unnamed == 0
    assert retry.messages == (
        FailedMessage("INBOX", 7, 11, "<a@b.example>"),
        FailedMessage("Sent", 9, 12),
    )


@pytest.mark.parametrize(
    ("complete", "left"),
    [(True, [OTHER]), (False, [FAILED, OTHER])],
    ids=["came to its end", "cut short"],
)
def test_what_still_did_not_arrive_is_known_afterwards(
    idle: Node, complete: bool, left: list[Mapping[str, object]]
) -> None:
    idle.save()
    publish(idle, FAILED, OTHER)
    ends(idle, 111, "append", complete=complete, failures=[OTHER], failures_total=1, skipped={"present": 4})
    start(idle, RETRY)
    until(lambda: len(runs(idle)) == 1 and state(idle, NAME) == "stopped")
    found = idle.action("list-failures", WHICH).output
    assert (found["failures"], found["total"]) == (left, len(left))
    result = runtime.result(idle.paths, NAME)
    assert result is not None
    assert result["messages_here"] is None  # of all messages nothing was asked


def test_an_ordinary_start_makes_a_waiting_retry_an_ordinary_run(idle: Node) -> None:
    idle.publish(max_parallel=1)
    idle.save(task_id="first")
    idle.save()
    publish(idle, FAILED)
    idle.syncctl("start", "--detach", "administrator_first")
    start(idle, RETRY)
    assert [entry.release for entry in queue.read(idle.paths)] == [Release(retry=True)]
    idle.syncctl("start", NAME, SYNCCTL_SCHEDULED="1")
    assert [entry.release for entry in queue.read(idle.paths)] == [Release(retry=True)]
    start(idle, WHICH)
    assert [entry.release for entry in queue.read(idle.paths)] == [Release()]


def test_whether_to_retry_is_yes_or_no(idle: Node) -> None:
    idle.save()
    step = idle.action("start-task", WHICH | {"retry_failed": "yes"})
    assert (step.exit_code, step.output[0]["field"], step.output[0]["error"]) == (
        10,
        "retry_failed",
        "invalid_value",
    )
