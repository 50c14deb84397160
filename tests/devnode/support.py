"""A node for the tests, a tiny module, and a client that watches a task from outside."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from devnode import containers, layout, redis_setup

if TYPE_CHECKING:
    from pathlib import Path

    import redis
    from devnode.settings import Node

FINAL = {"completed", "aborted", "validation-failed"}
TIMEOUT_S = 90.0


@dataclass
class Outcome:
    """All that a finished task left behind."""

    task_id: str
    statuses: list[tuple[str, int]]
    output: str
    error: str
    exit_code: int

    @property
    def value(self) -> Any:  # noqa: ANN401 - any JSON value
        """The output as JSON."""
        return json.loads(self.output)


@dataclass
class Caller:
    """Queues tasks in Redis and listens, without the code under test."""

    node: Node
    agent_id: str
    connection: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.connection = redis_setup.connect(self.node)

    def queue(self, action: str, data: object = None, **members: object) -> str:
        """Queue a task and give its id."""
        task_id = str(uuid.uuid4())
        task = {"id": task_id, "action": action, "data": data, **members}
        self.connection.lpush(f"{self.agent_id}/tasks", json.dumps(task))
        return task_id

    def run(self, action: str, data: object = None, **members: object) -> Outcome:
        """Run a task to its end and give everything seen of it."""
        with self.connection.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        ) as subscription:
            subscription.psubscribe(f"progress/{self.agent_id}/task/*")
            subscription.get_message(timeout=1)
            task_id = self.queue(action, data, **members)
            statuses: list[tuple[str, int]] = []
            deadline = time.monotonic() + TIMEOUT_S
            while not statuses or statuses[-1][0] not in FINAL:
                assert time.monotonic() < deadline, f"{action}: no end, saw {statuses}"
                message = subscription.get_message(timeout=1)
                if message and message["channel"].endswith(task_id):
                    payload = json.loads(message["data"])
                    statuses.append((payload["status"], payload["progress"]))
        return self.outcome(task_id, statuses)

    def outcome(self, task_id: str, statuses: list[tuple[str, int]] | None = None) -> Outcome:
        """Wait for the result of a queued task."""
        wait_until(lambda: self.key(task_id, "exit_code") is not None)
        return Outcome(
            task_id,
            statuses or [],
            str(self.key(task_id, "output")),
            str(self.key(task_id, "error")),
            int(str(self.key(task_id, "exit_code"))),
        )

    def is_connected(self) -> bool:
        """Tell whether the agent is connected to Redis."""
        clients = cast("list[dict[str, str]]", self.connection.client_list())
        return any(client["name"] == self.agent_id for client in clients)

    def key(self, task_id: str, name: str) -> str | None:
        """Give one of the task's keys."""
        return cast("str | None", self.connection.get(f"task/{self.agent_id}/{task_id}/{name}"))

    def ttl(self, task_id: str, name: str) -> int:
        """Give the seconds that a key of the task has left."""
        return cast("int", self.connection.ttl(f"task/{self.agent_id}/{task_id}/{name}"))


@dataclass
class Module:
    """An installed instance of the tiny module; actions are written straight into its install folder."""

    node: Node
    module_id: str
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(self.node, f"module/{self.module_id}")

    @property
    def install(self) -> Path:
        """AGENT_INSTALL_DIR."""
        return layout.install_dir(self.node, f"module/{self.module_id}")

    @property
    def state(self) -> Path:
        """AGENT_STATE_DIR."""
        return self.install / "state"

    def step(self, action: str, name: str, script: str, *, mode: int = 0o755, kind: str = "actions") -> None:
        """Write one step; a script without `#!` is for sh."""
        path = self.install / kind / action / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_plain = script.startswith(("#!", "{")) or name.endswith(".json")
        path.write_text(script if is_plain else f"#!/bin/sh\n{script}\n")
        path.chmod(mode)

    def python(self, action: str, name: str, script: str) -> None:
        """Write one step in Python."""
        self.step(action, name, f"#!/usr/bin/env python3\n{script}\n")

    def run(self, action: str, data: object = None, **members: object) -> Outcome:
        """Run an action of the module."""
        return self.caller.run(action, data, **members)

    def shell(self, *command: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command through runagent."""
        return tool(self.node, "runagent", "-m", self.module_id, *command, text=text, check=check)


def tool(
    node: Node, name: str, *arguments: str, text: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command line tool of the node as a person at the shell does."""
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("REDIS_", "AGENT_", "DEVNODE"))
    }
    path = f"{node.bin}:{clean['PATH']}"
    done = subprocess.run(
        [str(node.bin / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        input=text,
        env=clean | {"PATH": path},
        timeout=TIMEOUT_S,
    )
    assert not check or done.returncode == 0, (
        f"{name} {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done


def build_image(node: Node, url: str, files: dict[str, tuple[str, int]], labels: dict[str, str]) -> None:
    """Make a module image in the node's own store: {path: (text, mode)}."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, (text, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), mode
            tar.addfile(member, io.BytesIO(text.encode()))
    changes = [word for key, value in labels.items() for word in ("--change", f'LABEL {key}="{value}"')]
    variables = containers.configure(node, "node", containers.shared_store(node), node.run / "core")
    subprocess.run(
        ["podman", "import", *changes, "-", url],
        input=archive.getvalue(),
        check=True,
        capture_output=True,
        env=os.environ | variables,
    )


def wait_until(condition: Any, timeout_s: float = TIMEOUT_S) -> None:  # noqa: ANN401 - any callable
    """Wait until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not come"
        time.sleep(0.02)
