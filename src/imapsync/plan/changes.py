"""What has changed in a folder pair that the journal knows. Pure: from lists of UIDs to what follows."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from imapsync.terms import Copy

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping, Sequence

    from imapsync.plan.flags import Flags, FlagTranslator
    from imapsync.terms import Pair

_DELETED = b"\\deleted"


class Absence(enum.Enum):
    """What it means that a folder no longer lists some of its UIDs."""

    VANISHED = "vanished"  # it holds fewer messages: these were expunged
    REPLACED = "replaced"  # as many came meanwhile: expunged, unless what came are the same messages
    RENUMBERED = "renumbered"  # it holds as many as before, under other UIDs


def absence(
    before: int, uidnext: int | None, gone: int, present: Collection[int], known: Iterable[int], *, now: int
) -> Absence:
    """Tell what became of listed messages whose UIDs the folder no longer has.

    before: its EXISTS when it was read. gone: how many are missed. present, now: its UIDs and its EXISTS by a
    later listing. known: UIDs of messages of the first time. A folder that holds no fewer messages has only
    given them other numbers (UIDs that do not last, RFC 4315 UIDNOTSTICKY); what has UIDNEXT or more came
    later, unless nothing of that time is there any more.
    """
    if max(now, len(present)) + gone <= before:
        return Absence.VANISHED
    if not uidnext or not any(uid in present for uid in known):
        return Absence.RENUMBERED
    old = now - len(present) + sum(1 for uid in present if uid < uidnext)
    return Absence.REPLACED if old + gone <= before else Absence.RENUMBERED


def vanished(pairs: Iterable[int], present: Collection[int]) -> set[int]:
    """Give the source UIDs of pairs that the source no longer lists."""
    return {uid for uid in pairs if uid not in present}


def removed_copies(
    source_uids: Sequence[int],
    copies: Sequence[int],
    present: Collection[int],
    seen_below: int,
    believed: Container[int] = (),
) -> dict[int, Copy]:
    """Give source UID -> mark for the pairs whose copy the destination no longer lists.

    seen_below: copies under this UID had been seen alive by a later run than the one that made them.
    believed: source UIDs of pairs that only identity and size spoke for: nobody ever saw that message there.
    """
    return {
        uid: Copy.VANISHED if copy < seen_below and uid not in believed else Copy.UNSEEN
        for uid, copy in zip(source_uids, copies, strict=True)
        if copy > 0 and copy not in present
    }


class Heir(NamedTuple):
    """A message without a copy of its own takes over the copy whose original is gone."""

    source_uid: int
    copy: int


def perhaps_heirs(gone: Iterable[Pair], without_copy: Iterable[Pair]) -> tuple[list[int], list[int]]:
    """Give the copies of vanished originals, and the messages without a copy, that look like one another."""
    gone = [pair for pair in gone if pair.digest and pair.copy > 0]
    without_copy = list(without_copy)
    alike = {pair[3:] for pair in gone} & {pair[3:] for pair in without_copy}
    copies = [pair.copy for pair in gone if pair[3:] in alike]
    return copies, [pair.source_uid for pair in without_copy if pair[3:] in alike]


def take_over(
    gone: Iterable[Pair],
    without_copy: Iterable[Pair],
    here: Mapping[int, int] = MappingProxyType({}),
    there: Mapping[int, int] = MappingProxyType({}),
) -> list[Heir]:
    """Give the messages that inherit the copies of vanished originals of the same digest, size and content.

    Duplicates are a set: as long as one of them is on the source, their copy is not extra. here, there: UID
    -> content of what looks alike (`perhaps_heirs`); what could not be read is believed.
    """
    waiting: dict[tuple[int, int], list[int]] = {}
    for pair in without_copy:
        if pair.digest:
            waiting.setdefault((pair.digest, pair.size), []).append(pair.source_uid)
    taken = []
    for pair in gone:
        content = there.get(pair.copy)
        heirs = waiting.get((pair.digest, pair.size), []) if pair.copy > 0 else []
        for uid in heirs:
            if not content or here.get(uid, content) == content:
                taken.append(Heir(uid, pair.copy))
                heirs.remove(uid)
                break
    return taken


def perhaps_put_back(
    gone: Iterable[Pair], loose: Mapping[int, tuple[int, int]], taken: Collection[int]
) -> tuple[list[Pair], list[int]]:
    """Give the pairs whose copy may lie in the folder again, and the UIDs of what looks like one.

    loose: destination UID -> (digest, size) of messages without a partner. taken: those that are not free.
    """
    identified = [pair for pair in gone if pair.digest]
    digests = {pair.digest for pair in identified}
    places = sorted(uid for uid, (digest, _) in loose.items() if digest in digests and uid not in taken)
    there = {loose[uid][0] for uid in places}
    return [pair for pair in identified if pair.digest in there], places


def put_back(
    gone: Iterable[Pair],
    loose: Mapping[int, tuple[int, int]],
    here: Mapping[int, int],
    there: Mapping[int, int],
) -> dict[int, int]:
    """Give source UID -> the UID under which its copy lies in the folder again: taken out, and put back.

    gone, loose: from `perhaps_put_back`. here, there: UID -> content; where it could not be read, the size
    decides.
    """
    left = dict(loose)
    found = {}
    for pair in gone:
        content = here.get(pair.source_uid)
        for uid, (digest, size) in left.items():
            other = there.get(uid)
            same = content == other if content and other else size == pair.size
            if digest == pair.digest and same:
                found[pair.source_uid] = uid
                del left[uid]
                break
    return found


def without_original(
    duplicates: Iterable[Pair],
    alive: Iterable[Pair],
    moved: Collection[tuple[int, int]] = (),
    orphaned: Collection[int] = (),
) -> list[Pair]:
    """Give the messages left out as duplicates of one that has got no copy after all.

    alive: pairs that have a copy, or had one. moved: (digest, size) of copies whose originals we deleted from
    the same folder; a message that another folder lost is no copy of theirs.
    orphaned: duplicates of which this run knows that what they are duplicates of was not copied
    (`orphaned_twins`); another message that only looks like them may have been.
    """
    duplicates = list(duplicates)
    if not duplicates:
        return []
    copied = {*moved, *((pair.digest, pair.size) for pair in alive)}
    return [
        pair for pair in duplicates if pair.source_uid in orphaned or (pair.digest, pair.size) not in copied
    ]


def orphaned_twins(twins: Mapping[int, int], not_copied: Collection[int]) -> set[int]:
    """Give the source UIDs of duplicates whose first message was to be copied in this run, and was not."""
    return {uid for uid, first in twins.items() if first in not_copied}


def without_our_marks(flags: Flags, uid: int, marked: Collection[int]) -> Flags:
    r"""Give a source message's flags without the \Deleted that we have set ourselves."""
    return tuple(flag for flag in flags if flag.lower() != _DELETED) if uid in marked else flags


