"""Arrival times: IMAP's date-time (RFC 3501 §9) and epoch seconds. Read generously, written exactly."""

from __future__ import annotations

import re

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH_NUMBER = {name.lower(): index for index, name in enumerate(_MONTHS, 1)}
#: What RFC 3501 writes: `date-day-fixed "-" date-month "-" date-year SP time SP zone`.
_EXACT = re.compile(rb"( \d|\d\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\Z")
#: What servers write: one-digit days and hours, no seconds, zones by name or missing, months in any case; or
#: the form of a Date field (RFC 5322 §3.3), with a weekday, blanks for dashes and a comment behind.
_GENEROUS = re.compile(
    rb"\s*(?:[A-Za-z]{3,9}\.?,?\s+)?(\d{1,2})[-\s]([A-Za-z]{3})[a-z]{0,6}[-\s](\d{4}|\d\d)\s+"
    rb"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?\s*"
    rb"(?:(?:GMT|UTC?)?([+-])(\d\d):?(\d\d)|([A-Za-z]{1,5}))?\s*(?:\([^()]*\)\s*)?\Z"
)
#: Zones that RFC 5322 §4.3 and mail of old spell by name, in hours; other names count as UTC.
_ZONE_HOURS = {
    b"EDT": -4, b"EST": -5, b"CDT": -5, b"CST": -6, b"MDT": -6, b"MST": -7, b"PDT": -7, b"PST": -8,
    b"WEST": 1, b"BST": 1, b"CET": 1, b"MET": 1, b"CEST": 2, b"MEST": 2, b"EET": 2, b"EEST": 3, b"MSK": 3,
    b"JST": 9,
}  # fmt: skip
#: Days before each month of a common year.
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_EPOCH_DAY = 719163  # 1970-01-01, as date.toordinal() counts


def epoch_of(raw: bytes) -> int | None:
    """Give the epoch seconds of an INTERNALDATE, None if unreadable. No zone counts as UTC."""
    match = _EXACT.match(raw) or _GENEROUS.match(raw)
    if match is None:
        return None
    day, month_name, year, hour, minute, second, sign, zone_hour, zone_minute = match.groups()[:9]
    month = _MONTH_NUMBER.get(month_name.lower())
    if month is None:
        return None
    days = _ordinal(_whole_year(year), month, int(day))
    if days is None or int(hour) > 24 or int(minute) > 59 or int(second or 0) > 60:
        return None
    offset = 0
    if sign is not None:
        offset = (int(zone_hour) * 60 + int(zone_minute)) * (60 if sign == b"+" else -60)
    elif match.re is _GENEROUS and match[10]:
        offset = _ZONE_HOURS.get(match[10].upper(), 0) * 3600
    return (days - _EPOCH_DAY) * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second or 0) - offset


def _whole_year(digits: bytes) -> int:
    """Read a year; two digits as RFC 5322 §4.3 has it."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 50 else 1900)


def date_time(epoch_s: int) -> bytes:
    """Give the date-time of an epoch time, in UTC. ValueError outside the years 1 to 9999."""
    days, seconds = divmod(int(epoch_s), 86400)
    year, month, day = _civil(days + _EPOCH_DAY)
    return b"%02d-%s-%04d %02d:%02d:%02d +0000" % (
        day,
        _MONTHS[month - 1],
        year,
        seconds // 3600,
        seconds // 60 % 60,
        seconds % 60,
    )


def exact_date_time(raw: bytes) -> bytes | None:
    """Give an INTERNALDATE as servers must accept it: unchanged if exact, else rewritten; None if unreadable.

    Dates that no calendar has, such as the year 0 of some servers, are unreadable.
    """
    epoch_s = epoch_of(raw)
    if epoch_s is None:
        return None
    if _EXACT.match(raw) is not None:
        return raw
    try:
        return date_time(epoch_s)
    except ValueError:
        return None


def search_date(epoch_s: int) -> bytes:
    """Give the date of an epoch time, in UTC, as SEARCH takes it (`date-text`)."""
    year, month, day = _civil(int(epoch_s) // 86400 + _EPOCH_DAY)
    return b"%d-%s-%04d" % (day, _MONTHS[month - 1], year)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _ordinal(year: int, month: int, day: int) -> int | None:
    if year < 1:
        return None
    length = (
        29 if month == 2 and _is_leap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    )
    if not 1 <= day <= length:
        return None
    before = year - 1
    leap_day = 1 if month > 2 and _is_leap(year) else 0
    return (
        before * 365 + before // 4 - before // 100 + before // 400 + _DAYS_BEFORE[month - 1] + leap_day + day
    )


def _civil(ordinal: int) -> tuple[int, int, int]:
    if not 1 <= ordinal <= 3652059:
        raise ValueError("a date outside the years 1 to 9999")
    centuries4, rest = divmod(ordinal - 1, 146097)
    century, rest = divmod(rest, 36524)
    fours, rest = divmod(rest, 1461)
    single, rest = divmod(rest, 365)
    year = centuries4 * 400 + century * 100 + fours * 4 + single + 1
    if century == 4 or single == 4:
        return year - 1, 12, 31
    leap = _is_leap(year)
    month = 12
    while rest < (before := _DAYS_BEFORE[month - 1] + (1 if leap and month > 2 else 0)):
        month -= 1
    return year, month, rest - before + 1
