"""What is written down after the work: what was compared and what is foreseen, never a newer look."""

from __future__ import annotations

import pytest

from imapsync.plan.settling import Done, confirmed, settled, unconfirmed
from imapsync.terms import FolderRecord, Numbers

HERE = Numbers(1, 10, 5, 70, 500)
THERE = Numbers(2, 20, 6, 80, 600)
RECORD = FolderRecord(7, "a", "b", Numbers(1, 4, 2, 60, 100), Numbers(2, 18, 4, 75, 300))
DONE = Done(HERE, THERE, (), 0, False, 1, 8, True, "r", 1_800_000_000)


@pytest.mark.parametrize(
    ("done", "destination"),
    [
        pytest.param(DONE, THERE, id="nothing was done: the numbers of the comparison"),
        pytest.param(DONE._replace(copied=(20, 21)), Numbers(2, 22, 8), id="copies without gaps"),
        pytest.param(DONE._replace(copied=(21, 20)), Numbers(2, 22, 8), id="in any order"),
        pytest.param(
            DONE._replace(copied=(20, 22)), Numbers(2, 20), id="a gap: somebody else's, the next run looks"
        ),
        pytest.param(DONE._replace(copied=(20, 0)), Numbers(2, 20), id="a copy that nobody named"),
        pytest.param(DONE._replace(copied=(20, 21), expunged=1), Numbers(2, 22, 7), id="filtered away"),
        pytest.param(DONE._replace(expunged=1), Numbers(2, 20, 5), id="an older one filtered away"),
        pytest.param(DONE._replace(touched=True), Numbers(2, 20, 6), id="flags were changed"),
        pytest.param(
            DONE._replace(destination=Numbers(0, 0, -1), copied=(1,)),
            Numbers(2, 2),
            id="a destination that told nothing",
        ),
    ],
)
def test_the_destinations_numbers_are_foreseen(done: Done, destination: Numbers) -> None:
    record = settled(RECORD, done)
    assert record.destination == destination
    assert record.source == HERE
    assert record.destination_seen == max(1, done.destination.uidnext)
    assert (record.id, record.source_name, record.destination_name) == (7, "a", "b")
    assert (record.removed, record.copies, record.rules, record.looked_at) == (1, 8, "r", 1_800_000_000)


def test_where_flags_could_not_be_set_the_next_run_reads_all_of_them() -> None:
    assert settled(RECORD, DONE._replace(flags_left=True)).source == HERE._replace(modseq=0)


@pytest.mark.parametrize(
    ("copied", "complete", "expected"),
    [
        pytest.param((20,), True, True, id="complete"),
        pytest.param((20,), False, False, id="something failed"),
        pytest.param((0,), True, False, id="a copy that nobody named"),
        pytest.param((20, 23), True, True, id="somebody else's messages do not unsettle"),
    ],
)
def test_settled_is_what_has_nothing_left_to_do(
    copied: tuple[int, ...], complete: bool, expected: bool
) -> None:
    assert settled(RECORD, DONE._replace(copied=copied, complete=complete)).settled is expected


@pytest.mark.parametrize(
    ("now", "taken"),
    [
        pytest.param(Numbers(2, 22, 8, 90, 800), True, id="just what was foreseen"),
        pytest.param(Numbers(2, 23, 8, 90, 800), False, id="somebody else's message"),
        pytest.param(Numbers(2, 22, 7, 90, 800), False, id="one is gone"),
        pytest.param(Numbers(3, 22, 8, 90, 800), False, id="another folder"),
    ],
)
def test_a_later_look_is_taken_over_only_as_far_as_it_was_foreseen(now: Numbers, taken: bool) -> None:
    record = settled(RECORD, DONE._replace(copied=(20, 21)))
    assert confirmed(record, now) == (record._replace(destination=now) if taken else record)


SEEN = Numbers(2, 22, 8, 77, 900)


@pytest.mark.parametrize(
    ("done", "destination"),
    [
        pytest.param(DONE._replace(copied=(20, 21), seen=SEEN), SEEN, id="what the look told is taken over"),
        pytest.param(
            DONE._replace(copied=(20, 21), seen=SEEN, touched=True),
            Numbers(2, 22, 8),
            id="not when flags were changed since",
        ),
        pytest.param(
            DONE._replace(copied=(20, 21), seen=SEEN, expunged=1),
            Numbers(2, 22, 7),
            id="nor when something was filtered away since",
        ),
        pytest.param(
            DONE._replace(copied=(20, 21), seen=SEEN._replace(messages=9)),
            Numbers(2, 22, 8),
            id="nor when it shows something else than was foreseen",
        ),
    ],
)
def test_a_look_after_the_copying_spares_the_one_at_the_end(done: Done, destination: Numbers) -> None:
    after = settled(RECORD, done).destination
    assert after == destination
    assert unconfirmed(after) is (destination != SEEN)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (Numbers(2, 22, 8, 90, 800), False),
        (Numbers(2, 22, 8, 90, 0), False),
        (Numbers(2, 22, 8, 0, 800), True),
        (Numbers(2, 22, 8, 90, -1), True),
    ],
)
def test_numbers_that_a_look_would_complete(numbers: Numbers, expected: bool) -> None:
    assert unconfirmed(numbers) is expected


def test_a_destination_that_was_empty_holds_what_was_copied() -> None:
    done = DONE._replace(destination=Numbers(2, 1, 0), copied=(1, 2))
    assert settled(RECORD, done).destination == Numbers(2, 3, 2)
    newer = DONE._replace(destination=Numbers(9, 1, 0))
    assert settled(RECORD, newer).destination.uidvalidity == 9
