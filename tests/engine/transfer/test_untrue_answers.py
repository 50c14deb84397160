"""A destination whose answers to APPEND are not true: nothing comes twice, nothing passes for copied."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, settings, sync
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Relay

from imapsync.plan.rules import DeletionRules
from imapsync.report import events
from imapsync.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.transfer.harness import Ran
    from tests.servers.hostile import Intercept, Twist

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
LINE = "0123456789 abcdefghijklmnop\r\n"
APPEND = re.compile(rb"\A(\S+) APPEND ", re.IGNORECASE)
SERVERS = {
    "plain": ["MULTIAPPEND", "UIDPLUS", "LITERAL+"],
    "UIDPLUS": ["MULTIAPPEND"],
    "MULTIAPPEND": ["UIDPLUS"],
    "both": [],
}


class Untrue:
    """Bends the answer to each `every`th APPEND, counted over all connections.

    stores: whether the server gets those APPENDs.
    """

    def __init__(self, every: int, answer: bytes, *, stores: bool) -> None:
        self._every, self._answer, self._stores = every, answer, stores
        self._count = 0
        self._tags: set[bytes] = set()
        self._validity = b"1"
        self.bent = 0

    def make(self) -> tuple[Twist, Intercept]:
        return self.twist, self.intercept

    def intercept(self, tag: bytes, line: bytes) -> bytes | None:
        if APPEND.match(line) is None:
            return None
        self._count += 1
        if self._count % self._every:
            return None
        self.bent += 1
        if self._stores:
            self._tags.add(tag)
            return None
        return tag + self._answer.replace(b"VALIDITY", self._validity)

    def twist(self, response: bytes) -> bytes:
        tag = response.split(b" ", 1)[0]
        if tag in self._tags:
            self._tags.discard(tag)
            return tag + self._answer
        if found := re.search(rb"\[UIDVALIDITY (\d+)\]", response):
            self._validity = found[1]
        return response


@pytest.fixture(params=SERVERS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot() as source, Dovecot(without=SERVERS[request.param]) as destination:
        source.add_user("source")
        destination.add_user("target")
        yield source, destination


FOLDERS = {
    "INBOX": [mail(n, flags=("\\Seen", "$Label") if n % 2 else ()) for n in range(40)],
    "Twins": [mail(100 + n // 4) for n in range(12)],
    "Big": [mail(200, body=LINE * 30_000), mail(201), mail(202, body=LINE * 40_000)],
}


def sync_through(wanted: Settings, destination: Dovecot, untrue: Untrue) -> Ran:
    with Relay(destination.port, untrue.make) as relay:
        return sync(wanted._replace(destination=endpoint(destination)._replace(port=relay.port)))


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("state", [True, False])
def test_messages_stored_in_spite_of_a_no_do_not_come_twice(
    pair: tuple[Dovecot, Dovecot], tmp_path: Path, state: bool, every: int
) -> None:
    source, destination = pair
    source.fill("source", FOLDERS)
    wanted = settings(*pair, state_path=str(tmp_path / "state") if state else None)
    wanted = wanted._replace(identity=wanted.identity._replace(sync_duplicates=True))
    untrue = Untrue(every, b" NO [SERVERBUG] Internal error\r\n", stores=True)
    ran = sync_through(wanted, destination, untrue)
    assert untrue.bent
    assert not ran.failed, ran.failed
    assert ran.copied == 55
    assert hashes(destination.snapshot("target")) == hashes(source.snapshot("source"))
    assert good(sync(wanted)).copied == 0


@pytest.mark.parametrize(
    "answer", [b" OK done\r\n", b" OK [APPENDUID VALIDITY 4001] done\r\n"], ids=["plain", "with a UID"]
)
@pytest.mark.parametrize("state", [True, False])
def test_messages_confirmed_but_not_stored_are_failures(
    pair: tuple[Dovecot, Dovecot], tmp_path: Path, state: bool, answer: bytes
) -> None:
    source, destination = pair
    source.fill("source", {name: FOLDERS[name] for name in ("INBOX", "Big")})
    before = hashes(source.snapshot("source"))
    wanted = settings(
        *pair,
        state_path=str(tmp_path / "state") if state else None,
        deletion=DeletionRules(source=True),
    )
    wanted = wanted._replace(identity=wanted.identity._replace(sync_duplicates=True))
    literals_wait = "LITERAL+" in destination.without
    # A command that is confirmed before it is whole costs its connection, and is sent again: few of them.
    untrue = Untrue(14 if literals_wait else 3, answer, stores=False)
    ran = sync_through(wanted, destination, untrue)
    assert untrue.bent
    if literals_wait:
        assert good(ran).copied == 43
        assert hashes(destination.snapshot("target")) == before
        return
    assert ran.failed
    assert {failure.reason for failure in ran.failed} == {Reason.NOT_STORED}
    left, there = hashes(source.snapshot("source")), hashes(destination.snapshot("target"))
    assert left.total() == len(ran.failed)
    assert left + there == before, "each message is on one side, and on one only"
    good(sync(wanted))
    assert hashes(destination.snapshot("target")) == before


def test_a_uid_of_another_uidvalidity_is_none(tmp_path: Path) -> None:
    """Else it would be believed as the place of the copy, by this run and the next ones."""
    with Dovecot() as source, Dovecot() as destination:
        source.add_user("source")
        destination.add_user("target")
        source.fill("source", {"INBOX": [mail(n) for n in range(20)]})

        def twist(response: bytes) -> bytes:
            return re.sub(rb"\[APPENDUID \d+ [\d:,]+\]", b"[APPENDUID 7 101:120]", response)

        wanted = settings(source, destination, state_path=str(tmp_path / "state"))
        with Relay(destination.port, lambda: (twist, None)) as relay:
            ran = sync(wanted._replace(destination=endpoint(destination)._replace(port=relay.port)))
        assert good(ran).copied == 20
        again = good(sync(wanted))
        assert again.unchanged == 1
        assert again.skipped(events.Skip.REMOVED_BY_USER) == 0
