"""Commands that a run can do without, refused by a real server: the mail arrives all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, same, settings, sync
from tests.servers.hostile import Relay

from imapsync.plan.rules import DeletionRules, FolderRules
from imapsync.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.dovecot import Dovecot
    from tests.servers.hostile import Intercept, Twist

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple["Dovecot", "Dovecot"]
MAIL = {"INBOX": [mail(1), mail(2)], "Work": [mail(3)], "Work/deep": [mail(4)]}


def refusing(word: bytes, answer: bytes) -> Callable[[], tuple[Twist | None, Intercept | None]]:
    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            return tag + b" " + answer + b"\r\n" if word in line else None

        return None, intercept

    return make


def between(wanted: Settings, source: int, destination: int) -> Settings:
    assert wanted.destination is not None
    return wanted._replace(
        source=wanted.source._replace(port=source), destination=wanted.destination._replace(port=destination)
    )


@pytest.mark.parametrize("answer", [b"NO not today", b"BAD unknown command"])
@pytest.mark.parametrize(
    "word", [b" NAMESPACE", b" LSUB ", b" RETURN (", b' STATUS "Work" ', b" ENABLE ", b" ID "]
)
def test_a_command_that_is_refused_costs_the_account(
    servers: Servers, tmp_path: Path, word: bytes, answer: bytes
) -> None:
    source, destination = servers
    source.fill("source", MAIL)
    make = refusing(word, answer)
    with Relay(source.port, make) as one, Relay(destination.port, make) as other:
        wanted = settings(*servers, state_path=str(tmp_path / "state"))
        for copied in (4, 0):
            assert good(sync(between(wanted, one.port, other.port))).copied == copied
    same(source.snapshot("source"), destination.snapshot("target"))


def test_subscribed_folders_that_cannot_be_told_are_no_success(servers: Servers) -> None:
    source, _ = servers
    source.fill("source", MAIL)

    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            refused = b" LSUB " in line or b" RETURN (" in line
            return tag + b" NO not today\r\n" if refused else None

        return None, intercept

    with Relay(source.port, make) as relay:
        wanted = settings(*servers, folders=FolderRules(subscribed_only=True))
        ran = sync(between(wanted, relay.port, servers[1].port))
    assert [each.reason for each in ran.problems] == [Reason.FOLDER_MISSING]


def test_folders_of_the_destination_that_no_command_can_carry_end_the_run(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", MAIL)
    destination.fill("target", {"old": [mail(9)]})

    def make() -> tuple[Twist | None, Intercept | None]:
        told = False

        def twist(response: bytes) -> bytes:
            nonlocal told
            if told or not response.startswith(b"* LIST "):
                return response
            told = True
            odd = b"".join(b'* LIST () "/" {%d}\r\n%b\r\n' % (len(name), name) for name in (b"a\r\nb", b"\0"))
            return odd + b'* LIST () "/" ""\r\n' + response

        return twist, None

    with Relay(destination.port, make) as relay:
        rules = DeletionRules(destination_folders=True, max_destination=10)
        good(sync(between(settings(*servers, deletion=rules), servers[0].port, relay.port)))
    same(source.snapshot("source"), destination.snapshot("target"))
