"""Ports that the cluster gives to module instances, never the same twice on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis

_FIRST = 20001


def allocate(rdb: redis.Redis, demand: str) -> dict[str, str]:
    """Give the variables that name so many TCP ports (label org.nethserver.tcp-ports-demand, "" for none)."""
    count = int(demand or 0)
    if not count:
        return {}
    end = _FIRST + int(str(rdb.incrby("node/1/tcp_ports_sequence", count)))
    ports = [str(port) for port in range(end - count, end)]
    return {"TCP_PORT": ports[0], "TCP_PORTS": ",".join(ports), "TCP_PORTS_RANGE": f"{ports[0]}-{ports[-1]}"}
