"""What is believed of the journal under which numbers: tables of records, numbers and wishes."""

from __future__ import annotations

import pytest

from imapsync.plan.belief import (
    LOOK_AGAIN_S,
    Belief,
    FlagsAsked,
    Questions,
    Spared,
    Wishes,
    adds_up,
    drafts_stay,
    is_all,
    is_lost,
    is_put_back,
    last_known,
    questions,
    same_messages,
    shows_all,
    spared,
    trust,
)
from imapsync.terms import FolderRecord, Numbers, Pair

NOON = 1_800_000_000
HERE = Numbers(1, 10, 5, 70, 500)
THERE = Numbers(2, 20, 6, 80, 600)
RECORD = FolderRecord(7, "a", "a", HERE, THERE, settled=True, rules="r", looked_at=NOON)
BEGUN = RECORD._replace(source=Numbers(1, messages=0), destination=Numbers(2, messages=0), settled=False)
WISHES = Wishes("r", now=NOON + 60)


@pytest.mark.parametrize(
    ("record", "source", "destination", "wishes", "expected"),
    [
        pytest.param(RECORD, HERE, THERE, WISHES, Belief.UNCHANGED, id="equal numbers"),
        pytest.param(None, HERE, THERE, WISHES, Belief.NOTHING, id="never seen"),
        pytest.param(RECORD, None, THERE, WISHES, Belief.NOTHING, id="no source numbers"),
        pytest.param(RECORD, HERE, None, WISHES, Belief.NOTHING, id="no destination numbers"),
        # UIDVALIDITY and what went back: every UID is meaningless
        pytest.param(
            RECORD, HERE._replace(uidvalidity=9), THERE, WISHES, Belief.NOTHING, id="another source"
        ),
        pytest.param(
            RECORD, HERE, THERE._replace(uidvalidity=9), WISHES, Belief.NOTHING, id="another destination"
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(uidvalidity=0)),
            HERE._replace(uidvalidity=0),
            THERE,
            WISHES,
            Belief.NOTHING,
            id="a server that tells no UIDVALIDITY",
        ),
        pytest.param(
            RECORD, HERE._replace(uidnext=9), THERE, WISHES, Belief.NOTHING, id="source UIDNEXT back"
        ),
        pytest.param(
            RECORD, HERE, THERE._replace(uidnext=19), WISHES, Belief.NOTHING, id="destination UIDNEXT back"
        ),
        pytest.param(
            RECORD, HERE._replace(modseq=69), THERE, WISHES, Belief.NOTHING, id="source MODSEQ back"
        ),
        pytest.param(
            RECORD, HERE, THERE._replace(modseq=79), WISHES, Belief.NOTHING, id="destination MODSEQ back"
        ),
        pytest.param(
            RECORD, HERE._replace(modseq=0), THERE, WISHES, Belief.KNOWN, id="no MODSEQ any more is not back"
        ),
        # an interrupted first comparison
        pytest.param(BEGUN, HERE, THERE, WISHES, Belief.BEGUN, id="begun"),
        pytest.param(BEGUN, HERE._replace(uidvalidity=9), THERE, WISHES, Belief.NOTHING, id="begun, another"),
        # one thing is different: differences are read
        pytest.param(RECORD, HERE._replace(uidnext=11), THERE, WISHES, Belief.KNOWN, id="new on the source"),
        pytest.param(RECORD, HERE._replace(messages=4), THERE, WISHES, Belief.KNOWN, id="gone on the source"),
        pytest.param(RECORD, HERE._replace(modseq=71), THERE, WISHES, Belief.KNOWN, id="flags on the source"),
        pytest.param(RECORD, HERE._replace(size=501), THERE, WISHES, Belief.KNOWN, id="another size"),
        pytest.param(
            RECORD, HERE._replace(size=-1), THERE, WISHES, Belief.UNCHANGED, id="a size that is not told"
        ),
        pytest.param(
            RECORD, HERE, THERE._replace(uidnext=21), WISHES, Belief.KNOWN, id="new on the destination"
        ),
        pytest.param(
            RECORD, HERE, THERE._replace(messages=5), WISHES, Belief.KNOWN, id="gone on the destination"
        ),
        pytest.param(
            RECORD._replace(destination=THERE._replace(modseq=0)),
            HERE,
            THERE,
            WISHES,
            Belief.KNOWN,
            id="a MODSEQ that was never recorded proves nothing",
        ),
        # what the run is for
        pytest.param(RECORD._replace(settled=False), HERE, THERE, WISHES, Belief.KNOWN, id="not settled"),
        pytest.param(RECORD, HERE, THERE, WISHES._replace(rules="s"), Belief.KNOWN, id="other options"),
        pytest.param(RECORD, HERE, THERE, WISHES._replace(opens=True), Belief.KNOWN, id="opens every folder"),
        pytest.param(RECORD, HERE, THERE, WISHES._replace(recopies=True), Belief.KNOWN, id="--recopydeleted"),
        # equal numbers are believed for a day
        pytest.param(
            RECORD,
            HERE,
            THERE,
            WISHES._replace(now=NOON + LOOK_AGAIN_S - 1),
            Belief.UNCHANGED,
            id="nearly a day",
        ),
        pytest.param(RECORD, HERE, THERE, WISHES._replace(now=NOON + LOOK_AGAIN_S), Belief.KNOWN, id="a day"),
        pytest.param(RECORD, HERE, THERE, WISHES._replace(now=NOON - 1), Belief.KNOWN, id="a clock set back"),
        # a source that counts no changes
        pytest.param(
            RECORD._replace(source=HERE._replace(modseq=0)),
            HERE._replace(modseq=0),
            THERE,
            WISHES,
            Belief.KNOWN,
            id="flags of a source without CONDSTORE are read each time",
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(modseq=0)),
            HERE._replace(modseq=0),
            THERE,
            WISHES._replace(resync=False),
            Belief.UNCHANGED,
            id="--noresyncflags spares them",
        ),
    ],
)
def test_trust(
    record: FolderRecord | None,
    source: Numbers | None,
    destination: Numbers | None,
    wishes: Wishes,
    expected: Belief,
) -> None:
    assert trust(record, source, destination, wishes) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(THERE, THERE, False, id="as it was"),
        pytest.param(THERE, THERE._replace(uidnext=25, modseq=90), False, id="went on"),
        pytest.param(THERE, THERE._replace(uidnext=15), True, id="UIDNEXT went back"),
        pytest.param(THERE, THERE._replace(modseq=70), True, id="HIGHESTMODSEQ went back"),
        pytest.param(THERE, THERE._replace(uidnext=0), False, id="UIDNEXT is not told"),
        pytest.param(THERE, THERE._replace(uidvalidity=3, uidnext=1), False, id="another folder"),
        pytest.param(BEGUN.destination, THERE._replace(uidnext=1), False, id="nothing was known yet"),
        pytest.param(Numbers(), Numbers(), False, id="a server without UIDVALIDITY"),
    ],
)
def test_a_folder_that_was_put_back(before: Numbers, now: Numbers, expected: bool) -> None:
    assert is_put_back(before, now) is expected


