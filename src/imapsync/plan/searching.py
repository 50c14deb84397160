"""What a search leaves out has to be what the opposite search finds. Pure: from criteria to criteria."""

from __future__ import annotations

#: Keys and their opposites (RFC 3501 §6.4.4); of others the opposite is NOT.
_PAIRS = (
    ("SEEN", "UNSEEN"),
    ("ANSWERED", "UNANSWERED"),
    ("DELETED", "UNDELETED"),
    ("FLAGGED", "UNFLAGGED"),
    ("DRAFT", "UNDRAFT"),
)
_OPPOSITES = {word: other for pair in _PAIRS for word, other in (pair, pair[::-1])}


def opposite(criteria: str) -> str | None:
    """Give the criteria that find what these do not; None where these find all."""
    word = criteria.strip().upper()
    if word == "ALL":
        return None
    return _OPPOSITES.get(word) or f"NOT ({criteria.strip()})"
