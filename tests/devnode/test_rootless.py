"""Rootless nodes: who runs what, what a container reaches, what the machine lends and gets back."""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import Module, tool

from devnode import containers, layout, machine, settings, users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devnode.settings import Node

pytestmark = pytest.mark.devnode
TOOLS = "localhost/tools:1"
PROGRAMS = ("bash", "cat", "id", "sleep", "touch")


@pytest.fixture(autouse=True)
def needs_rootless(node: Node) -> None:
    if not node.rootless:
        pytest.skip(f"modules cannot be rootless here: {'; '.join(machine.hindrances())}")


@pytest.fixture(scope="module")
def tools(node: Node, probe: Module) -> str:
    """Let the module have an image with a few programs of this machine, and their libraries."""
    files = {f"bin/{name}": shutil.which(name) or "" for name in PROGRAMS}
    for program in list(files.values()):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        files |= {library.strip("/"): library for library in listed.split() if library.startswith("/")}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for inside, path in files.items():
            tar.add(path, inside)
    variables = containers.configure(node, "node", containers.shared_store(node), node.run / "core")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in variables.items():
            patch.setenv(key, value)
        subprocess.run(["podman", "import", "-", TOOLS], input=archive.getvalue(), check=True)
        containers.publish(node, TOOLS)
    probe.shell("python3", "-c", f"from devnode_module import podman; podman.pull({TOOLS!r})")
    return TOOLS


def in_container(probe: Module, image: str, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    return probe.shell("podman", "run", "--rm", *options, image, "/bin/bash", "-c", script, check=False)


def test_a_module_is_a_user_of_its_own(node: Node, probe: Module) -> None:
    user = pwd.getpwnam(users.name(node, probe.module_id))
    assert user.pw_dir == str(node.homes / probe.module_id)
    assert user.pw_uid != 0
    probe.step("who", "10", "id -u >&2; id -u >who")
    assert probe.run("who").error.split() == [str(user.pw_uid)]
    assert (probe.state / "who").stat().st_uid == user.pw_uid
    assert probe.shell("id", "-u").stdout.split() == [str(user.pw_uid)]


def test_a_module_reads_no_secret_of_others(node: Node, probe: Module) -> None:
    for secret in (
        layout.state_dir(node, "cluster") / "agent.env",
        node.state / "api-server/state/jwt.key",
        node.state / "redis/users.acl",
    ):
        assert secret.exists()
        done = probe.shell("cat", str(secret), check=False)
        assert (done.returncode, done.stdout) == (1, "")


def test_root_in_a_container_is_the_modules_user(probe: Module, tools: str) -> None:
    script = "id -u; cat /proc/self/uid_map; touch /here/made"
    done = in_container(probe, tools, script, "--volume", f"{probe.state}:/here")
    assert done.returncode == 0, done.stderr
    user = (probe.state).stat().st_uid
    inside, first = done.stdout.splitlines()[:2]
    assert inside == "0"
    assert first.split() == ["0", str(user), "1"]
    assert (probe.state / "made").stat().st_uid == user


def test_a_container_has_a_loopback_of_its_own(node: Node, probe: Module, tools: str) -> None:
    """Redis answers on the node's loopback; who is on the cluster's network is reached from the container."""
    with socket.create_server((node.address(2), 0)) as server:
        server.settimeout(20)
        seen: list[str] = []

        def accept() -> None:
            client, (address, _) = server.accept()
            client.close()
            seen.append(address)

        listener = threading.Thread(target=accept)
        listener.start()
        port = server.getsockname()[1]
        assert in_container(probe, tools, f"exec 3<>/dev/tcp/{node.address(2)}/{port}").returncode == 0
        listener.join()
    # A server must be able to tell its clients from itself: Dovecot trusts a client with its own address.
    assert seen == [f"{node.networks[0]}.1"]
    host, _, redis_port = node.redis.partition(":")
    done = in_container(probe, tools, f"exec 3<>/dev/tcp/{host}/{redis_port}")
    assert done.returncode != 0
    assert "Connection refused" in done.stderr


def test_what_a_module_started_ends_with_it(node: Node, tools: str) -> None:
    answer = tool(node, "add-module", "localhost/probe:1").stdout
    module = Module(node, answer.split("'")[3])
    uid = module.state.stat().st_uid
    module.shell("python3", "-c", f"from devnode_module import podman; podman.pull({tools!r})")
    module.shell("podman", "run", "--detach", tools, "/bin/sleep", "1000")
    assert processes_of(uid)
    tool(node, "remove-module", "--no-preserve", module.module_id)
    assert not processes_of(uid)
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)


def processes_of(uid: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):  # ended meanwhile
            if folder.stat().st_uid == uid:
                found.append(folder.name)
    return found


@pytest.fixture
def name() -> Iterator[str]:
    found = f"pytest-y{os.getpid()}"[:16]
    yield found
    devnode("down", "--name", found)


def devnode(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devnode", *words], capture_output=True, text=True, check=False, timeout=60
    )


def routes() -> str:
    return subprocess.run(
        ["ip", "route", "show", "table", "local"], capture_output=True, text=True, check=True
    ).stdout


def test_a_node_keeps_its_mode(name: str) -> None:
    assert devnode("up", "--name", name, "--as-root").returncode == 0
    node = settings.load(name)
    assert (node.rootless, node.address(2)) == (False, f"127.77.{node.number}.2")
    refused = devnode("up", "--name", name, "--rootless")
    assert refused.returncode == 1
    assert refused.stderr == f"devnode: the node {name!r} is up as root: take it down first\n"
    assert devnode("up", "--name", name).returncode == 0


def test_the_networks_of_a_node_go_with_it(name: str) -> None:
    assert devnode("up", "--name", name, "--rootless").returncode == 0
    networks = settings.load(name).networks
    assert all(f"{network}.0/24" in routes() for network in networks)
    assert devnode("down", "--name", name).returncode == 0
    assert not any(f"{network}.0/24" in routes() for network in networks)
    assert f"devnode-{name}:" not in Path("/etc/group").read_text()


def test_a_way_down_that_was_cut_off_keeps_nothing_of_the_machine(name: str) -> None:
    assert devnode("up", "--name", name, "--rootless").returncode == 0
    cut_off = settings.load(name)
    assert devnode("down", "--name", name).returncode == 0
    machine.prepare(cut_off)
    other = f"{name[:14]}z"
    assert devnode("up", "--name", other, "--rootless", "--number", "249").returncode == 0
    assert devnode("down", "--name", other).returncode == 0
    assert not any(f"{network}.0/24" in routes() for network in cut_off.networks)


def test_a_machine_that_lacks_a_program_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in machine.PROGRAMS.keys() - {"slirp4netns"}:
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "the package slirp4netns is missing" in machine.hindrances()
    monkeypatch.undo()
    assert machine.hindrances() == []


def test_a_login_sees_a_running_system(node: Node) -> None:
    systemctl = node.state / "sbin/systemctl"
    done = subprocess.run([systemctl, "is-system-running"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "running\n")
