"""Schedules by day, hour and date, as crontab fields. Pure; times are the node's own.

22:00                  every day at that time
mon-fri 22:00          on some days of the week; also "sat,sun" and "mon,wed-fri"
30m 20-06              an interval within a window of hours: from 20:00, last start before 06:00
mon-fri 2h 20-06       the same; a window that goes past midnight belongs to the day on which it begins
sat,sun 1h             an interval on some days
2026-12-24 22:00       once
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY: Final = f"(?:{'|'.join(DAYS)})"
_TIME: Final = "[0-9]{2}:[0-9]{2}"
_ONCE: Final = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME}"
#: What such a schedule looks like; its numbers are judged by `fields`.
PATTERN: Final = f"{_ONCE}|(?:{_DAY}(?:[,-]{_DAY})* )?(?:{_TIME}|[0-9]{{1,4}}[mh](?: [0-9]{{2}}-[0-9]{{2}})?)"
#: One of each kind, for who is told what would be right.
EXAMPLES: Final = ("22:00", "mon-fri 22:00", "mon-fri 30m 20-06", "2026-12-24 22:00")

_WEEKLY: Final = (
    f"(?:(?P<days>{_DAY}(?:[,-]{_DAY})*) )?"
    "(?:(?P<at>[0-9]{2}):(?P<past>[0-9]{2})"
    "|(?P<step>[1-9][0-9]?)(?P<unit>[mh])(?: (?P<begin>[0-9]{2})-(?P<end>[0-9]{2}))?)"
)
_HOURS: Final = 24


def once(text: str) -> datetime | None:
    """Give the date and time of a schedule that means one start; None when it is another or none."""
    if not re.fullmatch(_ONCE, text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007  # the node's own time, as cron's
    except ValueError:
        return None


def fields(text: str) -> list[str] | None:
    """Give the five crontab fields of each line that a schedule needs; None when it is none of these forms.

    crontab(5) knows no years: who starts a task by such a line has to compare the date.
    """
    moment = once(text)
    if moment:
        return [f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"]
    found = re.fullmatch(_WEEKLY, text)
    if not found:
        return None
    days = _days(found["days"])
    if found["at"]:
        hour, minute = int(found["at"]), int(found["past"])
        return [f"{minute} {hour} * * {_weekdays(days)}"] if hour < _HOURS and minute < 60 else None
    step, unit = int(found["step"]), found["unit"]
    if step > (59 if unit == "m" else _HOURS - 1):
        return None
    minutes, stride = (f"*/{step}", 1) if unit == "m" else ("1", step)
    begin, end = int(found["begin"] or 0), int(found["end"] or _HOURS)
    if begin >= _HOURS or end > _HOURS or begin == end:
        return None
    return [
        f"{minutes} {hours} * * {_weekdays(on)}" for hours, on in _windows(begin, end, stride, days) if hours
    ]


def period_min(text: str) -> float:
    """Give how often a weekly schedule or an interval comes, in minutes; by days: on average of a week."""
    found = re.fullmatch(_WEEKLY, text)
    if not found:
        return float("inf")
    if found["at"]:
        return 24 * 60 * len(DAYS) / len(_days(found["days"]))
    return float(int(found["step"]) * (1 if found["unit"] == "m" else 60))


def _windows(begin: int, end: int, stride: int, days: list[int]) -> list[tuple[str, list[int]]]:
    """Give the hours of a window and their days: those before midnight, and those after it, a day later."""
    last = end if end > begin else end + _HOURS
    hours = range(begin, last, stride)
    tonight = [hour for hour in hours if hour < _HOURS]
    later = [hour - _HOURS for hour in hours if hour >= _HOURS]
    return [(_list(tonight), days), (_list(later), [(day + 1) % len(DAYS) for day in days])]


def _list(numbers: list[int]) -> str:
    return "*" if len(numbers) == _HOURS else ",".join(str(number) for number in numbers)


def _days(text: str | None) -> list[int]:
    """Give the days that are meant, Monday as 0; "fri-mon" goes over the end of the week."""
    found: set[int] = set()
    for part in (text or "mon-sun").split(","):
        ends = [DAYS.index(day) for day in part.split("-")]
        length = (ends[-1] - ends[0]) % len(DAYS)
        found |= {(ends[0] + step) % len(DAYS) for step in range(length + 1)}
    return sorted(found)


def _weekdays(days: list[int]) -> str:
    """Give them as crontab's fifth field, where Sunday is 0."""
    if len(days) == len(DAYS):
        return "*"
    return ",".join(str(number) for number in sorted((day + 1) % len(DAYS) for day in days))
