"""What a folder's numbers say about copies that its server confirmed."""

from __future__ import annotations

import pytest

from imapsync.plan.stored import all_there, nothing_more, unaccounted
from imapsync.terms import Numbers


def numbers(messages: int | None, uidnext: int | None) -> Numbers:
    return Numbers(uidnext=uidnext or 0, messages=-1 if messages is None else messages)


BEFORE = numbers(10, 11)


@pytest.mark.parametrize(
    ("now", "confirmed", "nothing_else", "there"),
    [
        pytest.param(numbers(15, 16), 5, True, True, id="exactly the confirmed ones"),
        pytest.param(numbers(10, 11), 0, True, True, id="nothing confirmed, nothing arrived"),
        pytest.param(numbers(13, 14), 5, False, False, id="fewer than confirmed"),
        pytest.param(
            numbers(17, 18), 5, False, False, id="more: stored in spite of a NO, or somebody else's"
        ),
        pytest.param(numbers(14, 16), 5, True, False, id="one was taken away"),
        pytest.param(numbers(15, 17), 5, False, False, id="one came and one went"),
        pytest.param(numbers(None, 16), 5, True, False, id="no count"),
        pytest.param(numbers(15, None), 5, False, False, id="no UIDNEXT"),
        pytest.param(numbers(None, None), 5, False, False, id="no numbers"),
    ],
)
def test_what_the_numbers_say(now: Numbers, confirmed: int, nothing_else: bool, there: bool) -> None:
    assert nothing_more(11, now, confirmed) is nothing_else
    assert all_there(BEFORE, now, confirmed) is there


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (numbers(None, 11), numbers(15, 16)),
        (numbers(None, 11), numbers(4, 16)),
        (numbers(10, None), numbers(15, 16)),
        (numbers(10, None), numbers(15, 5)),
    ],
    ids=["no count", "no count, though the numbers fit", "no UIDNEXT", "no UIDNEXT, though the numbers fit"],
)
def test_nothing_is_there_for_certain_where_nobody_knows_what_was(before: Numbers, now: Numbers) -> None:
    assert not all_there(before, now, 5)


def test_all_is_there_of_what_came_into_an_empty_folder() -> None:
    assert all_there(numbers(0, 1), numbers(5, 6), 5)


@pytest.mark.parametrize(
    ("copies", "present", "places"),
    [
        pytest.param([5, 6, 7], {5, 6, 7, 9}, [], id="all there"),
        pytest.param([5, 6, 7], {5, 7}, [1], id="one is not"),
        pytest.param([5, 0, 7], {5, 7}, [1], id="one was not told"),
        pytest.param([5, 5, 7], {5, 7}, [0, 1], id="one was told twice"),
        pytest.param([], {5}, [], id="no copies"),
    ],
)
def test_copies_that_have_to_be_looked_for(copies: list[int], present: set[int], places: list[int]) -> None:
    assert unaccounted(copies, present) == places
