"""redis-exec, redis-get, redis-hgetall, redis-dump, redis-restore, redis-cli."""

from __future__ import annotations

import os
import shlex
import sys

import redis

from devnode import layout
from devnode.agentd import environment
from devnode.settings import load

USAGE = 2


def execute() -> int:
    """redis-exec CMD ARG…: prints the Python form of the reply; without arguments, commands come on stdin."""
    with _connect(privileged=True) as connection:
        if len(sys.argv) > 1:
            print(connection.execute_command(*sys.argv[1:]))
            return 0
        with connection.pipeline() as queue:
            for line in sys.stdin:
                if words := shlex.split(line):
                    queue.execute_command(*words)
            for reply in queue.execute():
                print(reply)
    return 0


def get() -> int:
    """redis-get KEY."""
    if len(sys.argv) != 2:
        return _usage("redis-get KEY")
    with _connect(privileged=False) as connection:
        value = connection.get(sys.argv[1])
    print("" if value is None else value)
    return 0


def hgetall() -> int:
    """redis-hgetall KEY: a line `field value` for each field."""
    if len(sys.argv) != 2:
        return _usage("redis-hgetall KEY")
    with _connect(privileged=False) as connection:
        for field, value in connection.hgetall(sys.argv[1]).items():
            print(field, value)
    return 0


def dump() -> int:
    """redis-dump KEY > FILE."""
    if len(sys.argv) != 2:
        return _usage("redis-dump KEY")
    with _connect(privileged=True, decode_responses=False) as connection:
        sys.stdout.buffer.write(connection.dump(sys.argv[1]) or b"")
    return 0


def restore() -> int:
    """redis-restore KEY < FILE."""
    if len(sys.argv) != 2:
        return _usage("redis-restore KEY")
    with _connect(privileged=True, decode_responses=False) as connection:
        connection.restore(sys.argv[1], 0, sys.stdin.buffer.read(), replace=True)
    return 0


def console() -> int:
    """redis-cli …: the real one, as the agent of the environment, else as `cluster`."""
    host, _, port = _account(privileged=True)["REDIS_ADDRESS"].rpartition(":")
    account = _account(privileged=True)
    words = ["redis-cli", "-h", host, "-p", port, "--no-auth-warning", "--user", account["REDIS_USER"]]
    os.environ["REDISCLI_AUTH"] = account["REDIS_PASSWORD"]
    os.execv("/usr/bin/redis-cli", [*words, *sys.argv[1:]])  # noqa: S606 - a wrapper


def _connect(*, privileged: bool, decode_responses: bool = True) -> redis.Redis:
    account = _account(privileged=privileged)
    host, _, port = account["REDIS_ADDRESS"].rpartition(":")
    return redis.Redis(
        host=host,
        port=int(port),
        username=account["REDIS_USER"],
        password=account["REDIS_PASSWORD"],
        decode_responses=decode_responses,
    )


def _account(*, privileged: bool) -> dict[str, str]:
    """Give the account of the environment (runagent, steps), else of root: `cluster`."""
    if not privileged:
        address = os.environ.get("REDIS_ADDRESS") or load().redis
        return {"REDIS_ADDRESS": address, "REDIS_USER": "default", "REDIS_PASSWORD": "default"}
    if "REDIS_USER" in os.environ:
        return {name: os.environ[name] for name in ("REDIS_ADDRESS", "REDIS_USER", "REDIS_PASSWORD")}
    node = load()
    return {"REDIS_ADDRESS": node.redis, **environment.read(layout.state_dir(node, "cluster") / "agent.env")}


def _usage(text: str) -> int:
    print(f"usage: {text}", file=sys.stderr)
    return USAGE
