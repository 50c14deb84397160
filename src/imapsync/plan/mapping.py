"""What a source folder is called on the destination.

The order of the rules: --f1f2, then --automap, then the natural name (own prefix off, separators changed,
prefix of the other side on, --subfolder1/2) with --regextrans2. Two different source folders never share a
natural name by accident: a character that is the destination's separator is replaced, and a name that is
taken already gets a number. Only rules that the user wrote may send two folders into one, and only they may
lead into another user's or a shared namespace of the destination: there, private mail would be everybody's.
What an earlier run had to call otherwise keeps that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.folders import INBOX, PREFIX_ENDS, Folder, FolderTree, Layout, is_under, same_name
from imapsync.plan.natural import is_taken_by_root, natural_names
from imapsync.plan.specialuse import uses_of
from imapsync.plan.spelling import REPLACEMENT, clean, in_doubt_about, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.plan.rules import FolderRules

#: (source folder, the name that the rules give it) -> the name that an earlier run settled on.
Remembered = Mapping[tuple[str, str], str]
_NOTHING_REMEMBERED: Remembered = MappingProxyType({})


class Named(NamedTuple):
    """What a source folder is called on the destination.

    wanted: by the rules alone, as if no other folder and no other person were there. foreign: the prefix of
    the others' namespace that `wanted` lies in and `name` avoids, "" for none.
    """

    name: str
    wanted: str
    foreign: str = ""


class FolderPair(NamedTuple):
    """A source folder and the name of its destination.

    exists: the destination lists it. subscribe: it is to be subscribed there. shared: another source folder
    has the same destination, so nothing may be concluded from what is only there. wanted: what the rules
    call it, where it has to be called otherwise; "" where it has not. foreign: as in Named.
    """

    source: Folder
    destination: str
    exists: bool
    subscribe: bool = False
    shared: bool = False
    wanted: str = ""
    foreign: str = ""


def source_layout(rules: FolderRules, layout: Layout) -> Layout:
    """Give the source's layout with --prefix1 and --sep1 applied."""
    return _override(layout, rules.source_prefix, rules.source_separator)


def destination_layout(rules: FolderRules, layout: Layout) -> Layout:
    """Give the destination's layout with --prefix2 and --sep2 applied."""
    return _override(layout, rules.destination_prefix, rules.destination_separator)


def map_folders(
    chosen: Sequence[Folder],
    source: FolderTree,
    destination: FolderTree,
    rules: FolderRules,
    remembered: Remembered = _NOTHING_REMEMBERED,
) -> list[FolderPair]:
    """Pair the chosen folders with their destination names, in the same order.

    `source` holds all of its folders: names are given out over the whole account, so that the name of
    a folder does not depend on which other folders this run happens to take.
    """
    names = name_all(source, destination, rules, remembered)
    separator = destination.layout.separator
    existing = {key_of(folder.name, separator): folder for folder in destination.folders if folder.selectable}
    uses = users_of(source, names, rules, separator)
    pairs = []
    for folder in chosen:
        named = names[folder.name]
        key = key_of(named.name, separator)
        there = existing.get(key)
        wanted = rules.subscribe_all or (rules.subscribe and folder.subscribed)
        pairs.append(
            FolderPair(
                source=folder,
                destination=there.name if there else named.name,
                exists=there is not None,
                subscribe=wanted and not (there is not None and there.subscribed),
                shared=len(uses.get(key, ())) > 1,
                wanted=named.wanted if named.wanted != named.name else "",
                foreign=named.foreign,
            )
        )
    return pairs


def users_of(
    source: FolderTree, names: Mapping[str, Named], rules: FolderRules, separator: str
) -> dict[str, list[str]]:
    """Give destination (by `key_of`) -> the source folders that go there, whether this run takes them or not.

    What lies outside --subfolder1 goes nowhere.
    """
    uses: dict[str, list[str]] = {}
    for folder in source.folders:
        if folder.selectable and is_taken_by_root(folder, rules):
            uses.setdefault(key_of(names[folder.name].name, separator), []).append(folder.name)
    return uses


def name_all(
    source: FolderTree,
    destination: FolderTree,
    rules: FolderRules,
    remembered: Remembered = _NOTHING_REMEMBERED,
) -> dict[str, Named]:
    """Give source name -> its name on the destination, for every folder of the source."""
    folders = sorted(source.folders, key=lambda folder: (folder.name != INBOX, folder.name))
    natural, unique = natural_names(folders, source, destination, rules)
    automatic = _automap(source, destination) if rules.automap else {}
    wanted: dict[str, str] = {}
    names: dict[str, Named] = {}
    for folder in folders:
        name = automatic.get(folder.name, unique[folder.name])
        plain = automatic.get(folder.name, natural[folder.name])
        renaming = rules if folder.name not in automatic else rules._replace(rename=())
        wanted[folder.name], foreign = _by_the_user(folder, plain, destination.layout, renaming)
        if name != plain:
            name, foreign = _by_the_user(folder, name, destination.layout, renaming)
        else:
            name = wanted[folder.name]
        names[folder.name] = Named(name, wanted[folder.name], foreign)
    names = _out_of_others_space(names, destination.layout)
    return _as_remembered(names, destination.layout, remembered)


