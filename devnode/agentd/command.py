"""The command descriptor: what a step says on file descriptor 3."""

from __future__ import annotations

import csv
from dataclasses import dataclass

VALIDATION_FAILED = "validation-failed"


@dataclass(frozen=True)
class SetStatus:
    """`set-status validation-failed`."""


@dataclass(frozen=True)
class SetProgress:
    """`set-progress N`: N percent of the current step."""

    percent: int


@dataclass(frozen=True)
class SetWeight:
    """`set-weight STEP N`: the share of one step in the whole."""

    step: str
    weight: int


Command = SetStatus | SetProgress | SetWeight


class CommandError(ValueError):
    """A line that is no command; it is logged and has no effect."""


def parse(line: str) -> Command | None:
    """Give the command of one line (LF or CRLF), None for a blank line; CommandError says what is wrong."""
    text = line.rstrip("\r\n")
    if not text.strip():
        return None
    try:
        words = next(csv.reader([text], delimiter=" ", quotechar='"', strict=True))
    except (csv.Error, StopIteration) as error:
        raise CommandError(f"unreadable command {text!r}: {error}") from error
    match words:
        case ["set-status", status]:
            if status != VALIDATION_FAILED:
                raise CommandError(f"invalid status {status!r}")
            return SetStatus()
        case ["set-progress", number]:
            return SetProgress(_number(number, 100))
        case ["set-weight", step, number]:
            return SetWeight(step, _number(number, None))
    raise CommandError(f"unknown command {words[0]!r}")


def _number(word: str, highest: int | None) -> int:
    if not word.isascii() or not word.isdigit() or (highest is not None and int(word) > highest):
        raise CommandError(f"invalid number {word!r}")
    return int(word)