@pytest.mark.parametrize(
    ("source", "destination", "replaced", "expected"),
    [
        pytest.param(HERE._replace(uidnext=8), THERE, False, Spared.KNOWN, id="source UIDNEXT back"),
        pytest.param(HERE._replace(modseq=60), THERE, False, Spared.KNOWN, id="source HIGHESTMODSEQ back"),
        pytest.param(HERE, THERE, True, Spared.KNOWN, id="other messages have the UIDs"),
        pytest.param(HERE._replace(uidvalidity=9), THERE, False, Spared.MOVED, id="another source"),
        pytest.param(HERE._replace(uidvalidity=9), THERE, True, Spared.MOVED, id="another source, replaced"),
        pytest.param(HERE, THERE._replace(uidnext=9), False, Spared.MOVED, id="destination UIDNEXT back"),
        pytest.param(HERE, THERE._replace(uidvalidity=9), True, Spared.NOBODY, id="another destination"),
        pytest.param(HERE, Numbers(), False, Spared.NOBODY, id="a destination without UIDVALIDITY"),
    ],
)
def test_copies_that_may_be_the_last_ones(
    source: Numbers, destination: Numbers, replaced: bool, expected: Spared
) -> None:
    assert spared(RECORD, source, destination, replaced=replaced) is expected


NOTHING = Questions(FlagsAsked.NOBODY, 0, False, 0, False)


