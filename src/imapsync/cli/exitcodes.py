"""The one table from what went wrong to the number that the process ends with.

Names and numbers are the original's; 121 to 126 are ours. docs/exit-codes.md is checked against this table.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from imapsync.terms import Reason, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.transfer.outcome import Stop


class Exit(enum.Enum):
    """Number and meaning of each exit code; the name is the member's."""

    EX_OK = (0, "successful termination")
    EXIT_CATCH_ALL = (1, "any other error")
    EXIT_BY_SIGNAL = (6, "ended by a signal")
    EXIT_BY_FILE = (7, "ended by a file")
    EXIT_PID_FILE_ERROR = (8, "problem with the pid file")
    EXIT_CONNECTION_FAILURE = (10, "cannot connect")
    EXIT_TLS_FAILURE = (12, "encryption failed")
    EXIT_AUTHENTICATION_FAILURE = (16, "cannot log in")
    EXIT_SUBFOLDER1_NO_EXISTS = (21, "the folder of --subfolder1 does not exist")
    EX_USAGE = (64, "command line usage error")
    EX_NOINPUT = (66, "cannot open input")
    EX_UNAVAILABLE = (69, "service unavailable")
    EX_SOFTWARE = (70, "internal software error")
    EXIT_CONNECTION_FAILURE_HOST1 = (101, "cannot connect to host1")
    EXIT_CONNECTION_FAILURE_HOST2 = (102, "cannot connect to host2")
    EXIT_WITH_ERRORS = (111, "ended with errors")
    EXIT_WITH_ERRORS_MAX = (112, "too many errors")
    EXIT_OVERQUOTA = (113, "host2 is over quota")
    EXIT_ERR_APPEND = (114, "host2 refused messages")
    EXIT_ERR_FETCH = (115, "host1 could not give messages")
    EXIT_ERR_CREATE = (116, "folders could not be created")
    EXIT_ERR_SELECT = (117, "folders could not be selected")
    EXIT_TRANSFER_EXCEEDED = (118, "the transfer limit is reached")
    EXIT_ERR_APPEND_VIRUS = (119, "host2 refused messages because of viruses")
    EXIT_NOT_VERIFIED = (121, "not every message of host1 was proven on host2")
    EXIT_BRAKE_SOURCE_EMPTY = (122, "host1 is suddenly empty, nothing was deleted on host2")
    EXIT_BRAKE_DELETE = (123, "too much would be deleted on host2, nothing was")
    EXIT_PARKED = (124, "a server asked to wait, run again later")
    EXIT_BRAKE_VANISHED = (125, "too many copies vanished from host2, nothing was deleted on host1")
    EXIT_SOURCE_INCOMPLETE = (126, "host1 does not show all of its messages")
    EXIT_AUTHENTICATION_FAILURE_USER1 = (161, "cannot log in to host1")
    EXIT_AUTHENTICATION_FAILURE_USER2 = (162, "cannot log in to host2")
    EXIT_TESTS_FAILED = (254, "the self check failed")

    @property
    def number(self) -> int:
        """What the process gives to its parent."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """A few words for people."""
        return self.value[1]


_CONNECTION = {
    None: Exit.EXIT_CONNECTION_FAILURE,
    Side.SOURCE: Exit.EXIT_CONNECTION_FAILURE_HOST1,
    Side.DESTINATION: Exit.EXIT_CONNECTION_FAILURE_HOST2,
}
_AUTHENTICATION = {
    None: Exit.EXIT_AUTHENTICATION_FAILURE,
    Side.SOURCE: Exit.EXIT_AUTHENTICATION_FAILURE_USER1,
    Side.DESTINATION: Exit.EXIT_AUTHENTICATION_FAILURE_USER2,
}

#: What a reason becomes when it ends the run.
FATAL: Mapping[Reason, Exit | Mapping[Side | None, Exit]] = {
    Reason.AUTHENTICATION: _AUTHENTICATION,
    Reason.LOGIN_DROPPED: _AUTHENTICATION,
    Reason.NOT_CONNECTED: _AUTHENTICATION,
    Reason.TOKEN_UNAVAILABLE: _AUTHENTICATION,
    Reason.TOKEN_REFUSED: _AUTHENTICATION,
    Reason.TOKEN_EXPIRED: _AUTHENTICATION,
    Reason.TOKEN_CLOCK: _AUTHENTICATION,
    Reason.TOKEN_AUDIENCE: _AUTHENTICATION,
    Reason.TOKEN_SCOPE: _AUTHENTICATION,
    Reason.MAILBOX_NOT_GRANTED: _AUTHENTICATION,
    Reason.PLAINTEXT_REFUSED: _AUTHENTICATION,
    Reason.CONNECTION: _CONNECTION,
    Reason.ADDRESS_AVOIDED: _CONNECTION,
    Reason.TIMEOUT: _CONNECTION,
    Reason.TLS: Exit.EXIT_TLS_FAILURE,
    Reason.STARTTLS_MISSING: Exit.EXIT_TLS_FAILURE,
    Reason.CERTIFICATE_CHANGED: Exit.EXIT_TLS_FAILURE,
    Reason.CERTIFICATE_UNTRUSTED: Exit.EXIT_TLS_FAILURE,
    Reason.FOLDER_CREATE: Exit.EXIT_ERR_CREATE,
    Reason.FOLDER_DELETE: Exit.EXIT_WITH_ERRORS,
    Reason.FOLDER_MISSING: Exit.EXIT_WITH_ERRORS,
    Reason.SUBFOLDER1_MISSING: Exit.EXIT_SUBFOLDER1_NO_EXISTS,
    Reason.SELECT: Exit.EXIT_ERR_SELECT,
    Reason.APPEND: Exit.EXIT_ERR_APPEND,
    Reason.TOO_BIG: Exit.EXIT_ERR_APPEND,
    Reason.NOT_STORED: Exit.EXIT_ERR_APPEND,
    Reason.FETCH: Exit.EXIT_ERR_FETCH,
    Reason.DOUBTFUL: Exit.EXIT_ERR_FETCH,
    Reason.FLAGS: Exit.EXIT_WITH_ERRORS,
    Reason.DELETE: Exit.EXIT_WITH_ERRORS,
    Reason.OVERQUOTA: Exit.EXIT_OVERQUOTA,
    Reason.VIRUS: Exit.EXIT_ERR_APPEND_VIRUS,
    Reason.FILTER: Exit.EXIT_WITH_ERRORS,
    Reason.DELIVERY: Exit.EXIT_WITH_ERRORS,
    Reason.TRANSFORM: Exit.EXIT_WITH_ERRORS,
    Reason.TRANSFER_EXCEEDED: Exit.EXIT_TRANSFER_EXCEEDED,
    Reason.BRAKE_SOURCE_EMPTY: Exit.EXIT_BRAKE_SOURCE_EMPTY,
    Reason.BRAKE_DELETE: Exit.EXIT_BRAKE_DELETE,
    Reason.BRAKE_VANISHED: Exit.EXIT_BRAKE_VANISHED,
    Reason.SOURCE_INCOMPLETE: Exit.EXIT_SOURCE_INCOMPLETE,
    Reason.FOLDER_REPLACED: Exit.EXIT_WITH_ERRORS,
    Reason.VERIFY: Exit.EXIT_NOT_VERIFIED,
    Reason.PROTOCOL: Exit.EX_UNAVAILABLE,
    Reason.THROTTLED: Exit.EXIT_PARKED,
    Reason.PARKED: Exit.EXIT_PARKED,
    Reason.SIGNAL: Exit.EXIT_BY_SIGNAL,
    Reason.PID_FILE: Exit.EXIT_PID_FILE_ERROR,
    Reason.NO_INPUT: Exit.EX_NOINPUT,
    Reason.OUTPUT: Exit.EXIT_CATCH_ALL,
    Reason.USAGE: Exit.EX_USAGE,
    Reason.JOURNAL: Exit.EXIT_CATCH_ALL,
    Reason.INTERNAL: Exit.EX_SOFTWARE,
}

#: Reasons with a code of their own when they are the most frequent error of a run that went to its end.
COUNTED: Mapping[Reason, Exit] = {
    reason: code
    for reason, code in FATAL.items()
    if isinstance(code, Exit)
    and code
    in (
        Exit.EXIT_OVERQUOTA,
        Exit.EXIT_ERR_APPEND,
        Exit.EXIT_ERR_FETCH,
        Exit.EXIT_ERR_CREATE,
        Exit.EXIT_ERR_SELECT,
        Exit.EXIT_ERR_APPEND_VIRUS,
        Exit.EXIT_SOURCE_INCOMPLETE,
        Exit.EXIT_NOT_VERIFIED,
    )
}


def fatal_exit(reason: Reason, side: Side | None) -> Exit:
    """Give the code of an error that ended the run."""
    code = FATAL[reason]
    return code if isinstance(code, Exit) else code[side]


def exit_of(stop: Stop, reasons: Mapping[Reason, int], *, missing: int, dry: bool) -> Exit:
    """Give the code of a run without a fatal error; reasons: its errors, missing: messages not on host2."""
    from imapsync.transfer.outcome import Stop

    stops = {
        Stop.ERRORS_MAX: Exit.EXIT_WITH_ERRORS_MAX,
        Stop.TRANSFER_EXCEEDED: Exit.EXIT_TRANSFER_EXCEEDED,
        Stop.BRAKE_SOURCE_EMPTY: Exit.EXIT_BRAKE_SOURCE_EMPTY,
        Stop.BRAKE_DELETE: Exit.EXIT_BRAKE_DELETE,
        Stop.BRAKE_VANISHED: Exit.EXIT_BRAKE_VANISHED,
        Stop.SUBFOLDER_MISSING: Exit.EXIT_SUBFOLDER1_NO_EXISTS,
        Stop.SIGNAL: Exit.EXIT_BY_SIGNAL,
    }
    if stop in stops:
        return stops[stop]
    code = most_frequent_exit(reasons)
    return Exit.EXIT_WITH_ERRORS if code is Exit.EX_OK and missing and not dry else code


def most_frequent_exit(reasons: Mapping[Reason, int]) -> Exit:
    """Give the code of a run that went to its end with these numbers of errors.

    As in the original, the most frequent kind of error decides; of equals the lowest number does.
    """
    counts: dict[Exit, int] = {}
    for reason, count in reasons.items():
        code = COUNTED.get(reason, Exit.EXIT_WITH_ERRORS)
        counts[code] = counts.get(code, 0) + count
    if not any(counts.values()):
        return Exit.EX_OK
    return min(counts, key=lambda code: (-counts[code], code.number))
