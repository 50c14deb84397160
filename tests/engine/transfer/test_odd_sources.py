"""A source that tells one thing oddly: it costs that thing, and what is missing is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, same, settings, sync
from tests.servers.hostile import Relay

from imapsync.plan.rules import DeletionRules
from imapsync.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.engine.transfer.harness import Ran
    from tests.servers.dovecot import Dovecot
    from tests.servers.hostile import Twist

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple["Dovecot", "Dovecot"]
PLACEHOLDER = (
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\n"
    b"The server couldn't retrieve the following message.\r\n"
)
LINE = "0123456789 abcdefghijklmnop\r\n"


def sync_twisted(wanted: Settings, source: Dovecot, twist: Twist) -> Ran:
    """Run with a source whose answers are bent."""
    with Relay(source.port, lambda: (twist, None)) as relay:
        return sync(wanted._replace(source=endpoint(source)._replace(port=relay.port)))


def placeholder(uid: int) -> Twist:
    """Give an error text in place of one body, as Exchange does."""
    whole = re.compile(rb"(\* \d+ FETCH \([^\r\n]*UID %d\b[^\r\n]*BODY\[\]) \{\d+\}\r\n" % uid)

    def twist(response: bytes) -> bytes:
        found = whole.match(response)
        if found is None:
            return response
        return found[1] + b" {%d}\r\n" % len(PLACEHOLDER) + PLACEHOLDER + b")\r\n"

    return twist


def cut(uid: int, given: int, times: int) -> Twist:
    """Give a body with its beginning only, so many times."""
    whole = re.compile(rb"(\* \d+ FETCH \([^\r\n]*UID %d\b[^\r\n]*BODY\[\]) \{\d+\}\r\n" % uid)

    def twist(response: bytes) -> bytes:
        nonlocal times
        found = whole.match(response)
        if found is None or not times:
            return response
        times -= 1
        return found[1] + b" {%d}\r\n" % given + response[found.end() :][:given] + b")\r\n"

    return twist


@pytest.mark.parametrize("times", [1, 99])
def test_a_large_body_that_is_shorter_than_announced_is_no_copy(servers: Servers, times: int) -> None:
    """It passes from socket to socket: what is shorter once is read again, what stays so is reported."""
    source, destination = servers
    large = LINE * (3_000_000 // len(LINE))
    source.fill("source", {"INBOX": [mail(n, body=large if n == 7 else "") for n in range(1, 11)]})
    before = hashes(source.snapshot("source"))
    wanted = settings(*servers, deletion=DeletionRules(source=True))
    ran = sync_twisted(wanted, source, cut(7, 2_000_000, times))
    left, found = hashes(source.snapshot("source")), hashes(destination.snapshot("target"))
    short = times > 1
    assert [(failure.uid, failure.reason) for failure in ran.failed] == [(7, Reason.DOUBTFUL)] * short
    assert left.total() == short, "the original is all that there is of it"
    if short:
        assert not before - left - found
        assert left <= before
    else:
        assert found == before


@pytest.mark.parametrize("size", [48_213, 2_000_000])
@pytest.mark.parametrize("state", [True, False])
def test_an_error_text_in_place_of_a_message_is_no_copy(
    servers: Servers, tmp_path: Path, state: bool, size: int
) -> None:
    source, destination = servers
    bodies = {7: LINE * (size // len(LINE))}
    source.fill("source", {"INBOX": [mail(n, body=bodies.get(n, "")) for n in range(1, 11)]})
    before = source.snapshot("source")["INBOX"]
    wanted = settings(
        *servers,
        deletion=DeletionRules(source=True),
        state=str(tmp_path / "state") if state else None,
    )
    ran = sync_twisted(wanted, source, placeholder(7))
    assert [(failure.uid, failure.reason) for failure in ran.failed] == [(7, Reason.DOUBTFUL)]
    left = source.snapshot("source")["INBOX"]
    assert len(left) == 1, "the original is all that there is of it"
    assert left[0] in before
    assert len(destination.snapshot("target")["INBOX"]) == 9
    # Once the server gives it, it arrives.
    assert good(sync(wanted)).copied == 1
    assert sorted(destination.snapshot("target")["INBOX"]) == sorted(before)


@pytest.mark.parametrize(
    "miscount", [lambda size: size + 9, lambda size: size - 9, lambda size: size * 3], ids=["+9", "-9", "x3"]
)
def test_a_server_that_counts_sizes_differently_is_believed(
    servers: Servers, miscount: Callable[[int], int]
) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(n, body=LINE * n * 9) for n in range(1, 20)]})

    def twist(response: bytes) -> bytes:
        return re.sub(rb"RFC822\.SIZE (\d+)", lambda m: b"RFC822.SIZE %d" % miscount(int(m[1])), response)

    good(sync_twisted(settings(*servers), source, twist))
    same(source.snapshot("source"), destination.snapshot("target"))


def _lines(*items: bytes) -> Twist:
    """Give each message's FETCH in several lines: those that name one of `items`, and what they leave."""
    first = re.compile(rb"\A\* (\d+) FETCH \(((?:(?!BODY\[)[^\r\n])*)(BODY\[.*)?\)\r\n\Z", re.DOTALL)
    item = re.compile(rb"UID \d+|FLAGS \([^)]*\)|INTERNALDATE \"[^\"]*\"|RFC822\.SIZE \d+")

    def twist(response: bytes) -> bytes:
        found = first.match(response)
        if found is None:
            return response
        simple = item.findall(found[2])
        uid = next((word for word in simple if word.startswith(b"UID")), None)
        if uid is None:
            return response
        apart = [word for word in simple if word.split(b" ")[0] in items]
        rest = [word for word in simple if word not in apart and word != uid]
        if found[3]:
            rest.append(found[3])
        number = found[1]
        lines = [
            b"* %s FETCH (%s)\r\n" % (number, b" ".join([uid, *words])) for words in (apart, rest) if words
        ]
        return b"".join(lines)

    return twist


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    "items", [(b"FLAGS",), (b"INTERNALDATE", b"FLAGS"), (b"RFC822.SIZE",), (b"INTERNALDATE",)], ids=str
)
def test_items_of_one_message_in_several_lines_are_one_message(
    servers: Servers, items: tuple[bytes, ...], large: bool
) -> None:
    source, destination = servers
    messages = [mail(n, flags=("\\Seen",) if n % 2 else ()) for n in range(1, 30)]
    if large:
        messages.append(mail(30, body=LINE * 60_000, flags=("\\Flagged",)))
    source.fill("source", {"INBOX": messages, "Sent": messages[:3]})
    destination.fill("target", {"INBOX": messages[:2]})
    assert good(sync_twisted(settings(*servers), source, _lines(*items))).copied == len(messages) + 1
    same(source.snapshot("source"), destination.snapshot("target"))


