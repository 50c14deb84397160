"""`--many`: command lines from standard input, each run by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = Path(sys.executable).with_name("imapsync")
#: Nobody answers there before the time is over: TEST-NET-1, and a local address where nobody listens.
SILENT = ["--host1", "192.0.2.1", "--host2", "192.0.2.1"]


def line(*words: str, **more: object) -> str:
    """Give a line of standard input."""
    return json.dumps({"words": words, **more}) + "\n"


def login(tmp_path: Path, name: str, *more: str) -> list[str]:
    """Give the words of a login check whose report is `name`."""
    return [
        *("--user1", "a", "--user2", "b", "--password1", "x", "--password2", "y"),
        *("--justlogin", "--nolog", "--pidfile", str(tmp_path / f"{name}.pid")),
        *("--report", str(tmp_path / name), *more),
    ]


def run(given: str, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command with that input; give exit code, answers by line, and its errors."""
    done = subprocess.run(
        [ENGINE, "--many", *words], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    answers = sorted((json.loads(one) for one in done.stdout.splitlines()), key=lambda one: one["line"])
    return done.returncode, answers, done.stderr


def test_each_line_is_a_run_with_its_own_end(tmp_path: Path) -> None:
    closed = ["--host1", "127.0.0.1", "--port1", "9", "--host2", "127.0.0.1", "--port2", "9"]
    given = line("--version") + "\n" + line(*login(tmp_path, "one", *closed)) + line("--tests")
    code, answers, errors = run(given, "2")
    assert (code, errors) == (0, "")
    assert [(one["line"], one["late"]) for one in answers] == [(1, False), (3, False), (4, False)]
    alone = subprocess.run([ENGINE, *login(tmp_path, "alone", *closed)], capture_output=True, check=False)
    assert [one["exit_code"] for one in answers] == [0, alone.returncode, 0]
    report = json.loads((tmp_path / "one").read_text())
    assert report["exit_code"] == alone.returncode
    assert {error["code"] for error in report["errors"]} == {"connection"}


@pytest.mark.parametrize(
    "odd",
    [
        "{",
        "[]",
        '{"words": "--version"}',
        '{"words": [5]}',
        '{"words": [], "seconds": "x"}',
        '{"words": [], "seconds": -1}',
        '{"words": [], "seconds": NaN}',
        "[" * 100000,
    ],
)
def test_a_line_that_is_no_command_line_costs_that_line_only(odd: str) -> None:
    code, answers, errors = run(odd + "\n" + line("--version"), "1")
    assert code == 0
    assert [(one["line"], one["exit_code"]) for one in answers] == [(1, 64), (2, 0)]
    assert "line 1 of --many is no command line" in errors


def test_a_line_without_end_is_refused_once_it_is_too_long() -> None:
    code, answers, _ = run(" " * 3_000_000, "1")
    assert (code, [one["exit_code"] for one in answers]) in ((0, []), (0, [64]))


@pytest.mark.parametrize("words", [["0"], ["-1"], ["2", "--dry"]])
def test_a_wrong_number_or_a_second_option_is_refused(words: list[str]) -> None:
    code, answers, errors = run(line("--version"), *words)
    assert (code, answers) == (64, [])
    assert "--many" in errors


def test_a_run_whose_time_is_over_is_ended_and_told(tmp_path: Path) -> None:
    begin = time.monotonic()
    code, answers, _ = run(line(*login(tmp_path, "late", *SILENT), seconds=0.7), "1")
    assert time.monotonic() - begin < 20
    assert code == 0
    (answer,) = answers
    if answer["late"]:  # a machine without any route says so at once
        assert json.loads((tmp_path / "late").read_text())["exit_name"] == "EXIT_BY_SIGNAL"


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a command that has begun a run which waits for its password."""
    fifo = tmp_path / "password"
    os.mkfifo(fifo)
    words = [*SILENT, "--user1", "a", "--user2", "b", "--passfile1", str(fifo), "--passfile2", str(fifo)]
    process = subprocess.Popen(
        [ENGINE, "--many", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    stdin(process).write(line(*words, "--pidfile", str(tmp_path / "pid")).encode())
    until(lambda: (tmp_path / "pid").exists() or bool(children(process)))
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def stdin(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Give the pipe to a process."""
    assert process.stdin
    return process.stdin


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Give the runs under way."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def until(condition: Any) -> None:  # noqa: ANN401 - any callable that tells
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pids: list[int]) -> bool:
    """Tell whether none of the processes is there any more."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_runs_too(waiting: subprocess.Popen[bytes], number: int) -> None:
    runs = children(waiting)
    assert len(runs) == 1
    waiting.send_signal(number)
    assert waiting.wait(20) == 6
    assert gone(runs)


def test_a_reader_that_goes_away_ends_the_runs(waiting: subprocess.Popen[bytes]) -> None:
    runs = children(waiting)
    assert waiting.stdout
    waiting.stdout.close()
    assert waiting.wait(20) == 1
    assert gone(runs)
