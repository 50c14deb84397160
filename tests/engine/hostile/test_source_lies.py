"""A source that lies in one thing: the engine ends in order, in bounded memory, and tells the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.servers.hostile import Drop, Relay

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.hostile.conftest import Pair
    from tests.servers.hostile import Intercept, Twist

pytestmark = [pytest.mark.servers, pytest.mark.slow]

FETCH = re.compile(rb"\A\* \d+ FETCH ")
BODY = re.compile(rb"BODY\[\] ?(<\d+> )?\{\d+\}")


def substitute(pattern: bytes, replacement: bytes) -> Callable[[], Twist]:
    """Replace in the first line of each response."""
    compiled = re.compile(pattern)

    def twist(response: bytes) -> bytes:
        head, newline, rest = response.partition(b"\r\n")
        return compiled.sub(replacement, head) + newline + rest

    return lambda: twist


def once(pattern: bytes, instead: bytes) -> Callable[[], Twist]:
    """Say something else instead of the first response that matches."""
    compiled = re.compile(pattern)

    def make() -> Twist:
        done = False

        def twist(response: bytes) -> bytes:
            nonlocal done
            if done or not compiled.search(response):
                return response
            done = True
            return instead

        return twist

    return make


def ahead(pattern: bytes, words: bytes) -> Callable[[], Twist]:
    """Say more before each response that matches."""
    compiled = re.compile(pattern)
    return lambda: lambda response: words + response if compiled.search(response) else response


#: Lies that change nothing for a client that does not believe numbers it need not believe.
HARMLESS: dict[str, Callable[[], Twist]] = {
    "size zero": substitute(rb"RFC822\.SIZE \d+", b"RFC822.SIZE 0"),
    "size too large": substitute(rb"RFC822\.SIZE \d+", b"RFC822.SIZE 4294967295"),
    "flags of strangers": ahead(FETCH.pattern, b"* 1 FETCH (FLAGS (\\Deleted) UID 4000000000)\r\n"),
    "chatter": ahead(rb"\A\* \d+ FETCH ", b"* OK [ALERT] <script>alert(1)</script> \x1b[31mred\r\n"),
    "exists again and again": ahead(FETCH.pattern, b"* 10 EXISTS\r\n* 0 RECENT\r\n"),
    "unknown responses": ahead(FETCH.pattern, b"* XFUTURE (a (b {3}\r\nxyz) NIL) [c]\r\n"),
    "capabilities in between": ahead(FETCH.pattern, b"* CAPABILITY IMAP4rev1\r\n"),
    "flags with markup": ahead(FETCH.pattern, b"* FLAGS (\\Seen <b> $x &amp;)\r\n"),
}

#: Lies after which messages may be missing, but then the run says so.
HARMFUL: dict[str, Callable[[], Twist]] = {
    "negative size": substitute(rb"RFC822\.SIZE \d+", b"RFC822.SIZE -5"),
    "size of 40 digits": substitute(rb"RFC822\.SIZE \d+", b"RFC822.SIZE " + b"9" * 40),
    "negative uid": substitute(rb"UID \d+", b"UID -7"),
    "uid zero": substitute(rb"UID \d+", b"UID 0"),
    "uid too large": substitute(rb"UID \d+", b"UID 99999999999"),
    "all uids alike": substitute(rb"UID \d+", b"UID 3"),
    "uids of other messages": lambda: (
        lambda response: (
            re.sub(
                rb"UID (\d+)",
                lambda found: b"UID %d" % (int(found[1]) + 1000),
                response.partition(b"\r\n")[0],
            )
            + response[len(response.partition(b"\r\n")[0]) :]
        )
    ),
    "no uids": substitute(rb" ?UID \d+ ?", b" "),
    "huge literal": substitute(rb"(BODY\[[^\]]*\]) \{\d+\}", rb"\1 {99999999999999}"),
    "negative literal": substitute(rb"(BODY\[[^\]]*\]) \{\d+\}", rb"\1 {-1}"),
    "literal of words": substitute(rb"(BODY\[[^\]]*\]) \{\d+\}", rb"\1 {many}"),
    "body is NIL": lambda: (
        lambda response: (
            response[: found.start()] + b"BODY[] NIL)\r\n" if (found := BODY.search(response)) else response
        )
    ),
    "parentheses for ever": ahead(FETCH.pattern, b"* 1 FETCH (BODYSTRUCTURE " + b"(" * 100_000 + b"\r\n"),
    "quotes that never close": ahead(FETCH.pattern, b'* 1 FETCH (ENVELOPE ("\r\n'),
    "garbage": ahead(FETCH.pattern, b"\x00\xff\xfe garbage \x80\r\n"),
    "empty lines": ahead(FETCH.pattern, b"\r\n\r\n"),
    "foreign tags": ahead(FETCH.pattern, b"zz99 OK nobody asked\r\n"),
    "continuations": ahead(FETCH.pattern, b"+ go on\r\n" * 100),
    "millions of messages": substitute(rb"\* \d+ EXISTS", b"* 4294967295 EXISTS"),
    "status of millions": substitute(rb"MESSAGES \d+", b"MESSAGES 4294967295"),
    "status negative": substitute(rb"MESSAGES \d+", b"MESSAGES -1"),
    "uidvalidity zero": substitute(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0"),
    "uidnext zero": substitute(rb"UIDNEXT \d+", b"UIDNEXT 0"),
    "vanished everything": ahead(FETCH.pattern, b"* VANISHED (EARLIER) 1:4294967295\r\n"),
    "expunged everything": ahead(FETCH.pattern, b"* 1 EXPUNGE\r\n"),
    "search finds all numbers": substitute(rb"\A\* E?SEARCH.*", b"* SEARCH " + b"1 " * 100_000 + b"1"),
    "one message kept back": once(FETCH.pattern, b""),
}


@pytest.mark.parametrize("lie", HARMLESS, ids=lambda lie: lie.replace(" ", "_"))
def test_copy_is_exact_in_spite_of(lie: str, pair: Pair) -> None:
    ran = pair.run_twisted(lambda: (HARMLESS[lie](), None))
    assert ran.exit_code == 0, ran.output[-3000:]
    assert pair.found() == pair.before


@pytest.mark.parametrize("lie", HARMFUL, ids=lambda lie: lie.replace(" ", "_"))
def test_truth_is_told_about(lie: str, pair: Pair) -> None:
    pair.run_twisted(lambda: (HARMFUL[lie](), None))


def test_dates_that_are_none(pair: Pair) -> None:
    """Such a message arrives with the date of its copy, and the log says so."""
    lie = substitute(rb'INTERNALDATE "[^"]*"', b'INTERNALDATE "99-Foo-0000 99:99:99 +9999"')
    with Relay(pair.source.port, lambda: (lie(), None)) as relay:
        ran = pair.run(source_port=relay.port)
    assert ran.exit_code == 0
    assert pair.missing() == 0
    assert "date" in ran.output


def test_bye_in_the_middle(pair: Pair) -> None:
    """The server says good-bye before the third body and closes, on each connection anew."""

    def make() -> tuple[Twist, None]:
        bodies = 0

        def twist(response: bytes) -> bytes:
            nonlocal bodies
            bodies += BODY.search(response) is not None
            if bodies == 3:
                raise Drop(b"* BYE <b>maintenance</b> \x1b[31m\r\n")
            return response

        return twist, None

    pair.run_twisted(make)


def test_body_shorter_than_announced(pair: Pair) -> None:
    """The server closes in the middle of a literal, every time."""

    def make() -> tuple[Twist, None]:
        def twist(response: bytes) -> bytes:
            if BODY.search(response) and len(response) > 100_000:
                raise Drop
            return response

        return twist, None

    ran = pair.run_twisted(make)
    assert ran.exit_code != 0
    assert pair.missing() == 1


def test_fetch_refused_for_one_message(pair: Pair) -> None:
    """A set with one bad message is refused as a whole: the others arrive, that one is in the report."""
    bad = 4

    def make() -> tuple[None, Intercept]:
        selected = b""

        def intercept(tag: bytes, line: bytes) -> bytes | None:
            nonlocal selected
            if (folder := re.search(rb"(?:SELECT|EXAMINE) \"?(\w+)", line)) is not None:
                selected = folder[1]
            found = re.search(rb"UID FETCH (\S+) .*BODY", line)
            if selected == b"Work" and found is not None and bad in _members(found[1]):
                return tag + b" NO [SERVERBUG] Internal error <i>occurred</i>\r\n"
            return None

        return None, intercept

    ran = pair.run_twisted(make)
    assert ran.exit_code == 115
    assert pair.missing() == 1
    assert [(failure["folder"], failure["uid"]) for failure in ran.report["failures"]] == [("Work", bad)]


def _members(uid_set: bytes) -> set[int]:
    members: set[int] = set()
    for part in uid_set.split(b","):
        first, _, last = part.partition(b":")
        members.update(range(int(first), int(last or first) + 1) if last != b"*" else range(int(first), 100))
    return members
