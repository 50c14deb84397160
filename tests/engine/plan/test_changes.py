"""What follows from the lists of UIDs of a folder pair that the journal knows."""

from __future__ import annotations

import pytest

from imapsync.plan.changes import (
    Absence,
    Heir,
    absence,
    flag_change,
    late_duplicates,
    originals_of,
    orphaned_twins,
    perhaps_duplicates,
    perhaps_heirs,
    perhaps_put_back,
    put_back,
    removed_copies,
    take_over,
    vanished,
    without_original,
    without_our_marks,
)
from imapsync.plan.flags import FlagTranslator
from imapsync.plan.rules import FlagRules
from imapsync.terms import Copy, Pair

A, B = 101, 202


def test_what_the_source_no_longer_lists_has_vanished() -> None:
    assert vanished([1, 2, 3], {1, 3, 9}) == {2}


@pytest.mark.parametrize(
    ("copy", "seen_below", "expected"),
    [
        pytest.param(5, 9, {}, id="it is there"),
        pytest.param(6, 9, {1: Copy.VANISHED}, id="gone, a later run had seen it"),
        pytest.param(6, 6, {1: Copy.UNSEEN}, id="gone before a later run saw it"),
        pytest.param(Copy.REMOVED, 9, {}, id="it was gone before"),
        pytest.param(Copy.DUPLICATE, 9, {}, id="it never had a copy"),
    ],
)
def test_copies_that_the_destination_no_longer_lists(
    copy: int, seen_below: int, expected: dict[int, Copy]
) -> None:
    assert removed_copies([1], [copy], {5}, seen_below) == expected


def test_nobody_has_seen_a_copy_that_only_identity_and_size_spoke_for() -> None:
    marks = {1: Copy.UNSEEN, 2: Copy.VANISHED}
    assert removed_copies([1, 2], [6, 7], {5}, 9, {1}) == marks


@pytest.mark.parametrize(
    ("gone", "duplicates", "expected"),
    [
        pytest.param(
            [Pair(1, 11, 0, A, 5)], [Pair(2, Copy.DUPLICATE, 0, A, 5)], [Heir(2, 11)], id="inherits"
        ),
        pytest.param([Pair(1, 11, 0, A, 5)], [Pair(2, Copy.DUPLICATE, 0, A, 6)], [], id="another size"),
        pytest.param([Pair(1, 11, 0, A, 5)], [Pair(2, Copy.DUPLICATE, 0, B, 5)], [], id="another message"),
        pytest.param([Pair(1, 11)], [Pair(2, Copy.DUPLICATE)], [], id="nobody knows who they are"),
        pytest.param(
            [Pair(1, Copy.REMOVED, 0, A, 5)], [Pair(2, Copy.DUPLICATE, 0, A, 5)], [], id="no copy to inherit"
        ),
        pytest.param(
            [Pair(1, 11, 0, A, 5), Pair(2, 12, 0, A, 5), Pair(3, 13, 0, A, 5)],
            [Pair(8, Copy.DUPLICATE, 0, A, 5), Pair(9, Copy.DUPLICATE, 0, A, 5)],
            [Heir(8, 11), Heir(9, 12)],
            id="each copy has one heir",
        ),
    ],
)
def test_a_duplicate_inherits_the_copy_of_its_original(
    gone: list[Pair], duplicates: list[Pair], expected: list[Heir]
) -> None:
    assert take_over(gone, duplicates) == expected


def test_a_deleted_mark_of_ours_is_no_flag_of_the_user() -> None:
    flags = (b"\\DELETED", b"\\Seen")
    assert without_our_marks(flags, 1, {1}) == (b"\\Seen",)
    assert without_our_marks(flags, 2, {1}) == flags


def test_a_change_of_flags_is_brought_to_the_copy() -> None:
    translator = FlagTranslator(FlagRules(), None)
    assert flag_change(translator, (b"\\Seen",), (b"\\Seen",)) is None
    assert flag_change(translator, (b"\\Seen",), (b"\\Flagged",)) == ((b"\\Flagged",), (b"\\Seen",))


ORIGINALS = [Pair(1, 11, 0, A, 5), Pair(2, 12, 0, A, 6), Pair(3, 13, 0, A, 5), Pair(4, 14, 0, B, 5)]


def test_the_originals_of_what_is_new_are_those_of_equal_digest_and_size() -> None:
    assert originals_of([(A, 5), (B, 6)], ORIGINALS) == {(A, 5): [ORIGINALS[0], ORIGINALS[2]]}


