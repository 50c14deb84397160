"""Nodes come and go: side by side, twice, after a crash, without a trace."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.devnode.conftest import FILES, IMAGE, LABELS
from tests.devnode.support import Caller, build_image, tool

from devnode import cgroups, lifecycle, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devnode.settings import Node
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode


def devnode(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devnode", *words], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def name() -> Iterator[str]:
    found = f"pytest-x{os.getpid()}"[:16]
    yield found
    lifecycle.down(found, lambda _line: None)


def test_two_nodes_do_not_disturb_each_other(node: Node, name: str) -> None:
    second = lifecycle.up(name, None, lambda _line: None)
    assert second.number != node.number
    assert Caller(second, "cluster").run("list-installed-modules").value == {}
    before = Caller(node, "cluster").run("list-installed-modules").output
    down = devnode("down", "--name", name)
    assert down.returncode == 0, down.stderr
    assert Caller(node, "cluster").run("list-installed-modules").output == before


def test_up_and_down_are_repeatable_and_tell_their_steps(name: str) -> None:
    first = devnode("up", "--name", name)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert all(line.startswith(f"[{position}/") for position, line in enumerate(lines[:-1], start=1))
    assert devnode("up", "--name", name).returncode == 0
    states = dict(line.split(maxsplit=1) for line in devnode("status", "--name", name).stdout.splitlines())
    assert [states[unit] for unit in ("redis", "agent-cluster", "agent-node1", "api-server")] == [
        "active"
    ] * 4
    assert devnode("down", "--name", name).returncode == 0
    again = devnode("down", "--name", name)
    assert (again.returncode, again.stdout) == (0, f"node {name} is not there\n")
    assert devnode("status", "--name", name).returncode == 1


def test_down_leaves_no_trace_even_after_a_crash(name: str) -> None:
    node = lifecycle.up(name, None, lambda _line: None)
    settings_file = node.state / "node.json"
    settings_file.unlink()
    assert devnode("down", "--name", name).returncode == 0
    assert not node.state.exists()
    assert not node.run.exists()
    assert not cgroups.groups(f"devnode-{name}.")
    assert str(node.state) not in Path("/proc/self/mountinfo").read_text()
    for process in Path("/proc").glob("[0-9]*/environ"):
        try:
            assert f"DEVNODE={name}\0" not in process.read_text(errors="replace"), process
        except OSError:
            continue
    links = [path.readlink() for path in Path("/usr/local/bin").iterdir() if path.is_symlink()]
    assert not any(link.is_relative_to(node.state) for link in links)
    with (settings.RUN_BASE / ".start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # no manager of another node is starting now
        assert not Path("/run/systemd/system").exists()


def test_node_comes_back_after_its_processes_died(name: str) -> None:
    node = lifecycle.up(name, None, lambda _line: None)
    Caller(node, "cluster").connection.save()
    Caller(node, "cluster").connection.set("cluster/mine", "1")
    Caller(node, "cluster").connection.save()
    cgroups.kill(f"devnode-{name}.core")
    assert lifecycle.up(name, None, lambda _line: None) == node
    assert Caller(node, "cluster").connection.get("cluster/mine") == "1"
    assert tool(node, "api-cli", "run", "get-cluster-status").returncode == 0


def test_down_takes_preserved_homes_too(name: str) -> None:
    node = lifecycle.up(name, None, lambda _line: None)
    build_image(node, IMAGE, FILES, LABELS)
    tool(node, "add-module", IMAGE)
    tool(node, "remove-module", "probe1")
    home = node.homes / "probe1"
    assert home.exists()
    assert devnode("down", "--name", name).returncode == 0
    assert not home.exists()


@pytest.fixture
def stranger(node: Node, probe: Module) -> Iterator[Path]:
    """Give a folder of somebody else where the next module's home would be."""
    sequence = int(str(probe.caller.connection.get("cluster/module_sequence/probe"))) + 1
    home = node.homes / f"probe{sequence}"
    (home / "mine").mkdir(parents=True)
    yield home
    shutil.rmtree(home)


def test_a_home_of_somebody_else_is_left_alone(node: Node, probe: Module, stranger: Path) -> None:
    done = tool(node, "add-module", IMAGE, check=False)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert (stranger / "mine").exists()
    assert not (node.state / "homes" / stranger.name).exists()
    assert not probe.caller.connection.hexists("cluster/module_uuid", stranger.name)


@pytest.mark.parametrize("bad", ["Demo", "a b", "../x", "x" * 17, ""])
def test_bad_names_are_refused(bad: str) -> None:
    done = devnode("up", f"--name={bad}")
    assert done.returncode == 1
    assert "is no name for a node" in done.stderr


def test_number_of_another_node_is_refused(node: Node, name: str) -> None:
    done = devnode("up", "--name", name, "--number", str(node.number))
    assert done.returncode == 1
    assert node.name in done.stderr


def test_secrets_of_the_node_are_private(node: Node) -> None:
    for path in (
        node.state / "redis",
        node.state / "cluster/state/agent.env",
        node.state / "api-server/state/agent.env",
        node.state / "api-server/state/jwt.key",
    ):
        assert path.stat().st_mode & 0o077 == 0, path


def test_settings_can_be_sourced(node: Node) -> None:
    done = subprocess.run(
        ["sh", "-c", f'. {node.state}/env; printf "%s %s" "$DEVNODE_API" "$DEVNODE_MAIL_HOST"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{node.api} {node.address(2)}"
    assert settings.find(node.name) == node