@pytest.mark.parametrize(
    ("record", "source", "destination", "wishes", "expected"),
    [
        pytest.param(RECORD, HERE, THERE, WISHES, NOTHING, id="nothing"),
        pytest.param(
            RECORD, HERE._replace(uidnext=12), THERE, WISHES, NOTHING._replace(source_new=10), id="new there"
        ),
        pytest.param(
            RECORD, HERE._replace(messages=4), THERE, WISHES, NOTHING._replace(source_list=True), id="gone"
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE._replace(uidnext=22),
            WISHES,
            NOTHING._replace(destination_new=20),
            id="new on the destination",
        ),
        pytest.param(
            RECORD._replace(destination=THERE._replace(uidnext=0)),
            HERE,
            THERE,
            WISHES,
            NOTHING._replace(destination_new=1),
            id="a destination of which no UIDNEXT is known",
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE._replace(messages=5),
            WISHES,
            NOTHING._replace(destination_list=True),
            id="gone on the destination",
        ),
        pytest.param(
            RECORD._replace(destination=THERE._replace(messages=-1)),
            HERE,
            THERE,
            WISHES,
            NOTHING._replace(destination_list=True),
            id="somebody else put messages there",
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE,
            WISHES._replace(recopies=True),
            NOTHING._replace(destination_list=True),
            id="--recopydeleted",
        ),
        # all source UIDs are listed, so that none has to be asked for as new
        pytest.param(
            RECORD,
            HERE._replace(uidnext=12),
            THERE,
            WISHES._replace(lists=True),
            NOTHING._replace(source_list=True),
            id="a search or an age selects",
        ),
        pytest.param(
            RECORD._replace(settled=False),
            HERE,
            THERE,
            WISHES,
            NOTHING._replace(source_list=True, destination_list=True),
            id="interrupted",
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE,
            WISHES._replace(rules="s"),
            NOTHING._replace(flags=FlagsAsked.ALL, source_list=True),
            id="other options",
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE,
            WISHES._replace(rules="s", resync=False),
            NOTHING._replace(source_list=True),
            id="other options without flags",
        ),
        # flags
        pytest.param(
            RECORD,
            HERE._replace(modseq=71),
            THERE,
            WISHES,
            NOTHING._replace(flags=FlagsAsked.CHANGED),
            id="CHANGEDSINCE",
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(modseq=0)),
            HERE,
            THERE,
            WISHES,
            NOTHING._replace(flags=FlagsAsked.ALL),
            id="no MODSEQ was known",
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(modseq=0)),
            HERE,
            THERE,
            WISHES._replace(resync=False),
            NOTHING,
            id="no MODSEQ, --noresyncflags",
        ),
        pytest.param(
            RECORD._replace(source=Numbers(1, 1, 0)),
            Numbers(1, 3, 2),
            THERE,
            WISHES,
            NOTHING._replace(source_new=1),
            id="a folder that had been empty has no known flags",
        ),
    ],
)
def test_questions(
    record: FolderRecord, source: Numbers, destination: Numbers, wishes: Wishes, expected: Questions
) -> None:
    assert questions(record, source, destination, wishes) == expected


@pytest.mark.parametrize(
    ("before", "now", "arrived", "expected"),
    [(5, 5, 0, True), (5, 7, 2, True), (5, 6, 2, False), (5, 8, 2, False), (-1, 1, 2, False)],
    ids=["same", "what arrived", "one left meanwhile", "more than was shown", "unknown before"],
)
def test_the_numbers_of_a_folder_add_up(before: int, now: int, arrived: int, expected: bool) -> None:
    assert adds_up(Numbers(1, messages=before), Numbers(1, messages=now), arrived) is expected


@pytest.mark.parametrize(
    ("listed", "exists", "expected"),
    [(3, 3, True), (4, 3, True), (2, 3, False)],
    ids=["all", "one arrived meanwhile", "one is kept back"],
)
def test_all_messages_were_shown(listed: int, exists: int, expected: bool) -> None:
    assert is_all(listed, exists) is expected


@pytest.mark.parametrize(
    ("pairs", "source", "destination", "altered", "expected"),
    [
        pytest.param([], {}, {}, False, True, id="no pair"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 9}, {2: 9}, False, True, id="the same"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 9}, {2: 8}, False, False, id="another copy"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 9}, {2: 8}, True, True, id="copies get other headers"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 8}, {2: 8}, False, False, id="both are others"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 8}, {}, True, False, id="another original"),
        pytest.param([Pair(1, 2)], {1: 8}, {2: 8}, False, True, id="never recorded who it is"),
        pytest.param([Pair(1, 2, 0, 9)], {}, {2: 8}, False, True, id="the original is gone"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 9}, {}, False, True, id="the copy is gone"),
        pytest.param([Pair(1, 2, 0, 9)], {1: 9}, {2: 0}, False, True, id="a copy without headers"),
        pytest.param(
            [Pair(1, 2, 0, 9), Pair(3, 4, 0, 7)], {1: 9, 3: 7}, {2: 9, 4: 6}, False, False, id="the last one"
        ),
    ],
)
def test_recorded_pairs_are_held_against_the_messages(
    pairs: list[Pair], source: dict[int, int], destination: dict[int, int], altered: bool, expected: bool
) -> None:
    assert same_messages(pairs, source, destination, altered=altered) is expected