@pytest.mark.parametrize(
    ("contents", "expected", "unclear"),
    [
        pytest.param({9: 77, 1: 66, 3: 77}, {9}, set(), id="the same content as one of them"),
        pytest.param({9: 77, 3: 77}, {9}, set(), id="as one of them, another could not be read"),
        pytest.param({9: 77, 1: 66, 3: 55}, set(), set(), id="other content is another message"),
        pytest.param({1: 77, 3: 77}, set(), {9}, id="it could not be read"),
        pytest.param({9: 77, 1: 66}, set(), {9}, id="one of its originals could not be read"),
        pytest.param({9: 77}, set(), {9}, id="its originals could not be read"),
    ],
)
def test_a_new_message_is_a_duplicate_only_of_equal_content(
    contents: dict[int, int], expected: set[int], unclear: set[int]
) -> None:
    new = {9: (A, 5), 10: (B, 99)}
    originals = originals_of(new.values(), ORIGINALS)
    assert late_duplicates(new, originals, contents) == expected
    assert perhaps_duplicates(new, originals, contents) == unclear


@pytest.mark.parametrize(
    ("before", "uidnext", "gone", "present", "what"),
    [
        pytest.param(3, 4, 1, {1, 2}, Absence.VANISHED, id="one is gone"),
        pytest.param(3, 4, 3, set(), Absence.VANISHED, id="all are gone"),
        pytest.param(3, 4, 1, {1, 2, 4}, Absence.REPLACED, id="one is gone and one came"),
        pytest.param(3, 4, 1, {1, 2, 3}, Absence.RENUMBERED, id="as many as before"),
        pytest.param(2, 4, 1, {1, 2}, Absence.RENUMBERED, id="1 and 3 are 1 and 2 now"),
        pytest.param(2, None, 1, {1, 2}, Absence.RENUMBERED, id="without UIDNEXT nobody knows what came"),
        pytest.param(3, 4, 1, {4, 5, 6}, Absence.RENUMBERED, id="all have other numbers, above the old ones"),
        pytest.param(3, 4, 2, {1, 2}, Absence.RENUMBERED, id="more are missed than the folder lost"),
    ],
)
def test_what_became_of_uids_that_are_no_longer_listed(
    before: int, uidnext: int | None, gone: int, present: set[int], what: Absence
) -> None:
    assert absence(before, uidnext, gone, present, [1, 3], now=len(present)) is what


def test_messages_that_are_counted_and_not_listed_have_not_vanished() -> None:
    assert absence(3, 4, 1, {1, 2}, [1, 3], now=3) is Absence.RENUMBERED


@pytest.mark.parametrize(
    ("gone", "loose", "taken", "back"),
    [
        pytest.param(
            [Pair(1, Copy.VANISHED, 0, 7, 50)], {9: (7, 50)}, set(), {1: 9}, id="taken out and put back"
        ),
        pytest.param([Pair(1, Copy.VANISHED, 0, 7, 50)], {9: (7, 51)}, set(), {}, id="another size"),
        pytest.param([Pair(1, Copy.VANISHED, 0, 7, 50)], {9: (7, 50)}, {9}, {}, id="it is somebody's copy"),
        pytest.param([Pair(1, Copy.VANISHED)], {9: (0, 0)}, set(), {}, id="nobody knows who it was"),
        pytest.param(
            [Pair(1, Copy.VANISHED, 0, 7, 50), Pair(2, Copy.REMOVED, 0, 7, 50)],
            {9: (7, 50)},
            set(),
            {1: 9},
            id="one came back of two",
        ),
    ],
)
def test_copies_that_their_owner_put_back(
    gone: list[Pair], loose: dict[int, tuple[int, int]], taken: set[int], back: dict[int, int]
) -> None:
    pairs, places = perhaps_put_back(gone, loose, taken)
    assert put_back(pairs, {uid: loose[uid] for uid in places}, {}, {}) == back


@pytest.mark.parametrize(
    ("size", "there", "back"),
    [
        pytest.param(57, {9: 3}, {1: 9}, id="host2 counts sizes otherwise"),
        pytest.param(50, {9: 4}, {}, id="another text under the same identity"),
        pytest.param(50, {}, {1: 9}, id="it cannot be read and the size is right"),
        pytest.param(57, {}, {}, id="it cannot be read"),
    ],
)
def test_the_content_tells_what_was_put_back(size: int, there: dict[int, int], back: dict[int, int]) -> None:
    gone = [Pair(1, Copy.VANISHED, 0, 7, 50)]
    assert put_back(gone, {9: (7, size)}, {1: 3}, there) == back


def test_a_duplicate_whose_original_got_no_copy_is_taken_up() -> None:
    left = [Pair(2, Copy.DUPLICATE, 0, 7, 50), Pair(3, Copy.DUPLICATE, 0, 8, 50)]
    assert without_original(left, [Pair(1, 11, 0, 7, 50)]) == [left[1]]
    assert without_original(left, [], {(7, 50)}) == [left[1]], "its copy may be the last one"
    assert without_original([], [Pair(1, 11, 0, 7, 50)]) == []


