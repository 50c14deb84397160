"""python -m devnode up|down|status [--name NAME] [--number N]."""

from __future__ import annotations

import argparse
import os
import sys

from . import lifecycle
from .settings import DEMO, NodeError, check_name, load


def main() -> int:
    """Run one command; 0 on success, 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="devnode", description="A stand-in for a NethServer 8 node.")
    parser.add_argument("command", choices=["up", "down", "status"])
    parser.add_argument("--name", default=os.environ.get("DEVNODE") or DEMO)
    parser.add_argument("--number", type=int, help="N of the addresses 127.77.N.x")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("devnode needs root: it starts containers and writes to /var/lib", file=sys.stderr)
        return 1
    try:
        check_name(arguments.name)
        if arguments.command == "up":
            lifecycle.up(arguments.name, arguments.number, _say)
        elif arguments.command == "down":
            lifecycle.down(arguments.name, _say)
        else:
            for what, state in lifecycle.status(load(arguments.name)):
                print(f"{what:24} {state}")
    except NodeError as error:
        print(f"devnode: {error}", file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
