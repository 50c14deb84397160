"""Command line of the agent, as the unit of a node starts it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from .daemon import Agent
from .process import reserve_command_descriptor
from .task import Home

MAX_CONCURRENCY = 32
OVERLOAD_SLEEP_MS = 500


def main() -> int:
    """Run the agent that the arguments and the environment describe."""
    parser = argparse.ArgumentParser(prog="agent")
    parser.add_argument("--agentid", required=True)
    parser.add_argument("--actionsdir", action="append", type=Path, default=[])
    parser.add_argument("--eventsdir", action="append", type=Path, default=[])
    arguments = parser.parse_args()
    reserve_command_descriptor()
    state = Path(os.environ["AGENT_STATE_DIR"])
    environment = state / "environment"
    environment.touch()
    environment.chmod(0o644)
    home = Home(Path(os.environ["AGENT_INSTALL_DIR"]), state, arguments.actionsdir, dict(os.environ))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if sys.version_info < (3, 12):  # the default of 3.11 waits for each child in a thread; later ones do not
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    asyncio.run(_serve(arguments.agentid, home, arguments.eventsdir))
    return 0


async def _serve(agent_id: str, home: Home, event_folders: list[Path]) -> None:
    agent = Agent(
        agent_id,
        home,
        event_folders,
        int(os.environ.get("MAX_CONCURRENCY", MAX_CONCURRENCY)),
        int(os.environ.get("OVERLOAD_SLEEP", OVERLOAD_SLEEP_MS)) / 1000,
    )
    print(f"<6>agent of {agent_id} starts", file=sys.stderr)
    await agent.run()
