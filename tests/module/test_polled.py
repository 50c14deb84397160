"""Live tasks that have no connection to listen with: runs look at them, whatever became of the one before."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.module.test_retry import FAILED, publish, start
from tests.module.test_runs import runs, state
from tests.module.test_stops import NAME, WHICH
from tests.module.waiting import until

from imapsync_tasks import files, live, queue, schedule
from imapsync_tasks.queue import Release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.module.conftest import Node


@contextmanager
def watching(node: Node) -> Iterator[None]:
    """Let a watcher work until it was asked to end, and has."""
    process = subprocess.Popen([sys.executable, "-m", "syncctl", "watch"], env=node.environ)
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def polled(idle: Node) -> Node:
    """Give an instance with a live task of a source that allows one connection."""
    source = {
        "source": "office", "auth": "password", "remotehostname": "mail.example.org", "remoteport": 993,
        "security": "ssl", "tls_trust": "any", "max_connections": 1,
    }  # fmt: skip
    assert idle.action("set-source", source).exit_code == 0
    idle.publish(max_parallel=1)
    idle.save(cron=schedule.LIVE, source="office", remotehostname="", remoteport=0)
    return idle


def is_polled(node: Node) -> bool:
    return live.read(node.paths).get(NAME, live.Standing(since=0)).state == live.POLLING


def test_a_retry_that_waits_stays_one_when_mail_is_looked_for(polled: Node) -> None:
    polled.save(task_id="first")
    publish(polled, FAILED)
    assert polled.syncctl("start", "--detach", "administrator_first").returncode == 0
    start(polled, WHICH | {"retry_failed": True})
    with watching(polled):
        until(lambda: is_polled(polled), 30)
    assert [(entry.task, entry.release) for entry in queue.read(polled.paths)] == [
        (NAME, Release(retry=True))
    ]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_an_account_whose_run_was_stopped_is_looked_at_again(polled: Node) -> None:
    with watching(polled):
        until(lambda: len(runs(polled)) == 1, 30)
        assert polled.action("stop-task", WHICH).exit_code == 0
        until(lambda: state(polled, NAME) == "stopped", 30)
        until(lambda: len(runs(polled)) == 2, 90)


def test_an_account_of_a_source_that_is_whole_again_is_live_again(polled: Node) -> None:
    file = polled.paths.source("office")
    whole = file.read_text()
    file.write_text("not JSON")
    with watching(polled):
        until(polled.paths.starts.exists, 30)  # it has begun
        assert not is_polled(polled)
        files.replace(file, whole)
        until(lambda: is_polled(polled), 30)
