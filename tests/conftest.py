"""For all tests: what they ran is written down while the test runner still waits for it."""

import coverage
import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what a worker has measured: pytest-xdist kills one that takes over ten seconds to exit."""
    measuring = coverage.Coverage.current()
    if measuring is not None and hasattr(session.config, "workerinput"):
        measuring.save()
