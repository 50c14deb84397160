"""Which originals may go, and what is thought of copies that are gone: every mark, every sight."""

from __future__ import annotations

import pytest

from imapsync.plan.proof import (
    Judgement,
    Sight,
    is_accident,
    judge,
    may_go,
    went_by_accident,
    worth_looking,
)
from imapsync.terms import Copy, Held, Pair


@pytest.mark.parametrize(
    ("copy", "sight", "expected"),
    [
        pytest.param(1, Sight.ALIVE, True, id="the first copy that a folder ever got"),
        pytest.param(5, Sight.ALIVE, True, id="its copy was seen a moment ago"),
        pytest.param(5, Sight.OTHER, False, id="another message has the copy's UID"),
        pytest.param(5, Sight.ABSENT, False, id="its copy is not there"),
        pytest.param(5, Sight.UNKNOWN, False, id="nobody could look"),
        pytest.param(Copy.REMOVED, Sight.ABSENT, True, id="its owner removed the copy"),
        pytest.param(Copy.DUPLICATE, Sight.UNKNOWN, False, id="a duplicate has no copy of its own"),
        pytest.param(Copy.VANISHED, Sight.ABSENT, False, id="vanished, not judged"),
        pytest.param(Copy.UNSEEN, Sight.ABSENT, False, id="gone before anybody saw it"),
        pytest.param(Copy.DOUBTED, Sight.ABSENT, False, id="gone by an accident"),
        pytest.param(Copy.KEPT, Sight.ABSENT, False, id="gone unseen and found nowhere"),
        pytest.param(Copy.MISSED, Sight.ABSENT, False, id="gone unseen, not looked for"),
    ],
)
def test_whether_an_original_may_go(copy: int, sight: Sight, expected: bool) -> None:
    assert may_go(copy, sight) is expected


@pytest.mark.parametrize(
    ("vanished", "copies", "expected"), [(0, 0, False), (1, 2, False), (2, 3, True), (1, 1, True)]
)
def test_more_than_half_of_the_copies_at_once_is_an_accident(
    vanished: int, copies: int, expected: bool
) -> None:
    assert is_accident(vanished, copies) is expected


@pytest.mark.parametrize(
    ("gone", "before", "expected"),
    [
        pytest.param(Held(), Held(), False, id="nothing"),
        pytest.param(Held(5), Held(10), False, id="half"),
        pytest.param(Held(6), Held(10), True, id="more than half"),
        pytest.param(Held(6, 6), Held(10, 6), False, id="Trash was emptied"),
        pytest.param(Held(3, 1), Held(5, 1), False, id="the one message of Trash, and half of the rest"),
        pytest.param(Held(8, 6), Held(10, 6), False, id="and half of the rest deleted"),
        pytest.param(Held(9, 6), Held(10, 6), True, id="and more than half of the rest went"),
        pytest.param(
            Held(6, 6), Held(6, 6), True, id="nothing but Trash: nothing says that the store is whole"
        ),
        pytest.param(Held(6, -2), Held(10), True, id="Trash has grown, or nobody counted it before"),
        pytest.param(Held(6, 0), Held(10, 2), True, id="all of it went elsewhere"),
    ],
)
def test_what_goes_with_an_emptied_trash_is_no_accident(gone: Held, before: Held, expected: bool) -> None:
    assert went_by_accident(gone, before) is expected


