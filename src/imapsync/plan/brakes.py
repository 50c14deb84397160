"""When deletions look like an accident and nothing is deleted. Pure: takes the plans of a whole account."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Brake(enum.Enum):
    """Which brake holds."""

    SOURCE_EMPTY = "host1 is empty"
    TOO_MANY = "more than half of what is there"
    OVER_LIMIT = "more than --maxdelete2 allows"


class MirrorPlan(NamedTuple):
    """What --delete2 and --delete2folders would do to an account.

    doomed: messages to be deleted, those in doomed folders included. present: messages on the destination
    when deleting begins. source_messages: messages in the source folders of the run. allowed: --maxdelete2.
    emptied: those of the doomed that lack in Trash and Junk of the source, which the journal knew.
    """

    doomed: int
    present: int
    source_messages: int
    allowed: int | None = None
    emptied: int = 0


def brake_of(plan: MirrorPlan) -> Brake | None:
    """Give the brake that holds before anything is deleted on the destination, None when all is well.

    A number that the user gave replaces both judgements. People empty Trash and Junk: what goes there counts
    as little as if it had never been.
    """
    if plan.allowed is not None:
        return Brake.OVER_LIMIT if plan.doomed > plan.allowed else None
    if not plan.doomed:
        return None
    if not plan.source_messages:
        return Brake.SOURCE_EMPTY
    others = plan.doomed - plan.emptied
    return Brake.TOO_MANY if others * 2 > plan.present - plan.emptied else None
