"""podman's configuration, one store for each home, and taking a store away.

One store a home keeps the container names `imapsync` and `dovecot` of several instances and nodes apart.
Images are shared: the node's own store and root's default store are read-only additional stores of every
home. A rootless home has no others: it pulls, as on a node, from the node's registry, a folder of archives.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from . import cgroups
from .templates import render

if TYPE_CHECKING:
    from .settings import Node

ROOT_STORE = Path("/var/lib/containers/storage")
"""Where buildah and podman of root keep images when nothing else is said."""
REMOVE_TIMEOUT_S = 30


def shared_store(node: Node) -> Path:
    """Give the node's own image store."""
    return node.state / "storage"


def configure(
    node: Node, owner: str, graph: Path, runtime: Path, *, rootless: bool = False
) -> dict[str, str]:
    """Write containers.conf and storage.conf of one store; give the variables that name them."""
    folder = node.etc / owner
    stores = [] if rootless or graph == shared_store(node) else [shared_store(node)]
    if not rootless and (ROOT_STORE / "overlay-images").is_dir():
        stores.append(ROOT_STORE)
    tmp = runtime / "libpod"
    return {
        "CONTAINERS_CONF": str(
            render("containers.conf.j2", folder / "containers.conf", owner=owner, tmp=tmp, rootless=rootless)
        ),
        "CONTAINERS_STORAGE_CONF": str(
            render(
                "storage.conf.j2",
                folder / "storage.conf",
                owner=owner,
                graph=graph,
                run=runtime / "containers",
                stores=stores,
            )
        ),
    }


def home_store(home: Path) -> Path:
    """Give the store of a home, where rootless podman has it."""
    return home / ".local/share/containers/storage"


def create_shared_store(node: Node) -> None:
    """Make the node's image store, empty: podman refuses an additional store that does not exist."""
    variables = configure(node, "node", shared_store(node), node.run / "core")
    subprocess.run(
        ["podman", "images", "--quiet"],
        env=os.environ | variables,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def publish(node: Node, url: str) -> None:
    """Put an image of root's stores into the node's registry, unless it is there as it is now."""
    inspect = ["podman", "image", "inspect", "--format", "{{.Id}}", url]
    found = subprocess.run(inspect, check=False, capture_output=True, text=True)
    if found.returncode != 0:
        return  # whoever pulls it says so
    image_id = found.stdout.strip()
    node.registry.mkdir(exist_ok=True)
    archive = node.registry / f"{image_id}.tar"
    if not archive.exists():
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)
        subprocess.run(
            ["podman", "save", "--quiet", "--format", "docker-archive", "--output", str(part), url],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        part.chmod(0o644)
        part.rename(archive)
    catalogue = node.registry / f"{image_file(url)}.json"
    catalogue.write_text(json.dumps({"url": url, "id": image_id}))


def image_file(url: str) -> str:
    """Give the name under which the registry knows an image."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def remove_store(graph: Path, environment: dict[str, str]) -> None:
    """End every container of the store and unmount what it mounted; its files stay."""
    containers = _container_ids(graph)
    if containers:
        with contextlib.suppress(subprocess.TimeoutExpired, FileNotFoundError):
            subprocess.run(
                ["podman", "rm", "--all", "--force", "--time", "0"],
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=REMOVE_TIMEOUT_S,
            )
    for container in containers:
        group = f"libpod_parent/libpod-{container}"
        cgroups.kill(group)
        cgroups.remove(group)
        shutil.rmtree(Path("/run/runc") / container, ignore_errors=True)
    unmount_below(graph)


def unmount_below(folder: Path) -> None:
    """Unmount all mounts in the folder, the deepest first."""
    prefix = f"{folder}/"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((path for path in mounts if path.startswith(prefix)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, stderr=subprocess.DEVNULL)


def _container_ids(graph: Path) -> list[str]:
    try:
        stored = json.loads((graph / "overlay-containers/containers.json").read_text())
    except (OSError, ValueError):
        return []
    return [str(container["id"]) for container in stored]
