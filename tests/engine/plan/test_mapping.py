"""What source folders are called on the destination."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plan.builders import account, folder, names_of

from imapsync.plan.folders import INBOX, Folder, FolderTree, Layout, select_folders
from imapsync.plan.mapping import (
    FolderPair,
    destination_layout,
    folders_to_delete,
    map_folders,
    name_all,
    parents_of,
    source_layout,
    users_of,
)
from imapsync.plan.rules import FolderRules

if TYPE_CHECKING:
    from collections.abc import Callable

SLASH = account("INBOX")
DOTS = account("INBOX", separator=".")
INBOX_DOTS = account("INBOX", prefix="INBOX.", separator=".")


def substitution(pattern: str, replacement: str) -> Callable[[str, str, str], str]:
    return lambda name, _prefix, _separator: re.sub(pattern, replacement, name)


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        pytest.param(account("INBOX", "a/b"), SLASH, ["INBOX", "a/b"], id="same layout"),
        pytest.param(account("INBOX", "a/b"), DOTS, ["INBOX", "a.b"], id="other separator"),
        pytest.param(account("INBOX", "a/b"), INBOX_DOTS, ["INBOX", "INBOX.a.b"], id="prefix put on"),
        pytest.param(
            account("INBOX", "INBOX.a.b", prefix="INBOX.", separator="."),
            SLASH,
            ["INBOX", "a/b"],
            id="prefix off",
        ),
        pytest.param(
            account("INBOX", "Inbox.a", prefix="INBOX.", separator="."),
            SLASH,
            ["INBOX", "a"],
            id="Inbox. is INBOX.",
        ),
        pytest.param(
            account("INBOX", "INBOX/a"), INBOX_DOTS, ["INBOX", "INBOX.INBOX.a"], id="child of INBOX"
        ),
        pytest.param(
            account("INBOX", "Inbox/a"), SLASH, ["INBOX", "INBOX/a"], id="child of Inbox is one of INBOX"
        ),
        pytest.param(account("a.b"), DOTS, ["a_b"], id="destination's separator inside a name"),
        pytest.param(
            account("a.b", "a_b"), DOTS, ["a_b_2", "a_b"], id="an untouched name stays, a changed one moves"
        ),
        pytest.param(
            account("a.b", "a_b", "a_b_2"), DOTS, ["a_b_3", "a_b", "a_b_2"], id="numbers that are taken"
        ),
        pytest.param(account("a.b", "a.b/c"), DOTS, ["a_b", "a_b.c"], id="replaced in the middle"),
        pytest.param(account("a\r\nb", "a\x7f"), SLASH, ["a__b", "a_"], id="control characters"),
        pytest.param(account("a//b"), DOTS, ["a._.b"], id="an empty level"),
        pytest.param(
            account("a/b", "a_b"), account("INBOX", separator=""), ["a_b_2", "a_b"], id="flat destination"
        ),
        pytest.param(account("a/b", separator=""), SLASH, ["a_b"], id="flat source"),
        pytest.param(
            account("INBOX", "INBOX.INBOX", prefix="INBOX.", separator="."),
            SLASH,
            ["INBOX", "INBOX_2"],
            id="INBOX.INBOX is not INBOX",
        ),
        pytest.param(
            account("INBOX", "INBOX.INBOX", prefix="INBOX.", separator="."),
            INBOX_DOTS,
            ["INBOX", "INBOX.INBOX"],
            id="INBOX.INBOX stays itself where it can",
        ),
        pytest.param(
            account("INBOX", "INBOX.a", "a", prefix="INBOX.", separator="."),
            SLASH,
            ["INBOX", "a", "a_2"],
            id="with and without the prefix",
        ),
        pytest.param(
            account("Mail/a", "mail/a", prefix="mail/"), SLASH, ["Mail/a", "a"], id="a prefix has its case"
        ),
        pytest.param(
            account("INBOX", folder("Public/x", separator="/"), separator="."),
            DOTS,
            ["INBOX", "Public.x"],
            id="a namespace with a separator of its own",
        ),
        pytest.param(account("mail/", prefix="mail/"), DOTS, ["mail._"], id="nothing but the prefix"),
        pytest.param(account("Ünïcode/日本"), INBOX_DOTS, ["INBOX.Ünïcode.日本"], id="not ASCII"),
    ],
)
def test_natural_names(source: FolderTree, destination: FolderTree, expected: list[str]) -> None:
    names = names_of(source, destination)
    assert [names[each.name] for each in source.folders] == expected


TREE = account("INBOX", "a", "a/b", "a/INBOX", "c", "b")


@pytest.mark.parametrize(
    ("rules", "destination", "expected"),
    [
        pytest.param(
            {"destination_subfolder": "old"},
            SLASH,
            ["old/INBOX", "old/a", "old/a/b", "old/a/INBOX", "old/c", "old/b"],
            id="--subfolder2",
        ),
        pytest.param(
            {"destination_subfolder": "old"},
            INBOX_DOTS,
            [f"INBOX.old.{name}" for name in ("INBOX", "a", "a.b", "a.INBOX", "c", "b")],
            id="--subfolder2 below the prefix",
        ),
        pytest.param(
            {"source_prefix": "a/", "destination_prefix": "z/"},
            SLASH,
            ["INBOX", "z/a", "z/b", "z/INBOX", "z/c", "z/b_2"],
            id="--prefix1 and --prefix2",
        ),
        pytest.param(
            {"destination_prefix": ""}, INBOX_DOTS, ["INBOX", "a", "a.b", "a.INBOX", "c", "b"], id="no prefix"
        ),
        pytest.param(
            {"source_separator": "", "destination_separator": "/"},
            DOTS,
            ["INBOX", "a", "a/b", "a/INBOX", "c", "b"],
            id="--sep2",
        ),
        pytest.param(
            {"source_separator": "b"},
            DOTS,
            ["INBOX", "a", "a/._", "a/INBOX", "c", "_._"],
            id="--sep1 as told",
        ),
        pytest.param(
            {"forced": {"a/b": "INBOX", "c": "x\ny"}},
            SLASH,
            ["INBOX", "a", "INBOX", "a/INBOX", "x_y", "b"],
            id="--f1f2, control characters replaced",
        ),
        pytest.param(
            {"rename": (substitution("^a", "A"), substitution("^A/", "Z/"))},
            SLASH,
            ["INBOX", "A", "Z/b", "Z/INBOX", "c", "b"],
            id="--regextrans2 in order",
        ),
        pytest.param(
            {"rename": (lambda name, prefix, separator: f"{prefix}x{separator}{name}",)},
            INBOX_DOTS,
            [
                f"INBOX.x.{name}"
                for name in ("INBOX", "INBOX.a", "INBOX.a.b", "INBOX.a.INBOX", "INBOX.c", "INBOX.b")
            ],
            id="--regextrans2 knows prefix and separator",
        ),
        pytest.param(
            {"rename": (substitution("^a/b$", "z"),), "forced": {"a/b": "forced"}},
            SLASH,
            ["INBOX", "a", "forced", "a/INBOX", "c", "b"],
            id="--f1f2 is stronger than --regextrans2",
        ),
    ],
)
def test_rules_of_the_user(rules: dict[str, Any], destination: FolderTree, expected: list[str]) -> None:
    names = names_of(TREE, destination, FolderRules(**rules))
    assert [names[each.name] for each in TREE.folders] == expected


def test_subfolder1_brings_its_tree_to_the_top_and_nothing_outside_takes_a_name_from_it() -> None:
    rules = FolderRules(source_subfolder="a")
    names = names_of(TREE, SLASH, rules)
    chosen = select_folders(TREE.folders, rules).folders
    assert {each.name: names[each.name] for each in chosen} == {"a": "INBOX", "a/b": "b", "a/INBOX": "INBOX"}


def test_subfolder1_undoes_subfolder2() -> None:
    there = names_of(TREE, INBOX_DOTS, FolderRules(destination_subfolder="old"))
    moved = account(*there.values(), prefix="INBOX.", separator=".")
    back = names_of(moved, SLASH, FolderRules(source_subfolder="INBOX.old"))
    assert [back[there[each.name]] for each in TREE.folders] == [each.name for each in TREE.folders]


def test_f1f2_takes_the_name_as_the_wire_shows_it() -> None:
    source = account(Folder("Entwürfe", "Entw&APw-rfe"))
    assert names_of(source, SLASH, FolderRules(forced={"Entw&APw-rfe": "Drafts"})) == {"Entwürfe": "Drafts"}


def test_automap_pairs_by_special_use_then_by_name_and_leaves_inbox() -> None:
    source = account(
        folder("INBOX", "\\sent"),
        folder("Gesendet"),
        folder("Müll", "\\trash"),
        folder("Papierkorb"),
        folder("Spam"),
    )
    destination = account("INBOX", folder("Sent Items", "\\sent"), "Trash", folder("Junk", "\\noselect"))
    assert names_of(source, destination, FolderRules(automap=True)) == {
        "INBOX": "INBOX",
        "Gesendet": "Gesendet",
        "Müll": "Trash",
        "Papierkorb": "Papierkorb",
        "Spam": "Spam",
    }


def test_automap_is_stronger_than_the_prefix_and_regextrans2_and_weaker_than_f1f2() -> None:
    source = account("Sent", "Trash", "Drafts")
    destination = account(
        folder("INBOX.S", "\\sent", separator="."),
        "INBOX.Deleted",
        "INBOX.Entwürfe",
        prefix="INBOX.",
        separator=".",
    )
    rules = FolderRules(
        automap=True, rename=(substitution("Deleted", "Gone"),), forced={"Drafts": "INBOX.mine"}
    )
    assert names_of(source, destination, rules) == {
        "Sent": "INBOX.S",
        "Trash": "INBOX.Deleted",
        "Drafts": "INBOX.mine",
    }


def test_pairs_tell_what_exists_what_is_shared_and_what_is_to_be_subscribed() -> None:
    source = account("a", folder("b", subscribed=True), folder("c", subscribed=True), "d", "e")
    destination = account(
        folder("b", subscribed=True), folder("c"), folder("d", "\\noselect"), folder("x", subscribed=True)
    )
    rules = FolderRules(forced={"a": "x", "e": "x"})
    pairs = map_folders(source.folders, source, destination, rules)
    a, b, c, d, e = source.folders
    assert pairs == [
        FolderPair(a, "x", exists=True, shared=True),
        FolderPair(b, "b", exists=True),
        FolderPair(c, "c", exists=True, subscribe=True),
        FolderPair(d, "d", exists=False),
        FolderPair(e, "x", exists=True, shared=True),
    ]


@pytest.mark.parametrize(
    ("rules", "subscribed"),
    [({}, ["b"]), ({"subscribe": False}, []), ({"subscribe_all": True}, ["a", "b"])],
)
def test_subscriptions(rules: dict[str, Any], subscribed: list[str]) -> None:
    source = account("a", folder("b", subscribed=True))
    pairs = map_folders(source.folders, source, SLASH, FolderRules(**rules))
    assert [pair.destination for pair in pairs if pair.subscribe] == subscribed


def test_an_existing_inbox_is_found_in_any_case() -> None:
    source = account("INBOX")
    (pair,) = map_folders(source.folders, source, account(folder("Inbox")), FolderRules())
    assert (pair.destination, pair.exists) == ("Inbox", True)


def test_a_name_does_not_depend_on_what_this_run_takes() -> None:
    source = account("a.b", "a_b")
    (pair,) = map_folders(source.folders[:1], source, DOTS, FolderRules())
    assert (pair.destination, pair.shared) == ("a_b_2", False)


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(
            account("INBOX", "a"),
            account("INBOX", "a", "b", "c/d", "c"),
            {},
            ["c/d", "b", "c"],
            id="children first",
        ),
        pytest.param(account(), account("Inbox"), {}, [], id="INBOX never"),
        pytest.param(
            account("c/d/e"), account("c", "c/d", "c/d/e", "c/x"), {}, ["c/x"], id="no parent of what stays"
        ),
        pytest.param(
            account(),
            account("Public/x", "Public", "y", foreign=("Public/",)),
            {},
            ["y"],
            id="nothing of others",
        ),
        pytest.param(
            account(), account(folder("x", "\\noselect")), {}, [], id="nothing that holds no messages"
        ),
        pytest.param(account("a/b"), account("a_b", "c", separator=""), {}, ["c"], id="flat destination"),
        pytest.param(
            account("a"),
            account("old", "old/a", "old/z", "older", "z"),
            {"destination_subfolder": "old"},
            ["old/z"],
            id="only below --subfolder2",
        ),
        pytest.param(
            account("a"),
            account("INBOX.INBOX.a", "INBOX.INBOX.z", "INBOX.z", prefix="INBOX.", separator="."),
            {"destination_subfolder": "INBOX"},
            ["INBOX.INBOX.z"],
            id="only below --subfolder2 INBOX",
        ),
        pytest.param(
            account("a"), account("a", "b"), {"forced": {"a": "b"}}, ["a"], id="by the names of --f1f2"
        ),
        pytest.param(
            account("a", "b"),
            account("a", "b", "c"),
            {"only": ("a",)},
            ["c"],
            id="what is not selected is kept",
        ),
        pytest.param(
            account("old/a", "z"),
            account("a", "z", "y"),
            {"source_subfolder": "old"},
            ["y"],
            id="with --subfolder1",
        ),
    ],
)
def test_folders_to_delete(
    source: FolderTree, destination: FolderTree, rules: dict[str, Any], expected: list[str]
) -> None:
    assert folders_to_delete(source, destination, FolderRules(**rules)) == expected


@pytest.mark.parametrize(
    ("name", "layout", "expected"),
    [
        ("a/b/c", Layout(), ["a", "a/b"]),
        ("a", Layout(), []),
        ("INBOX.a.b", Layout("INBOX.", "."), ["INBOX.a"]),
        ("INBOX.a", Layout("", "."), ["INBOX"]),
        ("/a", Layout(), []),
        ("a/b", Layout("", ""), []),
    ],
)
def test_parents(name: str, layout: Layout, expected: list[str]) -> None:
    assert parents_of(name, layout) == expected


SEPARATORS = st.sampled_from(["/", ".", "\\", ""])
PARTS = st.text("ab_.\\/ü\n", min_size=1, max_size=3) | st.sampled_from(["INBOX", "Inbox", "a_2", "a_b"])


@st.composite
def accounts(draw: st.DrawFn) -> FolderTree:
    separator = draw(SEPARATORS)
    prefix = draw(st.sampled_from(["", "INBOX" + separator, "mail" + separator]))
    names = {INBOX}
    for parts in draw(st.lists(st.lists(PARTS, min_size=1, max_size=3), max_size=8)):
        name = separator.join(parts)
        if draw(st.booleans()):
            name = prefix + name
        names.add(INBOX if name.upper() == INBOX else name)
    return account(*sorted(names), prefix=prefix, separator=separator)


def key(name: str) -> str:
    return INBOX if name.upper() == INBOX else name


@given(accounts(), accounts(), st.sampled_from([None, "old", "INBOX"]))
def test_no_two_source_folders_share_a_destination(
    source: FolderTree, destination: FolderTree, below: str | None
) -> None:
    names = names_of(source, destination, FolderRules(destination_subfolder=below))
    assert set(names) == {each.name for each in source.folders}
    assert len({key(name) for name in names.values()}) == len(names)
    assert all(name and not re.search(r"[\x00-\x1f\x7f]", name) for name in names.values())
    assert below is not None or names[INBOX] == INBOX


@given(accounts(), accounts())
def test_names_do_not_depend_on_the_order_of_the_list(source: FolderTree, destination: FolderTree) -> None:
    turned = FolderTree(list(reversed(source.folders)), source.layout)
    assert names_of(source, destination) == names_of(turned, destination)


@given(accounts(), accounts(), st.sampled_from([None, "old"]))
def test_nothing_that_was_just_copied_is_deleted(
    source: FolderTree, destination: FolderTree, below: str | None
) -> None:
    rules = FolderRules(destination_subfolder=below)
    separator = destination.layout.separator
    made = [folder(name, separator=separator) for name in names_of(source, destination, rules).values()]
    there = FolderTree([*destination.folders, *made], destination.layout)
    doomed = folders_to_delete(source, there, rules)
    assert not {key(name) for name in doomed} & {key(each.name) for each in made}
    assert INBOX not in {key(name) for name in doomed}
    positions = {name: position for position, name in enumerate(doomed)}
    for name in doomed:
        for parent in parents_of(name, destination.layout):
            assert positions.get(parent, len(doomed)) > positions[name]


CLEAN = st.lists(
    st.lists(st.text("abü 0", min_size=1, max_size=3) | st.just("INBOX"), min_size=1, max_size=3), max_size=8
)
LAYOUTS = st.sampled_from(
    [Layout("", "/"), Layout("", "."), Layout("INBOX.", "."), Layout("INBOX/", "/"), Layout("mail\\", "\\")]
)


@given(CLEAN, LAYOUTS, LAYOUTS)
def test_names_round_trip(trees: list[list[str]], here: Layout, there: Layout) -> None:
    names = {INBOX} | {here.prefix + here.separator.join(parts) for parts in trees if parts != [INBOX]}
    source = account(*sorted(names), prefix=here.prefix, separator=here.separator)
    moved = names_of(source, account(prefix=there.prefix, separator=there.separator))
    copy = account(*moved.values(), prefix=there.prefix, separator=there.separator)
    back = names_of(copy, source)
    assert {name: back[moved[name]] for name in names} == {name: name for name in names}


def test_layouts_of_the_user_keep_what_belongs_to_others() -> None:
    layout = Layout("INBOX.", ".", ("Public.",))
    rules = FolderRules(source_prefix="", destination_separator="/")
    assert source_layout(rules, layout) == Layout("", ".", ("Public.",), ("INBOX.",))
    assert destination_layout(rules, layout) == Layout("INBOX.", "/", ("Public.",))


@pytest.mark.parametrize(
    ("source", "destination", "rules", "expected"),
    [
        pytest.param(
            account("a.b/c", "a_b/c"),
            DOTS,
            {},
            {"a.b/c": "a_b.c_2", "a_b/c": "a_b.c"},
            id="one changed level changes the name, whichever it is",
        ),
        pytest.param(
            account("a/b", "a_b"),
            account(separator=""),
            {},
            {"a/b": "a_b_2", "a_b": "a_b"},
            id="levels that a flat destination joins change the name",
        ),
        pytest.param(
            FolderTree([Folder("a/b", "a/b", frozenset(), "")], Layout("", "/")),
            DOTS,
            {},
            {"a/b": "a.b"},
            id="the account's separator where the folder tells none",
        ),
        pytest.param(
            account("Inbox"),
            SLASH,
            {"destination_subfolder": "old"},
            {"Inbox": "old/Inbox"},
            id="a folder called Inbox below --subfolder2 keeps its spelling",
        ),
        pytest.param(
            account("inbox.a", prefix="INBOX.", separator="."),
            SLASH,
            {},
            {"inbox.a": "a"},
            id="the prefix INBOX in any case",
        ),
        pytest.param(
            account("priv.a", prefix="Priv.", separator="."),
            SLASH,
            {},
            {"priv.a": "priv/a"},
            id="another prefix only as it is written",
        ),
    ],
)
def test_natural_names_at_the_edges(
    source: FolderTree, destination: FolderTree, rules: dict[str, Any], expected: dict[str, str]
) -> None:
    assert names_of(source, destination, FolderRules(**rules)) == expected


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        pytest.param(
            account("ab"), account("a", "ab", separator=""), ["a"], id="a beginning is no parent there"
        ),
        pytest.param(account("x"), account("bb", "a", separator=""), ["a", "bb"], id="by name"),
        pytest.param(account("x"), account("a", "a/b", "c"), ["a/b", "a", "c"], id="children first"),
    ],
)
def test_flat_destinations_know_no_parents(
    source: FolderTree, destination: FolderTree, expected: list[str]
) -> None:
    assert folders_to_delete(source, destination, FolderRules()) == expected


def test_what_lies_beside_the_prefix_keeps_its_name() -> None:
    assert names_of(account("Other.a", prefix="INBOX.", separator="."), SLASH) == {"Other.a": "Other/a"}


def test_only_what_is_taken_uses_a_destination() -> None:
    rules = FolderRules(source_subfolder="old")
    source = account("old/a", "z", folder("old/x", "\\noselect"))
    names = name_all(source, SLASH, rules)
    assert users_of(source, names, rules, "/") == {"a": ["old/a"]}
