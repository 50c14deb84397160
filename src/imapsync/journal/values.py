"""The message pairs of a folder in columns, and the journal's error."""

from __future__ import annotations

from array import array


class JournalError(Exception):
    """The state file cannot be used or written: locked by another run, not a regular file, disk full."""

    code = "journal"
    side = None
    server_text = ""
    retryable = False


class Pairs:
    """The message pairs of a folder in columns, sorted by source UID.

    destination_uids holds a `Copy` where there is no copy; flags are numbers of the journal's table.
    """

    __slots__ = ("destination_uids", "digests", "flags", "sizes", "source_uids")

    def __init__(self) -> None:
        self.source_uids = array("I")
        self.destination_uids = array("q")
        self.flags = array("I")
        self.digests = array("Q")
        self.sizes = array("Q")

    def __len__(self) -> int:
        return len(self.source_uids)
