"""What a node does wrong on demand: `python -m devnode faults [ACTION…] [--websocket SECONDS]`.

Steps of restore-module, clone-module and transfer-state that stop half-way, and websockets that drop at
random, as those of a real node do. Without arguments nothing goes wrong any more. The steps read the file
themselves, at the moment when they would fail, and the API server for each new session.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from .settings import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .settings import Node

ACTIONS: Final = ("restore-module", "clone-module", "transfer-state")
"""restore-module stops in the middle of the snapshot, clone-module before the environment is merged,
transfer-state after the first of its two passes."""


def file(node: Node) -> Path:
    """Give the file that says what goes wrong."""
    return node.etc / "faults.json"


def arm(node: Node, actions: Sequence[str], websocket_s: float | None) -> None:
    """Let these actions fail half-way and websockets live for at most so many seconds, and nothing else."""
    for action in actions:
        if action not in ACTIONS:
            raise NodeError(f"{action!r} cannot be made to fail; {', '.join(ACTIONS)} can")
    if websocket_s is not None and websocket_s <= 0:
        raise NodeError("--websocket wants a number of seconds above 0")
    file(node).write_text(json.dumps({"actions": list(actions), "websocket_s": websocket_s}))


def websocket_seconds(node: Node) -> float | None:
    """Give the longest life of a websocket, None when none is dropped."""
    try:
        found = json.loads(file(node).read_text())["websocket_s"]
    except FileNotFoundError:
        return None
    return None if found is None else float(found)
