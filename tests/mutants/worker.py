"""A pytest plugin that tries mutants in place of running the tests: one fork of the loaded process for each.

Orders come as lines of JSON through one pipe, verdicts go back through another.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _pytest.runner import runtestprotocol
from tests.mutants.swapping import Swapper

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

#: The variable that names both pipes: "<orders> <verdicts>".
PIPES = "MUTANTS_PIPES"
NOTICED, MISSED, HANGS = "noticed", "missed", "hangs"
_PR_SET_CHILD_SUBREAPER = 36
_moments = itertools.count(int(time.time()) - 10_000_000, 2)


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Serve orders until there are no more."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    orders, verdicts = map(int, os.environ.pop(PIPES).split())
    items = {item.nodeid: item for item in session.items}
    swappers: dict[str, Swapper] = {}
    with open(orders) as incoming, open(verdicts, "w") as outgoing:
        for line in incoming:
            order = json.loads(line)
            path = order["path"]
            if path not in swappers:
                swappers[path] = Swapper(str(Path.cwd() / path))
            chosen = [items[test] for test in order["tests"] if test in items]
            verdict = _tried(Path(path), order["source"], swappers[path], chosen, order["limit_s"])
            print(verdict, file=outgoing, flush=True)
    return True


def _tried(path: Path, source: str, swapper: Swapper, items: Sequence[pytest.Item], limit_s: float) -> str:
    """Give what the tests say of a changed file; processes that they start find it, too."""
    scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
    true = path.read_bytes()
    _put(path, source.encode())
    try:
        child = os.fork()
        if child == 0:
            os._exit(_in_child(source, swapper, items, scratch))
        return _verdict(child, limit_s)
    finally:
        _put(path, true)
        _end_what_is_left()
        shutil.rmtree(scratch, ignore_errors=True)


def _put(path: Path, content: bytes) -> None:
    """Replace a file, with a time that no compiled file of before has."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    moment = next(_moments)
    os.utime(new, (moment, moment))
    new.replace(path)


def _in_child(source: str, swapper: Swapper, items: Sequence[pytest.Item], scratch: Path) -> int:
    """Run the tests until one fails; give 1 then."""
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for number in (1, 2):
            os.dup2(quiet, number)
        swapper.swap(source.encode())
        factory = items[0].config._tmp_path_factory  # type: ignore[attr-defined]
        factory._basetemp = scratch
        for item, following in zip(items, [*items[1:], None], strict=True):
            reports = runtestprotocol(item, log=False, nextitem=following)
            if any(report.failed for report in reports):
                with contextlib.suppress(Exception):
                    item.session._setupstate.teardown_exact(None)
                return 1
    except BaseException:  # noqa: BLE001 - whatever a broken rule does, it was noticed
        return 1
    return 0


def _verdict(child: int, limit_s: float) -> str:
    """Wait for the end of a child, or end it."""
    until = time.monotonic() + limit_s
    descriptor = os.pidfd_open(child)
    try:
        if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return HANGS
    finally:
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    return NOTICED if status else MISSED


def _end_what_is_left() -> None:
    """End what a fork has started and left behind; orphans become children of this process."""
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in map(int, children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
