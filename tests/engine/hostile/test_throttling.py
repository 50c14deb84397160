"""A server that says "later" is waited for; nothing fails for it, nothing is sent twice."""

from __future__ import annotations

import json
import random
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.hostile.conftest import Pair
    from tests.servers.hostile import Intercept, Twist

pytestmark = [pytest.mark.servers, pytest.mark.slow]
TOLD = b"NO Request is throttled. Suggested Backoff Time: 300 milliseconds"
WORDS = [
    TOLD,
    b"BAD Request is throttled. Suggested Backoff Time: 200 milliseconds",
    b"NO [THROTTLED] Suggested Backoff Time: 100 milliseconds",
    b"NO [UNAVAILABLE] Server error, try again in 1 seconds",
    b"NO [LIMIT] wait 1 second",
]


def refuses(verb: bytes, times: int, words: bytes) -> Callable[[], tuple[Twist | None, Intercept | None]]:
    """Refuse a command so often, over all connections."""
    left = [times]

    def intercept(tag: bytes, line: bytes) -> bytes | None:
        if not re.match(rb"\S+ " + verb, line, re.IGNORECASE) or left[0] <= 0:
            return None
        left[0] -= 1
        return tag + b" " + words + b"\r\n"

    return lambda: (None, intercept)


@pytest.mark.parametrize(
    "verb", [b"LOGIN|AUTHENTICATE", b"LIST", b"EXAMINE", b"UID FETCH", b"UID SEARCH|NOOP"]
)
def test_a_source_that_asks_to_wait(pair: Pair, verb: bytes) -> None:
    ran = pair.run_twisted(refuses(b"(?:" + verb + b")", 2, TOLD))
    assert ran.exit_code == 0, ran.output[-3000:]
    assert ran.report["failures_total"] == ran.report["errors_total"] == 0


@pytest.mark.parametrize("verb", [b"APPEND", b"CREATE", b"SELECT", b"STATUS"])
def test_a_destination_that_asks_to_wait(pair: Pair, verb: bytes) -> None:
    ran = pair.run_twisted(refuses(verb, 2, TOLD), before_destination=True)
    assert ran.exit_code == 0, ran.output[-3000:]
    assert ran.report["failures_total"] == ran.report["errors_total"] == 0


def test_a_source_that_throttles_at_random_in_all_words(pair: Pair) -> None:
    dice = random.Random(4)
    quiet_until = [0.0]

    def intercept(tag: bytes, line: bytes) -> bytes | None:
        if b"LOGOUT" in line:
            return None
        if time.monotonic() >= quiet_until[0] and dice.random() > 0.15:
            return None
        quiet_until[0] = time.monotonic() + 0.05
        return tag + b" " + dice.choice(WORDS) + b"\r\n"

    ran = pair.run_twisted(lambda: (None, intercept))
    assert ran.exit_code == 0, ran.output[-3000:]
    assert "asks to wait" in ran.output


@pytest.mark.parametrize("verb", [b"(?:LOGIN|AUTHENTICATE)", b"UID FETCH"])
def test_a_wait_that_is_too_long_parks_the_run(pair: Pair, verb: bytes) -> None:
    words = b"NO Request is throttled. Suggested Backoff Time: 7200000 milliseconds"
    ran = pair.run_twisted(refuses(verb, 1, words))
    assert ran.exit_code == 124, ran.output[-3000:]
    again = datetime.strptime(ran.report["run_again_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 7000 < (again - datetime.now(UTC)).total_seconds() < 7300
    assert "parked" in ran.error_codes
    assert pair.run().exit_code == 0
    assert pair.missing() == 0


def test_a_look_at_the_login_does_not_wait(pair: Pair) -> None:
    ran = pair.run_twisted(refuses(b"(?:LOGIN|AUTHENTICATE)", 9, b"NO [UNAVAILABLE] busy"), "--justlogin")
    assert (ran.exit_code, ran.error_codes) == (124, {"throttled"})


def test_the_progress_says_until_when_and_why(pair: Pair) -> None:
    progress = pair.folder / "progress"
    seen: list[dict[str, object]] = []

    def twist(response: bytes) -> bytes:
        if progress.exists():
            seen.append(json.loads(progress.read_text()))
        return response

    refuse = refuses(b"UID FETCH", 1, b"NO Request is throttled. Suggested Backoff Time: 400 milliseconds")
    ran = pair.run_twisted(lambda: (twist, refuse()[1]), "--progress", str(progress))
    assert ran.exit_code == 0
    waiting = [each for each in seen if each["phase"] == "waiting"]
    assert seen[-1]["phase"] != "waiting"
    for each in waiting:
        assert each["waiting_for"] == "host1"
        assert "throttled" in str(each["waiting_words"])


def test_a_message_that_is_never_available_parks_the_run_when_nobody_may_wait(pair: Pair) -> None:
    ran = pair.run_twisted(refuses(b"UID FETCH", 99, b"NO [UNAVAILABLE]"), "--maxwait", "0.01")
    assert ran.exit_code == 124
