"""Flags of copies: translation, changes, and who wins when both sides changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapsync.plan.flags import ANY_KEYWORD, FlagTranslator, all_kept, system_flags, unpromised
from imapsync.plan.index import FlagTable, canonical_flags
from imapsync.plan.rules import FlagRules

ALL = frozenset({b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft", ANY_KEYWORD})
FIXED = frozenset({b"\\Seen", b"\\Deleted", b"$Label1"})


def rewriting(pattern: str, replacement: str) -> FlagRules:
    return FlagRules(rewrite=(lambda text: re.sub(pattern, replacement, text),))


@pytest.mark.parametrize(
    ("permanent", "rules", "flags", "expected"),
    [
        pytest.param(
            None, FlagRules(), b"\\Seen b a", b"\\Seen a b", id="unknown PERMANENTFLAGS keeps all, sorted"
        ),
        pytest.param(ALL, FlagRules(), b"\\Seen \\Recent", b"\\Seen", id="never \\Recent"),
        pytest.param(None, FlagRules(), b"\\RECENT", b"", id="never \\Recent in any case"),
        pytest.param(ALL, FlagRules(), b"$Forwarded Junk", b"$Forwarded Junk", id="new keywords by \\*"),
        pytest.param(
            FIXED, FlagRules(), b"$LABEL1 \\seen x", b"\\seen $LABEL1", id="only what the folder keeps"
        ),
        pytest.param(frozenset(), FlagRules(), b"\\Seen x", b"", id="a folder that keeps none"),
        pytest.param(ALL, FlagRules(), b"\\Odd \\Seen", b"\\Seen", id="\\* allows no new system flags"),
        pytest.param(
            None, FlagRules(filter_buggy=True), b"\\Odd \\Seen odd", b"\\Seen odd", id="--filterbuggyflags"
        ),
        pytest.param(
            ALL,
            FlagRules(skip_deleted=True),
            b"\\Seen \\DELETED",
            b"\\Seen",
            id="\\Deleted may be our own mark",
        ),
        pytest.param(None, FlagRules(), b"\\Seen \\SEEN A a", b"\\SEEN a", id="each flag once"),
        pytest.param(None, rewriting("Junk", "$Junk"), b"Junk", b"$Junk", id="--regexflag"),
        pytest.param(None, rewriting(".*", ""), b"\\Seen x", b"", id="--regexflag removes all"),
        pytest.param(None, rewriting("a", r"\\Recent b"), b"a", b"b", id="--regexflag cannot make \\Recent"),
        pytest.param(None, rewriting("a", '""'), b"a c", b"c", id="--regexflag leaves empty quotes"),
        pytest.param(None, rewriting("\udcff", "y"), b"x\xff", b"xy", id="--regexflag mends 8-bit"),
        pytest.param(ALL, FlagRules(), b"50%off a\xff b\x01 c* d", b"d", id="what no command can name"),
        pytest.param(
            frozenset({ANY_KEYWORD}), FlagRules(), b"a \\Seen", b"\\Seen a", id="\\* alone means all"
        ),
        pytest.param(
            FIXED, rewriting("Junk", "$Label1"), b"Junk", b"$Label1", id="rewritten first, filtered after"
        ),
    ],
)
def test_translation(
    permanent: frozenset[bytes] | None, rules: FlagRules, flags: bytes, expected: bytes
) -> None:
    translator = FlagTranslator(rules, permanent)
    for _ in range(2):  # the second time from memory
        assert b" ".join(translator.translate(tuple(flags.split()))) == expected


def test_rewriting_rules_work_one_after_the_other() -> None:
    rules = FlagRules(rewrite=(lambda text: text.replace("a", "b"), lambda text: text.replace("b", "c")))
    assert FlagTranslator(rules, None).translate((b"a",)) == (b"c",)


@pytest.mark.parametrize(
    ("wanted", "present", "add", "remove"),
    [
        pytest.param(b"\\Seen", b"", b"\\Seen", b"", id="add"),
        pytest.param(b"", b"\\Seen", b"", b"\\Seen", id="remove"),
        pytest.param(b"\\Seen", b"\\SEEN", b"", b"", id="case does not matter"),
        pytest.param(b"a", b"b \\Recent", b"a", b"b", id="\\Recent is never removed"),
        pytest.param(b"", b"\\Odd", b"", b"", id="what the folder cannot keep is left alone"),
    ],
)
def test_change(wanted: bytes, present: bytes, add: bytes, remove: bytes) -> None:
    translator = FlagTranslator(FlagRules(), ALL)
    change = translator.change(tuple(wanted.split()), tuple(present.split()))
    assert change == (tuple(add.split()), tuple(remove.split()))


FLAGS = st.lists(
    st.sampled_from([b"\\Seen", b"\\Flagged", b"\\Answered", b"\\Odd", b"a", b"$B"]), unique=True
).map(lambda flags: canonical_flags(tuple(flags)))
PERMANENT = st.sampled_from([None, ALL, FIXED, frozenset()])


def apply(flags: tuple[bytes, ...], change: tuple[tuple[bytes, ...], tuple[bytes, ...]]) -> set[bytes]:
    add, remove = change
    assert not set(add) & set(remove)
    return (set(flags) | set(add)) - set(remove)


@given(FLAGS, FLAGS, PERMANENT)
def test_a_change_makes_them_equal_and_a_second_one_is_empty(
    source: tuple[bytes, ...], copy: tuple[bytes, ...], permanent: frozenset[bytes] | None
) -> None:
    translator = FlagTranslator(FlagRules(), permanent)
    wanted = translator.translate(source)
    present = tuple(flag for flag in copy if translator.keepable(flag))
    after = apply(present, translator.change(wanted, present))
    assert after == set(wanted)
    assert translator.change(wanted, canonical_flags(tuple(after))) == ((), ())


@given(FLAGS, FLAGS, FLAGS, PERMANENT)
def test_three_way_takes_the_source_changes_and_keeps_what_the_destination_user_did(
    before: tuple[bytes, ...],
    now: tuple[bytes, ...],
    copy: tuple[bytes, ...],
    permanent: frozenset[bytes] | None,
) -> None:
    translator = FlagTranslator(FlagRules(), permanent)
    after = apply(copy, translator.three_way(before, now))
    for flag in {*before, *now, *copy}:
        if not translator.keepable(flag) or (flag in before) == (flag in now):
            assert (flag in after) == (flag in copy), (
                "not changed on the source: the destination's user decides"
            )
        else:
            assert (flag in after) == (flag in now), "changed on the source: the copy follows"


def test_three_way_of_an_unchanged_source_changes_nothing() -> None:
    translator = FlagTranslator(rewriting("Junk", "Spam"), ALL)
    assert translator.three_way((b"Junk", b"\\Seen"), (b"\\Seen", b"Junk")) == ((), ())


@given(st.lists(FLAGS))
def test_a_flag_table_gives_back_each_set_and_one_number_a_set(sets: list[tuple[bytes, ...]]) -> None:
    table = FlagTable()
    numbers = [table.number(flags) for flags in sets]
    assert [table.flags(number) for number in numbers] == sets
    assert [table.number(tuple(flag.upper() for flag in reversed(flags))) for flags in sets] == numbers
    assert len(set(numbers)) == len(set(sets))


@pytest.mark.parametrize(
    ("wanted", "found", "kept"),
    [
        pytest.param([b"a \\Seen", b""], [b"\\seen A", b""], True, id="all, in any case and order"),
        pytest.param([b"a \\Seen", b"a"], [b"\\Seen", b"a"], False, id="one lacks one"),
        pytest.param([b"\\Seen"], [b"\\Seen \\Recent x"], True, id="the server's own are no matter"),
        pytest.param([b"a", b""], [b"a"], False, id="a message that is not told"),
        pytest.param([b"a"], [b"", b"a"], True, id="somebody else's message"),
        pytest.param([], [], True, id="nothing"),
    ],
)
def test_whether_flags_stayed(wanted: list[bytes], found: list[bytes], kept: bool) -> None:
    assert all_kept([tuple(w.split()) for w in wanted], [tuple(f.split()) for f in found]) is kept


@pytest.mark.parametrize(
    ("permanent", "flags", "left"),
    [
        pytest.param(ALL, b"\\Seen $Label", b"$label", id="a new keyword"),
        pytest.param(FIXED, b"\\SEEN $label1", b"", id="all named"),
        pytest.param(None, b"\\Seen", b"\\seen", id="nothing is told"),
        pytest.param(frozenset({ANY_KEYWORD}), b"\\Seen", b"\\seen", id="\\* alone names none"),
    ],
)
def test_flags_that_nobody_promised_to_keep(
    permanent: frozenset[bytes] | None, flags: bytes, left: bytes
) -> None:
    assert b" ".join(unpromised(tuple(flags.split()), permanent)) == left


def test_system_flags_are_no_keywords() -> None:
    assert system_flags((b"\\Seen", b"$Label", b"x", b"\\Draft")) == (b"\\Seen", b"\\Draft")


@pytest.mark.parametrize(
    ("rules", "flags", "expected"),
    [
        pytest.param(FlagRules(), b"\\Deleted", b"\\Deleted", id="the user's own mark is copied"),
        pytest.param(FlagRules(skip_deleted=True), b"\\DELETED \\Seen", b"\\Seen", id="ours may be it: not"),
        pytest.param(FlagRules(), b"\\Odd \\Seen", b"\\Odd \\Seen", id="odd ones go where all may be kept"),
        pytest.param(rewriting(".*", '"" "'), b"\\Seen", b"", id="rewritten to nothing in quotes"),
        pytest.param(rewriting("a", "b"), b"a", b"b", id="rewritten"),
    ],
)
def test_which_flags_a_copy_gets(rules: FlagRules, flags: bytes, expected: bytes) -> None:
    assert FlagTranslator(rules, None).translate(tuple(flags.split())) == tuple(expected.split())


def test_only_flags_that_no_command_can_carry_are_noted() -> None:
    translator = FlagTranslator(FlagRules(), FIXED)
    assert translator.translate((b"50%off", b"\\Seen", b"other")) == (b"\\Seen",)
    assert translator.unnameable == {b"50%off"}


def test_what_rewriting_leaves_in_quotes_is_no_flag_at_all() -> None:
    translator = FlagTranslator(rewriting(".*", '""'), None)
    assert translator.translate((b"\\Seen",)) == ()
    assert translator.unnameable == set()
