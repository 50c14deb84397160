"""An account that is watched: how to hear of new mail, how long to rest, what comes after a failure.

RFC 2177 §3: a client re-issues IDLE at least every 29 minutes. Many servers and the boxes between hang up
much earlier (RFC 5382 lets a NAT forget a silent connection after two hours, most do after minutes), and
some accept IDLE and never tell. So IDLE is believed as far as it has proven itself: between two rests the
folder is looked at, and mail that the look finds and IDLE did not tell counts against it.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

#: How long a rest lasts in an IDLE that has told of mail before, and in one that has not; both far below 29
#: minutes.
PROVEN_REST_S = 540.0
UNPROVEN_REST_S = 240.0
#: The user's interval for looking where nothing is told, times this, bounds an unproven rest, too.
UNPROVEN_POLLS = 4.0
#: No rest is shorter than this, whatever the server does.
LEAST_REST_S = 20.0
#: Looks in a row that found what IDLE had not told; one may be mail that came between the rest and the look.
MOST_LIES = 2
#: After so many looks without IDLE it gets one more chance: one that is truthful may have been unlucky.
LOOKS_UNTIL_CHANCE = 60
#: Two rests that a server ended after about the same time tell its limit: it is undercut by a quarter.
SAME_LIMIT = 0.1
LIMIT_SHARE = 0.75

#: News is passed on after so much quiet, or so long after the first of it: bursts are taken together.
QUIET_S = 0.1
MOST_GATHERED_S = 1.0

#: A lost server is asked again after this, then after twice as long, up to MOST_LOST_S; after many tries
#: up to MOST_GONE_S.
FIRST_LOST_S = 1.0
MOST_LOST_S = 30.0
GONE_TRIES = 30
MOST_GONE_S = 300.0
#: A refused sign-in or certificate: somebody has to do something. Providers lock who asks often.
FIRST_REFUSED_S = 900.0
MOST_REFUSED_S = 3600.0
#: A transfer that failed is made again after this, then after twice as long.
FIRST_FAILED_S = 60.0
MOST_FAILED_S = 900.0


class Way(enum.Enum):
    """How mail is heard of."""

    IDLE = "idle"
    POLL = "poll"


class Seen(NamedTuple):
    """What one look at the folder told; None for what the server did not tell."""

    uidvalidity: int | None
    uidnext: int | None
    exists: int

    def has_news(self, before: Seen | None) -> bool:
        """Tell whether mail may have come since an earlier look; without one it may."""
        if before is None or self.uidvalidity != before.uidvalidity:
            return True
        if self.uidnext is None or before.uidnext is None:
            return self.exists > before.exists
        return self.uidnext > before.uidnext


class Ears(NamedTuple):
    """What is known of an account's IDLE.

    told: whether it has told of mail since it lied last. lies: looks in a row that found what it had not
    told. limit_s: how long the server lets a connection rest, as far as known. ended_s: after how long it
    ended the last rest, 0 when it did not. looks: those since IDLE was given up.
    """

    told: bool = False
    lies: int = 0
    limit_s: float = PROVEN_REST_S
    ended_s: float = 0.0
    looks: int = 0

    def way(self, *, offered: bool) -> Way:
        """Choose how to hear; offered: whether the server has IDLE."""
        return Way.IDLE if offered and self.lies < MOST_LIES else Way.POLL

    def rest_s(self, way: Way, poll_s: float) -> float:
        """Give how long to rest until the next look; poll_s: the user's interval where nothing is told."""
        if way is Way.POLL:
            return poll_s
        return min(
            self.limit_s, PROVEN_REST_S if self.told else min(UNPROVEN_REST_S, UNPROVEN_POLLS * poll_s)
        )

    def after_told(self) -> Ears:
        """Take that IDLE told of mail."""
        return self._replace(told=True, lies=0)

    def after_look(self, *, found: bool) -> Ears:
        """Take what the look behind a rest that we ended says: it found mail that was not told, or not."""
        if not found:
            return self._replace(ended_s=0.0)
        return self._replace(told=False, lies=self.lies + 1, ended_s=0.0)

    def after_poll(self) -> Ears:
        """Take that one more look was made without IDLE."""
        if self.looks + 1 < LOOKS_UNTIL_CHANCE:
            return self._replace(looks=self.looks + 1)
        return self._replace(lies=min(self.lies, MOST_LIES - 1), looks=0)

    def after_end(self, rested_s: float) -> Ears:
        """Take that the server ended the connection after a rest of so long."""
        if abs(rested_s - self.ended_s) <= SAME_LIMIT * rested_s:
            return self._replace(limit_s=max(LEAST_REST_S, LIMIT_SHARE * rested_s), ended_s=0.0)
        return self._replace(ended_s=rested_s)


class Trouble(enum.Enum):
    """Why an account cannot be watched for now."""

    LOST = "lost"
    REFUSED = "refused"
    FAILED = "failed"


_PAUSES = {
    Trouble.REFUSED: (FIRST_REFUSED_S, MOST_REFUSED_S),
    Trouble.FAILED: (FIRST_FAILED_S, MOST_FAILED_S),
}


def pause_s(trouble: Trouble, times: int, jitter: float) -> float:
    """Give how long to wait before the next try; times: failures in a row, from 1; jitter: from 0 to 1.

    The jitter keeps accounts that were lost together from coming back together.
    """
    first, most = _PAUSES.get(trouble, (FIRST_LOST_S, MOST_LOST_S if times <= GONE_TRIES else MOST_GONE_S))
    return min(most, first * float(2 ** min(times - 1, 20))) * (0.5 + 0.5 * jitter)


def gathered_at(first: float, last: float) -> float:
    """Give when news is passed on that was heard first and last at these times."""
    return min(last + QUIET_S, first + MOST_GATHERED_S)
