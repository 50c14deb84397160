"""Which originals leave the source, or get a flag: each rule a row."""

from __future__ import annotations

import pytest

from imapsync.plan.leaving import (
    Leaving,
    Originals,
    Wanted,
    known_twins,
    leaving,
    proven,
    sights,
    to_be_read,
)
from imapsync.plan.proof import Sight, worth_looking
from imapsync.terms import Copy, Held, Pair

#: Source UIDs 1 and 2 were copied in this run, 3 to 5 by an earlier one; 5's copy was removed by its owner.
ORIGINALS = Originals({1: 11, 2: 12}, {3: 13, 4: 14, 5: int(Copy.REMOVED)})
WHO = {3: 301, 4: 401, 5: 501}


@pytest.mark.parametrize(
    ("present", "copies", "who", "seen", "go"),
    [
        pytest.param(
            {11, 12, 13, 14},
            {13: 301, 14: 401},
            WHO,
            {1: Sight.ALIVE, 2: Sight.ALIVE, 3: Sight.ALIVE, 4: Sight.ALIVE, 5: Sight.ABSENT},
            {1, 2, 3, 4, 5},
            id="all are there, and are those messages",
        ),
        pytest.param(
            {12, 13, 14},
            {13: 301, 14: 9},
            WHO,
            {1: Sight.ABSENT, 2: Sight.ALIVE, 3: Sight.ALIVE, 4: Sight.OTHER, 5: Sight.ABSENT},
            {2, 3, 5},
            id="one is gone, another message has the UID of one",
        ),
        pytest.param(
            {11, 12, 13, 14},
            {13: 301},
            WHO,
            {1: Sight.ALIVE, 2: Sight.ALIVE, 3: Sight.ALIVE, 4: Sight.OTHER, 5: Sight.ABSENT},
            {1, 2, 3, 5},
            id="the server does not say who one is",
        ),
        pytest.param(
            {11, 12, 13, 14},
            {13: 9, 14: 9},
            {},
            {1: Sight.ALIVE, 2: Sight.ALIVE, 3: Sight.ALIVE, 4: Sight.ALIVE, 5: Sight.ABSENT},
            {1, 2, 3, 4, 5},
            id="copies get other headers: they are not compared",
        ),
        pytest.param(
            {11, 12, 13, 14},
            {11: 101, 12: 9, 13: 301, 14: 401},
            {1: 101, 2: 201, **WHO},
            {1: Sight.ALIVE, 2: Sight.OTHER, 3: Sight.ALIVE, 4: Sight.ALIVE, 5: Sight.ABSENT},
            {1, 3, 4, 5},
            id="another message has the UID of a copy that was made a moment ago",
        ),
    ],
)
def test_what_a_look_at_the_copies_proves(
    present: set[int], copies: dict[int, int], who: dict[int, int], seen: dict[int, Sight], go: set[int]
) -> None:
    assert sights(ORIGINALS, present, who, copies) == seen
    assert proven(ORIGINALS, seen) == go


def test_what_this_run_made_is_read_where_its_server_may_have_changed_the_headers() -> None:
    seen = {1: Sight.OTHER, 2: Sight.ALIVE, 3: Sight.OTHER}
    assert to_be_read(ORIGINALS, seen) == {1: 11}


def test_nothing_is_proven_by_copies_that_nobody_looked_at() -> None:
    assert proven(ORIGINALS, {}) == {5}


@pytest.mark.parametrize(
    ("wanted", "go", "alike", "selected", "expected"),
    [
        pytest.param(Wanted(True, False), {1, 3}, set(), {3}, Leaving({1, 3}, set()), id="--delete1"),
        pytest.param(
            Wanted(True, False), {1, 3}, set(), set(), Leaving({1}, set()), id="not what is not selected now"
        ),
        pytest.param(
            Wanted(True, False),
            {1},
            {4},
            set(),
            Leaving({1, 4}, set()),
            id="a duplicate goes with its message",
        ),
        pytest.param(
            Wanted(False, False, {1, 3}),
            {1, 2, 3},
            set(),
            set(),
            Leaving({1, 3}, set()),
            id="--delete1older: by age alone",
        ),
        pytest.param(
            Wanted(False, False, {4}), {1}, {4}, set(), Leaving({4}, set()), id="an old duplicate as well"
        ),
        pytest.param(Wanted(False, False, {2}), {1}, set(), set(), Leaving(set(), set()), id="proof first"),
        pytest.param(
            Wanted(False, True), {1, 3, 4}, {2}, {3}, Leaving(set(), {1, 2, 3}), id="--setflag1 alone"
        ),
        pytest.param(
            Wanted(True, True, {4}), {1, 4}, set(), {4}, Leaving({1, 4}, {1, 4}), id="all that at once"
        ),
    ],
)
def test_what_is_done_to_proven_originals(
    wanted: Wanted, go: set[int], alike: set[int], selected: set[int], expected: Leaving
) -> None:
    assert leaving(wanted, ORIGINALS, go, alike, selected) == expected


@pytest.mark.parametrize(
    ("wanted", "only_older"),
    [
        (Wanted(False, False, {1}), True),
        (Wanted(False, False), False),
        (Wanted(True, False, {1}), False),
        (Wanted(False, True, {1}), False),
    ],
)
def test_others_than_old_ones_are_of_no_interest_where_only_those_go(
    wanted: Wanted, only_older: bool
) -> None:
    assert wanted.only_older is only_older
    assert ORIGINALS.only({1, 4}) == Originals({1: 11}, {4: 14})


def test_a_duplicate_of_an_earlier_run_goes_with_the_message_that_it_is_one_of() -> None:
    known = {3: 13, 6: int(Copy.DUPLICATE), 7: int(Copy.DUPLICATE), 8: int(Copy.KEPT)}
    who = [(3, 301, 5), (6, 301, 5), (7, 301, 6), (8, 301, 5)]
    assert known_twins(known, who, [Pair(3, 13, 0, 301, 5)]) == {6}
    removed = [Pair(3, int(Copy.REMOVED), 0, 301, 5)]
    assert known_twins(known, who, removed) == {6}, (
        "else the next run would bring back what its owner removed"
    )
    assert known_twins(known, [(6, 0, 5)], [Pair(3, 13, 0, 0, 5)]) == set(), "nobody knows who they are"


@pytest.mark.parametrize(
    ("marks", "copies", "looked_for"),
    [
        pytest.param([Copy.VANISHED], 9, [], id="seen alive, then removed: nobody looks"),
        pytest.param([Copy.VANISHED, Copy.UNSEEN], 9, [1], id="gone before anybody saw it"),
        pytest.param([Copy.MISSED], 9, [0], id="not looked for yet"),
        pytest.param([Copy.VANISHED] * 5, 9, [0, 1, 2, 3, 4], id="more than half: an accident"),
        pytest.param([Copy.VANISHED] * 4, 8, [], id="half is none"),
        pytest.param([Copy.VANISHED, Copy.DOUBTED], 99, [0, 1], id="one from an earlier accident"),
    ],
)
def test_which_vanished_copies_are_looked_for_elsewhere(
    marks: list[Copy], copies: int, looked_for: list[int]
) -> None:
    pairs = [Pair(uid, int(mark)) for uid, mark in enumerate(marks)]
    found = worth_looking({"a": pairs, "b": []}, Held(copies))
    assert [pair.source_uid for each in found.values() for pair in each] == looked_for