@pytest.mark.parametrize(
    ("mark", "found", "looked", "expected"),
    [
        pytest.param(
            Copy.VANISHED, False, True, Copy.REMOVED, id="seen by a later run: the owner removed it"
        ),
        pytest.param(Copy.VANISHED, True, True, Copy.REMOVED, id="filed elsewhere"),
        pytest.param(Copy.UNSEEN, True, True, Copy.REMOVED, id="never seen again, but filed"),
        pytest.param(Copy.UNSEEN, False, True, Copy.KEPT, id="never seen again, found nowhere"),
        pytest.param(Copy.UNSEEN, False, False, Copy.MISSED, id="never seen again, not looked for"),
        pytest.param(Copy.MISSED, False, True, Copy.KEPT, id="looked for at last"),
        pytest.param(Copy.MISSED, False, False, Copy.MISSED, id="still not looked for"),
        pytest.param(Copy.MISSED, True, True, Copy.REMOVED, id="found at last"),
        pytest.param(Copy.KEPT, False, True, Copy.KEPT, id="kept stays kept"),
        pytest.param(Copy.KEPT, True, True, Copy.REMOVED, id="kept, then found"),
        pytest.param(Copy.DOUBTED, False, True, Copy.DOUBTED, id="an accident stays one"),
        pytest.param(Copy.DOUBTED, True, True, Copy.REMOVED, id="an accident that was a move"),
        pytest.param(Copy.REMOVED, False, True, Copy.REMOVED, id="judged before"),
    ],
)
def test_one_copy_among_many_is_judged_alone(mark: Copy, found: bool, looked: bool, expected: Copy) -> None:
    where = {0: [1]} if found else {}
    judgement = judge({0: {1: mark}}, Held(100), where, looked=looked, allowed=None)
    assert judgement == Judgement({0: {1: expected}}, int(expected is Copy.DOUBTED))


@pytest.mark.parametrize(
    ("marks", "copies", "restored", "allowed", "expected"),
    [
        pytest.param([Copy.VANISHED] * 2, 4, 0, None, ([Copy.REMOVED] * 2, 0), id="half is no accident"),
        pytest.param([Copy.VANISHED] * 3, 4, 0, None, ([Copy.DOUBTED] * 3, 3), id="more than half is one"),
        pytest.param(
            [Copy.VANISHED, Copy.UNSEEN],
            3,
            0,
            None,
            ([Copy.DOUBTED] * 2, 2),
            id="seen and unseen count alike",
        ),
        pytest.param(
            [Copy.DOUBTED, Copy.VANISHED],
            9,
            0,
            None,
            ([Copy.DOUBTED, Copy.REMOVED], 1),
            id="one more after an accident",
        ),
        pytest.param(
            [Copy.KEPT, Copy.MISSED, Copy.REMOVED],
            3,
            0,
            None,
            ([Copy.KEPT, Copy.KEPT, Copy.REMOVED], 0),
            id="what was judged before is no new accident",
        ),
        pytest.param(
            [Copy.VANISHED] * 3, 4, 0, 3, ([Copy.REMOVED] * 3, 0), id="--maxvanished2 releases them"
        ),
        pytest.param([Copy.VANISHED] * 3, 4, 0, 2, ([Copy.DOUBTED] * 3, 3), id="--maxvanished2 too small"),
        pytest.param([Copy.DOUBTED] * 3, 9, 0, 3, ([Copy.REMOVED] * 3, 0), id="released in a later run"),
        pytest.param([Copy.VANISHED], 9, 5, None, ([Copy.REMOVED], 5), id="a folder that was put back"),
        pytest.param([Copy.DOUBTED], 9, 5, 5, ([Copy.DOUBTED], 6), id="--maxvanished2 counts both"),
        pytest.param([Copy.DOUBTED], 9, 5, 6, ([Copy.REMOVED], 0), id="--maxvanished2 releases both"),
    ],
)
def test_copies_that_go_together_are_an_accident_until_somebody_says_otherwise(
    marks: list[Copy], copies: int, restored: int, allowed: int | None, expected: tuple[list[Copy], int]
) -> None:
    gone = {0: dict(enumerate(marks, 1))}
    judgement = judge(gone, Held(copies), {}, looked=True, restored=restored, allowed=allowed)
    assert (list(judgement.marks[0].values()), judgement.doubted) == expected


@pytest.mark.parametrize(
    ("marks", "restored", "lost", "doubted"),
    [
        pytest.param([Copy.VANISHED] * 4, 0, 4, 4, id="the same four, counted in two ways"),
        pytest.param([Copy.VANISHED], 0, 7, 7, id="most of what is gone was filed"),
        pytest.param([], 0, 7, 7, id="all of it was"),
        pytest.param([], 5, 7, 7, id="a folder that was put back is among it"),
        pytest.param([Copy.VANISHED] * 4, 5, 7, 9, id="more than the count says"),
    ],
)
def test_copies_that_are_gone_are_counted_twice(
    marks: list[Copy], restored: int, lost: int, doubted: int
) -> None:
    gone = {0: dict(enumerate(marks, 1))}
    assert (
        judge(gone, Held(4), {}, looked=True, restored=restored, lost=lost, allowed=None).doubted == doubted
    )
    assert judge(gone, Held(4), {}, looked=True, restored=restored, lost=lost, allowed=doubted).doubted == 0
    short = judge(gone, Held(4), {}, looked=True, restored=restored, lost=lost, allowed=doubted - 1)
    assert short.doubted == doubted


