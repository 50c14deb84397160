"""What a source folder is called on the destination.

The order of the rules: --f1f2, then --automap, then the natural name (own prefix off, separators changed,
prefix of the other side on, --subfolder1/2), then --regextrans2. Two different source folders never share a
natural name by accident: a character that is the destination's separator is replaced, and a name that is
taken already gets a number. Only rules that the user wrote may send two folders into one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.folders import INBOX, Folder, Layout, is_under, same_name
from imapsync.plan.specialuse import uses_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.plan.rules import FolderRules

#: Takes the place of a character that the destination cannot have inside a folder name.
REPLACEMENT = "_"


class FolderPair(NamedTuple):
    """A source folder and the name of its destination.

    exists: the destination lists it. subscribe: it is to be subscribed there. shared: another source folder
    has the same destination, so nothing may be concluded from what is only there.
    """

    source: Folder
    destination: str
    exists: bool
    subscribe: bool = False
    shared: bool = False


class Account(NamedTuple):
    """All folders of a side, and how it names them."""

    folders: Sequence[Folder]
    layout: Layout


def source_layout(rules: FolderRules, layout: Layout) -> Layout:
    """Give the source's layout with --prefix1 and --sep1 applied."""
    return _override(layout, rules.source_prefix, rules.source_separator)


def destination_layout(rules: FolderRules, layout: Layout) -> Layout:
    """Give the destination's layout with --prefix2 and --sep2 applied."""
    return _override(layout, rules.destination_prefix, rules.destination_separator)


def map_folders(
    chosen: Sequence[Folder], source: Account, destination: Account, rules: FolderRules
) -> list[FolderPair]:
    """Pair the chosen folders with their destination names, in the same order.

    `source` holds all of its folders: names are given out over the whole account, so that the name of
    a folder does not depend on which other folders this run happens to take.
    """
    names = name_all(source, destination, rules)
    existing = {_key(folder.name): folder for folder in destination.folders if folder.selectable}
    uses: dict[str, int] = {}
    for folder in chosen:
        uses[_key(names[folder.name])] = uses.get(_key(names[folder.name]), 0) + 1
    pairs = []
    for folder in chosen:
        name = names[folder.name]
        there = existing.get(_key(name))
        wanted = rules.subscribe_all or (rules.subscribe and folder.subscribed)
        pairs.append(
            FolderPair(
                source=folder,
                destination=there.name if there else name,
                exists=there is not None,
                subscribe=wanted and not (there is not None and there.subscribed),
                shared=uses[_key(name)] > 1,
            )
        )
    return pairs


def name_all(source: Account, destination: Account, rules: FolderRules) -> dict[str, str]:
    """Give source name -> destination name for every folder of the source."""
    folders = sorted(source.folders, key=lambda folder: (folder.name != INBOX, folder.name))
    automatic = _automap(source, destination) if rules.automap else {}
    names: dict[str, str] = {}
    taken: set[str] = set()
    changed = []
    for folder in folders:
        name, replaced = natural_name(folder, source.layout, destination.layout, rules)
        if replaced or (name != INBOX and _key(name) in taken):
            changed.append((folder, name))
            continue
        names[folder.name] = name
        if not rules.source_subfolder or is_under(folder.name, rules.source_subfolder, folder.separator):
            taken.add(_key(name))  # what lies elsewhere is never copied and takes no name away
    for folder, name in changed:  # last, so that an untouched name is never taken by a changed one
        names[folder.name] = _unique(name, taken)
        taken.add(_key(names[folder.name]))
    for folder in folders:
        name = automatic.get(folder.name, names[folder.name])
        for rename in rules.rename:
            name = rename(name, destination.layout.prefix, destination.layout.separator)
        forced = _forced(folder, rules)
        names[folder.name] = _clean(forced if forced is not None else name)
    return names


