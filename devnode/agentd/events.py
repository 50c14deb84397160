"""Event handlers: run outside of tasks, nothing is stored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import actions, environment
from .process import Step

if TYPE_CHECKING:
    from .task import Home


async def handle(home: Home, source: str, name: str, payload: str) -> None:
    """Run the handlers of an event in order; the first that fails ends the rest (logged only)."""
    extra = {"AGENT_EVENT_NAME": name, "AGENT_EVENT_SOURCE": source, "AGENT_COMFD": "2"}
    plan = actions.plan(home.action_folders, name)
    for path in plan.steps:
        step = Step(path, environment.of_step(home.environment, home.state, extra), home.state)
        if not await step.start():
            continue
        code = await step.finish(payload.encode())
        sys.stderr.buffer.write(bytes(step.stdout))
        sys.stderr.flush()
        if code:
            print(f"<3>event {source}/{name}: {path.name} failed with exit code {code}", file=sys.stderr)
            return


def split_channel(channel: str) -> tuple[str, str] | None:
    """Give (source, name) of a channel `<source>/event/<name>`, None for another channel."""
    source, found, name = channel.partition("/event/")
    if source.count("/") > 1 or not found or not name or "/" in name:
        return None
    return source, name