def _by_the_user(folder: Folder, name: str, layout: Layout, rules: FolderRules) -> tuple[str, str]:
    """Apply --regextrans2 and --f1f2.

    Gives the name, and the others' namespace that it lies in although nobody asked for it, or "".
    """
    forced = _forced(folder, rules)
    if forced is not None:
        return clean(forced), ""
    before = layout.foreign_prefix(name)
    for rename in rules.rename:
        name = rename(name, layout.prefix, layout.separator)
    name = clean(name)
    foreign = layout.foreign_prefix(name)
    if foreign is None or foreign != before or foreign == _asked_for(layout, rules):
        return name, ""
    return name, foreign


def _asked_for(layout: Layout, rules: FolderRules) -> str | None:
    """Give the others' namespace that --prefix2 or --subfolder2 names, None for none."""
    if rules.destination_prefix is None and not rules.destination_subfolder:
        return None
    below = layout.prefix + (rules.destination_subfolder or "")
    return layout.foreign_prefix(below) or layout.foreign_prefix(below + REPLACEMENT)


def _out_of_others_space(names: dict[str, Named], layout: Layout) -> dict[str, Named]:
    """Rename what would lie in another user's or a shared namespace: `Public/Team` to `Public_2/Team`.

    A whole tree gets one number, the first under which no other folder lies.
    """
    avoided = {named.foreign for named in names.values() if named.foreign}
    if not avoided:
        return names
    used = [named.name for named in names.values() if not named.foreign]
    roots = {prefix: _own_root(prefix, used, layout) for prefix in sorted(avoided)}
    moved = {}
    for source, named in names.items():
        if named.foreign:
            rest = named.name[len(named.foreign.rstrip(PREFIX_ENDS)) :]
            if rest and not rest.startswith(layout.separator):
                rest = layout.separator + rest
            named = named._replace(name=roots[named.foreign] + rest)  # noqa: PLW2901 - the same, elsewhere
        moved[source] = named
    return moved


def _own_root(foreign: str, used: Sequence[str], layout: Layout) -> str:
    """Give what takes the place of a foreign prefix (without its last separator) in our own space."""
    root = foreign.rstrip(PREFIX_ENDS)
    if layout.is_foreign(f"{root}{REPLACEMENT}2{layout.separator}x"):
        root = (layout.own_prefixes or (layout.prefix,))[0] + REPLACEMENT + root
    number = 2
    while any(is_under(name, f"{root}{REPLACEMENT}{number}", layout.separator) for name in used):
        number += 1
    return f"{root}{REPLACEMENT}{number}"


def _as_remembered(names: dict[str, Named], layout: Layout, remembered: Remembered) -> dict[str, Named]:
    """Give folders the names that an earlier run settled on, unless another folder is called so by now."""
    settled: dict[str, Named] = {}
    claimed = {
        key_of(named.name, layout.separator)
        for source, named in names.items()
        if (source, named.wanted) not in remembered
    }
    for source, named in names.items():
        name = remembered.get((source, named.wanted))
        if (
            name is None
            or key_of(name, layout.separator) in claimed
            or (named.foreign and layout.is_foreign(name))
        ):
            settled[source] = named
        else:
            settled[source] = named._replace(name=name)
    return settled


def folders_to_delete(
    source: FolderTree,
    destination: FolderTree,
    rules: FolderRules,
    remembered: Remembered = _NOTHING_REMEMBERED,
) -> list[str]:
    """Give the destination folders that no source folder maps to, children before parents.

    Never INBOX, never a folder of another user or shared, never a parent of a folder that stays, never what
    may be a source folder under another spelling; with --subfolder2 only folders below it. Names are those of
    the whole source: a folder that exists there but is not selected in this run keeps its destination.
    """
    layout = destination.layout
    separator = layout.separator
    names = name_all(source, destination, rules, remembered)
    wanted = {key_of(named.name, separator) for named in names.values()}
    listed = {key_of(folder.name, separator) for folder in destination.folders}
    unsettled = [
        named.name
        for name, named in names.items()
        if (name, named.wanted) not in remembered and key_of(named.name, separator) not in listed
    ]
    doubtful = in_doubt_about(unsettled, separator)
    doomed = []
    for folder in destination.folders:
        name = folder.name
        key = key_of(name, separator)
        if same_name(name, INBOX) or not folder.selectable or layout.is_foreign(name):
            continue
        if key in wanted or doubtful(name):
            continue
        if separator and any(each.startswith(key + separator) for each in wanted):
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
        layout.own_prefixes if prefix is None else layout.own_prefixes or (layout.prefix,),
    )


def _forced(folder: Folder, rules: FolderRules) -> str | None:
    for spelling in (folder.name, folder.wire_name):
        if spelling in rules.forced:
            return rules.forced[spelling]
    return None


def _automap(source: FolderTree, destination: FolderTree) -> dict[str, str]:
    """Map folders by what they are for, where both sides have one (--automap)."""
    there = uses_of(destination.folders, destination.layout)
    here = uses_of(source.folders, source.layout)
    return {name: there[use] for use, name in here.items() if use in there and not same_name(name, INBOX)}
