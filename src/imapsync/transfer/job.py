"""One folder pair under way."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapsync.plan.decisions import NOTHING
from imapsync.terms import Numbers
from imapsync.transfer.copylist import CopyList

if TYPE_CHECKING:
    from imapsync.account import SeenFolder
    from imapsync.plan.decisions import FolderPlan
    from imapsync.plan.mapping import FolderPair
    from imapsync.terms import FolderRecord


class Standing(enum.Enum):
    """How far a folder pair is."""

    OPEN = "open"
    UNCHANGED = "unchanged"  # equal numbers: nothing was opened, nothing is to be done
    FINISHED = "finished"
    ABANDONED = "abandoned"  # nothing more is done with it
    POSTPONED = "postponed"  # the connection broke over it each time: tried once more at the end of the run


@dataclass(slots=True)
class FolderJob:
    """A folder pair and what the steps of a run hand on to one another.

    source, destination: what was seen of both folders. record: what the journal knows and is believed. plan:
    what the comparison decided. copying: how far the messages are that are to be copied. trouble: something
    could not be read or done, so nothing may be concluded from absence. unsteady: the source gives messages
    other UIDs at each opening, so that all is done within one and nothing is recorded. told: the comparison
    was told before. flags_left: copies lack flags of their originals, which the next run is to set.
    """

    pair: FolderPair
    source: SeenFolder
    destination: SeenFolder
    position: int = 0
    record: FolderRecord | None = None
    plan: FolderPlan = NOTHING
    copying: CopyList = field(default_factory=CopyList)
    standing: Standing = Standing.OPEN
    trouble: bool = False
    unsteady: bool = False
    told: bool = False
    flags_left: bool = False

    @property
    def name(self) -> str:
        """The source folder's name, by which people know the pair."""
        return self.pair.source.name

    @property
    def failed(self) -> bool:
        """Whether anything is missing, or may be."""
        return self.trouble or self.copying.failed

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be compared or copied."""
        return self.standing is not Standing.OPEN

    @property
    def given_up(self) -> bool:
        """Whether nothing more is done with it, and nothing may be concluded from it."""
        return self.standing is Standing.ABANDONED

    @property
    def postponed(self) -> bool:
        """Whether it is left alone until the end of the run, and tried once more then."""
        return self.standing is Standing.POSTPONED

    @property
    def unchanged(self) -> bool:
        """Whether nothing was opened, because nothing has changed."""
        return self.standing is Standing.UNCHANGED

    @property
    def complete(self) -> bool:
        """Whether everything selected has arrived and the source showed all that it has.

        What vanished before it was copied may come back under the same UID, without any number telling so.
        """
        return not self.copying.left and not self.failed and not self.copying.vanished

    @property
    def destination_compared(self) -> Numbers:
        """The numbers under which the destination folder was compared; UIDNEXT is the plan's floor."""
        if self.destination.opened is None:
            return self.record.destination if self.record is not None else Numbers()
        return self.destination.numbers._replace(uidnext=self.plan.floor)

    def take_up_again(self) -> None:
        """Try once more what was postponed."""
        self.standing = Standing.OPEN

    def take(self, plan: FolderPlan) -> None:
        """Take up what a comparison decided."""
        self.plan = plan
        self.copying = CopyList(plan.copy, plan.floor)

    def start_over(self) -> None:
        """Forget what was seen of the pair's messages and decided; what was told is not told again."""
        self.source.listed = self.destination.listed = None
        self.take(NOTHING)
        self.told = True
