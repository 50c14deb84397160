"""The command `python -m devnode`.

up [--name NAME] [--number N] [--rootless | --as-root]
down [--name NAME]
status [--name NAME]
faults [--name NAME] [--websocket SECONDS] [ACTION…]
"""

from __future__ import annotations

import argparse
import os
import sys

from . import faults, lifecycle
from .settings import DEMO, NodeError, check_name, load


def main() -> int:
    """Run one command; 0 on success, 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="devnode", description="A stand-in for a NethServer 8 node.")
    parser.add_argument("command", choices=["up", "down", "status", "faults"])
    parser.add_argument("actions", nargs="*", help="for faults: actions that shall fail half-way")
    parser.add_argument("--name", default=os.environ.get("DEVNODE") or DEMO)
    parser.add_argument("--number", type=int, help="N of the addresses 127.77.N.x")
    parser.add_argument("--websocket", type=float, help="for faults: seconds that a websocket lives at most")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--rootless",
        action="store_true",
        default=None,
        help="modules run as users of their own; the default where the machine allows it",
    )
    mode.add_argument("--as-root", dest="rootless", action="store_false", help="root runs the modules")
    arguments = parser.parse_intermixed_args()
    if os.geteuid() != 0:
        print("devnode needs root: it starts containers and writes to /var/lib", file=sys.stderr)
        return 1
    try:
        check_name(arguments.name)
        if arguments.command == "up":
            lifecycle.up(arguments.name, arguments.number, _say, rootless=arguments.rootless)
        elif arguments.command == "down":
            lifecycle.down(arguments.name, _say)
        elif arguments.command == "faults":
            faults.arm(load(arguments.name), arguments.actions, arguments.websocket)
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
