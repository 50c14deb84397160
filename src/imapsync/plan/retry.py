"""Which messages of an earlier run are tried once more (--retryfailed), and how each is found again. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: A Message-Id that a quoted string of a SEARCH command carries as it is (RFC 3501 §9 QUOTED-CHAR).
_QUOTABLE = re.compile(r"[!#-\[\]-~]{1,250}\Z")


class FailedMessage(NamedTuple):
    """A source message that did not arrive, as the report of that run names it.

    uidvalidity: under which its UID counts; 0 when the report does not say so. message_id, size_bytes: empty
    and None when nobody had read them.
    """

    folder: str
    uid: int
    uidvalidity: int = 0
    message_id: str = ""
    size_bytes: int | None = None


class Retry(NamedTuple):
    """What an earlier run left behind. unnamed: how many more messages failed than its report names."""

    messages: tuple[FailedMessage, ...]
    unnamed: int = 0

    @property
    def folders(self) -> tuple[str, ...]:
        """The source folders concerned, each once, in the order of the report."""
        return tuple(dict.fromkeys(message.folder for message in self.messages))

    def of(self, folder: str) -> tuple[FailedMessage, ...]:
        """Give the messages of a folder."""
        return tuple(message for message in self.messages if message.folder == folder)


class Lookup(NamedTuple):
    """How the messages of a folder are found now.

    uids: by their UIDs. searches: by SEARCH keys (RFC 3501 §6.4.4), one for each message; what they find
    besides does no harm, because whatever is found is compared before it is copied. unknown: UIDs of messages
    of which nothing else is known.
    """

    uids: frozenset[int]
    searches: tuple[str, ...]
    unknown: tuple[int, ...]


def lookup(failed: Sequence[FailedMessage], uidvalidity: int) -> Lookup:
    """Tell how to find messages in a folder that has this UIDVALIDITY now; 0: its UIDs do not last.

    A UID names the same message as long as UIDVALIDITY stays (RFC 3501 §2.3.1.1). A report that does not tell
    it is taken at its word.
    """
    by_uid = {one for one in failed if uidvalidity and one.uidvalidity in (0, uidvalidity)}
    others = [one for one in failed if one not in by_uid]
    keys = [(one, _key(one)) for one in others]
    return Lookup(
        frozenset(one.uid for one in by_uid),
        tuple(dict.fromkeys(key for _, key in keys if key)),
        tuple(one.uid for one, key in keys if not key),
    )


def _key(one: FailedMessage) -> str:
    if _QUOTABLE.match(one.message_id):
        return f'HEADER Message-Id "{one.message_id}"'
    if one.size_bytes:
        return f"LARGER {one.size_bytes - 1} SMALLER {one.size_bytes + 1}"
    return ""


def narrowed(search: str, uids: Iterable[tuple[int, int]]) -> str:
    """Give a search for some of what another one (or none: "") finds. uids: ranges, at least one."""
    chosen = ",".join(str(first) if first == last else f"{first}:{last}" for first, last in uids)
    return f"{search} UID {chosen}".strip()
