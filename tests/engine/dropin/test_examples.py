"""The scripts of examples/ do what their first lines say, between real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import mail
from tests.servers.base import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers
EXAMPLES = Path(__file__).parents[3] / "examples"
#: For the loops: two servers in clear on ports of their own, which a line's further options name.
COMMON = ["--nossl1", "--notls1", "--nossl2", "--notls2", "--nolog"]


def start(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the command of this environment first in the path."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        words,
        cwd=world.folder,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={"PATH": path, "HOME": str(world.folder), "TMPDIR": str(world.folder), "JOBS": "2"},
        check=False,
    )


def accounts_file(world: World) -> str:
    """Write a file as examples/file.txt is: one account that works, one with a wrong password.

    An empty line is in it, and its last line has no end, as editors leave them.
    """
    one, two = world.servers
    lines = [
        f"{one.host};{world.user};{password};{two.host};{world.user};{DEFAULT_PASSWORD};"
        f"--port1 {one.port} --port2 {two.port} --pidfile {world.folder}/{number}.pid"
        for number, password in enumerate((DEFAULT_PASSWORD, "wrong"))
    ]
    (world.folder / "file.txt").write_text("# comment\n\n" + "\n".join(lines))
    return "file.txt"


def test_the_tutorial_s_example_does_not_run(world: World) -> None:
    done = start(world, "sh", str(EXAMPLES / "imapsync_example.sh"), "--nolog")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The sync looks good, all 7 identified messages" in done.stdout


@pytest.mark.slow
def test_a_copy_of_the_example_does_not_take_six_values(world: World) -> None:
    one, two = world.servers
    text = (EXAMPLES / "imapsync_example.sh").read_text()
    for name, value in {
        "host1": one.host, "user1": world.user, "passfile1": "secret", "host2": two.host, "user2": world.user,
        "passfile2": "secret",
    }.items():  # fmt: skip
        text = text.replace(f"{name}=''", f"{name}='{value}'", 1)
    (world.folder / "mysync").write_text(text)
    (world.folder / "secret").write_text(DEFAULT_PASSWORD + "\n")
    world.fill(1, {"INBOX": [mail("a")]})
    ports = ["--port1", str(one.port), "--port2", str(two.port), *COMMON]
    dry = start(world, "sh", "mysync", "--automap", "--justfolders", "--dry", *ports)
    assert (dry.returncode, world.subjects(2)) == (0, [])
    assert start(world, "sh", "mysync", *ports).returncode == 0
    assert world.subjects(2) == ["a"]


@pytest.mark.slow
def test_the_loop_stops_at_an_account_that_fails(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    done = start(world, "sh", str(EXAMPLES / "sync_loop_unix.sh"), accounts_file(world), *COMMON)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"Failed: {world.user}\n" in done.stdout
    assert "exit code 161" in done.stdout
    assert world.subjects(2) == ["a"]
    assert DEFAULT_PASSWORD not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_several_accounts_at_once_stop_at_one_that_fails(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")], "Anna's old mail": [mail("b")]})
    script = str(EXAMPLES / "sync_parallel_unix.sh")
    done = start(world, "sh", script, accounts_file(world), *COMMON, "--exclude", "Anna's old")
    assert done.returncode == 1, done.stdout + done.stderr
    rows = (world.folder / "parallel.log").read_text().splitlines()[1:]
    assert sorted(row.split("\t")[6] for row in rows) == ["0", "161"]
    assert world.subjects(2) == ["a"]
    assert sorted(world.look(2)) == ["INBOX"]


@pytest.mark.slow
def test_the_program_on_the_library_copies_nothing(world: World) -> None:
    one, two = world.servers
    world.fill(1, {"INBOX": [mail("a")]})
    (world.folder / "accounts.csv").write_text(
        "host1,user1,password1,host2,user2,password2\n"
        f"{one.host}:{one.port},{world.user},{DEFAULT_PASSWORD},{two.host}:{two.port},{world.user},{DEFAULT_PASSWORD}\n"
    )
    done = start(world, sys.executable, str(EXAMPLES / "migrate.py"), "accounts.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 copied, 0 there already, EX_OK" in done.stdout
    assert world.subjects(2) == ["a"]


@pytest.mark.slow
def test_the_units_are_not_understood_by_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    program = tmp_path / "imapsync"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("imapsync@.service", "imapsync@.timer", "imapsync-watch@.service"):
        text = (EXAMPLES / "systemd" / name).read_text().replace("/usr/bin/imapsync", str(program))
        (tmp_path / name.replace("@.", "@x.")).write_text(text)
    units = [str(tmp_path / name) for name in ("imapsync@x.timer", "imapsync-watch@x.service")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    assert "@x" not in done.stderr, done.stderr
