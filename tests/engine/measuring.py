"""Whether an engine that a test starts as people do is measured with the tests: by `scripts/test --full`.

An interpreter that measures takes half a second longer to start, and some hundreds are started.
"""

from __future__ import annotations

import os

#: Set to anything where started engines are measured, too.
WANTED = "TESTS_MEASURE_ENGINE"
#: What measuring may take of the memory of a process, in MiB.
COSTS_MIB = 40.0


def variables() -> dict[str, str]:
    """Give the variables by which a started process is measured; none where it is not to be."""
    if WANTED not in os.environ:
        return {}
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
