"""The values that the journal keeps, and its error."""

from __future__ import annotations

from array import array
from typing import NamedTuple

#: In place of a destination UID: the copy was there and the user removed it; not to be copied again.
GONE = 0
#: In place of a destination UID: left out as a duplicate of another message of its folder.
SKIPPED_DUPLICATE = -1


class JournalError(Exception):
    """The state file cannot be used or written: locked by another run, not a regular file, disk full."""

    code = "journal"
    side = None
    server_text = ""
    retryable = False


class FolderState(NamedTuple):
    """A folder pair as the last run left it.

    Numbers of a side are what STATUS would have said when its messages were last known completely; 0 where a
    server does not tell. `removed`: pairs whose copy the user removed. `settled`: everything selected had
    arrived, so equal numbers mean that nothing is to be done. `rules`: fingerprint of the options under which
    that was so.
    """

    id: int
    source: str
    destination: str
    source_uidvalidity: int
    destination_uidvalidity: int
    source_uidnext: int = 0
    source_modseq: int = 0
    source_messages: int = 0
    destination_uidnext: int = 0
    destination_messages: int = 0
    removed: int = 0
    settled: bool = False
    rules: str = ""


class Pairs:
    """The message pairs of a folder in columns, sorted by source UID.

    destination_uids holds GONE or SKIPPED_DUPLICATE where there is no copy; flags are numbers of the
    journal's table.
    """

    __slots__ = ("destination_uids", "flags", "source_uids")

    def __init__(self) -> None:
        self.source_uids = array("I")
        self.destination_uids = array("q")
        self.flags = array("I")

    def __len__(self) -> int:
        return len(self.source_uids)
