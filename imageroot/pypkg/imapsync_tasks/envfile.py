"""KEY=VALUE files. The only place that reads or writes a line of one.

The form is that of NS8's agent: no quoting, the value is everything after the first "=", so it cannot
hold a line end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from imapsync_tasks.errors import TaskFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_LINE_ENDS: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]")


def parse(content: bytes) -> dict[str, str]:
    """Give the keys and values in order; blank lines, comments and lines without a key are skipped.

    TaskFileError when the file is not UTF-8 text.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise TaskFileError(f"not UTF-8 text at byte {error.start}") from None
    values = {}
    for line in text.split("\n"):
        key, separator, value = line.removesuffix("\r").partition("=")
        if separator and _KEY.fullmatch(key):
            values[key] = value
    return values


def render(values: Mapping[str, str]) -> str:
    """Give the file's content, with the leading blank line of the upstream module."""
    for key, value in values.items():
        if not _KEY.fullmatch(key) or _LINE_ENDS.search(value):
            raise ValueError(f"cannot be written on one line: {key}")
    return "\n" + "".join(f"{key}={value}\n" for key, value in values.items())