def natural_name(folder: Folder, source: Layout, destination: Layout, rules: FolderRules) -> tuple[str, bool]:
    """Give the name without the user's own renaming, and whether characters had to be replaced in it.

    INBOX becomes INBOX; with --subfolder1 that folder itself and its child INBOX do. Another folder of that
    name (INBOX.INBOX where INBOX. is the prefix) stays another folder.
    """
    separator = rules.source_separator or folder.separator or source.separator
    root = rules.source_subfolder
    if root and is_under(folder.name, root, separator):
        name = folder.name[len(root) + len(separator) :] or INBOX
        is_inbox = same_name(name, INBOX)
    else:
        name = _without_prefix(folder.name, source.prefix)
        is_inbox = same_name(folder.name, INBOX)
    if is_inbox and not rules.destination_subfolder:
        return INBOX, False
    parts = name.split(separator) if separator else [name]
    if len(parts) > 1 and parts[0].upper() == INBOX:
        parts[0] = INBOX
    joined, replaced = _join(parts, destination.separator)
    if rules.destination_subfolder:
        joined = rules.destination_subfolder + destination.separator + joined
    name = destination.prefix + joined
    return name, replaced or same_name(name, INBOX)


def folders_to_delete(source: Account, destination: Account, rules: FolderRules) -> list[str]:
    """Give the destination folders that no source folder maps to, children before parents.

    Never INBOX, never a folder of another user or shared, never a parent of a folder that stays; with
    --subfolder2 only folders below it. `names` is `name_all` over the whole source: a folder that exists
    there but is not selected in this run keeps its destination.
    """
    wanted = {_key(name) for name in name_all(source, destination, rules).values()}
    layout = destination.layout
    separator = layout.separator
    doomed = []
    for folder in destination.folders:
        name = folder.name
        if same_name(name, INBOX) or not folder.selectable or layout.is_foreign(name):
            continue
        if _key(name) in wanted:
            continue
        if separator and any(key.startswith(name + separator) for key in wanted):
            continue
        root = rules.destination_subfolder
        full_root = layout.prefix + root if root else ""
        if root and (name == full_root or not is_under(name, full_root, separator)):
            continue
        doomed.append(name)
    return sorted(doomed, key=lambda name: (-name.count(separator) if separator else 0, name))


def parents_of(name: str, layout: Layout) -> list[str]:
    """Give the folders above a name, the top first, without the namespace prefix itself."""
    if not layout.separator:
        return []
    parts = name.split(layout.separator)
    above = [layout.separator.join(parts[:count]) for count in range(1, len(parts))]
    return [parent for parent in above if parent and parent + layout.separator != layout.prefix]


def _override(layout: Layout, prefix: str | None, separator: str | None) -> Layout:
    return Layout(
        layout.prefix if prefix is None else prefix,
        layout.separator if separator is None else separator,
        layout.foreign_prefixes,
    )


def _key(name: str) -> str:
    return INBOX if name.upper() == INBOX else name


def _without_prefix(name: str, prefix: str) -> str:
    """Cut the namespace's prefix off; INBOX at its beginning may be written in any case."""
    beginning = name[: len(prefix)]
    if beginning == prefix or (beginning.upper() == prefix.upper() and prefix.upper().startswith(INBOX)):
        return name[len(prefix) :] or name
    return name


def _join(parts: list[str], separator: str) -> tuple[str, bool]:
    cleaned = []
    replaced = False
    for part in parts:
        piece = part.replace(separator, REPLACEMENT) if separator else part
        piece = _clean(piece) or REPLACEMENT
        replaced = replaced or piece != part
        cleaned.append(piece)
    if separator:
        return separator.join(cleaned), replaced
    return REPLACEMENT.join(cleaned), replaced or len(cleaned) > 1


def _clean(name: str) -> str:
    """Replace control characters: no server may be sent CR, LF or NUL inside a name."""
    return "".join(REPLACEMENT if ord(char) < 0x20 or ord(char) == 0x7F else char for char in name)


def _unique(name: str, taken: set[str]) -> str:
    candidate = name
    number = 2
    while _key(candidate) in taken:
        candidate = f"{name}{REPLACEMENT}{number}"
        number += 1
    return candidate


def _forced(folder: Folder, rules: FolderRules) -> str | None:
    for spelling in (folder.name, folder.wire_name):
        if spelling in rules.forced:
            return rules.forced[spelling]
    return None


def _automap(source: Account, destination: Account) -> dict[str, str]:
    """Map folders by what they are for, where both sides have one (--automap)."""
    there = uses_of(destination.folders, destination.layout)
    here = uses_of(source.folders, source.layout)
    return {name: there[use] for use, name in here.items() if use in there and not same_name(name, INBOX)}
