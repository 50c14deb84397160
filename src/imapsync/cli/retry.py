"""--retryfailed: read from the report of an earlier run which messages did not arrive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from imapsync.cli.errors import InputError, UsageError
from imapsync.plan.retry import FailedMessage, Retry

if TYPE_CHECKING:
    from imapsync.cli.getopt import Parsed

#: A report names at most a thousand failures; a larger file is none.
MAX_BYTES = 64 << 20
_NAME = "retryfailed"
#: What a retry does beside copying would concern other messages than those that failed.
_NOT_BESIDE = (
    "verify",
    "justlogin",
    "justconnect",
    "justfolders",
    "justfoldersizes",
    "justfolderlists",
    "watch",
)


def retry_of(options: Parsed) -> Retry | None:
    """Give what --retryfailed names, None without it. InputError, UsageError."""
    path = options.text(_NAME)
    if path is None:
        return None
    for other in _NOT_BESIDE:
        if options.flag(other):
            raise UsageError(f"--{_NAME} copies what failed; it cannot go with --{other}.", option=_NAME)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"The report '{path}' of --{_NAME} cannot be read: {error.strerror}.") from None
    try:
        report = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict) or report.get("version", 1) != 1:
        raise InputError(f"The file '{path}' of --{_NAME} is no report of a run (--report).")
    rows = report.get("failures")
    if not isinstance(rows, list):
        raise InputError(f"The report '{path}' of --{_NAME} has no list 'failures'.")
    messages = tuple(_failed(path, number, row) for number, row in enumerate(rows))
    total = _number(report.get("failures_total")) or 0
    return Retry(tuple(dict.fromkeys(messages)), max(0, total - len(rows)))


def _failed(path: str, number: int, row: object) -> FailedMessage:
    where = f"The report '{path}' of --{_NAME}: failures[{number}]"
    if not isinstance(row, dict):
        raise InputError(f"{where} is no object.")
    folder, uid = row.get("folder"), _number(row.get("uid"))
    if not isinstance(folder, str) or not folder:
        raise InputError(f"{where}.folder is no folder name.")
    if not uid or uid > 0xFFFFFFFF:
        raise InputError(f"{where}.uid is no UID.")
    message_id = row.get("message_id")
    return FailedMessage(
        folder,
        uid,
        _number(row.get("uidvalidity")) or 0,
        message_id if isinstance(message_id, str) else "",
        _number(row.get("size_bytes")),
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