def test_the_first_copy_of_a_folder_is_a_copy() -> None:
    assert removed_copies([7], [1], (), 5) == {7: Copy.VANISHED}
    assert take_over([Pair(7, 1, 0, 5, 5)], [Pair(8, Copy.DUPLICATE, 0, 5, 5)]) == [Heir(8, 1)]


def test_flags_that_only_came_or_only_went_are_a_change() -> None:
    translator = FlagTranslator(FlagRules(), None)
    assert flag_change(translator, (), (b"\\Seen",)) == ((b"\\Seen",), ())
    assert flag_change(translator, (b"\\Seen",), ()) == ((), (b"\\Seen",))


def test_a_duplicate_of_what_was_not_copied_is_taken_up_though_another_message_looks_like_it() -> None:
    left, alike = Pair(2, Copy.DUPLICATE, 0, A, 100), Pair(3, 7, 0, A, 100)
    assert without_original([left], [alike]) == []
    assert without_original([left], [alike], orphaned=orphaned_twins({2: 1}, {1})) == [left]
    assert without_original([left], [alike], orphaned=orphaned_twins({2: 1}, {9})) == []


LEFT = Pair(7, 1, 0, 5, 50)


@pytest.mark.parametrize(
    ("gone", "without_copy", "expected"),
    [
        ([LEFT], [Pair(8, Copy.DUPLICATE, 0, 5, 50)], ([1], [8])),
        ([LEFT], [Pair(8, Copy.DUPLICATE, 3, 5, 50)], ([1], [8])),
        ([LEFT], [Pair(8, Copy.DUPLICATE, 0, 6, 50)], ([], [])),
        ([LEFT], [Pair(8, Copy.DUPLICATE, 0, 5, 51)], ([], [])),
        ([LEFT._replace(digest=0)], [Pair(8, Copy.DUPLICATE, 0, 0, 50)], ([], [])),
        ([LEFT._replace(copy=Copy.DUPLICATE)], [Pair(8, Copy.DUPLICATE, 0, 5, 50)], ([], [])),
        ([LEFT, Pair(9, 2, 0, 6, 60)], [Pair(8, -1, 0, 5, 50), Pair(10, -1, 0, 7, 70)], ([1], [8])),
        ([LEFT, LEFT._replace(source_uid=9, copy=2)], [Pair(8, -1, 0, 5, 50)], ([1, 2], [8])),
    ],
    ids=[
        *("alike", "with other flags", "another message", "another size", "nobody knows who it was"),
        *("a duplicate of one", "some are alike", "two copies for one"),
    ],
)
def test_who_may_inherit_a_copy_is_looked_at(
    gone: list[Pair], without_copy: list[Pair], expected: tuple[list[int], list[int]]
) -> None:
    assert perhaps_heirs(gone, without_copy) == expected


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ({}, {}, [Heir(8, 1)]),
        ({8: 77}, {1: 77}, [Heir(8, 1)]),
        ({8: 66}, {1: 77}, [Heir(10, 1)]),
        ({8: 66, 10: 66}, {1: 77}, []),
        ({8: 66, 10: 77}, {1: 77}, [Heir(10, 1)]),
        ({8: 66, 10: 66}, {}, [Heir(8, 1)]),
        ({8: 66, 10: 66}, {1: 0}, [Heir(8, 1)]),
        ({10: 66}, {1: 77}, [Heir(8, 1)]),
    ],
    ids=[
        *("nothing was read", "the same", "the first is another", "both are others", "the second is it"),
        *("the copy could not be read", "the copy has no content", "the first could not be read"),
    ],
)
def test_a_copy_is_inherited_by_one_message_of_its_content(
    here: dict[int, int], there: dict[int, int], expected: list[Heir]
) -> None:
    heirs = [Pair(8, Copy.DUPLICATE, 0, 5, 50), Pair(10, Copy.DUPLICATE, 0, 5, 50)]
    assert take_over([LEFT], heirs, here, there) == expected


def test_two_copies_are_inherited_by_two_messages() -> None:
    gone = [LEFT, LEFT._replace(source_uid=9, copy=2)]
    heirs = [Pair(8, Copy.DUPLICATE, 0, 5, 50), Pair(10, Copy.DUPLICATE, 0, 5, 50)]
    assert take_over(gone, heirs) == [Heir(8, 1), Heir(10, 2)]
    assert take_over(gone, heirs[:1]) == [Heir(8, 1)]


def test_one_copy_is_inherited_by_one_of_three() -> None:
    heirs = [Pair(uid, Copy.DUPLICATE, 0, 5, 50) for uid in (8, 10, 12)]
    assert take_over([LEFT], heirs) == [Heir(8, 1)]
