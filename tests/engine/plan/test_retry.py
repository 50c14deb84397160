"""How messages that failed are found again: by UID where it still counts, else by what is known of them."""

from __future__ import annotations

import pytest

from imapsync.plan.retry import FailedMessage, Lookup, Retry, lookup, narrowed

WITH_ID = FailedMessage("INBOX", 7, 11, "<a@b.example>", 500)


@pytest.mark.parametrize(
    ("failed", "uidvalidity", "expected"),
    [
        (WITH_ID, 11, Lookup(frozenset({7}), (), ())),
        (WITH_ID._replace(uidvalidity=0), 11, Lookup(frozenset({7}), (), ())),
        (WITH_ID, 12, Lookup(frozenset(), ('HEADER Message-Id "<a@b.example>"',), ())),
        (WITH_ID, 0, Lookup(frozenset(), ('HEADER Message-Id "<a@b.example>"',), ())),
        (
            WITH_ID._replace(uidvalidity=0),
            0,
            Lookup(frozenset(), ('HEADER Message-Id "<a@b.example>"',), ()),
        ),
        (WITH_ID._replace(message_id=""), 12, Lookup(frozenset(), ("LARGER 499 SMALLER 501",), ())),
        (
            WITH_ID._replace(message_id='<"@b> UID 1:*'),
            12,
            Lookup(frozenset(), ("LARGER 499 SMALLER 501",), ()),
        ),
        (WITH_ID._replace(message_id="<a\r\nb@c>"), 12, Lookup(frozenset(), ("LARGER 499 SMALLER 501",), ())),
        (WITH_ID._replace(message_id="", size_bytes=None), 12, Lookup(frozenset(), (), (7,))),
    ],
)
def test_a_message_is_found_by_what_still_counts(
    failed: FailedMessage, uidvalidity: int, expected: Lookup
) -> None:
    assert lookup([failed], uidvalidity) == expected


def test_folders_are_named_once_and_searches_are_narrowed() -> None:
    other = FailedMessage("Sent", 3)
    retry = Retry((WITH_ID, other, WITH_ID._replace(uid=9)))
    assert retry.folders == ("INBOX", "Sent")
    assert retry.of("Sent") == (other,)
    assert narrowed("UNSEEN", [(3, 3), (5, 9)]) == "UNSEEN UID 3,5:9"
    assert narrowed("", [(3, 3)]) == "UID 3"
