"""Try every mutant of the parts that decide; see `scripts/mutants`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.mutants import baseline, checkout, report, worker
from tests.mutants.operators import mutants_of
from tests.mutants.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutants.operators import Mutant
    from tests.mutants.targets import Target

#: How much longer than undisturbed tests may take: other work shares the processor.
PATIENCE = 6
LEAST_S = 10.0


def main() -> int:
    """Carry out the command."""
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", help="parts or files, by the end of their path; else all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    tried: dict[Mutant, str] = {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        folders = [Path(scratch) / str(number) for number in range(arguments.jobs)]
        for folder in folders:
            checkout.copy(folder)
        for target in TARGETS:
            if mutants := _chosen(target, folders[0], arguments.paths):
                tried |= _try_all(target, mutants, folders)
    return report.tell(tried, TARGETS, whole=not arguments.paths)


def _chosen(target: Target, root: Path, paths: list[str]) -> list[Mutant]:
    return [
        mutant
        for file in target.files(root)
        if not paths or any(file.endswith(path) or target.name == path for path in paths)
        for mutant in mutants_of(file, (root / file).read_text())
    ]


def _try_all(target: Target, mutants: list[Mutant], folders: list[Path]) -> dict[Mutant, str]:
    """Try the mutants of a part, a worker in each checkout."""
    before = time.monotonic()
    seen = baseline.measure(folders[0], target.tests, jobs=len(folders))
    print(f"{target.name}: {len(mutants)} mutants, {len(seen.durations)} tests that pass", flush=True)
    print(f"  measured in {time.monotonic() - before:.0f} s", flush=True)
    sources = {path: (folders[0] / path).read_bytes() for path in {mutant.path for mutant in mutants}}
    workers: SimpleQueue[_Worker] = SimpleQueue()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(folders)) as pool:
        for folder in folders:
            workers.put(stack.enter_context(_worker(folder, target)))

        def verdict(mutant: Mutant) -> str:
            tests = seen.noticing(mutant.path, mutant.lines)
            if not tests:
                return report.NOT_RUN
            one = workers.get()
            try:
                changed = mutant.applied(sources[mutant.path]).decode()
                return one.ask(mutant.path, changed, tests, sum(seen.durations[test] for test in tests))
            finally:
                workers.put(one)

        verdicts: dict[Mutant, str] = {}
        for mutant, answer in zip(mutants, pool.map(verdict, mutants), strict=True):
            verdicts[mutant] = answer
            if answer in report.SURVIVED:
                print(f"  {mutant.path}:{mutant.line}: {mutant.key}", flush=True)
    print(f"  tried in {time.monotonic() - before:.0f} s", flush=True)
    return verdicts


class _Worker:
    """A process that has loaded the tests, and its pipes."""

    def __init__(self, orders: int, verdicts: int) -> None:
        self._orders = open(orders, "w")  # noqa: SIM115 - open as long as the worker
        self._verdicts = open(verdicts)  # noqa: SIM115

    def ask(self, path: str, source: str, tests: list[str], seconds: float) -> str:
        """Give the verdict on a changed file."""
        order = {"path": path, "source": source, "tests": tests, "limit_s": max(LEAST_S, seconds * PATIENCE)}
        print(json.dumps(order), file=self._orders, flush=True)
        answer = self._verdicts.readline().strip()
        if not answer:
            raise SystemExit(f"the worker ended at a mutant of {path}")
        return answer

    def close(self) -> None:
        """Let the worker end."""
        self._orders.close()
        self._verdicts.close()


@contextlib.contextmanager
def _worker(folder: Path, target: Target) -> Iterator[_Worker]:
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    environment = checkout.environment_of(folder) | {worker.PIPES: f"{theirs_in} {theirs_out}"}
    words = (*checkout.PYTEST, "-p", worker.__name__, *target.tests)
    with subprocess.Popen(
        words, cwd=folder, env=environment, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL
    ):
        os.close(theirs_in)
        os.close(theirs_out)
        one = _Worker(ours_out, ours_in)
        try:
            yield one
        finally:
            one.close()


if __name__ == "__main__":
    sys.exit(main())
