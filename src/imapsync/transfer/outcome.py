"""How a run ended."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Stop(Enum):
    """Why a run came to its end."""

    DONE = "done"  # went through everything, perhaps with failures of single messages
    FATAL = "fatal"  # `Outcome.error` says what
    ERRORS_MAX = "errors_max"  # --errorsmax reached
    TRANSFER_EXCEEDED = "transfer_exceeded"  # --exitwhenover reached
    BRAKE_SOURCE_EMPTY = "brake_source_empty"  # the source is suddenly empty and deletions were asked
    BRAKE_DELETE = "brake_delete"  # deletions would remove more than half of the destination
    BRAKE_VANISHED = "brake_vanished"  # more than half of the copies are gone, and originals were to go
    SUBFOLDER_MISSING = "subfolder_missing"  # --subfolder1 names a folder that the source does not have
    SIGNAL = "signal"  # asked to stop (the task was cancelled)


class Outcome(NamedTuple):
    """The end of a run. Counters, failures and errors went to the sink; this is the reason of the end.

    `error` is the exception behind `Stop.FATAL` (a member of the session's error tree, or a `JournalError`).
    """

    stop: Stop
    error: Exception | None = None
