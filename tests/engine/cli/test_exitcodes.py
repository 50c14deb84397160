"""Numbers and names of the exit codes, and that no error lacks one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imapsync.cli.exitcodes import FATAL, Exit, fatal_exit, most_frequent_exit
from imapsync.cli.runner import fatal_code
from imapsync.report.remedies import REMEDIES
from imapsync.session import errors
from imapsync.terms import Reason, Side

DOCS = Path(__file__).parents[3] / "docs" / "exit-codes.md"

#: As documented by the original.
ORIGINAL = {
    "EX_OK": 0,
    "EX_USAGE": 64,
    "EX_NOINPUT": 66,
    "EX_UNAVAILABLE": 69,
    "EX_SOFTWARE": 70,
    "EXIT_CATCH_ALL": 1,
    "EXIT_BY_SIGNAL": 6,
    "EXIT_BY_FILE": 7,
    "EXIT_PID_FILE_ERROR": 8,
    "EXIT_CONNECTION_FAILURE": 10,
    "EXIT_TLS_FAILURE": 12,
    "EXIT_AUTHENTICATION_FAILURE": 16,
    "EXIT_SUBFOLDER1_NO_EXISTS": 21,
    "EXIT_WITH_ERRORS": 111,
    "EXIT_WITH_ERRORS_MAX": 112,
    "EXIT_OVERQUOTA": 113,
    "EXIT_ERR_APPEND": 114,
    "EXIT_ERR_FETCH": 115,
    "EXIT_ERR_CREATE": 116,
    "EXIT_ERR_SELECT": 117,
    "EXIT_TRANSFER_EXCEEDED": 118,
    "EXIT_ERR_APPEND_VIRUS": 119,
    "EXIT_TESTS_FAILED": 254,
    "EXIT_CONNECTION_FAILURE_HOST1": 101,
    "EXIT_CONNECTION_FAILURE_HOST2": 102,
    "EXIT_AUTHENTICATION_FAILURE_USER1": 161,
    "EXIT_AUTHENTICATION_FAILURE_USER2": 162,
}
OURS = {
    "EXIT_NOT_VERIFIED": 121,
    "EXIT_BRAKE_SOURCE_EMPTY": 122,
    "EXIT_BRAKE_DELETE": 123,
    "EXIT_PARKED": 124,
    "EXIT_BRAKE_VANISHED": 125,
    "EXIT_SOURCE_INCOMPLETE": 126,
}


def test_names_and_numbers_are_the_documented_ones() -> None:
    assert {code.name: code.number for code in Exit} == {**ORIGINAL, **OURS}
    assert len({code.number for code in Exit}) == len(Exit)


def test_every_reason_has_a_code_and_a_remedy_for_each_side() -> None:
    assert set(FATAL) == set(Reason)
    assert set(REMEDIES) == set(Reason)
    for reason in Reason:
        for side in (None, *Side):
            assert fatal_exit(reason, side) is not Exit.EX_OK


def all_errors(base: type[errors.SyncError]) -> list[type[errors.SyncError]]:
    return [base, *(found for child in base.__subclasses__() for found in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(errors.SyncError))
@pytest.mark.parametrize("side", [None, *Side])
def test_every_error_of_a_session_has_a_code(kind: type[errors.SyncError], side: Side | None) -> None:
    error = kind.__new__(kind)
    error.code = kind.default_code
    error.side = side
    assert Reason(kind.default_code)
    assert fatal_code(error) is not Exit.EX_OK
    if issubclass(kind, errors.LoginFailed):
        assert fatal_code(error).number in {None: (16,), Side.SOURCE: (161,), Side.DESTINATION: (162,)}[side]
    elif issubclass(kind, errors.TlsFailed):
        assert fatal_code(error) is Exit.EXIT_TLS_FAILURE
    elif issubclass(kind, errors.AskedToWait | errors.Parked):
        assert fatal_code(error) is Exit.EXIT_PARKED
    elif issubclass(kind, errors.ConnectionFailed):
        assert fatal_code(error).number in {None: (10,), Side.SOURCE: (101,), Side.DESTINATION: (102,)}[side]


@pytest.mark.parametrize(
    "verb", ["APPEND", "CREATE", "SELECT", "EXAMINE", "UID FETCH", "FETCH", "STATUS", "NOOP"]
)
@pytest.mark.parametrize("words", ["Quota exceeded", "Virus found", "no"])
def test_every_refusal_has_a_reason(verb: str, words: str) -> None:
    assert Reason(errors.refusal_code(verb, "", words))


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ({}, Exit.EX_OK),
        ({Reason.APPEND: 1}, Exit.EXIT_ERR_APPEND),
        ({Reason.APPEND: 1, Reason.OVERQUOTA: 2}, Exit.EXIT_OVERQUOTA),
        ({Reason.APPEND: 2, Reason.FETCH: 2}, Exit.EXIT_ERR_APPEND),
        ({Reason.APPEND: 2, Reason.TOO_BIG: 1, Reason.FETCH: 2}, Exit.EXIT_ERR_APPEND),
        ({Reason.FLAGS: 2, Reason.FETCH: 1}, Exit.EXIT_WITH_ERRORS),
        ({Reason.FLAGS: 1, Reason.DELETE: 1, Reason.FETCH: 2}, Exit.EXIT_WITH_ERRORS),
        ({Reason.CONNECTION: 1}, Exit.EXIT_WITH_ERRORS),
        ({Reason.VERIFY: 1}, Exit.EXIT_NOT_VERIFIED),
        ({Reason.SOURCE_INCOMPLETE: 1}, Exit.EXIT_SOURCE_INCOMPLETE),
        ({Reason.FOLDER_CREATE: 1}, Exit.EXIT_ERR_CREATE),
        ({Reason.SELECT: 1}, Exit.EXIT_ERR_SELECT),
        ({Reason.VIRUS: 3}, Exit.EXIT_ERR_APPEND_VIRUS),
    ],
)
def test_the_most_frequent_error_decides(reasons: dict[Reason, int], code: Exit) -> None:
    assert most_frequent_exit(reasons) is code


def test_the_page_lists_exactly_these_codes_and_reasons() -> None:
    text = DOCS.read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    assert [(int(number), name, meaning.strip()) for number, name, meaning in rows] == [
        (code.number, code.name, code.meaning) for code in sorted(Exit, key=lambda code: code.number)
    ]
    reasons = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE)
    assert reasons == [(reason.value, REMEDIES[reason][0]) for reason in Reason]
