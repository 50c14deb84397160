"""A folder or a message that a server will not hear of costs itself; the others are done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, mail, settings, sync
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Drop, Relay

from imapsync.terms import Reason
from imapsync.transfer import Stop

if TYPE_CHECKING:
    from tests.servers.hostile import Intercept

pytestmark = pytest.mark.servers
Servers = tuple[Dovecot, Dovecot]


@pytest.mark.parametrize("missing", [[], ["MULTIAPPEND"]], ids=str)
def test_a_folder_that_refuses_everything_uses_up_no_errors_of_others(missing: list[str]) -> None:
    def refuse(tag: bytes, line: bytes) -> bytes | None:
        return tag + b" NO [CANNOT] not here\r\n" if re.search(rb' APPEND "?Bad', line) else None

    with Dovecot() as source, Dovecot(without=missing) as destination:
        source.add_user("source")
        destination.add_user("target")
        folders = {"Bad": [mail(n) for n in range(120)], "Good": [mail(1000 + n) for n in range(30)]}
        source.fill("source", folders)
        wanted = settings(source, destination)
        with Relay(destination.port, lambda: (None, refuse)) as relay:
            ran = sync(wanted._replace(destination=endpoint(destination)._replace(port=relay.port)))
        assert ran.outcome.stop is Stop.DONE
        assert len(destination.snapshot("target")["Good"]) == 30
        assert sorted(failure.uid for failure in ran.failed) == list(range(1, 121)), "each is told"


def test_many_refused_messages_beside_good_ones_still_stop_the_run(servers: Servers) -> None:
    source, _ = servers
    source.fill("source", {"INBOX": [mail(n, headers="X-Bad: 1\r\n" if n % 2 else "") for n in range(40)]})
    count = 0

    def refuse(tag: bytes, line: bytes) -> bytes | None:
        nonlocal count
        if b" APPEND " not in line:
            return None
        count += 1
        return tag + b" NO [CANNOT] not this\r\n" if count % 2 == 0 else None

    wanted = settings(*servers)
    wanted = wanted._replace(limits=wanted.limits._replace(errors_max=5))
    with Dovecot(without=["MULTIAPPEND"]) as plain:
        plain.add_user("target")
        with Relay(plain.port, lambda: (None, refuse)) as relay:
            ran = sync(wanted._replace(destination=endpoint(plain)._replace(port=relay.port)))
    assert ran.outcome.stop is Stop.ERRORS_MAX


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
@pytest.mark.parametrize("stage", ["listing", "copying"])
def test_a_message_at_which_the_server_hangs_up_is_singled_out(
    servers: Servers, stage: str, filled: bool
) -> None:
    """It closes the connection each time it is asked for UID 7 of Work, be it for its header or its body."""
    source, destination = servers
    folders = {
        name: [mail(hash(name) % 1000 * 100 + n) for n in range(1, 21)] for name in ("INBOX", "Work", "Z")
    }
    source.fill("source", folders)
    if filled:
        destination.fill("target", {"Work": folders["Work"][:2]})

    def make() -> tuple[None, Intercept]:
        selected = b""

        def intercept(tag: bytes, line: bytes) -> bytes | None:  # noqa: ARG001 - of Intercept
            nonlocal selected
            if (folder := re.search(rb'(?:SELECT|EXAMINE) "?(\w+)', line)) is not None:
                selected = folder[1]
            found = re.search(rb"UID FETCH (\S+) (.*)", line)
            asks = found is not None and (
                b"BODY.PEEK[]" in found[2] or (stage == "listing" and b"BODY" in found[2])
            )
            if found is not None and asks and selected == b"Work" and 7 in _members(found[1]):
                raise Drop
            return None

        return None, intercept

    wanted = settings(*servers)
    with Relay(source.port, make) as relay:
        ran = sync(wanted._replace(source=endpoint(source)._replace(port=relay.port)))
    assert ran.outcome.stop is Stop.DONE, ran.outcome
    assert [(failure.folder, failure.uid) for failure in ran.failed] == [("Work", 7)]
    assert ran.failed[0].reason is Reason.CONNECTION
    there = destination.snapshot("target")
    assert {name: len(found) for name, found in there.items()} == {"INBOX": 20, "Work": 19, "Z": 20}


def _members(uid_set: bytes) -> set[int]:
    members: set[int] = set()
    for part in uid_set.split(b","):
        first, _, last = part.partition(b":")
        members.update(range(int(first), 100 if last == b"*" else int(last or first) + 1))
    return members
