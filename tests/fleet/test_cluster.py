"""The same command on a Dask cluster of this machine: scheduler and workers as separate processes, by TLS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.fleet.conftest import PASSWORD, Fleet, wait_until
from tests.servers.base import free_port
from tests.servers.certificates import self_signed

from imapsync.cli.errors import InputError, UsageError
from imapsync_fleet.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DASK = Path(sys.executable).with_name("dask")


class Machines:
    """A scheduler and workers, each in a session of its own, as on machines of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = self_signed(folder)
        self.address = f"tls://127.0.0.1:{free_port()}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", self.address, "--no-dashboard", "--no-show")
        port = int(self.address.rpartition(":")[2])
        wait_until(lambda: _listens(port))

    @property
    def tls(self) -> list[str]:
        made = self.certificate
        return [
            *("--tls-ca-file", str(made.cert_file), "--tls-cert", str(made.cert_file)),
            *("--tls-key", str(made.key_file)),
        ]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{words[0]}{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(DASK), *words, *self.tls],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
                env={**os.environ, "TMPDIR": str(self.folder)},
            )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--nthreads", "2", "--no-dashboard", "--no-nanny")

    def words(self) -> list[str]:
        made = self.certificate
        return [
            *("--scheduler", self.address, "--tlsca", str(made.cert_file)),
            *("--tlscert", str(made.cert_file), "--tlskey", str(made.key_file)),
        ]

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def end(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.processes:
            process.wait()


def _listens(port: int) -> bool:
    words = ["ss", "-Hltn", f"sport = :{port}"]
    return bool(subprocess.run(words, capture_output=True, check=True).stdout.strip())


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Machines(folder)
    yield made
    made.end()


@pytest.mark.servers
@pytest.mark.slow
def test_two_machines_copy_all_accounts_once(make: Callable[..., Fleet], machines: Machines) -> None:
    fleet = make(8)
    machines.worker()
    machines.worker()
    code, told = fleet.run("run", *machines.words())
    assert code == 0, told + machines.logs()
    assert fleet.is_exact()
    assert len(list(fleet.directory.glob("accounts/*/state"))) == 8  # it came back
    code, told = fleet.run("run", *machines.words())
    assert (code, "8 complete, 0 messages" in told) == (0, True), told
    assert PASSWORD not in machines.logs()
    assert not list(machines.folder.glob("imapsync-fleet-*"))  # where workers keep what they do


@pytest.mark.servers
@pytest.mark.slow
def test_a_lost_machine_loses_or_doubles_mail(make: Callable[..., Fleet], machines: Machines) -> None:
    fleet = make(8, messages=60, size=40_000)
    lost = machines.worker()
    process = subprocess.Popen(
        fleet.words("run", *machines.words(), "--jobs", "4"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_until(lambda: fleet.ended() >= 1)
    os.killpg(lost.pid, signal.SIGKILL)
    machines.worker()
    told, _ = process.communicate(timeout=100)
    assert process.returncode == 0, told + machines.logs()
    assert fleet.is_exact()


@pytest.mark.servers
@pytest.mark.slow
def test_asked_to_end_a_cluster_goes_on(make: Callable[..., Fleet], machines: Machines) -> None:
    fleet = make(4, messages=60, size=100_000)
    machines.worker()
    process = subprocess.Popen(
        fleet.words("run", *machines.words(), "--jobs", "1"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    wait_until(lambda: fleet.ended() >= 1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=40)
    assert process.returncode == 6, told
    assert time.monotonic() - began < 30
    assert fleet.run()[0] == 0
    assert fleet.is_exact()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("host:8786", "is no address as tls://host:8786"),
        ("tcp://10.0.0.1:8786", "by tls:// only"),
        ("tcp://scheduler.example:8786", "by tls:// only"),
        ("tls://10.0.0.1:8786", "needs --tlsca, --tlscert and --tlskey"),
    ],
)
def test_passwords_would_go_in_clear(address: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Scheduler.checked(address, "", "", "")


def test_a_cluster_of_this_machine_needs_no_tls() -> None:
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert Scheduler.checked(f"tcp://{host}:8786", "", "", "").key == ""
    with pytest.raises(InputError, match="is not there"):
        Scheduler.checked("tls://host:8786", "/no/ca", "/no/cert", "/no/key")
