"""How folder names are spelt where a destination cannot have them as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapsync.plan.spelling import (
    MAX_TRIES,
    caseless,
    find_again,
    in_doubt_about,
    is_spelt_alike,
    key_of,
    may_be_called,
    perhaps_called,
    plainer_names,
    unique_name,
)


@pytest.mark.parametrize(
    ("name", "separator", "key"),
    [
        ("inbox", "/", "INBOX"),
        ("Inbox/a", "/", "INBOX/a"),
        ("Inbox.a", "/", "Inbox.a"),
        ("Inboxes", "/", "Inboxes"),
        ("Inbox/a", "", "Inbox/a"),
        ("Work", "/", "Work"),
    ],
)
def test_inbox_has_no_case_also_as_a_parent(name: str, separator: str, key: str) -> None:
    assert key_of(name, separator) == key


@pytest.mark.parametrize(
    ("name", "prefix", "separator", "taken", "tries"),
    [
        pytest.param("plain", "", "/", (), [], id="nothing to replace"),
        pytest.param("a.b", "", "/", (), ["a_b"], id="a dot"),
        pytest.param("a.b/c.d", "", "/", (), ["a_b/c_d"], id="the levels stay"),
        pytest.param("INBOX.a/b", "INBOX.", ".", (), ["INBOX.a_b"], id="the prefix stays"),
        pytest.param("a.b*c", "", "/", (), ["a_b*c", "a.b_c", "a_b_c"], id="each alone, then all"),
        pytest.param("a.b", "", "/", ("a_b",), ["a_b_2"], id="another folder has that name"),
        pytest.param("é", "", "/", (), ["_"], id="each name once"),
        pytest.param("é.b", "", "/", (), ["é_b", "_.b", "__b"], id="then what is not US-ASCII"),
    ],
)
def test_what_is_tried_in_place_of_a_refused_name(
    name: str, prefix: str, separator: str, taken: tuple[str, ...], tries: list[str]
) -> None:
    assert plainer_names(name, prefix, separator, taken) == tries


@given(st.text("a./\\*%~#&:?<>|\"'{}()[]é", max_size=40))
def test_the_tries_are_bounded_end_with_the_plainest_and_are_the_same_each_time(name: str) -> None:
    tries = plainer_names(name, "", "/", ())
    assert len(tries) <= MAX_TRIES
    assert len(set(tries)) == len(tries)
    assert tries == plainer_names(name, "", "/", ())
    if tries:
        assert set(tries[-1]) <= set("a_/23456789")


@pytest.mark.parametrize(
    ("name", "taken", "unique"),
    [("a", (), "a"), ("a", ("a",), "a_2"), ("a", ("a", "a_2"), "a_3"), ("Inbox", ("INBOX",), "Inbox_2")],
)
def test_the_first_free_number(name: str, taken: tuple[str, ...], unique: str) -> None:
    assert unique_name(name, taken, "/") == unique


@pytest.mark.parametrize(
    ("name", "taken", "listed", "found"),
    [
        pytest.param("Work", (), {"work"}, "work", id="other capitals"),
        pytest.param("Work", ("work",), {"work"}, None, id="other capitals of another folder"),
        pytest.param("a.b", (), {"a_b", "a"}, "a_b", id="a character replaced"),
        pytest.param("a.b", ("a_b",), {"a_b", "a_b_2"}, "a_b_2", id="with its number"),
        pytest.param("a.b", (), {"a"}, None, id="nothing like it"),
    ],
)
def test_a_run_without_memory_finds_the_folder_again(
    name: str, taken: tuple[str, ...], listed: set[str], found: str | None
) -> None:
    assert find_again(name, "", "/", taken, listed) == found


@pytest.mark.parametrize(
    ("names", "listed", "doubtful"),
    [
        (["a.b"], "a_b", True),
        (["a.b"], "a_b_2", True),
        (["a.b"], "A_b", True),
        (["a.b"], "a_c", False),
        (["a.b/c"], "a_b", False),
        ([], "a_b", False),
    ],
)
def test_what_may_be_one_of_ours_under_another_spelling(
    names: list[str], listed: str, *, doubtful: bool
) -> None:
    assert in_doubt_about(names, "/")(listed) is doubtful


def test_unicode_forms_are_one_name_without_capitals() -> None:
    assert caseless("Cafe\u0301") == caseless("CAFÉ")


def test_only_the_namespaces_own_prefix_stays() -> None:
    assert plainer_names("x.y", "INBOX.", "/", ()) == ["x_y"]
    assert plainer_names("INBOX.x*y", "INBOX.", ".", ()) == ["INBOX.x_y"]


def test_of_too_many_tries_the_last_one_is_still_the_plainest() -> None:
    name = "a" + "".join(f"{char}b" for char in ".\\*%~#&:?<>|\"'{}") + "é"
    tries = plainer_names(name, "", "/", ())
    assert len(tries) == MAX_TRIES
    assert tries[-1] == "a" + "_b" * 16 + "_"
    assert [sum(one != other for one, other in zip(name, each, strict=True)) for each in tries[:-1]] == [
        1
    ] * (MAX_TRIES - 1)


@pytest.mark.parametrize(
    ("name", "listed", "doubtful"),
    [("a_2", "a_2", True), ("a.b/c", "a_b_c", False), ("a.b/c", "a_b/c", True), ("ö", "_", True)],
)
def test_spellings_keep_levels_numbers_and_plain_letters(name: str, listed: str, *, doubtful: bool) -> None:
    assert in_doubt_about([name], "/")(listed) is doubtful


LONG = "Correspondence of the committee"


@pytest.mark.parametrize(
    ("name", "listed", "expected"),
    [
        ("Work ", "Work", True),
        ("a / b", "a/b", True),
        ("a.b", "a_b", True),
        ("Work", "work", True),
        ('q"q', "q\\q", True),
        (LONG + " here", LONG, True),
        (LONG, LONG + " here", False),
        ("Works", "Work", False),
        ("a/b", "a_b", False),
        (" ", "_", True),
    ],
)
def test_what_a_server_may_call_a_folder(name: str, listed: str, *, expected: bool) -> None:
    assert may_be_called(name, listed, "/") is expected


@pytest.mark.parametrize(
    ("name", "listed", "order"),
    [
        pytest.param("Ö", ["A\u0308", "O\u0308"], ["O\u0308", "A\u0308"], id="the Unicode form"),
        pytest.param("O\u0308", ["Ä", "Ö"], ["Ö", "Ä"], id="the Unicode form, the other way round"),
        pytest.param("Work ", ["WORK", "Work", "Work_2"], ["Work", "WORK"], id="blanks, then capitals"),
        pytest.param(
            LONG + "+x", [LONG + "-x", LONG, LONG + " X"], [LONG, LONG + " X", LONG + "-x"], id="a cut"
        ),
        pytest.param("A B", ["A&B", "A+B", "a b", "B A"], ["a b", "A&B", "A+B"], id="characters last"),
        pytest.param("Work", ["Play"], [], id="nothing like it"),
    ],
)
def test_the_nearest_spelling_comes_first(name: str, listed: list[str], order: list[str]) -> None:
    assert perhaps_called(name, listed, "/") == order


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("Work /x", "work/X", True),
        ("Ö", "o\u0308", True),
        ("A B", "A&B", False),
        (LONG + " here", LONG, False),
    ],
)
def test_names_that_differ_in_capitals_forms_and_blanks_are_alike(
    name: str, other: str, *, expected: bool
) -> None:
    assert is_spelt_alike(name, other, "/") is expected


def test_a_folder_whose_name_was_cut_is_in_doubt() -> None:
    test = in_doubt_about([LONG + " here"], "/")
    assert test(LONG)
    assert not test(LONG[:20])
    assert not in_doubt_about([], "/")(LONG)
