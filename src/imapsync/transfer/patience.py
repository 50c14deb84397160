"""What the servers have asked of our patience so far in a run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from imapsync.plan.patience import FIRST_WAIT_S, wait_s

if TYPE_CHECKING:
    from imapsync.session.errors import AskedToWait

#: Seconds before a connection that was lost again is made again: none for the first ones, which may be one
#: message's doing, then growing.
QUICK_LOSSES = 2
LOSS_BASE_S = 0.5
LOSS_CAP_S = 20.0
#: Refusals in a row by a bare response code ([UNAVAILABLE], [INUSE]) until it is taken for a lasting refusal
#: of one folder or message. Who is asked by words, or told a time, waits as long as --maxwait allows.
MOST_BARE_REFUSALS = 5


class Patience:
    """Counts what the servers ask of our patience, over a whole run."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._refusals = 0
        self._bare_refusals = 0
        self._losses = 0

    def progressed(self) -> None:
        """Note that the work went on: waits begin short again."""
        self._refusals = self._losses = 0

    @property
    def believes_codes(self) -> bool:
        """Whether a bare response code still counts as "later"."""
        return self._bare_refusals < MOST_BARE_REFUSALS

    def next_wait_s(self, cause: AskedToWait, first_s: float = 0.0) -> float:
        """Give how long to wait, and count the refusal. first_s: how long at first, 0 for the usual."""
        if not self._refusals:
            self._bare_refusals = 0
        jitter = random.random()  # noqa: S311 - spreads, hides nothing
        seconds = wait_s(cause.wait_s, self._refusals, jitter, first_s or FIRST_WAIT_S)
        self._refusals += 1
        self._bare_refusals += cause.bare
        return seconds

    def next_pause_s(self) -> float:
        """Give how long to wait before a lost connection is made again, and count the loss."""
        self._losses += 1
        beyond = self._losses - QUICK_LOSSES
        return 0.0 if beyond <= 0 else min(LOSS_CAP_S, LOSS_BASE_S * 2 ** min(beyond - 1, 10))
