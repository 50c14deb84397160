"""`--forks`: command lines from a socket, each run by a process that has everything loaded."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = Path(sys.executable).with_name("imapsync")


class Forks:
    """A running `imapsync --forks`, and the socket to it."""

    def __init__(self) -> None:
        self.socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.process = subprocess.Popen([ENGINE, "--forks"], stdin=its.fileno())
        its.close()

    def ask(self, words: object, error: int, kept: int) -> socket.socket:
        """Send a command line; give where the answers come."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(60)
        with its:
            socket.send_fds(self.socket, [json.dumps(words).encode()], [its.fileno(), error, kept])
        return ours


@pytest.fixture
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.process.kill()
    made.process.wait()
    made.socket.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[list[str]]:
    """Give a login at a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield [
            *("--host1", "127.0.0.1", "--port1", str(server.getsockname()[1]), "--nossl1", "--notls1"),
            *(
                "--user1",
                "a",
                "--password1",
                "x",
                "--justlogin",
                "--nolog",
                "--pidfile",
                str(tmp_path / "pid"),
            ),
        ]


@pytest.fixture
def null() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_a_run_has_its_own_errors_and_end_and_keeps_what_it_was_given(
    forks: Forks, null: int, silent: list[str], tmp_path: Path
) -> None:
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    reader, kept = os.pipe()
    with forks.ask(silent, log, kept) as run:
        os.close(kept)
        pid = int(run.recv(32))
        with forks.ask(["--nonsense"], log, null) as other:
            assert int(other.recv(32)) != pid
            assert other.recv(32) == b"64"
        os.kill(pid, signal.SIGTERM)
        assert run.recv(32) == b"6"
    assert os.read(reader, 1) == b""  # the run has held it, and nobody else does
    os.close(reader)
    os.close(log)
    assert "nonsense" in (tmp_path / "log").read_text()


def test_runs_go_on_when_the_loaded_engine_ends(forks: Forks, null: int, silent: list[str]) -> None:
    with forks.ask(silent, null, null) as run:
        pid = int(run.recv(32))
        forks.process.kill()
        forks.process.wait()
        assert run.recv(32) == b""
        os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("words", ["no list", [1, 2], {"words": []}])
def test_what_is_no_command_line_gets_no_answer_and_harms_nobody(
    forks: Forks, null: int, words: object
) -> None:
    with forks.ask(words, null, null) as run:
        assert run.recv(32) == b""
    with forks.ask(["--version"], null, null) as run:
        assert int(run.recv(32)) > 1
        assert run.recv(32) == b"0"


def test_it_ends_when_nobody_can_ask_any_more(forks: Forks) -> None:
    forks.socket.close()
    assert forks.process.wait(30) == 0


def test_without_a_socket_it_says_what_it_takes() -> None:
    done = subprocess.run(
        [ENGINE, "--forks"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert "a socket" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_runs_leave_nothing_behind(forks: Forks, null: int) -> None:
    def once() -> None:
        with forks.ask(["--version"], null, null) as run:
            run.recv(32)
            assert run.recv(32) == b"0"

    def facts() -> tuple[int, int]:
        pages = int(Path(f"/proc/{forks.process.pid}/statm").read_text().split()[1])
        return len(os.listdir(f"/proc/{forks.process.pid}/fd")), pages

    for _ in range(200):
        once()
    open_before, pages_before = facts()
    for _ in range(10_000):
        once()
    open_after, pages_after = facts()
    assert open_after <= open_before
    assert pages_after - pages_before < 256  # a MiB
