"""Move state between instances by rsync: clone-module, transfer-state and import-module."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import agent

from . import faults
from .podman import in_own_namespace, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT_S = 30.0
PID = "rsyncd.pid"
SUFFIX = ".clone-module"
ENVIRONMENT = f"environment{SUFFIX}"
UNITS = f"units{SUFFIX}"
KEPT = ("agent.env", "environment", "apitoken.cache", ".environment.lock", "CACHEDIR.TAG")
"""What belongs to an instance and never travels."""


@dataclass(frozen=True)
class Request:
    """Where the receiving side listens, and the account that it accepts."""

    address: str
    port: int
    user: str
    secret: str
    volumes: tuple[str, ...]
    replace: bool

    @staticmethod
    def read() -> Request:
        """Read the input of the action; the address is this node's unless given."""
        found = json.load(sys.stdin)
        user, secret = found["credentials"]
        address = found.get("address") or os.environ["REDIS_ADDRESS"].rpartition(":")[0]
        volumes = tuple(found.get("volumes") or ())
        return Request(address, int(found["port"]), user, secret, volumes, bool(found.get("replace")))

    def url(self, module: str) -> str:
        """Give the rsync URL of a module of the receiving daemon."""
        return f"rsync://{self.user}@{self.address}:{self.port}/{module}"


def validate_import() -> None:
    """Step import-module/00validate_import: an instance is imported once."""
    if url := os.environ.get("IMPORT_IMAGE_URL"):
        agent.set_status("validation-failed")
        fault = {"field": "module", "parameter": "module", "value": url, "error": "module_already_imported"}
        json.dump([fault], sys.stdout)
        sys.exit(2)


def mark_imported() -> None:
    """Step import-module/99mark_completed."""
    agent.mset_env(
        {
            "IMPORT_IMAGE_URL": os.environ["IMAGE_URL"],
            "IMPORT_TASK_ID": os.environ["AGENT_TASK_ID"],
            "IMPORT_TIMESTAMP": str(int(time.time())),
        }
    )


def receive() -> None:
    """Step 10recvstate: be an rsync server for state/ and volumes until the sender reads `terminate`."""
    request = Request.read()
    with tempfile.TemporaryDirectory(prefix="recvstate.") as name:
        folder = Path(name)
        done, given_up = folder / "done", folder / "given-up"
        config = _daemon_config(request, folder, {"terminate": done, "give-up": given_up})
        listen = [f"--config={config}", f"--address={request.address}", f"--port={request.port}"]
        command = in_own_namespace("rsync", "--daemon", "--no-detach", *listen)
        with subprocess.Popen(command) as daemon:
            try:
                while not done.exists():
                    if daemon.poll() is not None:
                        sys.exit("the rsync server ended before the transfer did")
                    if given_up.exists():
                        sys.exit("the sender gave up")
                    time.sleep(0.05)
            finally:
                _end(folder / PID)
    faults.strike("clone-module")
    _merge_environment()


def send() -> None:
    """Step transfer-state: copy while the services run, stop them, copy the rest, tell the end.

    With replace the services stay stopped: the other instance takes over.
    """
    request = Request.read()
    state = Path(os.environ["AGENT_STATE_DIR"])
    units = _enabled_units()
    with tempfile.TemporaryDirectory(prefix="transfer.") as name, _password(request, Path(name)) as password:
        extra = Path(name) / "extra"
        extra.mkdir()
        shutil.copy(state / "environment", extra / ENVIRONMENT)
        (extra / UNITS).write_text("".join(f"{unit}\n" for unit in units))
        _wait_for_server(request, password)
        try:
            _copy_all(request, password, state, extra)
            faults.strike("transfer-state")
            if units:
                subprocess.run(["systemctl", "--user", "stop", *units], check=True)
            _copy_all(request, password, state, extra)
        except BaseException:
            _rsync(password, request.url("give-up"))  # else the receiver waits for ever
            raise
        _rsync(password, request.url("terminate"))
    if units and not request.replace:
        subprocess.run(["systemctl", "--user", "start", *units], check=True)