@pytest.mark.parametrize(
    ("before", "now", "arrived", "expected"),
    [
        pytest.param(Numbers(1, 10, 5), Numbers(1, 12, 7), 2, True, id="two came, two UIDs were given"),
        pytest.param(Numbers(1, 10, 5), Numbers(1, 13, 7), 2, False, id="one more UID than messages"),
        pytest.param(Numbers(1, 10, 5), Numbers(1, 11, 7), 2, True, id="fewer UIDs: counted before"),
        pytest.param(Numbers(1, 10, 5), Numbers(1, 0, 7), 2, True, id="no UIDNEXT told"),
        pytest.param(Numbers(1, 10, 5), Numbers(1, 12, 6), 2, False, id="one of the old ones is gone"),
        pytest.param(Numbers(1, 1, 0), Numbers(1, 3, 2), 2, True, id="it was empty"),
        pytest.param(Numbers(1, 10, -1), Numbers(1, 12, 1), 2, False, id="nobody knows what was there"),
        pytest.param(Numbers(1, 500, 5), Numbers(1, 502, 7), 2, True, id="high UIDs of few messages"),
    ],
)
def test_what_was_there_and_what_came_is_what_is_there(
    before: Numbers, now: Numbers, arrived: int, expected: bool
) -> None:
    assert adds_up(before, now, arrived) is expected


@pytest.mark.parametrize(
    ("record", "source", "destination", "wishes", "expected"),
    [
        pytest.param(
            RECORD._replace(source=HERE._replace(size=-1)),
            HERE,
            THERE,
            WISHES,
            Belief.UNCHANGED,
            id="a size that was not told then",
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(size=0)),
            HERE,
            THERE,
            WISHES,
            Belief.KNOWN,
            id="a size of nothing is a size",
        ),
        pytest.param(
            RECORD, HERE._replace(size=0), THERE, WISHES, Belief.KNOWN, id="a size of nothing is one now"
        ),
        pytest.param(
            RECORD,
            HERE,
            THERE,
            WISHES._replace(now=NOON),
            Belief.UNCHANGED,
            id="looked at this very second",
        ),
        pytest.param(
            RECORD, HERE, THERE, WISHES._replace(now=NOON - 1), Belief.KNOWN, id="the clock went back"
        ),
        pytest.param(
            RECORD._replace(source=Numbers(1, 1, 0, 70, 0)),
            Numbers(1, 1, 0, 70, 0),
            THERE,
            WISHES,
            Belief.UNCHANGED,
            id="an empty folder that never had a message",
        ),
        pytest.param(
            RECORD._replace(source=HERE._replace(modseq=0)),
            HERE,
            THERE,
            WISHES,
            Belief.KNOWN,
            id="a server that counts changes by now",
        ),
    ],
)
def test_trust_at_the_bounds(
    record: FolderRecord, source: Numbers, destination: Numbers, wishes: Wishes, expected: Belief
) -> None:
    assert trust(record, source, destination, wishes) is expected


def test_numbers_that_nobody_told_say_nothing_of_what_was_put_back() -> None:
    assert not is_put_back(Numbers(), Numbers())
    assert not is_put_back(Numbers(0, 9), Numbers(0, 5))
    assert not is_put_back(HERE, HERE._replace(uidnext=0))
    assert is_put_back(HERE, HERE._replace(uidnext=1))
    assert not is_put_back(HERE._replace(modseq=0), HERE)
    assert spared(RECORD._replace(destination=Numbers()), HERE, Numbers(), replaced=False) is Spared.NOBODY


@pytest.mark.parametrize(
    ("messages", "listed"), [pytest.param(-1, True, id="not known"), pytest.param(0, False, id="none")]
)
def test_the_destination_is_listed_where_nobody_knows_how_many_there_were(
    messages: int, listed: bool
) -> None:
    there = THERE._replace(messages=messages)
    asked = questions(RECORD._replace(destination=there), HERE, THERE, WISHES)
    assert asked.destination_list is listed


