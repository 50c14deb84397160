"""Prints "PASSED FAILED SKIPPED" of a JUnit file; python count_tests.py FILE EXIT_CODE.

A stage without such a file is one test. One that ended with an error but tells of no failed test failed once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def count(report: Path, exit_code: int) -> tuple[int, int, int]:
    """Give passed, failed and skipped."""
    if not report.exists():
        return (0, 1, 0) if exit_code else (1, 0, 0)
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - written by our own test runners
    failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    return len(cases) - failed - skipped, failed or (1 if exit_code else 0), skipped


if __name__ == "__main__":
    print(*count(Path(sys.argv[1]), int(sys.argv[2])))
