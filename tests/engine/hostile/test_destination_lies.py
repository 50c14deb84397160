"""A destination that lies or refuses: no duplicates, nothing lost in silence, every refusal in the report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.servers.hostile import Drop

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.hostile.conftest import Pair
    from tests.servers.hostile import Intercept, Twist

pytestmark = [pytest.mark.servers, pytest.mark.slow]

APPENDUID = re.compile(rb"\[APPENDUID \d+ [\d:,]+\]")
APPEND = re.compile(rb"\A\S+ APPEND ", re.IGNORECASE)


def instead_of_appenduid(words: bytes) -> Callable[[], Twist]:
    return lambda: lambda response: APPENDUID.sub(words, response)


LIES: dict[str, Callable[[], Twist]] = {
    "more uids than messages": instead_of_appenduid(b"[APPENDUID 1 1:4294967295]"),
    "uids of strangers": instead_of_appenduid(b"[APPENDUID 7 900000:900009]"),
    "uids backwards": instead_of_appenduid(b"[APPENDUID 1 9:1]"),
    "uid zero": instead_of_appenduid(b"[APPENDUID 1 0]"),
    "uids of words": instead_of_appenduid(b"[APPENDUID one two]"),
    "no closing bracket": instead_of_appenduid(b"[APPENDUID 1 5"),
    "exists of millions": lambda: (
        lambda response: re.sub(rb"\* \d+ EXISTS", b"* 4294967295 EXISTS", response)
    ),
    "search finds millions": lambda: (
        lambda response: re.sub(
            rb"(?m)^\* E?SEARCH.*\r$", b'* ESEARCH (TAG "a1") UID ALL 1:4294967295\r', response
        )
    ),
    "capabilities it has not": lambda: (
        lambda response: response.replace(b"IMAP4rev1", b"IMAP4rev1 LITERAL- X-A")
    ),
    "alerts with markup": lambda: (
        lambda response: (
            b"* NO [ALERT] <img src=x onerror=alert(1)> \x1b]0;title\x07\r\n" + response
            if response.startswith(b"a")
            else response
        )
    ),
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.replace(" ", "_"))
def test_nothing_lost_nothing_doubled_with(lie: str, pair: Pair) -> None:
    pair.run_twisted(lambda: (LIES[lie](), None), before_destination=True)
    # Whatever the first run thought: an honest second one ends with an exact copy.
    again = pair.run()
    assert again.exit_code == 0, again.output[-3000:]
    assert pair.missing() == 0


def refusing(every: int, answer: bytes) -> Callable[[], tuple[None, Intercept]]:
    """Refuse each APPEND that carries a message whose header has the number ``every``."""

    def make() -> tuple[None, Intercept]:
        count = 0

        def intercept(tag: bytes, line: bytes) -> bytes | None:
            nonlocal count
            if not APPEND.match(line):
                return None
            count += 1
            return tag + answer if count % every == 0 else None

        return None, intercept

    return make


@pytest.mark.parametrize(
    ("answer", "exit_codes"),
    [
        (b" NO [OVERQUOTA] <b>full</b>\r\n", {113}),
        (b" NO Message contains a virus: EICAR\r\n", {111, 114, 119}),
        (b" NO [LIMIT] too large\r\n", {111, 114}),
        (b" BAD \x1b[2Jwhat?\r\n", {111, 114}),
    ],
)
def test_all_appends_refused(pair: Pair, answer: bytes, exit_codes: set[int]) -> None:
    ran = pair.run_twisted(refusing(1, answer), before_destination=True)
    assert ran.exit_code in exit_codes | {112}
    assert pair.missing() == 30
    assert ran.report["messages_failed"] > 0


def test_every_other_append_refused(pair: Pair) -> None:
    """A refused batch is split; what was refused because of its batch alone arrives."""
    ran = pair.run_twisted(refusing(2, b" NO [SERVERBUG] try again\r\n"), before_destination=True)
    assert pair.missing() < 30
    assert ran.exit_code != 0 or pair.missing() == 0


def test_connection_lost_after_each_append(pair: Pair) -> None:
    """The answer to every APPEND is lost: what has arrived is found again, not sent twice."""

    def make() -> tuple[Twist, Intercept]:
        appends: set[bytes] = set()

        def intercept(tag: bytes, line: bytes) -> bytes | None:
            if APPEND.match(line):
                appends.add(tag)
            return None

        def twist(response: bytes) -> bytes:
            if response.split(b" ", 1)[0] in appends:
                raise Drop
            return response

        return twist, intercept

    pair.run_twisted(make, before_destination=True)
    assert pair.run().exit_code == 0
    assert pair.missing() == 0
    assert pair.found() == pair.before


def test_folders_cannot_be_created(pair: Pair) -> None:
    def make() -> tuple[None, Intercept]:
        return None, lambda tag, line: tag + b" NO [NOPERM] no\r\n" if b" CREATE " in line else None

    ran = pair.run_twisted(make, before_destination=True)
    assert ran.exit_code in {111, 116}
    assert pair.missing() == 20
