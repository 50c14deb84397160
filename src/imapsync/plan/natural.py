"""The natural name of a source folder: what it is called on the destination when no rule renames it.

Own prefix off, separators changed, prefix of the other side on, --subfolder1/2. Two folders of a source never
share one: a character that is the destination's separator is replaced, a name that is taken gets a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.folders import INBOX, is_under, same_name
from imapsync.plan.spelling import REPLACEMENT, clean, key_of, unique_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.plan.folders import Folder, FolderTree, Layout
    from imapsync.plan.rules import FolderRules


def natural_names(
    folders: Sequence[Folder], source: FolderTree, destination: FolderTree, rules: FolderRules
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the natural names, and the same told apart by numbers where two would be one."""
    separator = destination.layout.separator
    natural: dict[str, str] = {}
    unique: dict[str, str] = {}
    taken: set[str] = set()
    changed = []
    for folder in folders:
        name, replaced = natural_name(folder, source.layout, destination.layout, rules)
        natural[folder.name] = name
        if replaced or (name != INBOX and key_of(name, separator) in taken):
            changed.append((folder, name))
            continue
        unique[folder.name] = name
        if is_taken_by_root(folder, rules):
            taken.add(key_of(name, separator))  # what lies elsewhere is never copied and takes no name away
    for folder, name in changed:  # last, so that an untouched name is never taken by a changed one
        unique[folder.name] = unique_name(name, taken, separator)
        taken.add(key_of(unique[folder.name], separator))
    return natural, unique


def is_taken_by_root(folder: Folder, rules: FolderRules) -> bool:
    """Tell whether a folder lies in the tree of --subfolder1, where there is one."""
    return not rules.source_subfolder or is_under(folder.name, rules.source_subfolder, folder.separator)


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
        piece = clean(piece) or REPLACEMENT
        replaced = replaced or piece != part
        cleaned.append(piece)
    if separator:
        return separator.join(cleaned), replaced
    return REPLACEMENT.join(cleaned), replaced or len(cleaned) > 1
