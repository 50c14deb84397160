"""For all tests: what they ran is written down while the test runner still waits for it."""

import coverage
import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Save what was measured. A worker of pytest-xdist that takes over ten seconds to exit is killed."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.save()
