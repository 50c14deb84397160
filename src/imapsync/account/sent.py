"""The day that a message says it was sent on."""

from __future__ import annotations

import calendar
import re
from email.utils import parsedate

_DATE = re.compile(rb"^date[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_SECONDS_PER_DAY = 86_400


def sent_day(header: bytes) -> int | None:
    """Give the days since 1970 of the first Date: field as it is written, whatever its time and time zone.

    None when there is none, or it is no date.
    """
    found = _DATE.search(header)
    if found is None:
        return None
    try:
        parsed = parsedate(" ".join(found[1].decode("ascii", "replace").split()))
        if parsed is None or not (1 <= parsed[1] <= 12 and 1 <= parsed[2] <= 31):
            return None
        return calendar.timegm((*parsed[:3], 0, 0, 0)) // _SECONDS_PER_DAY
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
