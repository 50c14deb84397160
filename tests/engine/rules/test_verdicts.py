"""The last lines, the exit code and --verify say what is, whatever a journal remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.commands import Step, Watch

if TYPE_CHECKING:
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers
GOOD = "The sync looks good"


def copied_then_lost(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2, 3, 4, 5)
    world.good()
    world.expunge(2, "INBOX", 1, 2, 3, 4)


def test_missing_copies_do_not_look_good(world: World) -> None:
    copied_then_lost(world)
    assert GOOD not in world.run().output
    assert GOOD not in world.run().output


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_missing_copies_fail_the_verification(world: World, state: bool) -> None:
    copied_then_lost(world)
    world.run()
    ran = world.run("--verify", state=state)
    assert ran.code != 0
    assert GOOD not in ran.output


def test_a_stale_draft_does_not_look_good(world: World) -> None:
    world.deliver(1, "Drafts", 1, 2)
    world.good()
    world.edit(1, "Drafts", 1, "another text")
    ran = world.run()
    assert "m1:another text" in world.names(2) or GOOD not in ran.output


class FewerThere(Watch):
    """A source that lists two messages and gives one."""

    def rewritten(self, step: Step, raw: bytes) -> bytes:
        if step.side == 1 and step.text.startswith(("UID FETCH 1:*", "UID FETCH 1:")):
            return raw.replace(b"FETCH 1:* ", b"FETCH 1 ", 1).replace(b"FETCH 1:3 ", b"FETCH 1 ", 1)
        return raw


@pytest.mark.parametrize("mode", [(), ("--verify",)], ids=["sync", "verify"])
@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_a_source_that_gives_less_than_it_counts_does_not_look_good(
    world: World, state: bool, mode: tuple[str, ...]
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.deliver(2, "INBOX", 1)
    ran = world.run(*mode, state=state, watch=FewerThere())
    if world.names(2) != ["m1", "m2", "m3"]:
        assert ran.code != 0
        assert GOOD not in ran.output


def test_an_unchanged_run_after_the_copies_were_seen_looks_good(world: World) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.good()
    ran = world.good()
    assert GOOD in ran.output
