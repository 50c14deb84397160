"""Which source folders are taken, in which order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plan.builders import folder

from imapsync.plan.folders import (
    INBOX,
    Folder,
    FolderTree,
    Layout,
    find_root,
    is_under,
    same_name,
    select_folders,
)
from imapsync.plan.rules import FolderRules

TREE = [
    folder("work/b"),
    folder("Trash", subscribed=True),
    folder("work", "\\haschildren", subscribed=True),
    folder("INBOX"),
    folder("work/a"),
    folder("worker"),
    folder("shelf", "\\noselect"),
    folder("shelf/book"),
    folder("ghost", "\\nonexistent", subscribed=True),
    Folder("Entwürfe", "Entw&APw-rfe"),
]
ALL = ["INBOX", "Entwürfe", "Trash", "shelf/book", "work", "work/a", "work/b", "worker"]


def matching(pattern: str) -> Any:  # noqa: ANN401 - a callable as the command line makes it
    return lambda name: re.search(pattern, name) is not None


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param({}, ALL, id="all that hold messages, INBOX first, parents before children"),
        pytest.param({"only": ("work",)}, ["work"], id="--folder takes no children"),
        pytest.param({"only": ("inbox",)}, ["INBOX"], id="--folder inbox in any case"),
        pytest.param({"only": ("Entw&APw-rfe",)}, ["Entwürfe"], id="--folder as the wire shows it"),
        pytest.param({"only": ("Entwürfe",)}, ["Entwürfe"], id="--folder as people read it"),
        pytest.param({"only": ("work", "work", "Trash")}, ["Trash", "work"], id="--folder twice is once"),
        pytest.param(
            {"only_recursive": ("work",)}, ["work", "work/a", "work/b"], id="--folderrec knows the separator"
        ),
        pytest.param(
            {"only_recursive": ("shelf",)}, ["shelf/book"], id="--folderrec of an unselectable parent"
        ),
        pytest.param(
            {"only": ("Trash",), "only_recursive": ("work",)},
            ["Trash", "work", "work/a", "work/b"],
            id="--folder and --folderrec add up",
        ),
        pytest.param({"subscribed_only": True}, ["Trash", "work"], id="--subscribed"),
        pytest.param(
            {"subscribed_only": True, "only": ("INBOX",)},
            ["INBOX", "Trash", "work"],
            id="--subscribed adds to --folder",
        ),
        pytest.param(
            {"include": (matching("^work"),)}, ["work", "work/a", "work/b", "worker"], id="--include"
        ),
        pytest.param(
            {"include": (matching("a$"), matching("^T"))}, ["Trash", "work/a"], id="--include twice: either"
        ),
        pytest.param(
            {"include": (matching("a$"),), "only": ("INBOX",), "subscribed_only": True},
            ["INBOX", "Trash", "work", "work/a"],
            id="--include adds to --folder and --subscribed",
        ),
        pytest.param(
            {"include": (matching("^never$"),)}, [], id="--include that nothing matches takes nothing"
        ),
        pytest.param(
            {"exclude": (matching("^work"), matching("^shelf"))},
            ["INBOX", "Entwürfe", "Trash"],
            id="--exclude twice: both go",
        ),
        pytest.param(
            {"include": (matching("^work"),), "exclude": (matching("/"),)},
            ["work", "worker"],
            id="--exclude is stronger than --include",
        ),
        pytest.param(
            {"only": ("work", "Trash"), "exclude": (matching("^T"),)},
            ["work"],
            id="--exclude is stronger than --folder",
        ),
        pytest.param({"source_subfolder": "work"}, ["work", "work/a", "work/b"], id="--subfolder1"),
        pytest.param(
            {"first": ("work/b", "Trash"), "last": ("INBOX", "work"), "exclude": (matching("shelf|Entw"),)},
            ["work/b", "Trash", "work/a", "worker", "INBOX", "work"],
            id="--folderfirst and --folderlast in their own order",
        ),
        pytest.param(
            {"first": ("Entw&APw-rfe",), "only": ("INBOX", "Entwürfe")},
            ["Entwürfe", "INBOX"],
            id="--folderfirst as the wire shows it",
        ),
        pytest.param(
            {"first": ("Trash",), "last": ("Trash",), "only": ("INBOX", "Trash")},
            ["Trash", "INBOX"],
            id="first is stronger than last",
        ),
    ],
)
def test_selection(rules: dict[str, Any], expected: list[str]) -> None:
    selection = select_folders(TREE, FolderRules(**rules))
    assert [chosen.name for chosen in selection.folders] == expected
    assert selection.missing == ()


def test_folders_that_were_asked_for_and_do_not_exist_are_told() -> None:
    rules = FolderRules(only=("work", "wrk"), only_recursive=("shelf/dvd",))
    selection = select_folders(TREE, rules)
    assert selection.missing == ("wrk", "shelf/dvd")
    assert [chosen.name for chosen in selection.folders] == ["work"]


def test_a_folder_that_only_holds_others_cannot_be_asked_for() -> None:
    assert select_folders(TREE, FolderRules(only=("shelf",))).missing == ("shelf",)


@pytest.mark.parametrize(
    ("name", "parent", "separator", "under"),
    [
        ("a", "a", "/", True),
        ("a/b/c", "a", "/", True),
        ("ab", "a", "/", False),
        ("a.b", "a", "/", False),
        ("a/b", "a", "", False),
        ("inbox", "INBOX", "/", True),
        ("a", "a/b", "/", False),
    ],
)
def test_is_under(name: str, parent: str, separator: str, under: bool) -> None:
    assert is_under(name, parent, separator) is under


def test_only_inbox_has_no_case() -> None:
    assert same_name("InBox", "INBOX")
    assert not same_name("Work", "work")
    assert not same_name("INBOX", "INBOX.x")


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("Other Users/anna", True),
        ("Other Users", True),
        ("Public", True),
        ("Publications", False),
        ("x", False),
    ],
)
def test_folders_of_others(name: str, foreign: bool) -> None:
    layout = Layout("", "/", ("Other Users/", "Public/", ""))
    assert layout.is_foreign(name) is foreign


NAMES = st.text("aB./ü", min_size=1, max_size=6)


@given(
    st.lists(st.sampled_from([INBOX, "a", "a/b", "B", "ü"]) | NAMES, unique=True),
    st.lists(NAMES, max_size=3),
    st.lists(NAMES, max_size=3),
)
def test_order_neither_loses_nor_repeats_a_folder(
    names: list[str], first: list[str], last: list[str]
) -> None:
    rules = FolderRules(first=tuple(first), last=tuple(last))
    chosen = [each.name for each in select_folders([folder(name) for name in names], rules).folders]
    assert sorted(chosen) == sorted(names)
    assert chosen == [
        each.name for each in select_folders([folder(n) for n in reversed(names)], rules).folders
    ]


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("OLD", "INBOX.OLD"),
        ("INBOX.OLD", "INBOX.OLD"),
        ("Top", "Top"),
        ("OL", None),
        ("Both", "Both"),
        ("x", None),
    ],
)
def test_subfolder1_is_found_as_written_or_below_the_prefix(root: str, found: str | None) -> None:
    names = ("INBOX", "INBOX.OLD.Work", "Top", "Both.a", "INBOX.Both")
    tree = FolderTree([folder(name, separator=".") for name in names], Layout("INBOX.", "."))
    assert find_root(tree, root) == found


def test_what_was_excluded_is_told() -> None:
    selection = select_folders(TREE, FolderRules(exclude=(matching("^work/"), matching("Trash"))))
    assert selection.excluded == ("work/b", "Trash", "work/a")
    assert select_folders(TREE, FolderRules()).excluded == ()


@pytest.mark.parametrize("wanted", ["Entwürfe", "Entw&APw-rfe"])
def test_a_tree_is_asked_for_as_people_or_as_the_wire_write_it(wanted: str) -> None:
    tree = [*TREE, Folder("Entwürfe/a", "Entw&APw-rfe/a"), folder("Other")]
    selection = select_folders(tree, FolderRules(only_recursive=(wanted,)))
    assert [each.name for each in selection.folders] == ["Entwürfe", "Entwürfe/a"]
    assert selection.missing == ()
