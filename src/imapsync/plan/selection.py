"""Which messages are wanted, by size and age (--maxsize, --minsize, --maxage, --minage)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.plan.rules import LATER_FIELDS

if TYPE_CHECKING:
    from imapsync.plan.rules import IdentityRules, SelectionRules

SECONDS_PER_DAY = 86_400.0
#: Where a callable lives in memory differs from run to run and says nothing about what it does.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Selector:
    """Decides message by message and counts what it left out for its size.

    `needs_dates`: whether the internal date matters. by_sent_day: ages count by the day of the Date: header
    (RFC 3501 §6.4.4 SENTSINCE, SENTBEFORE: without time and time zone), and by the internal date's where
    there is none. A message without a date is never left out for its age.
    """

    __slots__ = (
        "_max_size",
        "_min_size",
        "_newest",
        "_oldest",
        "by_sent_day",
        "needs_dates",
        "oversized",
        "oversized_bytes",
    )

    def __init__(self, rules: SelectionRules, now: float, *, by_sent_day: bool = False) -> None:
        self._max_size = rules.max_size_bytes
        self._min_size = rules.min_size_bytes
        self._oldest = None if rules.max_age_days is None else now - rules.max_age_days * SECONDS_PER_DAY
        self._newest = None if rules.min_age_days is None else now - rules.min_age_days * SECONDS_PER_DAY
        self.needs_dates = self._oldest is not None or self._newest is not None
        self.by_sent_day = by_sent_day and self.needs_dates
        self.oversized = 0
        self.oversized_bytes = 0

    @property
    def active(self) -> bool:
        """Whether anything is selected at all."""
        return self.needs_dates or self._max_size is not None or self._min_size is not None

    def wants(self, size_bytes: int, date: float | None, sent_day: int | None = None) -> bool:
        """Tell whether a message of this size, internal date (epoch seconds) and day of sending is wanted.

        sent_day: days since 1970 of its Date: header, None when there is none, or nobody asked.
        """
        if (self._max_size is not None and size_bytes >= self._max_size) or (
            self._min_size is not None and size_bytes <= self._min_size
        ):
            self.oversized += 1
            self.oversized_bytes += size_bytes
            return False
        if self.by_sent_day:
            if sent_day is None and date is not None:
                sent_day = int(date // SECONDS_PER_DAY)
            return sent_day is None or self._day_fits(sent_day)
        return date is None or self._age_fits(date)

    def _day_fits(self, day: int) -> bool:
        old_enough = self._newest is None or day < self._newest // SECONDS_PER_DAY
        new_enough = self._oldest is None or day >= self._oldest // SECONDS_PER_DAY
        return self._both_or_either(old_enough, new_enough)

    def _age_fits(self, date: float) -> bool:
        old_enough = self._newest is None or date <= self._newest
        new_enough = self._oldest is None or date >= self._oldest
        return self._both_or_either(old_enough, new_enough)

    def _both_or_either(self, old_enough: bool, new_enough: bool) -> bool:
        if self._newest is not None and self._oldest is not None and self._newest < self._oldest:
            return old_enough or new_enough  # --minage beyond --maxage: the union of both ends
        return old_enough and new_enough


def identifying(rules: IdentityRules) -> str:
    """Give by what a message is known under these rules; where it differs, digests cannot be compared."""
    headers = ",".join(sorted({header.lower() for header in rules.headers}))
    return "\n".join((headers, *(repr(rule) for rule in rules.skip)))


def fingerprint(*parts: object) -> str:
    """Give a short text that differs when any of the options that decide what is taken differs."""
    from hashlib import blake2b

    text = "\x1f".join(_ADDRESS.sub("", _told(part)) for part in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _told(part: object) -> str:
    """Give a part as its repr, without later fields that have their defaults."""
    defaults = getattr(part, "_field_defaults", {})
    left_out = {name for name in LATER_FIELDS & set(defaults) if getattr(part, name) == defaults[name]}
    if not left_out:
        return repr(part)
    shown = ", ".join(f"{name}={getattr(part, name)!r}" for name in part._fields if name not in left_out)  # type: ignore[attr-defined]
    return f"{type(part).__name__}({shown})"
