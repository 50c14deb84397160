"""What the opposite of a search is."""

from __future__ import annotations

import pytest

from imapsync.plan.searching import opposite


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("UNSEEN", "SEEN"),
        ("seen", "UNSEEN"),
        (" FLAGGED ", "UNFLAGGED"),
        ("UNDELETED", "DELETED"),
        ("ALL", None),
        ("all", None),
        ("KEYWORD $Work", "NOT (KEYWORD $Work)"),
        ("OR SEEN FLAGGED", "NOT (OR SEEN FLAGGED)"),
        (' FROM "Müller" UNSEEN', 'NOT (FROM "Müller" UNSEEN)'),
    ],
)
def test_opposites(criteria: str, expected: str | None) -> None:
    assert opposite(criteria) == expected
