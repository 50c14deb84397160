"""One folder pair under way in a run of the model, and how its folders are read."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.servers import LARGE_FROM, Selected
from tests.engine.plan.simulation.world import ordered

from imapsync.plan.flags import FlagTranslator
from imapsync.plan.index import FlagTable, MessageIndex
from imapsync.terms import FolderRecord, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engine.plan.simulation.options import Options
    from tests.engine.plan.simulation.servers import Stored

    from imapsync.plan.decisions import FlagChanges

WAITING, SENT, DONE, FAILED, SKIPPED = range(5)
NOTHING_TOLD = Numbers()
SEEN = b"\\Seen"


class Row:
    """A message to copy."""

    __slots__ = ("copy", "digest", "flags", "size", "state", "uid")

    def __init__(self, uid: int, digest: int, size: int) -> None:
        self.uid, self.digest, self.size = uid, digest, size
        self.state = WAITING
        self.copy = 0
        self.flags = 0


class Job:
    """The fields of the real job that decisions depend on."""

    def __init__(self, name: str, source: Numbers, destination: Numbers) -> None:
        self.name = name
        self.source_status, self.destination_status = source, destination
        self.source: Selected | None = None
        self.destination: Selected | None = None
        self.record: FolderRecord | None = None
        self.floor = 1
        self.rows: list[Row] = []
        self.found: dict[int, int] = {}
        self.found_as: dict[int, int] = {}
        self.twins: dict[int, int] = {}
        self.last_copies: set[int] = set()
        self.filed: set[tuple[int, int]] = set()
        self.ours: set[int] = set()
        self.doomed: array[int] = array("I")
        self.doomed_as: dict[int, tuple[int, int]] = {}
        self.beside: dict[int, list[int]] = {}
        self.flag_changes: FlagChanges = {}
        self.flag_rows: dict[int, int] = {}
        self.vanished = self.gone_both = 0
        self.after: Numbers | None = None
        self.later: list[Pair] = []
        self.duplicates: list[Pair] = []
        self.complete_list = True
        #: How many of the messages that the source held when it was opened a later list still showed.
        self.still_shown: int | None = None
        #: Whether a copy is there of which nobody can say which it is.
        self.hidden = False
        self.incomplete = self.failed = self.finished = self.unchanged = self.known = False

    @property
    def done(self) -> list[Row]:
        return [row for row in self.rows if row.state == DONE]

    @property
    def source_numbers(self) -> Numbers:
        if self.source is None:
            return Numbers()
        return opened_numbers(self.source, self.source_status)

    @property
    def source_compared(self) -> Numbers:
        """What opening it told, without what left before it could be read."""
        now = self.source_numbers
        return now if self.still_shown is None else now._replace(messages=self.still_shown)

    @property
    def destination_numbers(self) -> Numbers:
        if self.destination is None:
            return self.record.destination if self.record is not None else Numbers()
        return opened_numbers(self.destination, self.destination_status)._replace(uidnext=self.floor)

    @property
    def is_complete(self) -> bool:
        open_rows = any(row.state in (WAITING, SENT) for row in self.rows)
        return not open_rows and not self.failed and not self.incomplete and not self.vanished


def opened_numbers(selected: Selected, status: Numbers = NOTHING_TOLD) -> Numbers:
    """Give what opening told; a HIGHESTMODSEQ that it did not tell from a STATUS that says the same."""
    now = Numbers(selected.uidvalidity, selected.uidnext, selected.exists, selected.modseq)
    if (now.uidnext, now.messages) == (status.uidnext, status.messages) and not now.modseq:
        return now._replace(modseq=status.modseq)
    return now


class Reader:
    """Turns what a server gives into indexes, by the options of the run."""

    def __init__(self, options: Options, size_bias: int) -> None:
        self._options = options
        self._bias = size_bias
        self.table = FlagTable()
        self.translator = FlagTranslator(options.flags, None)

    def empty(self) -> MessageIndex:
        return MessageIndex(self.table)

    def wants(self, stored: Stored) -> bool:
        return not (self._options.small and stored.mail.size >= LARGE_FROM)

    def finds(self, stored: Stored) -> bool:
        r"""Tell whether the search of the options finds a message."""
        return not (self._options.unseen and SEEN in stored.flags)

    def source(
        self, rows: Mapping[int, Stored], index: MessageIndex, *, identity: bool = True, selects: bool = True
    ) -> None:
        for uid, stored in rows.items():
            if not index.is_new(uid):
                continue
            if selects and not self.wants(stored):
                if not self._options.mirrors:
                    index.dropped.append(uid)
                    continue
                index.excluded.add(uid)
            self._add(index, uid, stored, stored.mail.size, identity=identity)

    def destination(self, rows: Mapping[int, Stored], index: MessageIndex) -> None:
        for uid, stored in rows.items():
            if index.is_new(uid):
                self._add(index, uid, stored, stored.mail.size + self._bias, identity=True)

    def _add(self, index: MessageIndex, uid: int, stored: Stored, size: int, *, identity: bool) -> None:
        index.uids.append(uid)
        index.sizes.append(size)
        index.flags.append(self.table.number(ordered(stored.flags)))
        if identity:
            index.digests.append(stored.mail.digest)
