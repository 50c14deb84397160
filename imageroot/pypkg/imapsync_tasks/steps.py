"""What every action step and helper has around its few lines: input, output, refusals."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from imapsync_tasks import files, instance
from imapsync_tasks.errors import Json, Refusal, RefusedError
from imapsync_tasks.paths import Paths
from imapsync_tasks.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run(step: Callable[[Json], object]) -> None:
    """Run an action step: its input from standard input, what it returns (unless None) to standard output.

    A refusal becomes the validation answer and the exit code of its kind.
    """
    given = json.load(sys.stdin)
    try:
        answer = step(given if isinstance(given, dict) else {})
    except RefusedError as refused:
        _refuse(refused)
    except OSError as error:
        if error.errno not in files.UNWRITABLE:
            raise
        _refuse(RefusedError(Refusal("state_not_writable", details={"text": str(error.strerror)})))
    if answer is not None:
        json.dump(answer, sys.stdout)


def _refuse(refused: RefusedError) -> NoReturn:
    import agent

    agent.set_status("validation-failed")
    json.dump(refused.as_json(), sys.stdout)
    sys.exit(refused.exit_code)


def weightless(step: str) -> None:
    """Keep a validation step out of the progress: the page takes the first progress for "input accepted"."""
    import agent

    agent.set_weight(os.path.basename(step), 0)


def helper(*command: str) -> int:
    """Run a program, its output to standard error; give its exit code."""
    import agent

    return int(agent.run_helper(*command).returncode)


def store() -> Store:
    """Give the tasks of this instance."""
    return Store(Paths.on_node())


def settings() -> instance.Settings:
    """Give the settings of this instance."""
    return instance.from_environment(os.environ)


def set_environment(values: dict[str, str], unset: Sequence[str] = ()) -> None:
    """Store module variables; the next step sees them."""
    import agent

    agent.mset_env(values)
    if unset:
        agent.munset_env(list(unset))
