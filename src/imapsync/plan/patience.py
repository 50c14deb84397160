"""When a server says "later": is this one, how long to wait, and when to give up waiting.

Sources of the words: RFC 5530 §3 for the response codes; Exchange Online ("Suggested Backoff Time"), Gmail
("Too many simultaneous connections", "Account exceeded command or bandwidth limits"), Yahoo ("Please try
again later"), Dovecot ("Maximum number of connections from user+IP exceeded").
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: The first wait that nobody told the length of; each further one is twice as long, up to MOST_WAIT_S.
FIRST_WAIT_S = 5.0
#: Providers shut an account for minutes, rarely for hours; asking four times an hour bothers nobody.
MOST_WAIT_S = 900.0
#: A time that was told is believed so often in a row; who is refused again and again waits longer, too.
BELIEVED_TIMES = 8
#: A server that tells a longer time is not believed; the run is parked anyway.
MOST_TOLD_S = 86_400.0

_LATER_CODES = frozenset({"UNAVAILABLE", "THROTTLED", "INUSE", "LIMIT"})
#: Codes that mean what they say whatever the words are: waiting helps against none of them.
_FINAL_CODES = frozenset(
    {
        "ALREADYEXISTS", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "BADCHARSET", "CANNOT", "CLIENTBUG",
        "EXPIRED", "EXPUNGEISSUED", "HASCHILDREN", "NONEXISTENT", "NOPERM", "PRIVACYREQUIRED", "TOOBIG",
        "TRYCREATE", "UNKNOWN-CTE", "MESSAGELIMIT",
    }
)  # fmt: skip
_LATER_WORDS = re.compile(
    r"throttl|suggested backoff|try (?:again|it) later|try again in|retry later|retry after|please wait"
    r"|too many (?:simultaneous |concurrent |open )?(?:imap )?"
    r"(?:connection|command|request|login|session|attempt)"
    r"|maximum number of connections|connection limit|rate limit|rate exceeded|bandwidth limit"
    r"|exceeded command|temporar(?:y|ily)|(?:server|system|service) (?:is )?(?:too )?busy|slow down",
    re.IGNORECASE,
)
#: Words of a login that was refused for no fault of the password. Others mean nothing lasting by them.
_LOGIN_LATER_WORDS = re.compile(
    r"unavailable|internal (?:server )?error|(?:server|system|backend) (?:error|failure)|maintenance"
    r"|out of service|(?:can't|cannot|could not|can not) connect|unreachable|timed? ?out",
    re.IGNORECASE,
)
#: Commands that the run cannot do without; a bare code to another one is an ordinary refusal.
_NEEDED = frozenset(
    {
        "APPEND", "BYE", "EXAMINE", "EXPUNGE", "LIST", "LOGIN", "SELECT", "UID COPY", "UID EXPUNGE",
        "UID FETCH", "UID SEARCH", "UID STORE",
    }
)  # fmt: skip
#: RFC 5530's LIMIT is also said of what no waiting changes: sizes, flags, names, numbers of folders.
_LASTING_LIMIT = re.compile(
    r"size|large|big|long|flag|keyword|mailbox(?:es)?\b|folder|depth|literal", re.IGNORECASE
)
_TOLD = re.compile(
    r"(?:backoff time:?|try again in|retry (?:after|in)|wait)\s+(?:at least\s+)?(\d{1,9})(?:\.\d+)?\s*"
    r"(milliseconds?|ms|minutes?|min|hours?|h|seconds?|secs?|s)?\b",
    re.IGNORECASE,
)
_UNITS_S = (("ms", 0.001), ("milli", 0.001), ("m", 60.0), ("h", 3600.0), ("s", 1.0))


class Later(NamedTuple):
    """A server wants to be left alone for a while.

    wait_s: how long, None when it did not tell. bare: only a response code says so, no words.
    """

    wait_s: float | None
    bare: bool = False


def asked_to_wait(verb: str, code: str, text: str, *, source: bool) -> Later | None:
    """Tell whether a refusal (NO, BAD, BYE) means "later", and how long.

    verb: the command, such as "APPEND"; code: the response code in capitals, "" for none. source: the server
    is the source: a quota is then one of traffic, and passes; that of a destination does not.
    """
    if code in _FINAL_CODES:
        return None
    if code == "OVERQUOTA":
        return Later(_told_s(text)) if source else None
    if code == "LIMIT" and (verb in ("CREATE", "RENAME") or _LASTING_LIMIT.search(text)):
        return None
    if _LATER_WORDS.search(text):
        return Later(_told_s(text))
    if verb == "LOGIN" and (code == "SERVERBUG" or _LOGIN_LATER_WORDS.search(text)):
        return Later(_told_s(text))
    return Later(_told_s(text), bare=True) if code in _LATER_CODES and verb in _NEEDED else None


def wait_s(told_s: float | None, refusals: int, jitter: float, first_s: float = FIRST_WAIT_S) -> float:
    """Give how long to wait: as told, else growing. refusals: those in a row before; jitter: from 0 to 1.

    first_s: where the growing begins.
    """
    if told_s is not None and refusals < BELIEVED_TIMES:
        return told_s + 0.1 + 0.1 * jitter
    doublings = refusals if told_s is None else refusals - BELIEVED_TIMES
    grown = min(MOST_WAIT_S, first_s * float(2 ** min(doublings, 20)))
    return max(told_s or 0.0, grown * (0.75 + 0.25 * jitter))


def _told_s(text: str) -> float | None:
    match = _TOLD.search(text)
    if match is None:
        return None
    unit = (match[2] or "s").lower()
    return min(
        int(match[1]) * next(factor for begin, factor in _UNITS_S if unit.startswith(begin)), MOST_TOLD_S
    )
