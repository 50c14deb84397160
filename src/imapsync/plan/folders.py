"""Which source folders are taken, in which order.

The folder lists of both sides come in as values; selection follows --folder, --folderrec, --subscribed,
--include, --exclude, --folderfirst and --folderlast. Naming on the destination is next door, in `mapping`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imapsync.plan.rules import FolderRules

INBOX = "INBOX"
#: RFC 6154 and RFC 5258 attributes of folders that hold no messages.
_WITHOUT_MESSAGES = frozenset({"\\noselect", "\\nonexistent"})


class Folder(NamedTuple):
    """One folder of a side, as its server lists it.

    name: as people read it. wire_name: modified UTF-7 as sent by the server (rules may be written in either).
    attributes: in lower case, with backslash. separator: of this folder's namespace, "" when flat.
    """

    name: str
    wire_name: str = ""
    attributes: frozenset[str] = frozenset()
    separator: str = "/"
    subscribed: bool = False

    @property
    def selectable(self) -> bool:
        """Whether it can hold messages."""
        return not self.attributes & _WITHOUT_MESSAGES


class Layout(NamedTuple):
    """How a side names folders: personal prefix and separator, and whose the other prefixes are (RFC 2342).

    prefix: put before the names of the user's own folders; --prefix1/2 may change it. own_prefixes: of all
    personal namespaces as the server tells them, none when it tells nothing else than `prefix`.
    foreign_prefixes: of other users' and shared namespaces.
    """

    prefix: str = ""
    separator: str = "/"
    foreign_prefixes: tuple[str, ...] = ()
    own_prefixes: tuple[str, ...] = ()

    def is_foreign(self, name: str) -> bool:
        """Tell whether a folder lies in another user's or a shared namespace."""
        return self.foreign_prefix(name) is not None

    def foreign_prefix(self, name: str) -> str | None:
        """Give the prefix of the other users' or shared namespace that a folder lies in, None in our own.

        The longest prefix decides, because one namespace may lie inside another ("" and "Public/", "INBOX."
        and "INBOX.shared."). INBOX is always our own, and so is what a server counts to both.
        """
        if same_name(name, INBOX):
            return None
        theirs = [prefix for prefix in self.foreign_prefixes if _lies_in(name, prefix)]
        if not theirs:
            return None
        longest = max(theirs, key=len)
        own = [prefix for prefix in self.own_prefixes or (self.prefix,) if _lies_in(name, prefix)]
        return None if any(len(prefix) >= len(longest) for prefix in own) else longest


#: What ends the prefix of a namespace (RFC 2342 examples); the folder without it is the namespace's root.
PREFIX_ENDS = "/.\\"


def _lies_in(name: str, prefix: str) -> bool:
    """Tell whether a folder is a namespace's root or below it; "INBOX" may be written in any case."""
    if name[: len(INBOX)].upper() == INBOX == prefix[: len(INBOX)].upper():
        name, prefix = name[len(INBOX) :], prefix[len(INBOX) :]
    root = prefix.rstrip(PREFIX_ENDS)
    return name.startswith(prefix) or bool(root and name == root)


class FolderTree(NamedTuple):
    """All folders of a side, and how it names them."""

    folders: Sequence[Folder]
    layout: Layout


class Selection(NamedTuple):
    """The chosen source folders in working order, names that do not exist, and what --exclude took away."""

    folders: tuple[Folder, ...]
    missing: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def same_name(one: str, other: str) -> bool:
    """Compare folder names: exact, except that INBOX is case-insensitive (RFC 3501 §5.1)."""
    return one == other or (one.upper() == INBOX == other.upper())


def select_folders(folders: Iterable[Folder], rules: FolderRules) -> Selection:
    """Give the source folders to work on.

    What --folder, --folderrec, --subscribed and --include choose adds up; without any of them it is all. Then
    --exclude removes; --skipemptyfolders needs counts and is applied later. With --subfolder1 only what lies
    under that folder remains.
    """
    selectable = [folder for folder in folders if folder.selectable]
    chosen, missing = _named(selectable, rules)
    if rules.source_subfolder:
        chosen = [
            folder for folder in chosen if is_under(folder.name, rules.source_subfolder, folder.separator)
        ]
    excluded = {folder.name: any(rule(folder.name) for rule in rules.exclude) for folder in chosen}
    chosen = [folder for folder in chosen if not excluded[folder.name]]
    gone = tuple(name for name, is_out in excluded.items() if is_out)
    return Selection(tuple(_ordered(chosen, rules)), missing, gone)


def find_root(tree: FolderTree, root: str) -> str | None:
    """Give the folder that --subfolder1 names, as it is written or below the personal prefix, None for none.

    --subfolder2 OLD made INBOX.OLD on a server with the prefix INBOX., so --subfolder1 OLD finds it there.
    """
    for name in (root, tree.layout.prefix + root):
        if any(is_under(folder.name, name, folder.separator) for folder in tree.folders):
            return name
    return None


def is_under(name: str, parent: str, separator: str) -> bool:
    """Tell whether a folder is `parent` or lies below it."""
    return same_name(name, parent) or bool(separator and name.startswith(parent + separator))


def _named(selectable: list[Folder], rules: FolderRules) -> tuple[list[Folder], tuple[str, ...]]:
    if not (rules.only or rules.only_recursive or rules.subscribed_only or rules.include):
        return selectable, ()
    chosen: dict[str, Folder] = {}
    missing = []
    for wanted in rules.only:
        found = [folder for folder in selectable if _is_called(folder, wanted)]
        chosen.update((folder.name, folder) for folder in found)
        if not found:
            missing.append(wanted)
    for wanted in rules.only_recursive:
        found = [
            folder
            for folder in selectable
            if is_under(folder.name, wanted, folder.separator)
            or is_under(folder.wire_name, wanted, folder.separator)
        ]
        chosen.update((folder.name, folder) for folder in found)
        if not found:
            missing.append(wanted)
    if rules.subscribed_only:
        chosen.update((folder.name, folder) for folder in selectable if folder.subscribed)
    for rule in rules.include:
        chosen.update((folder.name, folder) for folder in selectable if rule(folder.name))
    return list(chosen.values()), tuple(missing)


def _is_called(folder: Folder, wanted: str) -> bool:
    """Compare with what the user wrote: the name as people read it, or as the wire shows it."""
    return same_name(folder.name, wanted) or folder.wire_name == wanted


def _ordered(folders: list[Folder], rules: FolderRules) -> list[Folder]:
    """Sort.

    --folderfirst in its order, then INBOX, then by name (parents before children), then --folderlast.
    """

    def rank(folder: Folder) -> tuple[int, int, bool, str]:
        for position, wanted in enumerate(rules.first):
            if _is_called(folder, wanted):
                return (0, position, False, folder.name)
        for position, wanted in enumerate(rules.last):
            if _is_called(folder, wanted):
                return (2, position, False, folder.name)
        return (1, 0, folder.name != INBOX, folder.name)

    return sorted(folders, key=rank)
