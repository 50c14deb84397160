"""kill -9 at any moment: the next run loses nothing, duplicates nothing, and ends like an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import hashes, mail, same
from tests.servers.base import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
LINE = "0123456789" * 7 + "\r\n"
FOLDERS = {
    f"F{folder}": [
        *(mail(folder * 1000 + n, body=LINE * 30, flags=("\\Seen",) if n % 2 else ()) for n in range(250)),
        *(mail(folder * 1000 + 500, body=LINE) for _ in range(3)),
        mail(folder * 1000 + 600, body=LINE * 9000),
        *(
            mail(0)._replace(content=b"Subject: draft %d of %d\r\n\r\ntext\r\n" % (n, folder))
            for n in range(3)
        ),
    ]
    for folder in range(6)
}
#: How many moments; the whole hundred of the requirement takes minutes.
MOMENTS = int(os.environ.get("IMAPSYNC_KILL_MOMENTS", "8"))


def command(source: Dovecot, destination: Dovecot, folder: Path, *more: str) -> list[str]:
    password = folder / "password"
    password.write_text(DEFAULT_PASSWORD + "\n")
    password.chmod(0o600)
    words = [sys.executable, "-m", "imapsync", "--nolog", "--pidfile", str(folder / "pid"), "--nofoldersizes"]
    words += ["--nofoldersizesatend", "--syncduplicates", "--nossl1", "--notls1", "--nossl2", "--notls2"]
    for number, server, user in ((1, source, "source"), (2, destination, "target")):
        words += [
            f"--host{number}",
            server.host,
            f"--port{number}",
            str(server.port),
            f"--user{number}",
            user,
        ]
        words += [f"--passfile{number}", str(password)]
    return words + list(more)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("with_state", [True, False])
def test_killed_at_random_moments(servers: tuple[Dovecot, Dovecot], tmp_path: Path, with_state: bool) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = source.snapshot("source")
    dice = random.Random(20261121)
    more = ("--state", str(tmp_path / "state")) if with_state else ()
    words = command(source, destination, tmp_path, *more)
    began = time.monotonic()
    whole = subprocess.run(words, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stdout[-2000:]
    length_s = time.monotonic() - began
    for moment in range(MOMENTS):
        _empty(destination)
        for state in tmp_path.glob("state*"):
            state.unlink()
        for _ in range(dice.choice((1, 1, 2))):
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.1, 1.0) * length_s)
            process.send_signal(signal.SIGKILL)
            process.wait()
        last = subprocess.run(words, capture_output=True, text=True, check=False)
        assert last.returncode == 0, (moment, last.stdout[-2000:])
        there = destination.snapshot("target")
        assert hashes(there) == hashes(wanted), moment
        same(wanted, there)


def test_sigterm_ends_cleanly_and_the_next_run_goes_on(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    words = command(source, destination, tmp_path, "--state", str(tmp_path / "state"))
    report = tmp_path / "report"
    process = subprocess.Popen(
        [*words, "--maxmessagespersecond", "200", "--report", str(report)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if " copied to " in line:
            break
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert time.monotonic() - began < 10  # 2 s on a machine that has nothing else to do
    assert process.returncode not in (0, -signal.SIGTERM)
    told = json.loads(report.read_text())
    assert 0 < told["messages_transferred"] < 1500
    assert told["exit_name"] == "EXIT_BY_SIGNAL"
    assert len(hashes(destination.snapshot("target"))) > 0
    last = subprocess.run(words, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stdout[-2000:]
    same(source.snapshot("source"), destination.snapshot("target"))


def _empty(server: Dovecot) -> None:
    with server.client("target") as client:
        for folder in client.folders():
            if folder != b"INBOX":
                client.command(b"DELETE " + folder)
