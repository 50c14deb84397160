"""Which originals may go, and what to think of copies that are gone. Pure.

Proof is now: an original goes only when its copy was seen a moment ago. A copy that is no longer there proves
nothing by itself; what counts as proof stands in `may_go`, and nowhere else.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from imapsync.terms import UNJUDGED, Copy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


def worth_looking(gone: Mapping[F, Sequence[Pair]], copies: int) -> dict[F, Sequence[Pair]]:
    """Give which copies that are gone are looked for in other folders before originals go.

    All of them when it may be an accident, else those that no later run saw alive. gone: folder -> pairs
    with their marks. copies: how many there were when the run began.
    """
    marks = [pair.copy for pairs in gone.values() for pair in pairs]
    fresh = sum(mark in UNJUDGED for mark in marks)
    if Copy.DOUBTED in marks or is_accident(fresh, copies):
        return dict(gone)
    unseen = {at: [pair for pair in pairs if pair.copy != Copy.VANISHED] for at, pairs in gone.items()}
    return {at: pairs for at, pairs in unseen.items() if pairs}


def judge(
    gone: Mapping[F, Mapping[int, int]],
    copies: int,
    found: Mapping[F, Iterable[int]],
    *,
    looked: bool,
    restored: int = 0,
    lost: int = 0,
    missing: int = 0,
    allowed: int | None,
) -> Judgement[F]:
    """Judge the copies that are gone, over the whole account.

    gone: folder -> source UID -> mark it has now (`Copy`). copies: how many there were when the run began,
    those in `gone` that are not judged included. found: folder -> source UIDs whose copy lies in another
    folder of the destination. looked: whether it was looked for. restored: copies in destination folders that
    were put back to an older state. lost: how many messages the destination lacks of what it held, whosever
    they were: those in `gone` and in restored folders are among them. missing: how many messages destination
    folders lack besides, by a count of this moment. allowed: --maxvanished2.
    """
    left = {
        folder: {uid: mark for uid, mark in marks.items() if uid not in set(found.get(folder, ()))}
        for folder, marks in gone.items()
    }
    fresh = sum(mark in (Copy.VANISHED, Copy.UNSEEN) for marks in left.values() for mark in marks.values())
    doubted = sum(mark == Copy.DOUBTED for marks in left.values() for mark in marks.values())
    accident = is_accident(fresh + missing, copies)
    if accident:
        doubted += fresh
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
