"""The pace after a server said "later"."""

from __future__ import annotations

import pytest

from imapsync.plan.pace import DOUBLING_S, LEAST_PER_SECOND, Pace, allowed, slowed


@pytest.mark.parametrize(
    ("pace", "observed", "now", "per_second"),
    [
        (None, 100.0, 10.0, 50.0),
        (None, 0.0, 10.0, LEAST_PER_SECOND),
        (None, 30.0, 10.0, LEAST_PER_SECOND),
        # Half of what was observed, or of what was allowed when that is less.
        (Pace(500.0, 10.0), 450.0, 10.0, 225.0),
        (Pace(500.0, 10.0), 800.0, 10.0, 250.0),
        (Pace(500.0, 10.0), 800.0, 10.0 + DOUBLING_S, 400.0),
        # Asked again before anything went: half of what was allowed.
        (Pace(500.0, 10.0), 0.0, 10.0, 250.0),
        # The old limit was gone.
        (Pace(500.0, 10.0), 3000.0, 10.0 + 5 * DOUBLING_S, 1500.0),
        (Pace(500.0, 10.0), 0.0, 10.0 + 5 * DOUBLING_S, LEAST_PER_SECOND),
    ],
)
def test_it_halves(pace: Pace | None, observed: float, now: float, per_second: float) -> None:
    assert slowed(pace, observed, now) == Pace(per_second, now)


@pytest.mark.parametrize(
    ("after_s", "per_second"),
    [
        (0.0, 8.0),
        (DOUBLING_S, 16.0),
        (3 * DOUBLING_S, 64.0),
        (5 * DOUBLING_S - 0.001, 256.0),
        (5 * DOUBLING_S, None),
    ],
)
def test_it_recovers_slowly(after_s: float, per_second: float | None) -> None:
    found = allowed(Pace(8.0, 100.0), 100.0 + after_s)
    assert found == (per_second if per_second is None else pytest.approx(per_second, rel=1e-3))
