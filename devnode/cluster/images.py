"""From what is asked of add-module to an image in a local store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import agent

from devnode import containers

from .step import refuse

if TYPE_CHECKING:
    import redis

    from devnode.settings import Node

DEFAULT_REPOSITORY = "ghcr.io/nethserver"


def resolve(rdb: redis.Redis, wanted: str) -> str:
    """Give the URL of an image: a full one as it is, a bare name by cluster/override/modules or newest."""
    if "/" in wanted:
        try:
            agent.get_image_name_from_url(wanted)
        except ValueError:
            refuse("image", wanted, "image_url_invalid")
        return wanted
    return str(rdb.hget("cluster/override/modules", wanted) or f"{DEFAULT_REPOSITORY}/{wanted}:latest")


def publish(node: Node, url: str, labels: dict[str, str]) -> None:
    """Put a module image and those that it asks for where a rootless module pulls from."""
    if node.rootless:
        for image in (url, *labels.get("org.nethserver.images", "").split()):
            containers.publish(node, image)


def image_name(url: str) -> str:
    """Give the module name of an image; a trailing digit would clash with the sequence number."""
    name = agent.get_image_name_from_url(url)
    if name[-1:].isdigit():
        refuse("image", url, "image_name_ends_with_digit")
    return name
