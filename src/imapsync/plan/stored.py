"""Whether a destination folder holds what its server confirmed, by its numbers alone. Pure.

UIDNEXT only grows (RFC 3501 §2.3.1.1), so it tells how many messages were put into a folder, whoever did, and
whatever was removed meanwhile. Numbers that say otherwise are no verdict: somebody else may deliver there, or
the server may count late. They are the reason to look.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imapsync.terms import Numbers


def nothing_more(floor: int, now: Numbers, confirmed: int) -> bool:
    """Tell whether nothing was put into the folder beyond `confirmed` copies.

    floor: its UIDNEXT before the first of them.
    """
    return now.uidnext == floor + confirmed


def all_there(before: Numbers, now: Numbers, confirmed: int) -> bool:
    """Tell whether exactly `confirmed` messages were added and none was taken away."""
    if not before.uidnext or before.messages < 0:
        return False
    return nothing_more(before.uidnext, now, confirmed) and now.messages == before.messages + confirmed


def unaccounted(copies: Sequence[int], present: Collection[int]) -> list[int]:
    """Give the places in `copies` whose UID is not present, or was told twice; 0 stands for not told.

    A server that was put back meanwhile gives UIDs a second time: which of two messages has it now is not
    known.
    """
    told = Counter(copies)
    return [place for place, copy in enumerate(copies) if not copy or told[copy] > 1 or copy not in present]
