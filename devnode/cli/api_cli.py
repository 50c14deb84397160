"""api-cli: run an action and print its output."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from devnode import layout
from devnode.agentd import environment
from devnode.settings import Node, NodeError, load

from .packages import use_agent_package

if TYPE_CHECKING:
    from pathlib import Path

IDLE_S = 8


def main() -> int:
    """Run one subcommand; the exit code of `run` is the task's."""
    arguments = _parser().parse_args()
    try:
        node = load()
    except NodeError as error:
        print(f"api-cli: {error}", file=sys.stderr)
        return 1
    if arguments.command == "login":
        return _login(node, arguments)
    if arguments.command == "logout":
        _token_file(node).unlink(missing_ok=True)
        return 0
    if arguments.command == "list-actions":
        return _list_actions(node, arguments.prefix)
    return _run(node, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="api-cli")
    parser.add_argument("--endpoint", help="http://host:9311 or redis://host")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run an action")
    run.add_argument("-a", "--agent", default="cluster")
    run.add_argument("action")
    run.add_argument("-d", "--data", default="null", help="JSON; - reads it from standard input")
    run.add_argument("-t", "--token")
    run.add_argument("-u", "--username")
    run.add_argument("-p", "--password")
    run.add_argument("--endpoint", default=argparse.SUPPRESS)
    run.add_argument("--nowait", action="store_true")
    run.add_argument("--raw", action="store_true")
    run.add_argument("--verbose", action="store_true")
    run.add_argument("--check-idle-time", type=int, default=IDLE_S)
    login = commands.add_parser("login", help="log in and keep the token")
    login.add_argument("-u", "--username", required=True)
    login.add_argument("-p", "--password", required=True)
    login.add_argument("-o", "--output", action="store_true", help="print the token instead of keeping it")
    commands.add_parser("logout", help="forget the token")
    listing = commands.add_parser("list-actions", help="list actions of all agents")
    listing.add_argument("prefix", nargs="?", default="")
    return parser


def _run(node: Node, arguments: argparse.Namespace) -> int:
    agent_id, action = arguments.agent, arguments.action
    if "/" in action:
        agent_id, _, action = action.rpartition("/")
    try:
        data = json.loads(sys.stdin.read() if arguments.data == "-" else arguments.data)
    except ValueError as error:
        print(f"api-cli: the data is no JSON: {error}", file=sys.stderr)
        return 1
    try:
        token = arguments.token
        if arguments.username:
            token = _new_token(node, arguments.username, arguments.password or "")
        token = token or _kept_token(node)
        endpoint = _endpoint(node, arguments.endpoint, token)
        task = {"agent_id": agent_id, "action": action, "data": data}
        return _run_task(task, arguments, endpoint=endpoint, token=token)
    except LoginError as error:
        print(f"api-cli: {error}", file=sys.stderr)
        return 1


def _run_task(
    task: dict[str, Any], arguments: argparse.Namespace, *, endpoint: str, token: str | None
) -> int:
    use_agent_package()
    from agent import tasks

    name = f"{task['agent_id']}/{task['action']}"
    signal.signal(signal.SIGINT, lambda *_: signal.raise_signal(signal.SIGTERM))  # both end in a cancel-task
    extra = {
        "title": name,
        "description": f"api-cli endpoint {endpoint}",
        "isNotificationHidden": False,
    }
    options: dict[str, Any] = {"endpoint": endpoint, "extra": extra}
    if token:
        options["auth_token"] = token
    try:
        if arguments.nowait:
            print(tasks.runp_nowait([task], **options)[0])
            return 0
        result = tasks.runp([task], check_idle_time=arguments.check_idle_time, **options)[0]
    except Exception as error:  # noqa: BLE001 - every failure becomes one line, as on a node
        if getattr(error, "status", None) == 403:
            print(f"You are not authorized to run {name}", file=sys.stderr)
        else:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    assert isinstance(result, dict)  # noqa: S101 - a single task raises its exception
    if result["exit_code"] != 0 or arguments.verbose:
        print(result["error"], file=sys.stderr)
    if arguments.raw and isinstance(result["output"], str):
        print(result["output"])
    else:
        print(json.dumps(result["output"]))
    return int(result["exit_code"])


class LoginError(Exception):
    """The API server refused the account."""


def _endpoint(node: Node, wanted: str | None, token: str | None) -> str:
    """Root without a token goes straight to Redis as `cluster`; a module has only the API."""
    if wanted is None:
        wanted = node.api if token or os.environ.get("DEVNODE_MODULE") else "redis://cluster-leader"
    if wanted.startswith("redis://") and not os.environ.get("DEVNODE_MODULE"):
        os.environ.update(environment.read(layout.state_dir(node, "cluster") / "agent.env"))
        os.environ["REDIS_ADDRESS"] = node.redis
    return wanted


def _login(node: Node, arguments: argparse.Namespace) -> int:
    try:
        token = _new_token(node, arguments.username, arguments.password)
    except LoginError as error:
        print(f"api-cli: {error}", file=sys.stderr)
        return 1
    if arguments.output:
        print(token)
    else:
        layout.write_secret(_token_file(node), token)
    return 0


def _new_token(node: Node, username: str, password: str) -> str:
    body = json.dumps({"username": username, "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own http URL
        f"{node.api}/api/login", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own http URL
            return str(json.load(answer)["token"])
    except (urllib.error.URLError, OSError) as error:
        raise LoginError(f"login failed: {error}") from error


def _token_file(node: Node) -> Path:
    return node.state / "api-cli.token"


def _kept_token(node: Node) -> str | None:
    if os.environ.get("DEVNODE_MODULE"):
        return None
    try:
        return _token_file(node).read_text() or None
    except OSError:
        return None


def _list_actions(node: Node, prefix: str) -> int:
    use_agent_package()
    from agent import tasks

    endpoint = _endpoint(node, None, None)
    for agent_id in ("cluster", "node/1", *(f"module/{module_id}" for module_id in layout.module_ids(node))):
        try:
            actions = tasks.run(agent_id, "list-actions", endpoint=endpoint)["output"]
        except tasks.TaskError:
            continue
        for action in actions:
            if f"{agent_id}/{action}".startswith(prefix):
                print(f"{agent_id}/{action}")
    return 0
