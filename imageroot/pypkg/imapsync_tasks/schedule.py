"""Schedules to and from crontab, and when within its minute a task starts.

Intervals ("<n>m", "<n>h") and "live" are here, schedules by day, hour and date in `timetable`.

The only place that writes a cron line; python-crontab makes it.
"""

from __future__ import annotations

import functools
import re
import shlex
import time
import zlib
from typing import TYPE_CHECKING, Final

from imapsync_tasks import timetable

if TYPE_CHECKING:
    from datetime import datetime

COMMAND: Final = "/usr/local/bin/syncctl start"
#: cron.d files name the user; in the container root is the module's own user outside.
CRON_USER: Final = "root"
#: The environment variable by which syncctl knows that cron, not a person, starts the task: "1", or
#: the moment of a schedule that means one start.
SCHEDULED_VARIABLE: Final = "SYNCCTL_SCHEDULED"
#: Scheduled starts are spread over this many seconds: less than the shortest interval, with room for the
#: start itself.
SPREAD_S: Final = 50
_DAY_MINUTES: Final = 24 * 60

#: The task is started when mail comes (`syncctl watch`). Beside it cron starts it once a day: for what the
#: days bring by themselves, such as deletion after some days.
LIVE: Final = "live"

#: Stands for the task in a template: no task is called so.
_TASK: Final = "<task>"
_FORM: Final = re.compile("([0-9]{1,4})([mh])")
_HIGHEST: Final = {"m": 59, "h": 23}


def is_valid(text: str) -> bool:
    """Tell whether `text` is live, 1m to 59m or 1h to 23h, written without leading zero, or a `timetable`."""
    return text == LIVE or _is_interval(text) or timetable.fields(text) is not None


def _is_interval(text: str) -> bool:
    found = _FORM.fullmatch(text)
    return found is not None and text[0] != "0" and int(found[1]) <= _HIGHEST[found[2]]


def nearest(text: str) -> list[str]:
    """Give the valid schedules next to a refused one: "60m" -> 59m or 1h, "0m" -> 1m, "24h" -> 23h.

    Next to what looks like a time of day or a date they are examples of such forms.
    """
    found = _FORM.fullmatch(text)
    if not found:
        return list(timetable.EXAMPLES) if re.search(r"[:a-z0-9][:-]", text) else ["1m", "1h"]
    number, unit = int(found[1]), found[2]
    if is_valid(f"{number}{unit}"):
        return [f"{number}{unit}"]
    if number < 1:
        return [f"1{unit}"]
    if unit == "h":
        return ["23h"]
    low, high = number // 60, -(-number // 60)
    hours = [hour for hour in sorted({low, high}) if 1 <= hour <= _HIGHEST["h"]]
    return (["59m"] if number <= 89 else []) + [f"{hour}h" for hour in hours or [23]]


def tolerant(text: str) -> str:
    """Read a schedule that another program stored, giving what cron makes of it.

    A step longer than its field runs once a round ("90m" is hourly), a step of nothing never runs.
    ValueError when it is no schedule at all.
    """
    if not text or is_valid(text):
        return text
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"no schedule: {text!r}")
    if int(found[1]) == 0:
        return ""
    return nearest(text)[-1] if found[2] == "h" else _minutes(int(found[1]))


def _minutes(number: int) -> str:
    return f"{number}m" if number <= _HIGHEST["m"] else "1h"


def expressions(text: str, task_name: str = "") -> list[str]:
    """Give the five crontab fields of each line that a valid, non-empty schedule needs.

    The daily run of a live task has its own minute.
    """
    if text == LIVE:
        minute = zlib.crc32(task_name.encode()) % _DAY_MINUTES
        return [f"{minute % 60} {minute // 60} * * *"]
    if not _is_interval(text):
        return timetable.fields(text) or []
    number, unit = int(text[:-1]), text[-1]
    return [f"*/{number} * * * *" if unit == "m" else f"1 */{number} * * *"]


def is_meant(variable: str, now: float) -> bool:
    """Tell whether cron's start is to be taken, by its SCHEDULED_VARIABLE: a date returns every year."""
    moment = timetable.once(variable)
    return moment is None or f"{moment:%Y-%m-%d}" == time.strftime("%Y-%m-%d", time.localtime(now))


def moment_of(cron_text: str) -> datetime | None:
    """Give when the task of such a file (`render`) is meant to start once; None: it has another schedule."""
    lines = [line for line in cron_text.splitlines() if line.startswith(f"{SCHEDULED_VARIABLE}=")]
    return timetable.once(lines[0].partition("=")[2].strip('"')) if lines else None


def render(task_name: str, text: str, mail_host: str) -> str:
    """Give the content of the task's file in /etc/cron.d."""
    word = shlex.quote(task_name).replace("%", "\\%")  # crontab(5): "%" would end the command
    variable = text if timetable.once(text) else "1"
    return _template(tuple(expressions(text, task_name)), variable, mail_host).replace(_TASK, word)


@functools.cache
def _template(fields: tuple[str, ...], variable: str, mail_host: str) -> str:
    """Give such a file for any task: instances have a thousand tasks with a few schedules."""
    from crontab import CronTab  # carried in the module image; not needed by most actions

    table = CronTab(tab="", user=False)
    table.env["MAIL_HOST"] = mail_host
    table.env[SCHEDULED_VARIABLE] = variable
    for expression in fields:
        table.new(command=f"{COMMAND} {_TASK}", user=CRON_USER).setall(expression)
    return str(table.render()).replace("\n\n", "\n").lstrip("\n")


def period_min(text: str) -> float:
    """Give how often a schedule starts its task, in minutes, for an order; once and by hand come last."""
    if not text or timetable.once(text):
        return 1e6 if text else float("inf")
    return 0.0 if text == LIVE else timetable.period_min(text)


def delay_s(task_name: str) -> int:
    """Give how many seconds a scheduled start of this task waits: stable, spread, below SPREAD_S."""
    return zlib.crc32(task_name.encode()) % SPREAD_S
