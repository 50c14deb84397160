"""A request to end, at any moment from the first import on: exit code 6 and a report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.hostile import Scripted

if TYPE_CHECKING:
    import socket

ENGINE = str(Path(sys.executable).with_name("imapsync"))
#: Moments after the command began to note signals: imports, options, log, event loop, the wait for a server.
MOMENTS = 200
SPREAD_S = 1.2
TERM = 1 << (signal.SIGTERM - 1)


def wait_for_the_end(connection: socket.socket) -> None:
    connection.recv(1)


def greet(connection: socket.socket) -> None:
    connection.sendall(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")


def begin(folder: Path, port: int, *more: str) -> subprocess.Popen[str]:
    """Start the command and wait until it notes signals."""
    words = [ENGINE, "--report", str(folder / "report"), "--pidfile", str(folder / "pid"), "--nolog"]
    for side in "12":
        words += [f"--host{side}", "127.0.0.1", f"--port{side}", str(port), f"--user{side}", "u"]
        words += [f"--nossl{side}", f"--notls{side}"]
        words += [] if "--passfile1" in more and side == "1" else [f"--password{side}", "pass"]
    run = subprocess.Popen([*words, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while run.poll() is None:
        status = Path(f"/proc/{run.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & TERM:
            break
    return run


def check(run: subprocess.Popen[str], folder: Path) -> None:
    output, _ = run.communicate(timeout=20)
    assert run.returncode == 6, output
    assert "Traceback" not in output, output
    assert json.loads((folder / "report").read_text())["exit_code"] == 6


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ends_in_order_at_any_moment(tmp_path: Path) -> None:
    with Scripted(wait_for_the_end) as silent:
        for moment in range(MOMENTS):
            (tmp_path / "report").unlink(missing_ok=True)
            run = begin(tmp_path, silent.port)
            time.sleep(moment * SPREAD_S / MOMENTS)
            run.send_signal(signal.SIGTERM)
            check(run, tmp_path)


def test_a_pipe_that_nobody_writes_to_can_be_left(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    run = begin(tmp_path, 9, "--passfile1", str(pipe))
    time.sleep(0.5)  # most likely it waits for the pipe by now; it has to end wherever it is
    run.send_signal(signal.SIGTERM)
    check(run, tmp_path)


@pytest.mark.parametrize("option", ["--truststore1", "--logfile", "--state", "--pidfile"])
def test_a_pipe_in_place_of_a_file_of_ours_is_refused(tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    more = ("--log",) if option == "--logfile" else ()
    with Scripted(greet) as server:
        run = begin(tmp_path, server.port, "--tls1", option, str(pipe), *more)
        output, _ = run.communicate(timeout=20)
    assert run.returncode not in (0, 6, 70), output
    assert "Traceback" not in output


def test_a_log_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "link").symlink_to(target)
    run = begin(tmp_path, 9, "--log", "--logfile", str(tmp_path / "link"))
    output, _ = run.communicate(timeout=20)
    assert run.returncode == 1
    assert "symbolic link" in output
    assert target.read_text() == "mine"
