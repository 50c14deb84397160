"""Bring a node up and take it away, a line a step."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from . import cgroups, containers, launchers, layout, machine, pyenv, redis_setup, services, users
from .managers import Manager, core, wait_for
from .settings import BASE, RUN_BASE, Node, NodeError, check_name, claim, find

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = {
    "redis-server": "redis-server",
    "podman": "podman",
    "runc": "runc",
    "systemctl": "systemd",
    "dbus-daemon": "dbus",
}
"""Programs a node needs and the Debian packages that bring them."""


def up(
    name: str, number: int | None, say: Callable[[str], None] = print, *, rootless: bool | None = None
) -> Node:
    """Bring the node up, or bring back what of it is missing; safe to repeat.

    A node keeps its mode. A new one is rootless where the machine allows it, unless `rootless` says
    otherwise; a machine that does not is a NodeError when it is asked for.
    """
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        raise NodeError(f"missing: apt-get install {' '.join(missing)}")
    node = claim(name, number, rootless=_mode(name, rootless))
    how = "rootless modules" if node.rootless else "modules run as root"
    if not node.rootless and rootless is None and (hindrances := machine.hindrances()):
        how += f" because {' and '.join(hindrances)}"
    steps: list[tuple[str, Callable[[], None]]] = [
        (f"node {node.name} on {node.address(1)}, {how}, state in {node.state}", lambda: _folders(node)),
        ("Python environment of the modules", lambda: pyenv.create(node)),
        ("image store", lambda: containers.create_shared_store(node)),
        ("service manager", core(node).start),
        (f"Redis on {node.redis}", lambda: _start_redis(node)),
        ("agents of cluster and node, API server", lambda: services.start_core_agents(node)),
        (f"API on {node.api}, pages on {node.web}/cluster-admin/", lambda: _wait_for_web(node)),
    ]
    steps += [
        (f"module {module_id}", _module_starter(node, module_id)) for module_id in layout.module_ids(node)
    ]
    started = time.monotonic()
    for position, (title, action) in enumerate(steps, start=1):
        say(f"[{position}/{len(steps)}] {title}")
        action()
    say(f"node {node.name} is up after {time.monotonic() - started:.1f} s")
    return node


def down(name: str, say: Callable[[str], None] = print) -> None:
    """Take the node away with everything it made; nothing to take away is fine, and so is half a node."""
    known = find(name)
    node = known or Node(name, 1)
    managers = [layout.manager(node, module_id) for module_id in layout.module_ids(node)] + [core(node)]
    left = {group.partition(".")[2] for group in cgroups.groups(f"devnode-{name}.")}
    managers += [
        Manager(node, group, node.run / group) for group in left - {manager.name for manager in managers}
    ]
    if known is None and not left and not node.state.exists() and not node.run.exists():
        say(f"node {name} is not there")
        return
    steps: list[tuple[str, Callable[[], None]]] = [
        (f"processes and containers of {manager.name}", manager.kill) for manager in managers
    ]
    homes = sorted((node.state / "homes").glob("*"))
    steps += [(f"home of {record.name}", _home_remover(record)) for record in homes]
    steps.append((f"commands, mounts and folders of {name}", lambda: _remove_folders(node)))
    for position, (title, action) in enumerate(steps, start=1):
        say(f"[{position}/{len(steps)}] {title}")
        action()
    say(f"node {name} is gone")


def status(node: Node) -> list[tuple[str, str]]:
    """Give (what, state) rows: core services first, then modules."""
    rows = [("node", f"{node.name}, number {node.number}, {node.state}")]
    manager = core(node)
    running = manager.answers()
    for unit in ("redis", "agent-cluster", "agent-node1", "api-server"):
        state = manager.systemctl("is-active", unit, check=False).stdout.strip() if running else "stopped"
        rows.append((unit, state))
    for module_id in layout.module_ids(node):
        module = layout.manager(node, module_id)
        state = (
            module.systemctl("is-active", "agent", check=False).stdout.strip()
            if module.answers()
            else "stopped"
        )
        rows.append((f"module/{module_id}", state))
    return rows


def _folders(node: Node) -> None:
    for folder in (node.run, node.etc, node.apps, node.homes, node.state / "modules", node.state / "homes"):
        folder.mkdir(parents=True, exist_ok=True)
    for private in (node.state / "redis", node.logs, node.backups):
        private.mkdir(mode=0o700, exist_ok=True)
    if node.rootless:
        machine.prepare(node)
        users.create_group(node)
        # A module reaches its own log; all modules write to the backup repository, each its own files.
        node.logs.chmod(0o711)
        shutil.chown(node.backups, group=users.group(node))
        node.backups.chmod(0o2770)
    launchers.create(node)
    layout.write_common_env(node)


def _start_redis(node: Node) -> None:
    redis_setup.prepare(node)
    services.start_redis(node)
    redis_setup.first_keys(node)


def _wait_for_web(node: Node) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{node.web}/cluster-admin/api/", timeout=2):  # noqa: S310 - our own http URL
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    wait_for(answers, services.READY_TIMEOUT_S, f"API server (see {node.logs}/core/api-server.log)")


def _module_starter(node: Node, module_id: str) -> Callable[[], None]:
    def start() -> None:
        services.start_module(node, module_id)
        services.wait_for_agent(node, f"module/{module_id}")

    return start


def _mode(name: str, rootless: bool | None) -> bool:
    present = find(check_name(name))
    hindrances = machine.hindrances()
    if rootless and hindrances:
        raise NodeError(f"modules cannot be rootless here: {'; '.join(hindrances)}")
    if rootless is None:
        return present.rootless if present else not hindrances
    return rootless


def _home_remover(record: Path) -> Callable[[], None]:
    user, _, home = record.read_text().partition(" ")

    def remove() -> None:
        users.remove(user, Path(home))
        remove_tree(Path(home))

    return remove


def _remove_folders(node: Node) -> None:
    launchers.remove_links(node)
    users.remove_group(node)
    machine.restore(node)
    containers.remove_store(containers.shared_store(node), {"PATH": "/usr/bin:/bin"})
    for folder in (node.run, node.state):
        containers.unmount_below(folder)
        remove_tree(folder)
    cgroups.remove("libpod_parent")
    for base in (RUN_BASE, BASE):
        _remove_if_empty(base)


def remove_tree(folder: Path) -> None:
    """Delete a folder; containers may still be letting go of it, so a second look is taken."""
    for _ in range(3):
        if not folder.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["rm", "-rf", "--", str(folder)], check=True)


def _remove_if_empty(base: Path) -> None:
    if base.is_dir() and {path.name for path in base.iterdir()} <= {".lock", ".start.lock", ".machine.lock"}:
        shutil.rmtree(base)
