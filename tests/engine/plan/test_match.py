"""Which message is already there: tables, and what must hold for any two folders over any number of runs."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.engine.plan.builders import Message, index_of

from imapsync.plan.index import FlagTable, MessageIndex, canonical_flags
from imapsync.plan.match import (
    NONE,
    Doubts,
    Matching,
    PairingRules,
    doubts,
    duplicate_rows,
    match,
    twins,
    unclear_arrivals,
    unpaired,
)

A, B, C = 101, 202, (1 << 64) - 1


@pytest.mark.parametrize(
    ("here", "there", "unsure", "unclear"),
    [
        pytest.param([(A, 1), (B, 2)], [(A, 1), (B, 9)], set(), ([], []), id="each digest stands once"),
        pytest.param([(A, 1), (B, 2)], [(A, 1), (B, 2)], {2}, ([2], [2]), id="did it arrive?"),
        pytest.param([(A, 1)], [(B, 2)], {1}, ([], []), id="it did not"),
        pytest.param([(A, 1), (A, 2)], [(A, 1)], set(), ([1, 2], [1]), id="which of two was it?"),
        pytest.param([(A, 1)], [(A, 1), (A, 2)], set(), ([1], [1, 2]), id="which of two is it?"),
    ],
)
def test_whose_content_tells_what_has_arrived(
    here: list[Message], there: list[Message], unsure: set[int], unclear: tuple[list[int], list[int]]
) -> None:
    assert unclear_arrivals(index_of(here), index_of(there), unsure) == unclear


def test_messages_that_came_after_the_opening_do_not_count_among_those_that_were_there() -> None:
    index = MessageIndex()
    for uid in (3, 5, 9):
        assert index.is_new(uid)
        index.uids.append(uid)
    index.dropped.append(10)
    assert [index.seen_below(uidnext) for uidnext in (0, None, 9, 4)] == [4, 4, 2, 1]
    assert not index.is_new(5)
    assert index.seen_below(10) == 3


def matched(source: list[Message], destination: list[Message], *, sync_duplicates: bool = False) -> Matching:
    return match(index_of(source), index_of(destination), PairingRules(sync_duplicates))


@pytest.mark.parametrize(
    ("source", "destination", "all_of_them", "partner", "missing", "duplicates", "extra"),
    [
        pytest.param([], [], False, [], [], [], [], id="two empty folders"),
        pytest.param([(A, 1), (B, 2)], [], False, [NONE, NONE], [0, 1], [], [], id="empty destination"),
        pytest.param([], [(A, 1)], False, [], [], [], [0], id="empty source"),
        pytest.param([(A, 1), (B, 2)], [(B, 2), (A, 1)], False, [1, 0], [], [], [], id="another order"),
        pytest.param([(A, 1)], [(A, 9)], False, [NONE], [0], [], [0], id="an edited draft"),
        pytest.param(
            [(A, 1), (A, 1)], [], False, [NONE, NONE], [0], [1], [], id="a duplicate is copied once"
        ),
        pytest.param(
            [(A, 1), (A, 1)], [(A, 1)], False, [0, NONE], [], [1], [], id="a duplicate of what is there"
        ),
        pytest.param(
            [(A, 1), (A, 1)], [], True, [NONE, NONE], [0, 1], [], [], id="--syncduplicates copies each"
        ),
        pytest.param(
            [(A, 1), (A, 1)], [(A, 1)], True, [0, NONE], [1], [], [], id="--syncduplicates copies what lacks"
        ),
        pytest.param(
            [(A, 1), (A, 2)], [], False, [NONE, NONE], [0, 1], [], [], id="same id, other size: another mail"
        ),
        pytest.param(
            [(A, 1), (A, 2)], [(A, 2)], False, [NONE, 0], [0], [], [], id="same id: equal sizes pair first"
        ),
        pytest.param(
            [(A, 1), (A, 2)],
            [(A, 3), (A, 4)],
            False,
            [NONE, NONE],
            [0, 1],
            [],
            [0, 1],
            id="same id, other sizes",
        ),
        pytest.param(
            [(A, 1)],
            [(A, 1), (A, 1), (A, 1)],
            False,
            [0],
            [],
            [],
            [1, 2],
            id="duplicates on the destination are extra",
        ),
        pytest.param([(A, 1)], [(B, 1)], False, [NONE], [0], [], [0], id="same size, other id"),
        pytest.param([(C, 2**40), (0, 0)], [(C, 2**40)], False, [0, NONE], [1], [], [], id="largest numbers"),
        pytest.param(
            [(A, 1), (B, 5), (A, 2)],
            [(A, 7), (A, 2)],
            False,
            [NONE, NONE, 1],
            [0, 1],
            [],
            [0],
            id="exact and missing",
        ),
    ],
)
def test_matching(
    *,
    source: list[Message],
    destination: list[Message],
    all_of_them: bool,
    partner: list[int],
    missing: list[int],
    duplicates: list[int],
    extra: list[int],
) -> None:
    result = matched(source, destination, sync_duplicates=all_of_them)
    assert [list(column) for column in result] == [partner, missing, duplicates, extra]


@pytest.mark.parametrize(("content", "partner"), [(5, 0), (6, NONE), (0, NONE)])
def test_a_copy_whose_original_left_pairs_with_another_size_only_by_its_content(
    content: int, partner: int
) -> None:
    source, destination = index_of([(A, 100)]), index_of([(A, 107)])
    if content:
        source.contents[1], destination.contents[1] = 5, content
    rules = PairingRules(sync_duplicates=False, sizes_differ=True, partners_gone={1})
    assert list(match(source, destination, rules).partner) == [partner]


def with_contents(messages: list[tuple[int, int, int]]) -> MessageIndex:
    """Give an index of (digest, size, content); content 0 was not read."""
    index = index_of([(digest, size) for digest, size, _ in messages])
    index.contents.update({uid: content for uid, (_, _, content) in enumerate(messages, 1) if content})
    return index


PLAIN = PairingRules(sync_duplicates=False)


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(
            [(A, 1, 7), (A, 1, 8)],
            [(A, 1, 8)],
            PLAIN,
            ([NONE, 0], [0], [], []),
            id="twins of other content are other messages",
        ),
        pytest.param(
            [(A, 1, 7), (A, 1, 7)],
            [(A, 1, 7)],
            PLAIN,
            ([0, NONE], [], [1], []),
            id="of equal content: duplicates",
        ),
        pytest.param([(A, 1, 7)], [(A, 9, 7)], PLAIN, ([0], [], [], []), id="another size, the same content"),
        pytest.param(
            [(A, 1, 7)], [(A, 9, 8)], PLAIN, ([NONE], [0], [], [0]), id="an edited draft that was read"
        ),
        pytest.param(
            [(A, 1, 0)],
            [(A, 9, 0)],
            PLAIN._replace(sizes_differ=True),
            ([0], [], [], []),
            id="a destination that counts sizes in its own way",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(B, 9, 0)],
            PLAIN._replace(sizes_differ=True),
            ([NONE], [0], [], [0]),
            id="which makes no other message the same",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(A, 9, 0)],
            PLAIN._replace(sizes_differ=True, partners_gone={1}),
            ([NONE], [0], [], [0]),
            id="the copy of an original that is gone pairs with no other size unread",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(A, 1, 0)],
            PLAIN._replace(partners_gone={1}),
            ([0], [], [], []),
            id="but with its equal",
        ),
        pytest.param(
            [(A, 1, 0), (B, 1, 0)],
            [(B, 1, 0), (C, 5, 0)],
            PLAIN._replace(known={1: 2}),
            ([1, 0], [], [], []),
            id="what the journal knows pairs whatever it looks like",
        ),
        pytest.param(
            [(A, 1, 0), (A, 1, 0)],
            [(A, 1, 0)],
            PLAIN._replace(known={1: 1, 2: 1}),
            ([0, NONE], [], [1], []),
            id="a known copy pairs once",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(A, 1, 0)],
            PLAIN._replace(known={1: 99}),
            ([0], [], [], []),
            id="a known copy that is not there says nothing",
        ),
        pytest.param(
            [(A, 1, 0), (A, 1, 0)],
            [(A, 1, 0), (A, 1, 0)],
            PLAIN,
            ([0, 1], [], [], []),
            id="the copy of a duplicate is its copy",
        ),
        pytest.param(
            [(A, 1, 0), (A, 1, 0)],
            [(A, 1, 0), (A, 1, 0)],
            PLAIN._replace(keep_copies_of_duplicates=False),
            ([0, NONE], [], [1], [1]),
            id="unless those are not kept",
        ),
    ],
)
def test_what_is_known_and_what_was_read_decides(
    source: list[tuple[int, int, int]],
    destination: list[tuple[int, int, int]],
    rules: PairingRules,
    expected: tuple[list[int], ...],
) -> None:
    result = match(with_contents(source), with_contents(destination), rules)
    assert tuple(list(column) for column in result) == expected


def test_messages_that_are_not_selected_pair_and_are_never_copied() -> None:
    source = index_of([(A, 1), (B, 1), (A, 1), (B, 1), (C, 1)])
    source.excluded |= {1, 4, 5}
    result = match(source, index_of([(A, 1), (C, 1)]), PLAIN)
    assert [*result.partner] == [NONE, NONE, 0, NONE, 1]
    assert [*result.missing] == [1], "of a message and its twin the selected one is copied"
    assert [*result.duplicates] == []
    assert [*match(source, index_of([]), PLAIN).missing] == [1, 2]


@pytest.mark.parametrize(
    ("source", "destination", "options", "expected"),
    [
        pytest.param([(A, 1), (B, 2)], [(A, 1)], {}, ([], [], [], []), id="digest and size tell all"),
        pytest.param([(A, 1), (A, 1)], [], {}, ([0, 1], [], [], []), id="one copy or two?"),
        pytest.param(
            [(A, 1), (A, 1)], [], {"sync_duplicates": True}, ([], [], [], []), id="each is copied anyway"
        ),
        pytest.param(
            [(A, 1), (A, 1)], [(A, 1)], {"sync_duplicates": True}, ([0, 1], [0], [], []), id="which is there?"
        ),
        pytest.param([(A, 1), (A, 1)], [(A, 1), (A, 1)], {}, ([], [], [], []), id="as many here as there"),
        pytest.param([(A, 1)], [(A, 1), (A, 1)], {}, ([0], [0, 1], [], []), id="which of two there is it?"),
        pytest.param(
            [(A, 1), (A, 1)],
            [(A, 1), (A, 1)],
            {"remembers": True},
            ([0, 1], [0, 1], [], []),
            id="which is whose will count later",
        ),
        pytest.param(
            [(A, 1)], [(A, 1)], {"leaving": {1}}, ([0], [0], [], []), id="it is about to be deleted"
        ),
        pytest.param(
            [(A, 1)], [(B, 1)], {"leaving": {1}}, ([], [], [], []), id="it has no copy to be held against"
        ),
        pytest.param([(A, 1)], [(A, 1)], {"suspicious": True}, ([0], [0], [], []), id="an older version?"),
        pytest.param([(A, 1)], [(A, 9)], {}, ([], [], [0], [0]), id="only the size differs"),
        pytest.param(
            [(A, 1), (A, 2)], [(A, 2), (A, 9)], {}, ([], [], [0], [1]), id="only of what has no equal"
        ),
        pytest.param([(A, 1)], [(B, 9)], {}, ([], [], [], []), id="another message"),
        pytest.param(
            [(A, 1), (B, 2)],
            [(A, 9), (B, 2)],
            {"known": {1: 1}},
            ([], [], [], []),
            id="known pairs are no doubt",
        ),
        pytest.param(
            [(A, 1), (B, 1), (A, 1)],
            [(A, 1), (B, 1)],
            {"known": {1: 1, 2: 2}},
            ([0, 2], [], [], []),
            id="a duplicate of what has a copy?",
        ),
        pytest.param(
            [(A, 1)], [(A, 9)], {"known": {1: 5}}, ([], [], [0], [0]), id="a known copy that is not there"
        ),
    ],
)
def test_whose_content_is_needed(
    source: list[Message],
    destination: list[Message],
    options: dict[str, object],
    expected: tuple[list[int], ...],
) -> None:
    wanted = {"sync_duplicates": False, **options}
    assert doubts(index_of(source), index_of(destination), **wanted) == Doubts(*expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("flags", "rows"), [(b"\\DRAFT", [0]), (b"\\Seen", [])])
def test_a_draft_is_read_even_where_all_is_equal(flags: bytes, rows: list[int]) -> None:
    source = index_of([(A, 1), (B, 1)])
    source.flags.extend(source.flag_table.number(each) for each in ((flags,), ()))
    found = doubts(source, index_of([(A, 1), (B, 1)]), sync_duplicates=False)
    assert (found.source_same_size, found.destination_same_size) == (rows, rows)


@pytest.mark.parametrize(
    ("excluded", "there", "rows"),
    [
        pytest.param(set(), [], [0, 2], id="what is selected, but for duplicates"),
        pytest.param({1}, [], [1, 2, 0], id="what is selected comes first"),
        pytest.param({1, 2}, [], [2, 0, 1], id="a duplicate that is left out may have a copy, too"),
        pytest.param({1, 2}, [(A, 1)], [2, 1], id="not what has its copy"),
    ],
)
def test_what_is_looked_for_once_more(
    excluded: set[int], there: list[tuple[int, int]], rows: list[int]
) -> None:
    here = index_of([(A, 1), (A, 1), (B, 1)])
    here.excluded = excluded
    assert unpaired(here, match(here, index_of(there), PairingRules(sync_duplicates=False))) == rows


def test_a_duplicate_knows_its_original() -> None:
    source = index_of([(A, 1), (B, 1), (A, 1), (A, 1)])
    assert twins(source, match(source, index_of([(A, 1)]), PLAIN)) == {3: 1, 4: 1}
    assert twins(source, match(source, index_of([(A, 1)]), PairingRules(sync_duplicates=True))) == {}


MESSAGES = st.lists(st.tuples(st.sampled_from([A, B, C, 0, 7]), st.integers(0, 3)), max_size=12)


def copied(source: list[Message], destination: list[Message], result: Matching) -> list[Message]:
    return [*destination, *(source[row] for row in result.missing)]


@given(MESSAGES, MESSAGES, st.booleans())
def test_nothing_pairs_twice_and_each_row_is_accounted_for(
    source: list[Message], destination: list[Message], all_of_them: bool
) -> None:
    result = matched(source, destination, sync_duplicates=all_of_them)
    pairs = [(row, partner) for row, partner in enumerate(result.partner) if partner != NONE]
    assert all(source[row][0] == destination[partner][0] for row, partner in pairs)
    assert sorted([row for row, _ in pairs] + [*result.missing, *result.duplicates]) == list(
        range(len(source))
    )
    assert sorted([partner for _, partner in pairs] + [*result.extra]) == list(range(len(destination)))
    assert not (all_of_them and result.duplicates)
    for row in result.duplicates:
        assert source[row] in source[:row], "only what stands earlier makes a duplicate"


@given(MESSAGES, MESSAGES, st.booleans())
def test_after_the_copy_nothing_is_lost_and_a_second_run_copies_nothing(
    source: list[Message], destination: list[Message], all_of_them: bool
) -> None:
    first = matched(source, destination, sync_duplicates=all_of_them)
    after = copied(source, destination, first)
    second = matched(source, after, sync_duplicates=all_of_them)
    assert not second.missing
    assert [*second.extra] == [*first.extra], "what was extra stays it, what we copied never becomes it"
    wanted = Counter(digest for digest, _ in (source if all_of_them else set(source)))
    there = Counter(digest for digest, _ in after)
    assert wanted <= there


@given(MESSAGES)
def test_a_folder_matches_its_own_copy_exactly(messages: list[Message]) -> None:
    result = matched(messages, list(reversed(messages)), sync_duplicates=True)
    assert not result.missing
    assert not result.extra
    assert all(messages[row] == messages[::-1][partner] for row, partner in enumerate(result.partner))


@given(MESSAGES)
def test_without_its_duplicates_a_folder_holds_each_message_once(messages: list[Message]) -> None:
    rows = set(duplicate_rows(index_of(messages)))
    left = [message for row, message in enumerate(messages) if row not in rows]
    assert len(set(left)) == len(left)
    assert set(left) == set(messages)


class RunAfterRun(RuleBasedStateMachine):
    """Users change both sides between runs; each run may be cut short. Sizes differ between the servers."""

    def __init__(self) -> None:
        super().__init__()
        self.source: list[Message] = []
        self.destination: list[Message] = []
        self.larger = 0  # what the destination's server adds to each size
        self.complete = True

    @rule(digest=st.integers(1, 4), size=st.integers(1, 2))
    def a_message_arrives(self, digest: int, size: int) -> None:
        self.source.append((digest, size))
        self.complete = False

    @rule(digest=st.integers(1, 6), size=st.integers(1, 4))
    def a_message_arrives_on_the_destination(self, digest: int, size: int) -> None:
        self.destination.append((digest, size))

    @rule(data=st.data())
    def a_message_goes(self, data: st.DataObject) -> None:
        if self.source:
            self.source.pop(data.draw(st.integers(0, len(self.source) - 1)))

    @rule(data=st.data())
    def a_copy_goes(self, data: st.DataObject) -> None:
        if self.destination:
            self.destination.pop(data.draw(st.integers(0, len(self.destination) - 1)))
            self.complete = False

    @rule(data=st.data(), mirror=st.booleans())
    def run_that_may_be_cut_short(self, data: st.DataObject, mirror: bool) -> None:
        result = matched(self.source, self.destination)
        rows = [*result.missing]
        done = data.draw(st.integers(0, len(rows)))
        before = list(self.destination)
        self.destination += [self.source[row] for row in rows[:done]]
        self.complete = done == len(rows)
        if mirror and self.complete:
            extra = set(result.extra)
            self.destination = [message for row, message in enumerate(self.destination) if row not in extra]
            assert {digest for digest, _ in self.destination} == {digest for digest, _ in self.source}
            gone = Counter(digest for digest, _ in before) - Counter(digest for digest, _ in self.destination)
            assert sum(gone.values()) <= len(extra), "only what was extra is deleted"

    @rule()
    def two_more_runs(self) -> None:
        first = matched(self.source, self.destination)
        self.destination = copied(self.source, self.destination, first)
        self.complete = True
        assert not matched(self.source, self.destination).missing

    @invariant()
    def nothing_is_lost(self) -> None:
        if self.complete:
            here, there = Counter(d for d, _ in set(self.source)), Counter(d for d, _ in self.destination)
            assert here <= there


TestRunAfterRun = RunAfterRun.TestCase
TestRunAfterRun.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_flags_are_one_set_in_any_order_and_case() -> None:
    table = FlagTable()
    number = table.number((b"\\Seen", b"a"))
    assert table.number((b"A", b"\\Recent", b"\\SEEN")) == number
    assert table.flags(number) == (b"\\Seen", b"a")
    assert table.number(()) != number
    assert canonical_flags((b"b", b"\\recent", b"B", b"a")) == (b"a", b"B")


def test_a_uid_that_comes_twice_is_new_once_whether_it_was_kept_or_dropped() -> None:
    index = MessageIndex()
    seen = []
    for uid, dropped in (
        (1, False),
        (5, True),
        (5, True),
        (3, False),
        (3, False),
        (9, False),
        (1, False),
        (9, True),
    ):
        if index.is_new(uid):
            seen.append(uid)
            (index.dropped if dropped else index.uids).append(uid)
    assert seen == [1, 5, 3, 9]
    assert index.seen == 4


def test_an_index_without_some_messages_still_counts_those_that_were_dropped() -> None:
    index = index_of([(A, 10), (B, 20), (C, 30)])
    index.flags.extend([0, 1, 2])
    assert index.is_new(7)
    index.dropped.append(7)
    index.excluded.add(3)
    kept = index.without({2})
    assert [*kept.uids] == [1, 3]
    assert [*kept.digests] == [A, C]
    assert [*kept.flags] == [0, 2]
    assert [*kept.sizes] == [10, 30]
    assert kept.seen == 3
    assert kept.excluded == {3}
    assert kept.flag_table is index.flag_table
    assert kept.is_new(2)
    assert not kept.is_new(7)


def test_columns_that_were_not_asked_for_stay_empty() -> None:
    index = MessageIndex()
    index.uids.extend([1, 2])
    index.sizes.extend([5, 6])
    kept = index.without({1})
    assert (len(kept), [*kept.flags], [*kept.digests]) == (1, [], [])


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(
            [(A, 1, 0), (A, 1, 0)],
            [(A, 1, 0), (B, 1, 0)],
            PLAIN,
            ([0, NONE], [], [1], [1]),
            id="a duplicate without a copy takes nothing away from what is extra",
        ),
        pytest.param(
            [(A, 1, 0), (B, 1, 0)],
            [(C, 1, 0), (C, 2, 0)],
            PLAIN._replace(known={2: 2}),
            ([NONE, 1], [0], [], [0]),
            id="a message that is not known pairs with nobody by its place",
        ),
        pytest.param(
            [(A, 1, 0), (B, 1, 0)],
            [(C, 1, 0)],
            PLAIN._replace(known={1: 1, 2: 1}),
            ([0, NONE], [1], [], []),
            id="a copy is one message's, also when the journal says two",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(B, 1, 0), (A, 1, 0)],
            PairingRules(sync_duplicates=True, known={1: 1}),
            ([0], [], [], [1]),
            id="a known pair stays, whatever is equal besides",
        ),
        pytest.param(
            [(A, 1, 0)],
            [(B, 1, 0), (A, 1, 0)],
            PLAIN._replace(known={1: 1}),
            ([0], [], [], [1]),
            id="a known pair is no duplicate of itself",
        ),
        pytest.param(
            [(A, 1, 0), (A, 2, 0)],
            [(A, 1, 0)],
            PLAIN._replace(sizes_differ=True),
            ([0, NONE], [1], [], []),
            id="a copy that is taken is no other one's, however sizes are counted",
        ),
        pytest.param(
            [(A, 1, 7), (B, 2, 0)],
            [(B, 2, 0)],
            PLAIN,
            ([NONE, 0], [0], [], []),
            id="what was read of one message changes nothing for another",
        ),
        pytest.param(
            [(A, 1, 0)] * 3,
            [(A, 1, 0)] * 3,
            PairingRules(sync_duplicates=True),
            ([0, 1, 2], [], [], []),
            id="equal messages pair in their order",
        ),
    ],
)
def test_who_pairs_with_whom_stays_so(
    source: list[tuple[int, int, int]],
    destination: list[tuple[int, int, int]],
    rules: PairingRules,
    expected: tuple[list[int], ...],
) -> None:
    result = match(with_contents(source), with_contents(destination), rules)
    assert tuple(list(column) for column in result) == expected


def test_of_selected_messages_duplicates_are_told_whatever_else_is_not_selected() -> None:
    source = index_of([(A, 1), (A, 1), (B, 1)])
    source.excluded |= {3}
    assert [*match(source, index_of([]), PLAIN).duplicates] == [1]


@pytest.mark.parametrize(
    ("source", "destination", "options"),
    [
        pytest.param([(A, 1)], [(B, 1)], {"suspicious": True}, id="nothing like it is there"),
        pytest.param([(A, 1)], [(A, 1)], {"remembers": True}, id="one here, one there"),
        pytest.param([(A, 1), (B, 1)], [(A, 1)], {"leaving": {2}}, id="what leaves has no copy there"),
        pytest.param(
            [(A, 1), (A, 3)],
            [(A, 9)],
            {"known": {1: 1}},
            id="the only one of another size is somebody's copy",
        ),
        pytest.param([(A, 1)], [(A, 9), (A, 5)], {"known": {1: 1}}, id="the only original has its copy"),
    ],
)
def test_nothing_is_read_where_nothing_is_unclear(
    source: list[Message], destination: list[Message], options: dict[str, object]
) -> None:
    found = doubts(index_of(source), index_of(destination), sync_duplicates=False, **options)  # type: ignore[arg-type]
    assert found == Doubts([], [], [], [])


def test_only_those_of_doubtful_identity_are_read() -> None:
    source, destination = index_of([(A, 1), (A, 1), (B, 1), (C, 1)]), index_of([(A, 1), (B, 1), (C, 2)])
    assert doubts(source, destination, sync_duplicates=False) == Doubts([0, 1], [0], [3], [2])
    odd_sizes = doubts(index_of([(A, 1), (B, 1)]), index_of([(A, 2), (C, 1)]), sync_duplicates=False)
    assert odd_sizes == Doubts([], [], [0], [0])
