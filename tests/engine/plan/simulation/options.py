"""The options of a run, and the real rules that they become."""

from __future__ import annotations

from typing import NamedTuple

from imapsync.plan.belief import Wishes
from imapsync.plan.rules import DeletionRules, FlagRules


class Options(NamedTuple):
    """What the user asked for.

    older: originals that lie there for 30 days are deleted. unseen: only those are taken. small: large ones
    are not. together: all folders are compared before the first is copied.
    """

    journal: bool = True
    delete1: bool = False
    older: bool = False
    delete2: bool = False
    duplicates: bool = False
    unseen: bool = False
    small: bool = False
    noexpunge1: bool = False
    recopy: bool = False
    together: bool = False
    setflag1: str = ""
    maxdelete2: int | None = None
    maxvanished2: int | None = None

    @property
    def deletion(self) -> DeletionRules:
        return DeletionRules(
            source=self.delete1,
            source_older_days=30.0 if self.older else None,
            source_expunge=False if self.noexpunge1 else None,
            destination=self.delete2,
            max_destination=self.maxdelete2,
            max_vanished=self.maxvanished2,
            recopy_deleted=self.recopy,
        )

    @property
    def flags(self) -> FlagRules:
        marks = (self.setflag1,) if self.setflag1 else ()
        return FlagRules(skip_deleted=self.delete1 or self.older, set_on_source=marks)

    @property
    def mirrors(self) -> bool:
        return self.delete2 and not self.deletion.empties_source

    def wishes(self, now: int) -> Wishes:
        return Wishes(repr(self._replace(together=False)), True, self.older, self.unseen, self.recopy, now)
