"""Redis as a new cluster has it: ACL users and first keys."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .layout import core_install_dir, write_agent_env, write_secret
from .settings import REDIS_PORT, Node
from .templates import render

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_RULES = "~cluster/* ~node/* ~module/* &* +@read +@connection +subscribe +psubscribe -@admin"
API_SERVER_RULES = "~* &* +@read +@pubsub +lpush +@transaction +@connection +role +hset"
ADMIN = "admin"
ADMIN_PASSWORD = "Nethesis,1234"  # noqa: S105 - the published first password of every new cluster


def sha256(secret: str) -> str:
    """Give the hash by which Redis stores a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def module_rules(module_id: str) -> list[str]:
    """Give the ACL rules of a module's user, without its password."""
    own = f"module/{module_id}"
    return [
        *(f"%R~{area}/*" for area in ("cluster", "node", "module", "private/agents")),
        f"~{own}/*",
        f"~task/{own}/*",
        f"&progress/{own}/*",
        f"&{own}/event/*",
        *("+@read", "+@write", "+@transaction", "+@connection", "+publish", "-@admin"),
    ]


def prepare(node: Node) -> None:
    """Write Redis' configuration, its users and the credentials of the core agents, unless they are there."""
    folder = node.state / "redis"
    render("redis.conf.j2", node.etc / "redis.conf", host=node.address(1), port=REDIS_PORT, folder=folder)
    users = folder / "users.acl"
    if users.exists():
        return
    passwords = {user: secrets.token_hex(16) for user in ("cluster", "node/1", "api-server")}
    lines = [f"user default on nopass {DEFAULT_RULES}"]
    for user, password in passwords.items():
        rules = API_SERVER_RULES if user == "api-server" else "~* &* +@all"
        lines.append(f"user {user} on #{sha256(password)} {rules}")
        write_agent_env(node, credentials_file(node, user), user, password, pythonpath=str(node.code))
    lines.append(f"user {ADMIN} on #{sha256(ADMIN_PASSWORD)} resetkeys resetchannels -@all")
    write_secret(users, "\n".join(lines) + "\n")


def credentials_file(node: Node, user: str) -> Path:
    """Give the agent.env of a core user: `cluster`, `node/1` or `api-server`."""
    return core_install_dir(node, user) / "state/agent.env"


def connect(node: Node, user: str = "cluster") -> redis.Redis:
    """Connect as a core user; only root can read the password."""
    words = dict(line.split("=", 1) for line in credentials_file(node, user).read_text().splitlines())
    return redis.Redis(
        host=node.address(1),
        port=REDIS_PORT,
        username=words["REDIS_USER"],
        password=words["REDIS_PASSWORD"],
        decode_responses=True,
        protocol=3,
        retry=Retry(NoBackoff(), 0),
    )


def answers(node: Node) -> bool:
    """Tell whether Redis is up and has loaded its data."""
    try:
        with connect(node) as connection:
            return bool(connection.ping())
    except (redis.exceptions.RedisError, OSError):
        return False


def first_keys(node: Node) -> None:
    """Store what a new one-node cluster has; keys of a node that was only restarted stay."""
    network = node.address(0) + "/24"
    with connect(node) as connection, connection.pipeline() as queue:
        queue.hset("cluster/environment", mapping={"NODE_ID": "1"})
        queue.set("cluster/network", network)
        queue.setnx("cluster/uuid", str(uuid.uuid4()))
        queue.setnx("cluster/ui_name", f"devnode {node.name}")
        queue.set("cluster/node_sequence", "1")
        queue.hset(
            "node/1/vpn", mapping={"ip_address": node.address(2), "endpoint": "", "listen_port": "55820"}
        )
        queue.setnx("node/1/ui_name", f"devnode {node.name}")
        for agent_id in ("cluster", "node/1"):
            queue.sadd(f"{agent_id}/roles/owner", "*")
            queue.sadd(f"{agent_id}/roles/reader", "list-*", "get-*", "show-*", "read-*")
            queue.hset(f"roles/{ADMIN}", agent_id, "owner")
        queue.sadd("cluster/acls", "default", "cluster", "node/1", "api-server", ADMIN)
        queue.execute()