def flag_change(translator: FlagTranslator, before: Flags, now: Flags) -> tuple[Flags, Flags] | None:
    """Give (add, remove) that bring a change of the source's flags to the copy, None when there is none."""
    add, remove = translator.three_way(before, now)
    return (add, remove) if add or remove else None


def originals_of(
    digests: Iterable[tuple[int, int]], known: Iterable[Pair]
) -> dict[tuple[int, int], list[Pair]]:
    """Give (digest, size) -> pairs that are on both sides, for those that are asked for."""
    wanted = set(digests)
    found: dict[tuple[int, int], list[Pair]] = {}
    for pair in known:
        if (pair.digest, pair.size) in wanted:
            found.setdefault((pair.digest, pair.size), []).append(pair)
    return found


def late_duplicates(
    new: Mapping[int, tuple[int, int]],
    originals: Mapping[tuple[int, int], Sequence[Pair]],
    contents: Mapping[int, int],
) -> set[int]:
    """Give the new source UIDs that are duplicates of messages whose copies are there.

    new: UID -> (digest, size). contents: UID -> content digest, of the new ones and of their originals; what
    could not be read is no duplicate.
    """
    return {
        uid
        for uid, key in new.items()
        if (content := contents.get(uid))
        and any(contents.get(pair.source_uid) == content for pair in originals.get(key, ()))
    }


def perhaps_duplicates(
    new: Mapping[int, tuple[int, int]],
    originals: Mapping[tuple[int, int], Sequence[Pair]],
    contents: Mapping[int, int],
) -> set[int]:
    """Give the new source UIDs of which nobody knows whether they are duplicates: a content was not read.

    Their own, or that of a message that has a copy and looks like them. Arguments: see `late_duplicates`.
    """
    return {
        uid
        for uid, key in new.items()
        if originals.get(key)
        and (uid not in contents or any(pair.source_uid not in contents for pair in originals[key]))
    } - late_duplicates(new, originals, contents)