def finalize() -> None:
    """Step clone-module/90finalize: enable and start what ran in the source, forget the transfer's files."""
    state = Path(os.environ["AGENT_STATE_DIR"])
    units = (state / UNITS).read_text().split() if (state / UNITS).exists() else []
    subprocess.run(["systemctl", "--user", "daemon-reload"], check=True)
    if units:
        subprocess.run(["systemctl", "--user", "enable", "--now", *units], check=True)
    for path in state.glob(f"*{SUFFIX}"):
        path.unlink()


def _end(pid_file: Path) -> None:
    """End the rsync server, which may be a grandchild; the one that serves the last request lives on."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _daemon_config(request: Request, folder: Path, signals: dict[str, Path]) -> Path:
    secrets = folder / "secrets"
    secrets.touch(mode=0o600)
    secrets.write_text(f"{request.user}:{request.secret}\n")
    areas = {"state": os.environ["AGENT_STATE_DIR"]}
    for volume in request.volumes:
        areas[volume] = podman("volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip()
    lines = ["use chroot = no", "uid = 0", "gid = 0", "log file = /dev/stderr", f"pid file = {folder / PID}"]
    lines += [f"auth users = {request.user}", f"secrets file = {secrets}", "read only = no"]
    for area, path in areas.items():
        lines += [f"[{area}]", f"path = {path}"]
        if area == "state":
            lines.append("exclude = " + " ".join(f"/{name}" for name in KEPT))
    for area, mark in signals.items():
        lines += [f"[{area}]", f"path = {folder}", f"pre-xfer exec = touch {mark}"]
    config = folder / "rsyncd.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _merge_environment() -> None:
    """Add the source's variables that are missing here; those that are here stay."""
    state = Path(os.environ["AGENT_STATE_DIR"])
    if (state / ENVIRONMENT).exists():
        here = agent.read_envfile(state / "environment")
        agent.mset_env(agent.read_envfile(state / ENVIRONMENT) | here)


def _enabled_units() -> list[str]:
    folder = Path(os.environ["AGENT_INSTALL_DIR"]) / "systemd/user"
    units = sorted(path.name for path in folder.glob("*.*") if path.suffix in {".service", ".timer"})
    return [
        unit
        for unit in units
        if subprocess.run(["systemctl", "--user", "--quiet", "is-enabled", unit], check=False).returncode == 0
    ]


@contextmanager
def _password(request: Request, folder: Path) -> Iterator[Path]:
    path = folder / "password"
    path.touch(mode=0o600)
    path.write_text(request.secret)
    yield path


def _wait_for_server(request: Request, password: Path) -> None:
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        probe = subprocess.run(
            ["rsync", f"--password-file={password}", request.url("state")],
            check=False,
            capture_output=True,
            text=True,
        )
        if probe.returncode == 0:
            return
        if time.monotonic() > deadline:
            sys.exit(f"no rsync server on {request.address}:{request.port}: {probe.stderr.strip()}")
        time.sleep(0.1)


def _copy_all(request: Request, password: Path, state: Path, extra: Path) -> None:
    rules = Path(os.environ["AGENT_INSTALL_DIR"]) / "etc/state-filter-rules.rsync"
    filters = [f"--exclude=/{name}" for name in KEPT]
    if rules.exists():
        filters.append(f"--filter=merge {rules}")
    _rsync(
        password,
        "--archive",
        "--delete",
        f"--filter=protect *{SUFFIX}",
        *filters,
        f"{state}/",
        request.url("state"),
    )
    _rsync(password, "--archive", f"{extra}/", request.url("state"))
    for volume in request.volumes:
        path = podman("volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip()
        _rsync(password, "--archive", "--delete", f"{path}/", request.url(volume))


def _rsync(password: Path, *arguments: str) -> None:
    command = in_own_namespace("rsync", f"--password-file={password}", *arguments)
    subprocess.run(command, check=True, stdout=sys.stderr)
