"""Which test runs which line, and how long a test takes: a pytest plugin that writes it down, and its reader.

Processes that tests start count for their test. Coverage must be measuring, with `CONFIGURATION`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import coverage
import pytest
from tests.mutants.checkout import PYTEST, environment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Where the durations of the tests that passed go.
DURATIONS = "durations.json"
#: Started processes inherit variables of this prefix, and with it the name of their test.
CONTEXT = "COVERAGE_CONTEXT"
_CONFIGURATION = f"""
[run]
data_file = {{folder}}/.coverage
parallel = true
context = ${{{{{CONTEXT}-}}}}
source_pkgs = imapsync, syncctl, imapsync_tasks
patch = _exit
disable_warnings = module-not-imported, no-data-collected, module-not-measured
"""

_durations: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name the test to what measures."""
    os.environ[CONTEXT] = item.nodeid
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up setup, call and teardown."""
    _durations[report.nodeid] = _durations.get(report.nodeid, 0) + report.duration
    if not report.passed:
        _failed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the durations down where all reports come together."""
    if not hasattr(session.config, "workerinput"):
        good = {test: seconds for test, seconds in _durations.items() if test not in _failed}
        (Path.cwd() / DURATIONS).write_text(json.dumps(good))


class Baseline(NamedTuple):
    """durations: test -> seconds, of those that passed. tests: path -> line -> tests that run it."""

    durations: dict[str, float]
    tests: dict[str, dict[int, set[str]]]

    def noticing(self, path: str, lines: tuple[int, ...]) -> list[str]:
        """Give the tests that run one of these lines, the quickest first."""
        by_line = self.tests.get(path, {})
        found = {test for line in lines for test in by_line.get(line, ()) if test in self.durations}
        return sorted(found, key=lambda test: (self.durations[test], test))


def measure(folder: Path, tests: Iterable[str], *, jobs: int) -> Baseline:
    """Run tests of a checkout once, with their processes measured, and give what they showed."""
    configuration = folder / "baseline.ini"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    environment = environment_of(folder) | {"COVERAGE_PROCESS_START": str(configuration)}
    words = (*PYTEST, "-n", str(jobs), "-p", __name__, *tests)
    subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
    data = coverage.CoverageData(str(folder / ".coverage"))
    for part in folder.glob(".coverage.*"):
        of_process = coverage.CoverageData(str(part))
        of_process.read()
        data.update(of_process)
        part.unlink()
    lines: dict[str, dict[int, set[str]]] = {}
    for file in data.measured_files():
        by_line: dict[int, set[str]] = defaultdict(set)
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                by_line[line].update(part for part in context.split("|") if part)
        lines[os.path.relpath(file, folder)] = by_line
    return Baseline(json.loads((folder / DURATIONS).read_text()), lines)
