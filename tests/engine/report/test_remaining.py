"""How long a copy still takes."""

from __future__ import annotations

import pytest

from imapsync.report.remaining import Pace, TimeLeft, time_left

MIB = 1 << 20


@pytest.mark.parametrize(
    ("messages", "size_bytes", "recent", "whole", "expected"),
    [
        # A steady copy, for long enough.
        (600, 60 * MIB, Pace(15, 150, 15 * MIB), Pace(60, 600, 60 * MIB), TimeLeft(60, 60, 60)),
        # The same, too early to be believed.
        (900, 90 * MIB, Pace(10, 100, 10 * MIB), Pace(10, 100, 10 * MIB), TimeLeft(90, 90, 90)),
        # Small messages first: by the bytes it takes far longer.
        (100, 500 * MIB, Pace(15, 900, MIB), Pace(60, 900, MIB), TimeLeft(7500, 2, 30000)),
        # A large message held the line: the last seconds know nothing of those before.
        (908, 37 * MIB, Pace(15, 9, MIB), Pace(51, 133, 27 * MIB), TimeLeft(1513, 70, 1513)),
        # Sizes that nobody knows say nothing.
        (100, 0, Pace(15, 150, 0), Pace(60, 600, 0), TimeLeft(10, 10, 10)),
        (100, MIB, Pace(15, 0, 0), Pace(60, 600, MIB), None),
        (100, MIB, Pace(0, 0, 0), Pace(0, 0, 0), None),
        (0, 0, Pace(15, 0, 0), Pace(60, 600, MIB), TimeLeft(0, 0, 0)),
    ],
)
def test_the_time_left_is_a_range_until_all_that_was_measured_agrees(
    messages: int, size_bytes: int, recent: Pace, whole: Pace, expected: TimeLeft | None
) -> None:
    assert time_left(messages, size_bytes, recent, whole) == expected


def test_a_pace_of_some_seconds_is_no_figure_yet() -> None:
    early = Pace(5, 50, 4 * MIB)
    told = time_left(500, 60 * MIB, early, early)
    assert told is not None
    assert told.least < told.likely == told.most
