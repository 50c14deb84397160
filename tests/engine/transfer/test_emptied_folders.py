"""--delete1emptyfolders: what arrives in a folder that is about to go, and runs that end in between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, good, mail, settings, sync
from tests.servers.hostile import Drop, Relay

from imapsync.plan.rules import DeletionRules
from imapsync.report import events
from imapsync.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.transfer.harness import Ran
    from tests.servers.dovecot import Dovecot
    from tests.servers.hostile import Intercept, Twist

    from imapsync.transfer import Settings

pytestmark = pytest.mark.servers
Servers = tuple["Dovecot", "Dovecot"]
EMPTIES = DeletionRules(source=True, source_empty_folders=True)
#: A command that takes the folder, or its present name, away.
_TAKES = re.compile(rb'\S+ (RENAME|DELETE) "Work')


def firing(verb: bytes, event: Callable[[], None]) -> Callable[[], tuple[Twist | None, Intercept | None]]:
    """Let something happen right before the first command of this kind."""
    fired = False

    def intercept(tag: bytes, line: bytes) -> bytes | None:  # noqa: ARG001 - the protocol has it
        nonlocal fired
        taken = _TAKES.match(line)
        if taken and not fired and taken[1] in verb.split(b"|"):
            fired = True
            event()
        return None

    def make() -> tuple[Twist | None, Intercept | None]:
        return None, intercept

    return make


def through(relay: Relay, wanted: Settings) -> Settings:
    return wanted._replace(source=wanted.source._replace(port=relay.port))


def deleted_folders(ran: Ran) -> list[str]:
    return [event.name for event in ran.all(events.FolderDeleted)]


def test_a_message_that_arrives_between_the_check_and_the_delete_is_gone(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"Work": [mail(1)], "INBOX": [mail(2)]})
    wanted = settings(*servers, deletion=EMPTIES)

    def arrives() -> None:
        source.fill("source", {"Work": [mail(3)]})

    with Relay(source.port, firing(b"RENAME|DELETE", arrives)) as relay:
        ran = good(sync(through(relay, wanted)))
    assert not deleted_folders(ran)
    assert len(source.snapshot("source")["Work"]) == 1
    assert deleted_folders(good(sync(wanted))) == ["Work"]
    assert len(destination.snapshot("target")["Work"]) == 2
    assert set(source.snapshot("source")) == {"INBOX"}
    assert set(destination.snapshot("target")) == {"INBOX", "Work"}


def test_a_folder_that_is_made_anew_meanwhile_keeps_its_mail(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"Work": [mail(1)]})
    wanted = settings(*servers, deletion=EMPTIES)
    with Relay(source.port, firing(b"DELETE", lambda: source.fill("source", {"Work": [mail(3)]}))) as relay:
        good(sync(through(relay, wanted)))
    assert len(source.snapshot("source")["Work"]) == 1
    good(sync(wanted))
    assert len(destination.snapshot("target")["Work"]) == 2
    assert set(destination.snapshot("target")) == {"INBOX", "Work"}


@pytest.mark.parametrize("anew", [False, True])
def test_a_run_that_ends_with_a_folder_aside_is_completed_by_the_next(
    servers: Servers, *, anew: bool
) -> None:
    source, destination = servers
    source.fill("source", {"Work": [mail(1)], "Work/deep": [mail(2)]})
    wanted = settings(*servers, deletion=EMPTIES)

    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:  # noqa: ARG001 - the protocol has it
            if re.match(rb'\S+ DELETE "Work', line):
                raise Drop
            return None

        return None, intercept

    with Relay(source.port, make) as relay:
        sync(through(relay, wanted._replace(source=endpoint(source)._replace(timeout_s=2))))
    if anew:
        source.fill("source", {"Work/deep": [mail(4)]})
    good(sync(wanted))
    assert set(source.snapshot("source")) == {"INBOX"}
    found = destination.snapshot("target")
    assert {name: len(kept) for name, kept in found.items()} == {
        "INBOX": 0, "Work": 1, "Work/deep": 1 + anew,
    }  # fmt: skip


def test_a_folder_that_cannot_be_renamed_stays_and_is_told(servers: Servers) -> None:
    source, _ = servers
    source.fill("source", {"Work": [mail(1)]})
    wanted = settings(*servers, deletion=EMPTIES)

    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            return tag + b" NO not here\r\n" if b" RENAME " in line else None

        return None, intercept

    with Relay(source.port, make) as relay:
        ran = sync(through(relay, wanted))
    assert [(each.reason, each.folder) for each in ran.problems] == [(Reason.FOLDER_DELETE, "Work")]
    assert "Work" in source.snapshot("source")
