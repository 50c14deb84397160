"""From a matching to what is done: flags, deletions, what another folder brought, and the brakes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest
from tests.engine.plan.builders import Message, index_of

from imapsync.plan.brakes import Brake, MirrorPlan, brake_of
from imapsync.plan.decisions import (
    NOTHING,
    Case,
    Compared,
    FolderFacts,
    FolderPlan,
    alike,
    beside,
    crossing_rows,
    decide,
    decide_all,
    doomed,
    exact_flags,
    flags_left,
    lacked_by_all,
    merged,
    of_failed,
    of_others,
    still_extra,
    still_those,
)
from imapsync.plan.flags import FlagTranslator
from imapsync.plan.index import FlagTable
from imapsync.plan.match import PairingRules, match, unlike_any
from imapsync.plan.rules import DeletionRules, FlagRules
from imapsync.terms import Copy, Pair

if TYPE_CHECKING:
    from imapsync.plan.index import MessageIndex

A, B, C = 101, 202, 303


def compared(source: MessageIndex, destination: MessageIndex) -> Compared:
    return Compared(source, destination, match(source, destination, PairingRules(sync_duplicates=False)))


def flagged(messages: list[tuple[int, bytes]], table: FlagTable) -> MessageIndex:
    index = index_of([(digest, 1) for digest, _ in messages], table)
    index.flags.extend(table.number(tuple(flags.split())) for _, flags in messages)
    return index


def test_pairs_that_only_identity_and_size_speak_for_are_believed() -> None:
    both = compared(index_of([(A, 1), (B, 1), (C, 1), (9, 1)]), index_of([(A, 1), (B, 1), (C, 1)]))
    both.source.contents.update({2: 77, 3: 88})
    both.destination.contents.update({2: 77})
    assert both.believed(both.paired()) == [1, 3]
    assert both.believed(both.paired(), known={1}) == [3]


def test_copies_get_the_flags_of_their_originals_in_as_few_changes_as_there_are_kinds() -> None:
    table = FlagTable()
    both = compared(
        flagged([(A, b"\\Seen"), (B, b"\\Seen"), (C, b"\\Flagged x"), (9, b""), (7, b"\\Seen")], table),
        flagged([(C, b"\\Seen"), (B, b""), (A, b""), (9, b"")], table),
    )
    assert both.paired() == [0, 1, 2, 3]
    translator = FlagTranslator(FlagRules(), frozenset({b"\\Seen", b"\\Flagged"}))
    found = {change: [*uids] for change, uids in exact_flags(both, both.paired(), translator).items()}
    assert found == {
        ((b"\\Seen",), ()): [3, 2],
        ((b"\\Flagged",), (b"\\Seen",)): [1],
    }


MIRROR = DeletionRules(destination=True)
DUPLICATES = DeletionRules(destination_duplicates=True)
HERE: list[Message] = [(A, 1)]
#: A copy, a duplicate of it, a message of another, and a duplicate of that: UIDs 1 to 4.
THERE: list[Message] = [(A, 1), (A, 1), (B, 1), (B, 1)]


@pytest.mark.parametrize(
    ("rules", "facts", "moved", "expected"),
    [
        pytest.param(DeletionRules(), FolderFacts(), (), [], id="nobody asked"),
        pytest.param(MIRROR, FolderFacts(), (), [2, 3, 4], id="--delete2 takes what is extra"),
        pytest.param(MIRROR, FolderFacts(), (3,), [2, 4], id="but not the last copy of what we moved"),
        pytest.param(MIRROR, FolderFacts(shared=True), (), [3, 4], id="what one of several sources lacks"),
        pytest.param(MIRROR, FolderFacts(foreign=True), (), [], id="somebody else's folder"),
        pytest.param(MIRROR, FolderFacts(complete=False), (), [], id="the source was not read completely"),
        pytest.param(MIRROR._replace(source=True), FolderFacts(), (), [], id="--delete1 empties the source"),
        pytest.param(
            MIRROR._replace(source_older_days=30.0), FolderFacts(), (), [], id="--delete1older, too"
        ),
        pytest.param(DUPLICATES, FolderFacts(), (), [2, 4], id="--delete2duplicates takes duplicates only"),
        pytest.param(DUPLICATES, FolderFacts(shared=True), (), [], id="no duplicates of a shared folder"),
    ],
)
def test_what_goes_on_the_destination(
    rules: DeletionRules, facts: FolderFacts, moved: tuple[int, ...], expected: list[int]
) -> None:
    assert [*doomed(rules, facts, compared(index_of(HERE), index_of(THERE)), moved)] == expected


@pytest.mark.parametrize(
    ("candidates", "goes"),
    [
        ([[1, 2, 3], [2, 3, 4]], [2, 3]),
        ([[1, 2], []], []),  # a source that was not read completely has no candidates
        ([[1], [2]], []),
        ([[3, 1]], [1, 3]),
        ([[1, 2], [2, 3], [2]], [2]),
    ],
)
def test_a_shared_folder_loses_only_what_all_its_sources_lack(
    candidates: list[list[int]], goes: list[int]
) -> None:
    assert [*lacked_by_all(candidates)] == goes


def test_a_duplicate_that_is_somebodys_copy_stays() -> None:
    both = index_of([(A, 1), (A, 1)])
    twice = Compared(both, both, match(both, both, PairingRules(sync_duplicates=True)))
    assert [*doomed(DUPLICATES, FolderFacts(), twice)] == []


def test_what_another_folder_brought_is_told_from_what_is_new() -> None:
    seen: dict[int, int] = {}
    assert crossing_rows(index_of([(A, 1), (B, 1), (A, 1)]), [0, 1, 2], seen, 1) == ([0, 1, 2], [])
    assert crossing_rows(index_of([(C, 1), (A, 1)]), [0, 1], seen, 2) == ([0], [1])
    assert seen == {A: 1, B: 1, C: 2}


def test_a_folder_that_is_compared_twice_has_brought_nothing_to_itself() -> None:
    seen: dict[int, int] = {}
    for _ in range(2):
        assert crossing_rows(index_of([(A, 1), (B, 1)]), [0, 1], seen, 1) == ([0, 1], [])
        assert crossing_rows(index_of([(B, 1), (C, 1)]), [0, 1], seen, 2) == ([1], [0])


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(MirrorPlan(0, 0, 0), None, id="nothing on either side"),
        pytest.param(MirrorPlan(0, 9, 0), None, id="an empty source, nothing to be deleted"),
        pytest.param(MirrorPlan(1, 9, 0), Brake.SOURCE_EMPTY, id="an empty source"),
        pytest.param(MirrorPlan(5, 10, 1), None, id="half of what is there"),
        pytest.param(MirrorPlan(6, 10, 1), Brake.TOO_MANY, id="more than half"),
        pytest.param(MirrorPlan(6, 10, 1, 6), None, id="as many as --maxdelete2 allows"),
        pytest.param(MirrorPlan(6, 10, 1, 5), Brake.OVER_LIMIT, id="more than it allows"),
        pytest.param(MirrorPlan(9, 9, 0, 9), None, id="a number replaces both judgements"),
        pytest.param(MirrorPlan(1, 100, 9, 0), Brake.OVER_LIMIT, id="--maxdelete2 0 allows none"),
        pytest.param(MirrorPlan(6, 10, 1, None, 6), None, id="Trash was emptied"),
        pytest.param(MirrorPlan(6, 6, 1, None, 6), None, id="and nothing else was there"),
        pytest.param(MirrorPlan(8, 10, 1, None, 6), None, id="and half of the rest goes"),
        pytest.param(MirrorPlan(9, 10, 1, None, 6), Brake.TOO_MANY, id="and more than half of the rest goes"),
        pytest.param(MirrorPlan(6, 10, 0, None, 6), Brake.SOURCE_EMPTY, id="an empty source, Trash and all"),
        pytest.param(MirrorPlan(6, 10, 1, 5, 6), Brake.OVER_LIMIT, id="a number counts Trash, too"),
    ],
)
def test_brakes(plan: MirrorPlan, expected: Brake | None) -> None:
    assert brake_of(plan) is expected


@pytest.mark.parametrize(
    ("case", "copied", "found", "doomed_uids", "crossing"),
    [
        pytest.param(Case(DeletionRules()), [2, 4], {1: 1}, [], [], id="what has no partner is copied"),
        pytest.param(Case(MIRROR), [2, 4], {1: 1}, [2], [], id="what has no original goes"),
        pytest.param(Case(MIRROR, moved={2}), [2, 4], {1: 1}, [], [], id="but not what we moved there"),
        pytest.param(
            Case(MIRROR, facts=FolderFacts(complete=False)), [2, 4], {1: 1}, [], [], id="nor unseen absence"
        ),
        pytest.param(
            Case(DeletionRules(), crossing={B: 1}), [4], {1: 1}, [], [1], id="another folder has brought it"
        ),
    ],
)
def test_a_folder_plan_follows_from_the_matching(
    case: Case, copied: list[int], found: dict[int, int], doomed_uids: list[int], crossing: list[int]
) -> None:
    """Source: one that is there, a new one, its duplicate, one more; there: the first, and a stranger."""
    source = index_of([(A, 1), (B, 1), (B, 1), (C, 1)])
    plan = decide(compared(source, index_of([(A, 1), (9, 1)])), case._replace(floor=7, ours=frozenset({1})))
    assert [*plan.copy.uids] == copied
    assert [len(column) for column in plan.copy] == [len(copied)] * 3
    assert dict(zip(*plan.found, strict=True)) == found
    assert plan.twins == {3: 2}
    assert [*plan.doomed] == doomed_uids
    assert [*plan.crossing] == crossing
    assert (plan.floor, plan.ours, plan.flags, [*plan.flag_rows]) == (7, {1}, {}, [])


def test_what_another_folder_pair_has_as_its_copy_does_not_go() -> None:
    who = {11: (A, 5), 12: (B, 5), 13: (C, 5)}
    others = [Pair(1, 11, 0, A, 5), Pair(2, 12, 0, C, 5), Pair(3, 13), Pair(4, 14, 0, A, 5)]
    assert of_others([11, 12, 13, 14, 15], who, others) == {11}


def test_beside_which_pairs_a_true_copy_may_lie() -> None:
    pairs = [Pair(1, 11, 0, A, 5), Pair(2, Copy.REMOVED, 0, A, 5), Pair(3, 13, 0, B, 5)]
    assert alike({A}, pairs) == pairs[:1]


def test_what_nobody_could_compare_is_left_for_the_next_run() -> None:
    source, destination = index_of([(A, 1), (B, 1), (C, 1)]), index_of([(A, 1), (B, 1)])
    source.contents[1] = unlike_any(1, source=True)
    source.unread.add(2)
    destination.contents.update({1: 77, 2: 88})
    plan = decide(compared(source, destination), Case(DeletionRules()))
    assert [*plan.copy.uids] == [1, 2, 3]
    assert (plan.left, plan.unread) == ({1}, {2})


def test_what_is_not_selected_is_neither_copied_nor_found() -> None:
    source = index_of([(A, 1), (B, 1), (C, 1)])
    source.excluded.update({1, 2})
    plan = decide(compared(source, index_of([(A, 1)])), Case(MIRROR))
    assert ([*plan.copy.uids], [*plan.found[0]]) == ([3], [])


def test_a_plan_brings_flags_to_the_copies_where_both_are_known() -> None:
    table = FlagTable()
    translator = FlagTranslator(FlagRules(), None)
    both = compared(flagged([(A, b"\\Seen")], table), flagged([(A, b"")], table))
    changes = decide(both, Case(DeletionRules(), translator=translator)).flags
    assert {change: [*uids] for change, uids in changes.items()} == {((b"\\Seen",), ()): [1]}
    assert not decide(both, Case(DeletionRules())).flags
    unknown = compared(index_of([(A, 1)]), index_of([(A, 1)]))
    assert not decide(unknown, Case(DeletionRules(), translator=translator)).flags


@pytest.mark.parametrize(
    ("excluded", "crossing", "copied", "seen_after"),
    [
        pytest.param(set(), None, [1, 2], None, id="all"),
        pytest.param({1}, None, [2], None, id="but not what was not selected"),
        pytest.param(set(), {A: 1}, [2], {A: 1, B: 0}, id="nor what another folder brought"),
    ],
)
def test_an_empty_destination_gets_everything(
    excluded: set[int],
    crossing: dict[int, int] | None,
    copied: list[int],
    seen_after: dict[int, int] | None,
) -> None:
    source = index_of([(A, 1), (B, 2)])
    source.excluded.update(excluded)
    plan = decide_all(source, Case(DeletionRules(), 5, crossing=crossing, ours=frozenset({9})))
    assert ([*plan.copy.uids], plan.floor, plan.ours) == (copied, 5, {9})
    assert crossing == seen_after
    assert FolderPlan() == NOTHING, "and nothing was added to the plan of those that have nothing to do"


def test_a_flag_that_the_original_lacks_is_taken_away() -> None:
    table = FlagTable()
    both = compared(flagged([(A, b"")], table), flagged([(A, b"\\Seen")], table))
    changes = exact_flags(both, both.paired(), FlagTranslator(FlagRules(), None))
    assert {change: [*uids] for change, uids in changes.items()} == {((), (b"\\Seen",)): [1]}


def test_a_mirror_spares_what_may_be_the_last_copy_wherever_it_lies() -> None:
    both = compared(index_of(HERE), index_of(THERE))
    assert [*doomed(MIRROR, FolderFacts(), both, (), {B})] == [2]
    assert [*doomed(MIRROR, FolderFacts(), both, (), {C})] == [2, 3, 4]
    assert [*doomed(MIRROR, FolderFacts(), both, (2,), {B})] == []


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(False, {5: (b"\\Answered",), 6: ()}, id="first: what was found, where it was to change"),
        pytest.param(True, {8: ()}, id="known: the pairs that are not written down yet"),
    ],
)
def test_what_copies_have_of_their_flags_when_these_could_not_be_changed(
    known: bool, expected: dict[int, tuple[bytes, ...]]
) -> None:
    plan = NOTHING._replace(
        found=(array("I", [4, 5, 6]), array("I", [14, 15, 16])),
        flags={
            ((b"\\Seen",), (b"\\Answered",)): array("I", [15]),
            ((b"\\Seen",), ()): array("I", [16, 18, 19]),
        },
        pairs=[Pair(8, 18, 0, 0, 0)],
        known=known,
    )
    assert flags_left(plan) == expected


def test_two_plans_of_changes_are_one() -> None:
    seen, flagged_too = ((b"\\Seen",), ()), ((b"\\Flagged",), ())
    both = merged({seen: [1, 2]}, {seen: [3], flagged_too: [1]})
    assert {change: [*uids] for change, uids in both.items()} == {seen: [1, 2, 3], flagged_too: [1]}


def test_an_index_tells_who_has_which_uid() -> None:
    assert index_of([(A, 1), (B, 2)]).digests_by_uid() == {1: A, 2: B}


def test_what_is_extra_beside_copies_is_named_with_them() -> None:
    both = compared(index_of([(A, 1), (B, 1)]), index_of([(A, 1), (A, 1), (B, 1), (C, 1)]))
    assert beside(both, []) == {}
    assert beside(both, [2, 4]) == {2: [1]}
    assert beside(both, [4]) == {}


def test_copies_that_were_not_compared_now_count_by_their_pairs() -> None:
    both = compared(index_of([]), index_of([(A, 1), (C, 1)]))
    known = [Pair(1, 1, 0, A, 5), Pair(2, 12, 0, A, 5), Pair(3, 13, 0, B, 5)]
    gone = [Pair(4, copy, 0, C, 5) for copy in (Copy.REMOVED, Copy.DUPLICATE)]
    assert beside(both, [1, 2], known + gone) == {1: [1, 12]}


@pytest.mark.parametrize(
    ("present", "left"),
    [({11, 12}, [1, 2, 3]), ({11}, [1, 3]), ({12}, [3]), (set(), [3])],
    ids=["all copies are there", "one of two has gone", "the only one has gone", "all have gone"],
)
def test_what_lies_beside_a_copy_that_has_gone_stays(present: set[int], left: list[int]) -> None:
    assert [*still_extra([1, 2, 3], {1: [11], 2: [11, 12]}, present)] == left


def test_a_mirror_names_the_copies_beside_which_it_deletes() -> None:
    plan = decide(compared(index_of([(A, 1)]), index_of([(A, 1), (A, 1)])), Case(MIRROR))
    assert ([*plan.doomed], plan.beside) == ([2], {2: [1]})


def test_contents_that_nobody_could_read_are_unlike_all_others() -> None:
    made = [unlike_any(uid, source=source) for uid in (1, 2, 3, 2**32 - 1) for source in (True, False)]
    assert len(set(made)) == len(made)
    assert all(2**63 <= content < 2**64 for content in made)


def test_what_may_be_the_copy_of_a_message_that_failed_does_not_go() -> None:
    who = {5: (70, 900), 6: (80, 900)}
    assert of_failed([5, 6, 7], who, {70}) == {5, 7}
    assert of_failed([5, 6], who, set()) == set()


@pytest.mark.parametrize(
    ("now", "ours", "goes"),
    [
        pytest.param({1: (A, 5), 2: (B, 6)}, set(), [1, 2], id="they are there"),
        pytest.param({2: (B, 6)}, set(), [2], id="one has gone"),
        pytest.param({1: (C, 5), 2: (B, 6)}, set(), [2], id="another message has its UID"),
        pytest.param({1: (A, 9), 2: (B, 6)}, set(), [1, 2], id="sizes are counted in another way now"),
        pytest.param({1: (0, 5), 2: (0, 9)}, set(), [1], id="without a digest the size decides"),
        pytest.param({1: (A, 5), 2: (B, 6)}, {1}, [2], id="it was made in this run, under a UID given twice"),
    ],
)
def test_what_was_to_be_deleted_goes_only_while_it_is_that_message(
    now: dict[int, tuple[int, int]], ours: set[int], goes: list[int]
) -> None:
    before = {1: (A, 5), 2: (B, 6)}
    assert [*still_those([1, 2], before, now, ours)] == goes
    assert not still_those([3], before, {3: (A, 5)}, set())


def test_what_may_be_the_copy_of_a_message_and_cannot_be_read_stays_and_no_other_is_made() -> None:
    here, there = index_of([(A, 1), (B, 1), (C, 1)]), index_of([(A, 1), (C, 1), (B, 1)])
    here.contents, there.contents = {1: 71, 2: 72, 3: 73}, {2: 79}
    there.unread, here.unread = {1}, {2}
    plan = decide(
        Compared(here, there, match(here, there, PairingRules(sync_duplicates=False))), Case(MIRROR)
    )
    assert ([*plan.copy.uids], plan.unread) == ([1, 2, 3], {1, 2})
    assert plan.doomed_as == {2: (C, 1), 3: (B, 1)}


def test_what_went_before_it_could_be_compared_may_come_back_and_is_not_extra() -> None:
    here, there = index_of([(A, 1)]), index_of([(A, 1), (B, 1)])
    here.contents, there.contents = {1: 71}, {1: unlike_any(1, source=False)}
    assert [*doomed(MIRROR, FolderFacts(), compared(here, there))] == [2]