@pytest.mark.parametrize(
    "date", [b"INTERNALDATE NIL", b"", b'INTERNALDATE ""'], ids=["NIL", "left out", "empty"]
)
@pytest.mark.parametrize("large", [False, True])
def test_a_missing_date_costs_the_date(servers: Servers, date: bytes, large: bool) -> None:
    source, destination = servers
    messages = [mail(n, body=LINE * 60_000 if large and n == 2 else "") for n in range(1, 9)]
    source.fill("source", {"INBOX": messages})

    def twist(response: bytes) -> bytes:
        head, line, rest = response.partition(b"\r\n")
        if b"UID 2 " in head or b"UID 5 " in head:
            head = re.sub(rb'INTERNALDATE "[^"]*" ?', date + (b" " if date else b""), head).replace(
                b" )", b")"
            )
        return head + line + rest

    good(sync_twisted(settings(*servers), source, twist))
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_a_missing_size_costs_the_estimate(servers: Servers, filled: bool, large: bool) -> None:
    source, destination = servers
    messages = [mail(n, body=LINE * 60_000 if large and n == 2 else "") for n in range(1, 9)]
    source.fill("source", {"INBOX": messages})
    if filled:
        destination.fill("target", {"INBOX": messages[:1]})

    def twist(response: bytes) -> bytes:
        head, line, rest = response.partition(b"\r\n")
        if b"UID 2 " in head or b"UID 5 " in head:
            head = re.sub(rb" ?RFC822\.SIZE \d+", b"", head)
        return head + line + rest

    good(sync_twisted(settings(*servers), source, twist))
    same(source.snapshot("source"), destination.snapshot("target"))
