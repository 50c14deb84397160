"""Nothing of the user's own lands in other people's folders unless the user named that place."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plan.builders import account, folder

from imapsync.plan.folders import FolderTree, Layout
from imapsync.plan.mapping import (
    destination_layout,
    folders_to_delete,
    map_folders,
    name_all,
)
from imapsync.plan.rules import FolderRules

PUBLIC = account("INBOX", "Public/Team", foreign=("Public/",))


def to(pattern: str, replacement: str) -> Any:  # noqa: ANN401 - a rename as the command line makes it
    return lambda name, _prefix, _separator: re.sub(pattern, replacement, name)


def named(source: FolderTree, destination: FolderTree, **rules: Any) -> dict[str, str]:  # noqa: ANN401 - any rule
    given_rules = FolderRules(**rules)
    layout = destination_layout(given_rules, destination.layout)
    names = name_all(source, FolderTree(destination.folders, layout), given_rules)
    return {name: each.name for name, each in names.items()}


@pytest.mark.parametrize(
    ("layout", "name", "prefix"),
    [
        pytest.param(Layout("", "/", ("Public/",)), "Public/a", "Public/", id="below"),
        pytest.param(Layout("", "/", ("Public/",)), "Public", "Public/", id="the root itself"),
        pytest.param(Layout("", "/", ("Public/",)), "Publications", None, id="only alike"),
        pytest.param(Layout("", "/", ("",)), "a", None, id="counted to both is our own"),
        pytest.param(Layout("INBOX.", ".", ("user.", "")), "INBOX.a", None, id="Cyrus: ours"),
        pytest.param(Layout("INBOX.", ".", ("user.", "")), "news", "", id="Cyrus: shared without a prefix"),
        pytest.param(Layout("INBOX.", ".", ("user.", "")), "user.bob", "user.", id="Cyrus: another user"),
        pytest.param(Layout("INBOX.", ".", ("user.", "")), "INBOX", None, id="INBOX is ours"),
        pytest.param(
            Layout("INBOX.", ".", ("INBOX.shared.",)), "INBOX.shared.a", "INBOX.shared.", id="inside ours"
        ),
        pytest.param(
            Layout("INBOX.", ".", ("INBOX.shared.",)), "Inbox.shared", "INBOX.shared.", id="Inbox is INBOX"
        ),
        pytest.param(Layout("INBOX.", ".", ("INBOX.shared.",)), "INBOX.a", None, id="beside it"),
        pytest.param(Layout("", "/", ("~", "#public/")), "~bob/a", "~", id="a prefix without separator"),
        pytest.param(Layout("x/", "/", ("Public/",), ("",)), "Public/a", "Public/", id="--prefix2 aside"),
        pytest.param(Layout("", "/", ("a/",), ("", "a/b/")), "a/b/c", None, id="ours inside theirs"),
        pytest.param(Layout("", "/", ("a/",), ("", "a/b/")), "a/c", "a/", id="theirs around ours"),
    ],
)
def test_whose_folder_it_is(layout: Layout, name: str, prefix: str | None) -> None:
    assert layout.foreign_prefix(name) == prefix


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(account("Public/Team"), PUBLIC, {}, ["Public_2/Team"], id="into our own space"),
        pytest.param(account("Public"), PUBLIC, {}, ["Public_2"], id="the root itself"),
        pytest.param(
            account("Public/Team", "Public/Team/a", "Public_2", "b"),
            PUBLIC,
            {},
            ["Public_3/Team", "Public_3/Team/a", "Public_2", "b"],
            id="a whole tree under one number that is free",
        ),
        pytest.param(
            account("shared/a"),
            account("INBOX", prefix="INBOX.", separator=".", foreign=("INBOX.shared.",)),
            {},
            ["INBOX.shared_2.a"],
            id="others inside our own prefix",
        ),
        pytest.param(
            account("~bob"), account("INBOX", foreign=("~",)), {}, ["_~_2/bob"], id="no separator to number"
        ),
        pytest.param(account("a"), PUBLIC, {"forced": {"a": "Public/a"}}, ["Public/a"], id="--f1f2"),
        pytest.param(
            account("a"), PUBLIC, {"rename": (to("^a", "Public/a"),)}, ["Public/a"], id="renamed there"
        ),
        pytest.param(
            account("Public/Team "),
            PUBLIC,
            {"rename": (to(" $", ""),)},
            ["Public_2/Team"],
            id="renamed within",
        ),
        pytest.param(
            account("Public/Team"),
            PUBLIC,
            {"rename": (to("^Public", "Mine"),)},
            ["Mine/Team"],
            id="renamed away",
        ),
        pytest.param(
            account("a"), PUBLIC, {"destination_subfolder": "Public/x"}, ["Public/x/a"], id="--subfolder2"
        ),
        pytest.param(account("a"), PUBLIC, {"destination_prefix": "Public/"}, ["Public/a"], id="--prefix2"),
        pytest.param(
            account("Public/Team"),
            PUBLIC,
            {"destination_prefix": ""},
            ["Public_2/Team"],
            id="--prefix2 of our own",
        ),
        pytest.param(
            account("user/bob", "news"),
            account("INBOX", prefix="INBOX.", separator=".", foreign=("user.", "")),
            {"destination_prefix": ""},
            ["INBOX._user_2.bob", "news"],
            id="--prefix2 that is shared names no other user",
        ),
        pytest.param(
            account("Public/Team"), PUBLIC, {"only": ("Public/Team",)}, ["Public_2/Team"], id="--folder"
        ),
        pytest.param(
            account(folder("Public/Sent", "\\sent")),
            account("INBOX", folder("Public/Sent", "\\sent"), foreign=("Public/",)),
            {"automap": True},
            ["Public_2/Sent"],
            id="--automap knows only our own",
        ),
    ],
)
def test_where_folders_land(
    source: FolderTree, destination: FolderTree, rules: dict[str, Any], expected: list[str]
) -> None:
    names = named(source, destination, **rules)
    assert [names[each.name] for each in source.folders] == expected


def test_a_pair_tells_what_it_avoids() -> None:
    source = account("Public/Team", "a")
    pairs = map_folders(source.folders, source, PUBLIC, FolderRules())
    assert [(pair.destination, pair.wanted, pair.foreign, pair.exists) for pair in pairs] == [
        ("Public_2/Team", "Public/Team", "Public/", False),
        ("a", "", "", False),
    ]


REMEMBERED = {
    ("Public/Team", "Public/Team"): "Public_2/Team",
    ("a.b", "a.b"): "a_b",
    ("Work", "Work"): "work",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            account("Public/Team", "Public_2"), ["Public_2/Team", "Public_2"], id="the number does not move"
        ),
        pytest.param(account("a.b"), ["a_b"], id="a character"),
        pytest.param(account("a.b", "a_b"), ["a.b", "a_b"], id="another folder has the name by now"),
        pytest.param(account("Work"), ["work"], id="capitals"),
    ],
)
def test_what_an_earlier_run_settled_on_stays(source: FolderTree, expected: list[str]) -> None:
    names = name_all(source, PUBLIC, FolderRules(), REMEMBERED)
    assert [names[each.name].name for each in source.folders] == expected


def test_a_memory_that_leads_into_others_space_is_not_followed() -> None:
    remembered = {("Public/Team", "Public/Team"): "Public/x"}
    names = name_all(account("Public/Team"), PUBLIC, FolderRules(), remembered)
    assert names["Public/Team"].name == "Public_2/Team"


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(account("a"), PUBLIC, {}, [], id="not everybody's"),
        pytest.param(account("a"), PUBLIC, {"destination_prefix": "Public/"}, [], id="also with --prefix2"),
        pytest.param(
            account("a"),
            account("INBOX", "INBOX.a", "INBOX.z", "news", "user.bob", prefix="INBOX.", separator=".",
                    foreign=("user.", "")),
            {},
            ["INBOX.z"],
            id="nothing outside our prefix where that is shared",
        ),
        pytest.param(
            account("a.b", "Work"), account("a_b", "work", "x"), {}, ["x"], id="other spellings of ours"
        ),
        pytest.param(account("Work"), account("Work", "work"), {}, ["work"], id="capitals told apart"),
    ],
)  # fmt: skip
def test_folders_that_are_never_deleted(
    source: FolderTree, destination: FolderTree, rules: dict[str, Any], expected: list[str]
) -> None:
    given_rules = FolderRules(**rules)
    layout = destination_layout(given_rules, destination.layout)
    assert folders_to_delete(source, FolderTree(destination.folders, layout), given_rules) == expected


def test_a_folder_that_an_unselected_one_also_goes_to_is_shared() -> None:
    source = account("a", "b")
    rules = FolderRules(only=("a",), forced={"a": "x", "b": "x"})
    (pair,) = map_folders(source.folders[:1], source, account("x"), rules)
    assert pair.shared


def test_a_folder_that_holds_no_messages_shares_nothing() -> None:
    source = account("a", folder("b", "\\noselect"))
    rules = FolderRules(forced={"a": "x", "b": "x"})
    (pair,) = map_folders(source.folders[:1], source, account("x"), rules)
    assert not pair.shared


NAMES = st.lists(st.sampled_from(["Public", "Public_2", "~a", "news", "INBOX", "x"]), min_size=1, max_size=3)


@given(
    st.lists(NAMES.map("/".join), unique=True, max_size=6),
    st.sets(st.sampled_from(["Public/", "~", "", "INBOX/shared/", "Public_2/"])),
    st.sampled_from(["", "INBOX/"]),
)
def test_without_a_rule_of_the_user_nothing_lands_in_others_space(
    names: list[str], foreign: set[str], prefix: str
) -> None:
    source = account(*names)
    destination = account("INBOX", prefix=prefix, foreign=tuple(sorted(foreign)))
    found = named(source, destination)
    assert not [name for name in found.values() if destination.layout.is_foreign(name)]
    assert len({name.upper() if name.upper() == "INBOX" else name for name in found.values()}) == len(found)
