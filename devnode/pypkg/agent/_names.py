"""Names of agents, images and hosts."""

from __future__ import annotations

import os
import re
import socket
import warnings
from pathlib import Path

from ._redis import redis_connect


def resolve_agent_id(agent_selector: str, node_id: str | int | None = None) -> str | None:
    """Give the agent id of `self`, `node`, `cluster`, `<image>@node`, `<image>@cluster`, number or module.

    None and a Python warning when a default instance is not set.
    """
    if agent_selector == "self":
        return os.environ["AGENT_ID"]
    if agent_selector == "node":
        return f"node/{node_id or os.environ['NODE_ID']}"
    if agent_selector == "cluster" or agent_selector.startswith(("module/", "node/")):
        return agent_selector
    image, at, scope = agent_selector.partition("@")
    if at and scope in {"node", "cluster"}:
        base = "cluster" if scope == "cluster" else f"node/{node_id or os.environ['NODE_ID']}"
        instance = redis_connect().get(f"{base}/default_instance/{image}")
        if instance is None:
            warnings.warn(f"{agent_selector} cannot be resolved", stacklevel=2)
            return None
        return f"module/{instance}"
    return f"node/{agent_selector}" if agent_selector.isdigit() else f"module/{agent_selector}"


def get_image_name_from_url(image_url: str) -> str:
    """Give the last path component without tag or digest; ValueError for a URL without `/` or without tag."""
    match = re.fullmatch(r".+/([^/:@]+)(?::[^/@]+)?(?:@[^/]+)?", image_url)
    if match is None or image_url.endswith(f"/{match.group(1)}"):
        raise ValueError(f"cannot parse the image URL {image_url!r}")
    return match.group(1)


def get_hostname() -> str:
    """Give the host name of the node."""
    return socket.gethostname()


def slurp_file(path: str | os.PathLike[str]) -> str:
    """Give the text of a file without surrounding white space."""
    return Path(path).read_text(encoding="utf-8").strip()


def tcp_port_in_use(port: int) -> bool:
    """Tell whether something listens on the port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