@pytest.mark.parametrize(
    ("missing", "doubted"),
    [(Held(), 0), (Held(1, 1), 0), (Held(1), 0), (Held(2), 5)],
    ids=["emptied", "more of it", "half of the rest", "more than half of the rest"],
)
def test_copies_that_went_with_an_emptied_trash_were_removed_by_their_owner(
    missing: Held, doubted: int
) -> None:
    gone = {"INBOX": {1: Copy.VANISHED}, "Trash": dict.fromkeys(range(1, 5), Copy.VANISHED)}
    judgement = judge(gone, Held(9, 5), {}, looked=True, missing=missing, allowed=None, bins={"Trash"})
    assert judgement.doubted == doubted
    assert set(judgement.marks["Trash"].values()) == {Copy.DOUBTED if doubted else Copy.REMOVED}


def test_what_is_missing_now_counts_with_what_vanished_before() -> None:
    gone = {0: {1: Copy.VANISHED, 2: Copy.VANISHED}}
    assert judge(gone, Held(5), {}, looked=True, missing=Held(1), allowed=None).doubted == 2
    assert judge(gone, Held(6), {}, looked=True, missing=Held(1), allowed=None).doubted == 0


def test_an_accident_leaves_alone_what_was_judged_before() -> None:
    gone = {0: {1: Copy.VANISHED, 2: Copy.KEPT, 3: Copy.MISSED, 4: Copy.REMOVED}}
    assert judge(gone, Held(1), {}, looked=False, allowed=None) == Judgement(
        {0: {1: Copy.DOUBTED, 2: Copy.KEPT, 3: Copy.MISSED, 4: Copy.REMOVED}}, 1
    )


def test_an_accident_is_one_of_the_whole_account_and_what_was_filed_is_none() -> None:
    gone = {0: {1: Copy.VANISHED, 2: Copy.VANISHED}, 1: {1: Copy.VANISHED}}
    assert judge(gone, Held(5), {}, looked=True, allowed=None).doubted == 3
    assert judge(gone, Held(5), {1: [1]}, looked=True, allowed=None) == Judgement(
        {0: {1: Copy.REMOVED, 2: Copy.REMOVED}, 1: {1: Copy.REMOVED}}, 0
    )


@pytest.mark.parametrize(
    ("marks", "copies", "expected"),
    [
        pytest.param([Copy.VANISHED, Copy.UNSEEN], 9, [2], id="few: what a later run saw is believed"),
        pytest.param([Copy.VANISHED, Copy.UNSEEN], 3, [1, 2], id="more than half: all of them"),
        pytest.param([Copy.VANISHED, Copy.DOUBTED], 9, [1, 2], id="after an accident: all of them"),
        pytest.param([Copy.VANISHED, Copy.MISSED, Copy.MISSED], 4, [2, 3], id="only fresh ones count"),
        pytest.param([Copy.VANISHED], 9, [], id="none"),
    ],
)
def test_which_copies_are_looked_for_elsewhere(marks: list[Copy], copies: int, expected: list[int]) -> None:
    gone = {"a": [Pair(uid, mark) for uid, mark in enumerate(marks, 1)]}
    found = {
        at: [pair.source_uid for pair in pairs] for at, pairs in worth_looking(gone, Held(copies)).items()
    }
    assert found == ({"a": expected} if expected else {})


def test_what_went_with_an_emptied_trash_is_looked_for_only_where_nobody_saw_it() -> None:
    gone = {"Trash": [Pair(1, Copy.VANISHED), Pair(2, Copy.UNSEEN)]}
    assert worth_looking(gone, Held(3, 2), {"Trash"}) == {"Trash": gone["Trash"][1:]}
    assert worth_looking(gone, Held(2, 2), {"Trash"}) == gone
