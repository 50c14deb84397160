"""What may be believed of the journal, and what has to be asked to know the rest. Pure.

The journal says what was compared last time. It is believed only as far as both servers' numbers still fit,
and equal numbers only for a day: then, and whenever a folder is opened anyway, its last pairs are held
against the messages that lie there now, because a server that was restored from a backup may give UIDs a
second time under the same UIDVALIDITY.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.identity import UNIDENTIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imapsync.terms import FolderRecord, Numbers, Pair

#: Equal numbers are believed for so long without a look at the messages themselves.
LOOK_AGAIN_S = 86_400
#: So many of the last pairs are looked at: the user may have removed some of them.
PAIRS_LOOKED_AT = 3


class Belief(enum.Enum):
    """How much of what is recorded of a folder pair holds."""

    UNCHANGED = "unchanged"  # nothing is to be done, nothing is opened
    KNOWN = "known"  # only what is new or different is read
    BEGUN = "begun"  # a first comparison was interrupted: all is read, known pairs count
    NOTHING = "nothing"  # all is read and compared by identity


class Wishes(NamedTuple):
    """What the options of a run mean for what has to be looked at.

    rules: their fingerprint. resync: flags are compared. opens: something is done in every folder, changed or
    not. lists: which source messages are selected can change without the source changing (a search, an age).
    recopies: copies that are gone are made again. now: epoch seconds.
    """

    rules: str = ""
    resync: bool = True
    opens: bool = False
    lists: bool = False
    recopies: bool = False
    now: int = 0


class FlagsAsked(enum.Enum):
    """Whose flags are to be asked for."""

    NOBODY = "nobody"
    CHANGED = "changed"  # CHANGEDSINCE the recorded HIGHESTMODSEQ
    ALL = "all"


class Questions(NamedTuple):
    """What has to be asked of a known folder pair under some numbers.

    source_new, destination_new: from which UID on messages are unknown; 0 for none. source_list,
    destination_list: all UIDs have to be listed.
    """

    flags: FlagsAsked
    source_new: int
    source_list: bool
    destination_new: int
    destination_list: bool


def trust(
    record: FolderRecord | None, source: Numbers | None, destination: Numbers | None, wishes: Wishes
) -> Belief:
    """Tell how much of a record holds under the numbers that both folders have now.

    UIDVALIDITY changed: another folder of the same name (RFC 3501 §2.3.1.1). UIDNEXT or HIGHESTMODSEQ went
    back: the server was restored from a backup. Each makes every recorded UID meaningless.
    """
    if record is None or source is None or destination is None:
        return Belief.NOTHING
    if not _same_uids(source, record.source) or not _same_uids(destination, record.destination):
        return Belief.NOTHING
    if record.begun:
        return Belief.BEGUN
    if _went_back(source, record.source) or _went_back(destination, record.destination):
        return Belief.NOTHING
    return Belief.UNCHANGED if _is_unchanged(record, source, destination, wishes) else Belief.KNOWN


def is_put_back(before: Numbers, now: Numbers) -> bool:
    """Tell whether a folder is the one that is recorded, in an older state: its server was restored."""
    if not before.uidvalidity or now.uidvalidity != before.uidvalidity:
        return False
    return 0 < now.uidnext < before.uidnext or _went_back(now, before)


def is_lost(record: FolderRecord, now: Numbers | None) -> bool:
    """Tell whether the copies of a folder went with their folder, or most of them: its server lost its store.

    now: None when the folder is not there any more.
    """
    if not record.copies or not record.destination.uidvalidity:
        return False
    if now is None:
        return True
    replaced = bool(now.uidvalidity) and now.uidvalidity != record.destination.uidvalidity
    return replaced and 0 <= now.messages * 2 < record.copies


class Spared(enum.Enum):
    """Which copies may be the last ones when all that is recorded of a folder pair is given up."""

    NOBODY = "nobody"  # their UIDs mean nothing any more
    MOVED = "moved"  # those whose originals we have deleted
    KNOWN = "known"  # these, and all that had an original: the source was put back, nobody deleted anything


def spared(record: FolderRecord, source: Numbers, destination: Numbers, *, replaced: bool) -> Spared:
    """Tell which recorded copies --delete2 leaves alone though their originals are not there.

    replaced: other messages than the recorded ones have their UIDs now.
    """
    if not destination.uidvalidity or destination.uidvalidity != record.destination.uidvalidity:
        return Spared.NOBODY
    same_source = source.uidvalidity == record.source.uidvalidity
    # UIDVALIDITY only grows (RFC 3501 §2.3.1.1): an older one came back with a backup.
    older = 0 < source.uidvalidity < record.source.uidvalidity
    if is_put_back(record.source, source) or older or (replaced and same_source):
        return Spared.KNOWN
    return Spared.MOVED


def last_known(record: FolderRecord, last: Sequence[Pair]) -> int:
    """Give the highest source UID whose flags the journal may know. last: the last pairs that have a copy.

    A message that came between the opening of a folder and its reading has UIDNEXT or more, and was copied.
    """
    return max(record.source.uidnext - 1, *(pair.source_uid for pair in last), 0)


def questions(
    record: FolderRecord,
    source: Numbers,
    destination: Numbers,
    wishes: Wishes,
    last: Sequence[Pair] = (),
) -> Questions:
    """Give what has to be asked of a known pair; asked again with the numbers that opening it told.

    last: the last pairs that have a copy.
    """
    listed = not record.settled or record.rules != wishes.rules or wishes.lists
    return Questions(
        flags=_flags_to_ask(record, source, wishes, last),
        source_new=record.source.uidnext if not listed and source.uidnext > record.source.uidnext else 0,
        source_list=listed or source.messages < record.source.messages,
        destination_new=max(1, record.destination.uidnext)
        if destination.uidnext > record.destination.uidnext
        else 0,
        destination_list=wishes.recopies
        or not record.settled
        or record.destination.messages < 0
        or destination.messages < record.destination.messages,
    )


def adds_up(before: Numbers, now: Numbers, arrived: int) -> bool:
    """Tell whether a folder holds just what it held and what arrived.

    Else something left it, or is kept from us: then its UIDs are listed. So they are when more UIDs were
    given than messages arrived.
    """
    if before.messages < 0 or before.messages + arrived != now.messages:
        return False
    return not now.uidnext or now.uidnext - before.uidnext <= arrived


def is_all(listed: int, exists: int) -> bool:
    """Tell whether a server that says `exists` messages has shown them all."""
    return listed >= exists


def shows_all(listed: Iterable[int], opened: Numbers) -> bool:
    """Tell whether a list of UIDs has all messages that the folder held when it was opened.

    What came later has UIDNEXT or more, and takes no message's place. One that has left is missed, too.
    """
    uidnext = opened.uidnext
    return is_all(sum(1 for uid in listed if not uidnext or uid < uidnext), opened.messages)


def same_messages(
    pairs: Sequence[Pair], source: Mapping[int, int], destination: Mapping[int, int], *, altered: bool
) -> bool:
    """Hold recorded pairs against the messages that have their UIDs now (UID -> digest).

    A UID that is absent says nothing: messages get removed. A digest 0 says nothing either: a message without
    identifying headers, which servers add to. altered: copies get other headers on their way.
    """
    for pair in pairs:
        here = source.get(pair.source_uid, UNIDENTIFIED)
        there = destination.get(pair.copy, UNIDENTIFIED)
        if here and there and here != there and not altered:
            return False
        if here and pair.digest and here != pair.digest:
            return False
    return True


def drafts_stay(drafts: Iterable[Pair], sizes: Mapping[int, int]) -> bool:
    """Tell whether drafts have the sizes that were recorded. sizes: source UID -> size now.

    A message never changes under its UID (RFC 3501 §2.3.1.1). A draft of another size is another version,
    under a UID that a restored server has given a second time. Other messages are told apart by their
    identity; some servers estimate sizes.
    """
    return all(not pair.size or sizes.get(pair.source_uid, pair.size) == pair.size for pair in drafts)


def _same_uids(now: Numbers, before: Numbers) -> bool:
    return (
        bool(before.uidvalidity)
        and now.uidvalidity == before.uidvalidity
        and now.uidnext >= max(before.uidnext, 1)
    )


def _went_back(now: Numbers, before: Numbers) -> bool:
    return bool(before.modseq and now.modseq) and now.modseq < before.modseq


def _is_unchanged(record: FolderRecord, source: Numbers, destination: Numbers, wishes: Wishes) -> bool:
    if not record.settled or record.rules != wishes.rules or wishes.opens or wishes.recopies:
        return False
    if wishes.now - record.looked_at >= LOOK_AGAIN_S or wishes.now < record.looked_at:
        return False
    if wishes.resync and not source.modseq:
        return False  # flags may have changed without any number saying so
    return _equal(source, record.source) and _equal(destination, record.destination)


def _equal(now: Numbers, before: Numbers) -> bool:
    """Compare all that was told both times; a HIGHESTMODSEQ that was never recorded proves nothing."""
    sizes_fit = now.size < 0 or before.size < 0 or now.size == before.size
    return (now.uidnext, now.messages, now.modseq) == (
        before.uidnext,
        before.messages,
        before.modseq,
    ) and sizes_fit


def _flags_to_ask(record: FolderRecord, source: Numbers, wishes: Wishes, last: Sequence[Pair]) -> FlagsAsked:
    if record.source.uidnext == 1 and not last:
        return FlagsAsked.NOBODY  # there was nobody
    if record.rules != wishes.rules:
        return FlagsAsked.ALL if wishes.resync else FlagsAsked.NOBODY
    if source.modseq and record.source.modseq:
        return FlagsAsked.NOBODY if source.modseq == record.source.modseq else FlagsAsked.CHANGED
    return FlagsAsked.ALL if wishes.resync else FlagsAsked.NOBODY
