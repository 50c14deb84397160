"""Which originals may go, and what to think of copies that are gone. Pure.

Proof is now: an original goes only when its copy was seen a moment ago. A copy that is no longer there proves
nothing by itself; what counts as proof stands in `may_go`, and nowhere else.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from imapsync.terms import NONE_HELD, UNJUDGED, Copy, Held

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from imapsync.terms import Pair


class Sight(enum.Enum):
    """What a look at a copy showed a moment ago."""

    ALIVE = "alive"  # it is there, and is that message
    OTHER = "other"  # another message has its UID
    ABSENT = "absent"
    UNKNOWN = "unknown"  # nobody could look


def may_go(copy: int, sight: Sight) -> bool:
    """Tell whether the original of a copy may be deleted or marked on the source.

    copy: destination UID, or the `Copy` that stands for it: what its owner removed, or filed in another
    folder, was marked by `judge` before.
    """
    return sight is Sight.ALIVE if copy > 0 else copy == Copy.REMOVED


F = TypeVar("F")


class Judgement(NamedTuple, Generic[F]):
    """What becomes of copies that have vanished. marks: source UID -> mark, folder by folder."""

    marks: dict[F, dict[int, Copy]]
    doubted: int


def is_accident(vanished: int, copies: int) -> bool:
    """Tell whether copies went as by an accident: more than half of all that were there (`copies`)."""
    return vanished * 2 > copies


def went_by_accident(gone: Held, before: Held) -> bool:
    """Tell whether messages went as by an accident, and not because somebody emptied Trash or Junk.

    Somebody did when most of what lay in other folders is there: a store that is lost loses that, too.
    """
    rest = before.messages - before.in_bins
    is_whole = rest > 0 and not is_accident(gone.messages - gone.in_bins, rest)
    return is_accident(gone.messages, before.messages) and not (gone.in_bins > 0 and is_whole)


def worth_looking(
    gone: Mapping[F, Sequence[Pair]], before: Held, bins: Container[F] = ()
) -> dict[F, Sequence[Pair]]:
    """Give which copies that are gone are looked for in other folders before originals go.

    All of them when it may be an accident, else those that no later run saw alive. gone: folder -> pairs
    with their marks. before: copies when the run began. bins: which folders are Trash and Junk.
    """
    marks = [pair.copy for pairs in gone.values() for pair in pairs]
    fresh = _fresh({at: [pair.copy for pair in pairs] for at, pairs in gone.items()}, bins)
    if Copy.DOUBTED in marks or went_by_accident(fresh, before):
        return dict(gone)
    unseen = {at: [pair for pair in pairs if pair.copy != Copy.VANISHED] for at, pairs in gone.items()}
    return {at: pairs for at, pairs in unseen.items() if pairs}


def _fresh(marks: Mapping[F, Iterable[int]], bins: Container[F]) -> Held:
    """Count the copies that nobody has judged."""
    counts = {at: sum(mark in UNJUDGED for mark in of_folder) for at, of_folder in marks.items()}
    return Held(sum(counts.values()), sum(count for at, count in counts.items() if at in bins))


def judge(
    gone: Mapping[F, Mapping[int, int]],
    before: Held,
    found: Mapping[F, Iterable[int]],
    *,
    looked: bool,
    restored: int = 0,
    lost: int = 0,
    missing: Held = NONE_HELD,
    allowed: int | None,
    bins: Container[F] = (),
) -> Judgement[F]:
    """Judge the copies that are gone, over the whole account.

    gone: folder -> source UID -> mark it has now (`Copy`). before: copies when the run began,
    those in `gone` that are not judged included. found: folder -> source UIDs whose copy lies in another
    folder of the destination. looked: whether it was looked for. restored: copies in destination folders that
    were put back to an older state. lost: how many messages the destination lacks of what it held, whosever
    they were: those in `gone` and in restored folders are among them. missing: how many messages destination
    folders lack besides, by a count of this moment. allowed: --maxvanished2. bins: which folders are Trash
    and Junk.
    """
    left = {
        folder: {uid: mark for uid, mark in marks.items() if uid not in set(found.get(folder, ()))}
        for folder, marks in gone.items()
    }
    fresh = _fresh({at: marks.values() for at, marks in left.items()}, bins)
    doubted = sum(mark == Copy.DOUBTED for marks in left.values() for mark in marks.values())
    lacking = Held(fresh.messages + missing.messages, fresh.in_bins + missing.in_bins)
    accident = went_by_accident(lacking, before)
    if accident:
        doubted += fresh.messages
    doubted = max(doubted + restored, lost)
    released = allowed is not None and doubted <= allowed
    judged: dict[F, dict[int, Copy]] = {}
    for folder, marks in gone.items():
        judged[folder] = {
            uid: _judged(
                Copy(mark),
                found=uid not in left[folder],
                accident=accident,
                released=released,
                looked=looked,
            )
            for uid, mark in marks.items()
        }
    return Judgement(judged, 0 if released else doubted)


def _judged(mark: Copy, *, found: bool, accident: bool, released: bool, looked: bool) -> Copy:
    if found:
        return Copy.REMOVED
    fresh = mark in (Copy.VANISHED, Copy.UNSEEN)
    if mark is Copy.DOUBTED or (fresh and accident):
        return Copy.REMOVED if released else Copy.DOUBTED
    if mark is Copy.VANISHED:
        return Copy.REMOVED
    if mark in (Copy.UNSEEN, Copy.MISSED):
        return Copy.KEPT if looked else Copy.MISSED
    return mark
