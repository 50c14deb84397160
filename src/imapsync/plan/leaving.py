"""Which originals are deleted or flagged on the source, once their copies were looked at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.proof import Sight, may_go
from imapsync.terms import Copy

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping

    from imapsync.terms import Pair


class Originals(NamedTuple):
    """Source UID -> copy. fresh: made or found in this run. known: only the journal vouches for them."""

    fresh: Mapping[int, int]
    known: Mapping[int, int]

    def only(self, uids: Container[int]) -> Originals:
        """Leave only these source UIDs."""
        return Originals(*({uid: copy for uid, copy in each.items() if uid in uids} for each in self))

    @property
    def copies(self) -> dict[int, int]:
        """Give both."""
        return {**self.fresh, **self.known}


class Wanted(NamedTuple):
    """What the user asked for. deletes: --delete1. older: what --delete1older is about, None without it."""

    deletes: bool
    flags: bool
    older: Collection[int] | None = None

    @property
    def only_older(self) -> bool:
        """Whether messages that are not old enough are of no interest."""
        return self.older is not None and not self.deletes and not self.flags


class Leaving(NamedTuple):
    """Source UIDs to be deleted, and to be flagged (--setflag1); the former may be among the latter."""

    doomed: set[int]
    flagged: set[int]


def sights(
    originals: Originals, present: Container[int], who: Mapping[int, int], copies: Mapping[int, int]
) -> dict[int, Sight]:
    """Give source UID -> what a look at its copy showed.

    present: destination UIDs that are there. who, copies: UID -> digest, of originals and their copies. Who
    is not in `who` is not compared: what an earlier run made of it by options that change headers. A server
    that was put back gives the UID of a copy to another message, were it made a moment ago.
    """
    seen = {}
    for uid, copy in originals.copies.items():
        if copy not in present:
            seen[uid] = Sight.ABSENT
        elif uid in who and copies.get(copy) != who[uid]:
            seen[uid] = Sight.OTHER
        else:
            seen[uid] = Sight.ALIVE
    return seen


def to_be_read(originals: Originals, seen: Mapping[int, Sight]) -> dict[int, int]:
    """Give source UID -> copy of what this run made or found and is known by other headers there.

    The options, or its server, may change the headers; whether it is the message, its content tells.
    """
    return {uid: copy for uid, copy in originals.fresh.items() if seen.get(uid) is Sight.OTHER}


def proven(originals: Originals, seen: Mapping[int, Sight]) -> set[int]:
    """Give the source UIDs whose copies were seen a moment ago, or that may go without (`may_go`)."""
    return {uid for uid, copy in originals.copies.items() if may_go(copy, seen.get(uid, Sight.UNKNOWN))}


def known_twins(
    known: Mapping[int, int], who: Iterable[tuple[int, int, int]], pairs: Iterable[Pair]
) -> set[int]:
    """Give messages that an earlier run left out as duplicates of one that goes now.

    who: (UID, digest, size) of source messages. pairs: what the journal knows of those that go; whose copy
    its owner removed proves its duplicates as well as itself.
    """
    going = {(pair.digest, pair.size) for pair in pairs if pair.digest}
    return {uid for uid, digest, size in who if known.get(uid) == Copy.DUPLICATE and (digest, size) in going}


def leaving(
    wanted: Wanted,
    originals: Originals,
    go: Collection[int],
    alike: Collection[int],
    selected: Collection[int],
) -> Leaving:
    """Give what is done to originals whose copies are proven (`go`).

    alike: duplicates of those; one copy proves both. selected: which of the known are selected in this run;
    what is not goes by its age alone.
    """
    may = {*go, *alike}
    chosen = {uid for uid in may if uid in originals.fresh or uid in alike or uid in selected}
    doomed = set(chosen) if wanted.deletes else set()
    if wanted.older is not None:
        doomed |= may.intersection(wanted.older)
    return Leaving(doomed, chosen if wanted.flags else set())
