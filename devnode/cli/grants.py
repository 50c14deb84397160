"""grant-actions and revoke-actions: change the actions of a role."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from devnode.redis_setup import connect
from devnode.settings import load

if TYPE_CHECKING:
    import redis


def grant() -> int:
    """grant-actions --action GLOB --on AGENT --to ROLE."""
    arguments = _arguments("grant-actions")
    with _connection() as connection:
        connection.sadd(f"{arguments.on}/roles/{arguments.to}", arguments.action)
    return 0


def revoke() -> int:
    """revoke-actions --action GLOB --on AGENT --to ROLE."""
    arguments = _arguments("revoke-actions")
    with _connection() as connection:
        connection.srem(f"{arguments.on}/roles/{arguments.to}", arguments.action)
    return 0


def _arguments(program: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--action", required=True, help="action or glob pattern")
    parser.add_argument("--on", required=True, help="agent id, such as module/mail1")
    parser.add_argument("--to", required=True, help="role")
    return parser.parse_args()


def _connection() -> redis.Redis:
    return connect(load())
