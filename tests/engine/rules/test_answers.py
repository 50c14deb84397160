"""A destination whose answers do not tell what it did, and one that takes two names for one folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.servers.commands import Step, Watch

if TYPE_CHECKING:
    from tests.engine.rules.world import World

pytestmark = pytest.mark.servers


class NoAfterStoring(Watch):
    """Stores what is appended and says NO."""

    def retold(self, step: Step, response: bytes) -> bytes:
        if step.side == 2 and step.text.startswith("APPEND"):
            return step.tag + b" NO Later, perhaps\r\n"
        return response


class OkWithoutStoring(Watch):
    """Says OK to what is appended and forgets it."""

    def rewritten(self, step: Step, raw: bytes) -> bytes:
        if step.side == 2 and step.text.startswith("APPEND"):
            return step.tag + b" NOOP\r\n"
        return raw


class OneCase(Watch):
    """A destination that does not tell capitals apart: every spelling of a folder's name opens `Work`."""

    def rewritten(self, step: Step, raw: bytes) -> bytes:
        return re.sub(rb"(?i)(?<=[ \"])work(?=[\" \r(])", b"Work", raw) if step.side == 2 else raw


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_messages_that_were_stored_although_the_answer_was_no_are_there_once(
    world: World, state: bool
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    for _ in range(2):
        world.run(state=state, watch=NoAfterStoring())
    world.run(state=state)
    assert world.names(2) == ["m1", "m2", "m3"]


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
@pytest.mark.parametrize(
    "deletion", [(), ("--delete1",), ("--setflag1", "\\Seen")], ids=["keep", "delete1", "flag"]
)
def test_messages_that_were_not_stored_although_the_answer_was_ok_are_failures(
    world: World, state: bool, deletion: tuple[str, ...]
) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    ran = world.run(*deletion, state=state, watch=OkWithoutStoring())
    assert ran.code != 0
    assert "looks good" not in ran.output
    assert world.content(1)["INBOX"] == [("m1", ()), ("m2", ()), ("m3", ())]
    world.good(state=state)
    assert world.names(2) == ["m1", "m2", "m3"]


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_a_folder_of_another_spelling_on_a_destination_without_capitals_is_not_doubled(
    world: World, state: bool
) -> None:
    world.deliver(1, "work", 1, 2)
    world.deliver(2, "Work", 1, 2)
    for _ in range(2):
        world.run(state=state, watch=OneCase())
    assert world.names(2, "Work") == ["m1", "m2"]


@pytest.mark.parametrize("state", [True, False], ids=["state", "nostate"])
def test_two_folders_that_differ_in_capitals_lose_nothing_on_a_destination_without_them(
    world: World, state: bool
) -> None:
    world.deliver(1, "Work", 1, 2)
    world.deliver(1, "work", 2, 3)
    for _ in range(3):
        world.run("--delete2", "--maxdelete2", "50", state=state, watch=OneCase())
    assert {"m1", "m2", "m3"} <= set(world.names(2))


def test_a_flag_that_is_taken_back_after_a_run_with_a_failure_goes_on_host2_too(world: World) -> None:
    world.deliver(1, "INBOX", 1)
    world.good()
    world.flag(1, "INBOX", 1, r"+FLAGS (\Flagged)")
    world.deliver(1, "INBOX", 2)
    assert world.run(watch=OkWithoutStoring()).code != 0
    assert world.content(2)["INBOX"] == [("m1", ("\\Flagged",))]
    world.flag(1, "INBOX", 1, r"-FLAGS (\Flagged)")
    world.good()
    assert world.content(2)["INBOX"] == [("m1", ()), ("m2", ())]
