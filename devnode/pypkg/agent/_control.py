"""What a step tells its agent, and how it runs helpers."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

Progress = Callable[[int], None]


def set_status(value: str) -> None:
    """Set the status of the task; `validation-failed` is the only value an agent takes."""
    _command("set-status", value)


def set_progress(value: int) -> None:
    """Set the progress of this step, 0 to 100."""
    _command("set-progress", str(int(value)))


def set_weight(step: str, weight: int) -> None:
    """Set the share of a step in the progress of the action; 1 unless set."""
    _command("set-weight", step, str(int(weight)))


def get_progress_callback(range_low: int, range_high: int) -> Progress:
    """Give a function that maps 0..100 of a part into the given range of this step."""

    def report(value: int) -> None:
        set_progress(range_low + (range_high - range_low) * value // 100)

    return report


def assert_exp(exp: object, message: str = "Assertion failed") -> None:
    """Leave the step with exit code 2, message and stack on stderr, unless exp is true. Raises SystemExit."""
    if not exp:
        print(message, file=sys.stderr)
        traceback.print_stack(file=sys.stderr)
        sys.exit(2)


def run_helper(
    *args: str,
    log_command: bool = True,
    progress_callback: Progress | None = None,
    **popen: Any,  # noqa: ANN401 - Popen names them
) -> subprocess.CompletedProcess[bytes]:
    """Run a program with its stdout sent to stderr; chain `.check_returncode()` to raise on failure.

    The command line goes to stderr too: use log_command=False where it holds a secret. `set-progress` that
    the program writes to its AGENT_COMFD goes to progress_callback. FileNotFoundError when there is no such
    program.
    """
    if log_command:
        print(f"<6>{shlex.join(args)}", file=sys.stderr, flush=True)
    read_end, write_end = os.pipe()
    environment = dict(popen.pop("env", None) or os.environ) | {"AGENT_COMFD": str(write_end)}
    try:
        process = subprocess.Popen(
            args,
            stdout=sys.stderr,
            pass_fds=(write_end, *popen.pop("pass_fds", ())),
            env=environment,
            **popen,
        )
    except OSError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    reader = threading.Thread(target=_relay, args=(read_end, progress_callback))
    reader.start()
    code = process.wait()
    reader.join()
    return subprocess.CompletedProcess(args, code)


def _relay(descriptor: int, callback: Progress | None) -> None:
    with os.fdopen(descriptor, encoding="utf-8", errors="replace", newline="") as stream:
        for line in stream:
            words = line.split()
            if callback and len(words) == 2 and words[0] == "set-progress" and words[1].isdigit():
                callback(int(words[1]))


def _command(*words: str) -> None:
    descriptor = int(os.environ.get("AGENT_COMFD", "2"))
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=" ").writerow(words)
