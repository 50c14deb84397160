"""What every step of a cluster action starts and ends with."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from devnode.settings import Node, load


def request() -> dict[str, Any]:
    """Give the input of the action."""
    found = json.load(sys.stdin)
    return found if isinstance(found, dict) else {}


def node() -> Node:
    """Give the node of this agent ($DEVNODE)."""
    return load()


def answer(value: object) -> None:
    """Print the output of the action."""
    json.dump(value, sys.stdout)


def refuse(field: str, value: object, error: str, exit_code: int = 2) -> NoReturn:
    """End the action as validation-failed with one error object."""
    import agent

    agent.set_status("validation-failed")
    answer([{"field": field, "parameter": field, "value": value, "error": error}])
    sys.exit(exit_code)