def test_changes_are_asked_for_only_where_both_looks_told_a_count() -> None:
    uncounted = RECORD._replace(source=HERE._replace(modseq=0))
    assert questions(uncounted, HERE, THERE, WISHES).flags is FlagsAsked.ALL
    assert questions(RECORD, HERE._replace(modseq=0), THERE, WISHES).flags is FlagsAsked.ALL


LOST = RECORD._replace(copies=6)
NEW = Numbers(3, 1, 0)


@pytest.mark.parametrize(
    ("record", "now", "lost"),
    [
        pytest.param(LOST, NEW, True, id="another folder, empty"),
        pytest.param(LOST, NEW._replace(messages=2), True, id="another folder with less than half"),
        pytest.param(LOST, NEW._replace(messages=3), False, id="another folder with half of them"),
        pytest.param(LOST, None, True, id="no folder any more"),
        pytest.param(LOST, THERE._replace(messages=0), False, id="the same folder, emptied by its owner"),
        pytest.param(LOST, NEW._replace(uidvalidity=0), False, id="no UIDVALIDITY told"),
        pytest.param(LOST, NEW._replace(messages=-1), False, id="no number told"),
        pytest.param(RECORD, NEW, False, id="there were no copies"),
        pytest.param(LOST._replace(copies=0), None, False, id="there were no copies, and no folder any more"),
        pytest.param(
            LOST._replace(destination=THERE._replace(uidvalidity=0)),
            None,
            False,
            id="never known to be there",
        ),
    ],
)
def test_copies_that_went_with_their_folder(record: FolderRecord, now: Numbers | None, *, lost: bool) -> None:
    assert is_lost(record, now) is lost


def test_flags_are_asked_of_a_message_that_came_after_its_empty_folder_was_opened() -> None:
    record = RECORD._replace(source=Numbers(1, 1, 0))
    assert questions(record, Numbers(1, 2, 1), THERE, WISHES, [Pair(1, 4)]).flags is FlagsAsked.ALL


@pytest.mark.parametrize(
    ("last", "highest"),
    [([], HERE.uidnext - 1), ([Pair(HERE.uidnext + 3, 9), Pair(2, 3)], HERE.uidnext + 3)],
    ids=["what was there", "what came before the folder was read"],
)
def test_the_last_message_whose_flags_are_known(last: list[Pair], highest: int) -> None:
    assert last_known(RECORD, last) == highest


@pytest.mark.parametrize(
    ("size", "sizes", "expected"),
    [(100, {1: 100}, True), (100, {1: 101}, False), (100, {}, True), (0, {1: 101}, True)],
    ids=["the same", "another version", "gone", "never recorded"],
)
def test_drafts_are_held_against_their_sizes(size: int, sizes: dict[int, int], expected: bool) -> None:
    assert drafts_stay([Pair(1, 2, 0, 9, size)], sizes) is expected


def test_a_source_of_an_older_uidvalidity_came_back_with_a_backup_and_its_copies_may_be_the_last() -> None:
    record = RECORD._replace(source=HERE._replace(uidvalidity=9))
    assert spared(record, HERE, THERE, replaced=False) is Spared.KNOWN
    assert spared(record, HERE._replace(uidvalidity=0), THERE, replaced=False) is Spared.MOVED


@pytest.mark.parametrize(
    ("listed", "uidnext", "messages", "expected"),
    [
        ([1, 2, 3], 4, 3, True),
        ([1, 2], 4, 3, False),
        ([1, 2, 4], 4, 3, False),
        ([1, 2, 3, 4], 4, 3, True),
        ([7, 8, 9], 0, 3, True),
        ([7, 8], 0, 3, False),
        ([], 1, 0, True),
    ],
    ids=[
        *("all", "one is missing", "one came and one is missing", "all, and one came"),
        *("no UIDNEXT", "no UIDNEXT, one is missing", "empty"),
    ],
)
def test_a_list_shows_all_that_was_there(
    listed: list[int], uidnext: int, messages: int, expected: bool
) -> None:
    assert shows_all(listed, Numbers(1, uidnext, messages)) is expected


def test_one_draft_of_another_size_is_enough() -> None:
    drafts = [Pair(1, 2, 0, 9, 10), Pair(3, 4, 0, 9, 10)]
    assert drafts_stay(drafts, {1: 10, 3: 10})
    assert not drafts_stay(drafts, {1: 10, 3: 11})


def test_no_flags_are_known_of_a_folder_that_had_no_messages() -> None:
    assert last_known(RECORD._replace(source=Numbers(1, 1, 0)), []) == 0
    assert last_known(RECORD._replace(source=Numbers()), []) == 0
