"""The services of a node as units: Redis, API server, one agent each for cluster, node and modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from . import layout, redis_setup
from .launchers import libexec
from .managers import Manager, core, wait_for
from .templates import render

if TYPE_CHECKING:
    import redis

    from .settings import Node

READY_TIMEOUT_S = 30.0
MAX_IDLE_S = 8
"""An agent polls every 5 seconds: longer silence means that it is gone."""


def start_redis(node: Node) -> None:
    """Start Redis and wait until it answers."""
    manager = core(node)
    _unit(
        manager,
        "redis",
        title="Redis",
        command=f"/usr/bin/redis-server {node.etc / 'redis.conf'}",
        environment={},
        files=[],
        folder=str(node.state / "redis"),
    )
    manager.systemctl("start", "redis.service")
    wait_for(lambda: redis_setup.answers(node), READY_TIMEOUT_S, f"Redis (see {node.logs}/core/redis.log)")


def start_core_agents(node: Node) -> None:
    """Start the agents of the cluster and of the node, and the API server."""
    manager = core(node)
    for agent_id in ("cluster", "node/1"):
        name = agent_id.replace("/", "")
        folders = [str(node.actions / agent_id.partition("/")[0])]
        write_agent_unit(manager, agent_id, unit=f"agent-{name}", actions=folders)
    state = layout.state_dir(node, "api-server")
    _unit(
        manager,
        "api-server",
        title="API server and web pages",
        command=str(libexec(node) / "api-server"),
        environment={},
        files=[str(layout.common_env_file(node)), str(state / "agent.env")],
        folder=str(state),
    )
    manager.systemctl("daemon-reload")
    manager.systemctl("start", "agent-cluster.service", "agent-node1.service", "api-server.service")
    for agent_id in ("cluster", "node/1"):
        wait_for_agent(node, agent_id)


def write_agent_unit(
    manager: Manager, agent_id: str, *, unit: str, actions: list[str], events: str | None = None
) -> None:
    """Write the unit of an agent; it starts with the given action folders, a later one wins."""
    node = manager.node
    install = layout.install_dir(node, agent_id)
    state = layout.state_dir(node, agent_id)
    state.mkdir(parents=True, exist_ok=True)
    words = [str(libexec(node) / "agent"), f"--agentid={agent_id}"]
    words += [f"--actionsdir={folder}" for folder in actions]
    if events:
        words.append(f"--eventsdir={events}")
    variables = {"AGENT_ID": agent_id, "AGENT_INSTALL_DIR": str(install), "AGENT_STATE_DIR": str(state)}
    files = [str(layout.common_env_file(node)), f"-{state}/agent.env"]
    _unit(
        manager,
        unit,
        title=f"agent of {agent_id}",
        command=" ".join(words),
        environment=variables,
        files=files,
        folder=str(state),
    )


def start_module(node: Node, module_id: str) -> None:
    """Start the service manager of a module and its agent, and wait until the agent listens."""
    manager = layout.manager(node, module_id)
    install = layout.install_dir(node, f"module/{module_id}")
    manager.start()
    actions = [str(node.actions / "module"), str(install / "actions")]
    write_agent_unit(
        manager, f"module/{module_id}", unit="agent", actions=actions, events=str(install / "events")
    )
    manager.systemctl("daemon-reload")
    manager.systemctl("start", "agent.service")


def agent_idle_seconds(connection: redis.Redis, agent_id: str) -> int | None:
    """Give the seconds since the agent was last heard of, None when it is not connected."""
    clients = cast("list[dict[str, str]]", connection.client_list())
    idle = [int(client["idle"]) for client in clients if client.get("name") == agent_id]
    return min(idle, default=None)


def wait_for_agent(node: Node, agent_id: str) -> None:
    """Wait until the agent is connected to Redis."""
    with redis_setup.connect(node) as connection:

        def listens() -> bool:
            idle = agent_idle_seconds(connection, agent_id)
            return idle is not None and idle <= MAX_IDLE_S

        wait_for(listens, READY_TIMEOUT_S, f"agent of {agent_id} (see {node.logs})")


def _unit(
    manager: Manager,
    unit: str,
    *,
    title: str,
    command: str,
    environment: dict[str, str],
    files: list[str],
    folder: str,
) -> None:
    render(
        "unit.service.j2",
        manager.units / f"{unit}.service",
        title=title,
        command=command,
        environment=environment,
        files=files,
        folder=folder,
    )
