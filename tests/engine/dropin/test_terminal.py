"""What a person sees of a run at a terminal: bars and a table in place of a line a message."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
from fcntl import ioctl
from io import StringIO
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import mail
from tests.servers.base import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers
COLUMNS = 80
ROW_UP = "\x1b[1A"


def watched(
    world: World, *options: str, columns: int = COLUMNS, ended_at: str = "", **environment: str
) -> tuple[int, str]:
    """Run the command at a terminal; give its exit code and all that the terminal got.

    ended_at: once this was shown, the run is ended as Ctrl-C does.
    """
    leader, follower = pty.openpty()
    ioctl(follower, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command(world, *options),
        stdin=follower, stdout=follower, stderr=follower, cwd=world.folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(world.folder), "TMPDIR": str(world.folder),
             "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 65_536)
        except OSError:  # its other end is closed
            break
        if not chunk:
            break
        seen += chunk
        if ended_at and ended_at.encode() in seen:
            process.send_signal(signal.SIGINT)
            ended_at = ""
    os.close(leader)
    return process.wait(timeout=60), seen.decode(errors="replace")


def command(world: World, *options: str) -> list[str]:
    """Give the words of a run in the folder of the test."""
    (world.folder / "secret").write_text(DEFAULT_PASSWORD)
    words = [sys.executable, "-m", "imapsync", "--nossl1", "--nossl2", "--nofoldersizes", "--logfile", "log"]
    for number, server in enumerate(world.servers, 1):
        words += [f"--host{number}", server.host, f"--port{number}", str(server.port)]
        words += [f"--user{number}", world.user, f"--passfile{number}", "secret"]
    return [*words, *options]


def plain(seen: str) -> str:
    """Give what the terminal got without its control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)


def test_many_messages_are_many_lines_at_a_terminal(world: World) -> None:
    world.fill(
        1, {"INBOX": [mail(f"m{n}") for n in range(300)], "Work": [mail("w"), mail("big", body="x" * 9000)]}
    )
    code, seen = watched(world, "--appendlimit", "5000")
    text = plain(seen)
    assert code == 114
    assert "copied to" not in text
    assert "Err msg Work/2" in text
    assert "host2 takes messages of up to 5000 bytes" in " ".join(text.split())
    assert re.search(r"^INBOX +300 +300 +0 +0 +0\s*$", text, re.MULTILINE)
    assert re.search(r"^Work +2 +1 +0 +0 +1\s*$", text, re.MULTILINE)
    assert re.search(r"^all +302 +301 +0 +0 +1\s*$", text, re.MULTILINE)
    assert "Exiting with return value 114" in text
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l") >= 0  # the cursor is back
    log = (world.folder / "log").read_text()
    assert log.count("copied to") == 301
    assert "++++ Statistics" in log
    assert "\x1b" not in log


@pytest.mark.slow
def test_a_second_run_does_not_say_that_all_is_there(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a"), mail("b")]})
    world.fill(2, {"INBOX": [mail("a"), mail("b")]})
    code, seen = watched(world)
    assert code == 0
    assert re.search(r"^INBOX +2 +0 +2 +0 +0\s*$", plain(seen), re.MULTILINE)
    assert "The sync looks good" in plain(seen)


def test_colours_disobey_no_color(world: World) -> None:
    world.fill(1, {"INBOX": [mail("big", body="x" * 9000)]})
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert colour.search(watched(world, "--appendlimit", "5000")[1])
    assert not colour.search(watched(world, "--appendlimit", "5000", NO_COLOR="1")[1])


@pytest.mark.parametrize(("options", "term"), [(["--noprogressbar"], "xterm"), ([], "dumb")])
def test_a_terminal_without_bars_gets_other_lines_than_a_pipe(
    world: World, options: list[str], term: str
) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    code, seen = watched(world, *options, TERM=term)
    assert code == 0
    assert "msg INBOX/1" in seen
    assert "copied to" in seen
    assert "\x1b" not in seen


@pytest.mark.slow
def test_a_narrow_terminal_breaks_the_table(world: World) -> None:
    world.fill(1, {"A folder with a long name " * 3: [mail("a")]})
    code, seen = watched(world, columns=60)
    assert code == 0
    rows = [line for line in plain(seen).replace("\r", "\n").split("\n") if line.startswith("A folder")]
    assert rows
    assert all(len(row) <= 60 for row in rows)


def test_rich_is_loaded_without_a_terminal() -> None:
    script = (
        "import sys; from imapsync.cli.main import main; main(['--justlogin', '--host1', '127.0.0.1',"
        " '--port1', '1', '--user1', 'u', '--password1', 'p', '--nolog', '--maxlost', '0']);"
        " sys.exit('rich' in sys.modules or 'imapsync.cli.screen' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("columns", "rows"), [(80, 0), (78, 0), (77, 2), (39, 2), (38, 4), (20, 6)])
def test_a_window_that_gets_narrower_keeps_broken_bars(columns: int, rows: int) -> None:
    """Terminals break lines that are too long for a window: rows that are ours, and are erased with them."""
    from rich.console import Console

    from imapsync.cli.screen import Screen
    from imapsync.report.counters import Counters

    drawn = StringIO()
    console = Console(file=drawn, width=80, force_terminal=True)
    screen = Screen(Counters(), "anna@old → anna@new", console)
    screen.begin()
    screen.tick()
    usual = drawn.getvalue().count(ROW_UP)
    drawn.truncate(drawn.seek(0))
    console.width = columns
    screen.tick()
    seen = drawn.getvalue()
    assert seen.count(ROW_UP) == usual + rows
    # A terminal has room for ^C behind a line: otherwise Ctrl-C leaves a line of the bars behind.
    assert {len(line) for line in plain(seen).split("\r")[-1].split("\n")} == {min(columns - 2, 100)}
    drawn.truncate(drawn.seek(0))
    screen.tick()
    assert drawn.getvalue().count(ROW_UP) == usual


def test_a_run_that_was_ended_does_not_say_what_it_left(world: World) -> None:
    world.fill(1, {"INBOX": [mail(f"m{n}") for n in range(200)]})
    code, seen = watched(world, "--maxmessagespersecond", "20", ended_at="/200 messages")
    assert code == 6
    row = re.search(r"^INBOX +200 +(\d+) +0 +0 +0 +(\d+)\s*$", plain(seen), re.MULTILINE)
    assert row, seen
    assert int(row[1]) + int(row[2]) == 200
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l") >= 0  # the cursor is back
