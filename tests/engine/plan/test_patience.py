"""Which refusals mean "later", and for how long."""

from __future__ import annotations

import pytest

from imapsync.plan.patience import (
    BELIEVED_TIMES,
    FIRST_WAIT_S,
    MOST_TOLD_S,
    MOST_WAIT_S,
    Later,
    asked_to_wait,
    wait_s,
)

LATER: list[tuple[str, str, str, Later]] = [
    ("UID FETCH", "", "Request is throttled. Suggested Backoff Time: 3000 milliseconds", Later(3.0)),
    ("APPEND", "THROTTLED", "Suggested Backoff Time: 299951 milliseconds", Later(299.951)),
    ("UID FETCH", "UNAVAILABLE", "UID FETCH Server error - Please try again later", Later(None)),
    ("UID FETCH", "THROTTLED", "Account exceeded command or bandwidth limits.", Later(None)),
    ("LOGIN", "ALERT", "Too many simultaneous connections. (Failure)", Later(None)),
    ("LOGIN", "UNAVAILABLE", "Maximum number of connections from user+IP exceeded", Later(None)),
    ("LOGIN", "UNAVAILABLE", "Temporary authentication failure.", Later(None)),
    ("LOGIN", "", "Too many login attempts, try again in 2 minutes", Later(120.0)),
    ("LOGIN", "SERVERBUG", "Internal error occurred. Refer to server log", Later(None)),
    ("LOGIN", "", "LOGIN failed: Server Unavailable. 15", Later(None)),
    ("LOGIN", "ALERT", "Down for maintenance", Later(None)),
    ("LOGIN", "", "cannot connect to saslauthd server: Connection refused", Later(None)),
    ("BYE", "", "Too many commands", Later(None)),
    ("SELECT", "INUSE", "mailbox is locked", Later(None, bare=True)),
    ("LIST", "UNAVAILABLE", "", Later(None, bare=True)),
    ("UID STORE", "LIMIT", "", Later(None, bare=True)),
    ("STATUS", "", "Server is busy", Later(None)),
    ("APPEND", "", "Rate limit exceeded, retry after 30", Later(30.0)),
    ("APPEND", "", "slow down, wait 1 hour", Later(3600.0)),
    ("APPEND", "", "please wait 999999999 seconds", Later(MOST_TOLD_S)),
]
NEVER: list[tuple[str, str, str]] = [
    ("LOGIN", "AUTHENTICATIONFAILED", "Authentication failed, try again later"),
    ("LOGIN", "", "Invalid credentials"),
    ("LOGIN", "", "User is authenticated but not connected."),
    ("LOGIN", "ALERT", "Web login required"),
    ("APPEND", "", "Internal server error"),
    ("APPEND", "TOOBIG", "try again later"),
    ("APPEND", "LIMIT", "message too large"),
    ("APPEND", "OVERQUOTA", "Quota exceeded (mailbox for user is full)"),
    ("CREATE", "LIMIT", "no more"),
    ("UID STORE", "LIMIT", "too many flags in this mailbox"),
    ("SELECT", "NONEXISTENT", "Mailbox temporarily unavailable"),
    ("STATUS", "UNAVAILABLE", "not for this folder"),
    ("NAMESPACE", "", "User is authenticated but not connected."),
    ("UID FETCH", "SERVERBUG", "Internal error occurred"),
]


@pytest.mark.parametrize(
    ("verb", "code", "text", "expected"), LATER, ids=[f"{v} {c} {t}" for v, c, t, _ in LATER]
)
def test_refusals_that_mean_later(verb: str, code: str, text: str, expected: Later) -> None:
    assert asked_to_wait(verb, code, text, source=False) == expected


@pytest.mark.parametrize(("verb", "code", "text"), NEVER, ids=[" ".join(row) for row in NEVER])
def test_refusals_that_last(verb: str, code: str, text: str) -> None:
    assert asked_to_wait(verb, code, text, source=False) is None


def test_a_quota_of_the_source_is_one_of_traffic() -> None:
    words = "Account exceeded its quota of traffic"
    assert asked_to_wait("UID FETCH", "OVERQUOTA", words, source=True) == Later(None)
    assert asked_to_wait("UID FETCH", "OVERQUOTA", words, source=False) is None


def test_waits_are_as_told_or_grow_to_a_quarter_of_an_hour() -> None:
    assert 3.0 < wait_s(3.0, 0, 0.5) < 3.5
    assert wait_s(3.0, 15, 0.0) > 300, "who is refused although it waited as told waits longer"
    waits = [wait_s(None, refusals, 1.0) for refusals in range(12)]
    assert waits[0] == FIRST_WAIT_S
    assert waits == sorted(waits)
    assert waits[-1] == wait_s(None, 10_000, 1.0) == MOST_WAIT_S
    assert wait_s(None, 3, 0.0) < wait_s(None, 3, 1.0), "many clients do not come back together"


@pytest.mark.parametrize(
    ("told_s", "refusals", "jitter", "expected"),
    [
        pytest.param(3.0, 0, 0.0, 3.1, id="as told, and a little more"),
        pytest.param(3.0, 0, 1.0, 3.2, id="not all at the same moment"),
        pytest.param(3.0, BELIEVED_TIMES - 1, 0.0, 3.1, id="believed for the last time"),
        pytest.param(0.0, BELIEVED_TIMES, 1.0, FIRST_WAIT_S, id="then as if nothing had been told"),
        pytest.param(0.0, BELIEVED_TIMES + 1, 1.0, 2 * FIRST_WAIT_S, id="growing from there"),
        pytest.param(200.0, BELIEVED_TIMES, 1.0, 200.0, id="never less than told"),
        pytest.param(None, 0, 1.0, FIRST_WAIT_S, id="nothing told"),
        pytest.param(None, 1, 1.0, 2 * FIRST_WAIT_S, id="twice as long after each refusal"),
        pytest.param(None, 2, 0.0, 3 * FIRST_WAIT_S, id="down to three quarters of it"),
    ],
)
def test_how_long_is_waited(told_s: float | None, refusals: int, jitter: float, expected: float) -> None:
    assert wait_s(told_s, refusals, jitter) == pytest.approx(expected)
