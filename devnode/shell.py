"""The node's command line tools, called as an administrator would, and waiting for what they bring about."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Node

POLL_S: Final = 0.5

Json = dict[str, Any]
Value = TypeVar("Value")


class CommandError(Exception):
    """Something is not as promised; the text says what."""


def wait_for(what: str, condition: Callable[[], Value | None], timeout_s: float) -> Value:
    """Give the first true value of `condition`; CommandError when it stays away for `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise CommandError(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(POLL_S)
    return value


class Shell:
    """The command line tools of one node, called as an administrator would."""

    def __init__(self, node: Node) -> None:
        """Tools come from the node's own folder, so that another node's are not meant."""
        self._environment = os.environ | {
            "DEVNODE": node.name,
            "PATH": f"{node.bin}:{os.environ['PATH']}",
        }

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Give the output of a command; CommandError with its own words when it fails."""
        done = subprocess.run(
            arguments, env=self._environment, check=False, capture_output=True, text=True, input=stdin
        )
        if done.returncode:
            raise CommandError(
                f"{arguments[0]} {arguments[1:3]} failed: {done.stderr.strip()} {done.stdout.strip()}"
            )
        return done.stdout

    def action(self, module: str, name: str, data: Json | None = None) -> Json:
        """Run an action by api-cli (data by stdin: a password has no place in argv) and give its output."""
        answer = self.run("api-cli", "run", f"module/{module}/{name}", "--data", "-", stdin=json.dumps(data))
        decoded: Json = json.loads(answer)
        return decoded
