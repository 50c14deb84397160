"""Access tokens of the sources: kept while they last, renewed one at a time, whoever asks.

What is kept beside a source: its refresh token, the access tokens by user ("" where one is good for all), the
last trouble, and the sign-in under way. Only who holds the source's lock reads it to change it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import sourcestore
from imapsync_tasks.errors import TaskFileError
from imapsync_tasks.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.sourcestore import Stored
    from syncctl.oauth import Granted

#: A token is renewed when less of its life is left than this, or than a third of it.
_MARGIN_S: Final = 300.0
#: For so long a refusal counts for whoever asks next: two hundred tasks ask once.
_REFUSED_S: Final = 60.0
#: What waiting and asking again does not heal: somebody has to sign in.
SIGN_IN: Final = "sign_in_needed"


class Refused(NamedTuple):
    """Why there is no token: an error key, and what the server said."""

    code: str
    text: str = ""


def access_token(paths: Paths, name: str, user: str, server: Sequence[str] = ()) -> str | Refused:
    """Give a token for a user's mailbox at a source, new if need be.

    server: the host and port that it will be shown to; a source that has another one by now gives none.
    TaskFileError, NoSuchTaskError: there is no such source.
    """
    stored = sourcestore.load(paths, name)
    whose = _whose(stored, user)
    kept = _lasting(sourcestore.tokens(paths, stored), whose)
    if kept and _is_at(stored, server):
        return kept
    with sourcestore.renewing(paths, name):
        stored = sourcestore.load(paths, name)
        if not _is_at(stored, server):
            return Refused("token_unavailable", "the source has another server now")
        known = sourcestore.tokens(paths, stored)
        kept = _lasting(known, whose)  # another has renewed it meanwhile
        if kept:
            return kept
        refused = _remembered(known, whose)
        return refused or _renewed(paths, stored, known, whose)


def forget(paths: Paths, name: str, user: str) -> None:
    """Drop the access token of a user that a server has refused, and the trouble that asking may heal."""
    stored = sourcestore.load(paths, name)
    with sourcestore.renewing(paths, name):
        known = sourcestore.tokens(paths, stored)
        access = {one: kept for one, kept in _access(known).items() if one != _whose(stored, user)}
        trouble = known.get("trouble")
        left = trouble if isinstance(trouble, dict) and trouble.get("error") == SIGN_IN else None
        sourcestore.keep_tokens(paths, stored, {**known, "access": access, "trouble": left})


def last_refusal(paths: Paths, name: str, user: str) -> Refused | None:
    """Give the last refusal for a user of a source; None after a success, or without such a source."""
    try:
        stored = sourcestore.load(paths, name)
    except TaskFileError:
        return None
    return _trouble_of(sourcestore.tokens(paths, stored), _whose(stored, user))


def keep(paths: Paths, stored: Stored, known: Json, whose: str, granted: Granted) -> None:
    """Write down what a token endpoint gave; the caller holds the lock.

    A new refresh token is on the disk before the access token is used, and the old one until then.
    """
    now = time.time()
    access = {one: kept for one, kept in _access(known).items() if _number(kept, "expires_at") > now}
    left_s = min(_MARGIN_S, granted.expires_in_s / 3)
    access[whose] = {
        "token": granted.access_token,
        "expires_at": now + granted.expires_in_s,
        "renew_at": now + granted.expires_in_s - left_s,
    }
    refresh = granted.refresh_token or known.get("refresh_token", "")
    sourcestore.keep_tokens(paths, stored, {"refresh_token": refresh, "access": access})


def note(paths: Paths, stored: Stored, known: Json, whose: str, refused: Refused) -> None:
    """Write down why there is no token; the caller holds the lock."""
    told = {"error": refused.code, "text": refused.text, "user": whose, "at": time.time()}
    sourcestore.keep_tokens(paths, stored, {**known, "trouble": told})


def _renewed(paths: Paths, stored: Stored, known: Json, whose: str) -> str | Refused:
    from syncctl import oauth

    refresh = str(known.get("refresh_token") or stored.secrets.get("refresh_token", ""))
    by_refresh = stored.source.kind.signs_in or stored.source.auth == "oauth_refresh"
    try:
        if by_refresh:
            if not refresh:
                return Refused(SIGN_IN)
            sourcestore.keep_tokens(paths, stored, known)  # a full disk is met before the old one is used up
            granted = oauth.by_refresh_token(Reach.published(paths), stored, refresh)
        else:
            granted = oauth.by_application(Reach.published(paths), stored, whose)
    except oauth.TokenTrouble as problem:
        refused = Refused(problem.code, problem.text)
        if refused.code == SIGN_IN and not by_refresh:
            refused = Refused("consent_missing", problem.text)
        note(paths, stored, known, whose, refused)
        return refused
    keep(paths, stored, known, whose, granted)
    return granted.access_token


def _is_at(stored: Stored, server: Sequence[str]) -> bool:
    return not server or list(server) == [stored.source.remotehostname, str(stored.source.remoteport)]


def _whose(stored: Stored, user: str) -> str:
    """Give under which name a token is kept: the user's where each has an own."""
    return user if stored.source.auth == "google_service" else ""


def _lasting(known: Json, whose: str) -> str:
    kept = _access(known).get(whose, {})
    token = kept.get("token")
    return token if isinstance(token, str) and _number(kept, "renew_at") > time.time() else ""


def _remembered(known: Json, whose: str) -> Refused | None:
    """Give the refusal that still counts: a needed sign-in for all, another for a minute for its user."""
    refused = _trouble_of(known, whose)
    found = known.get("trouble")
    age_s = time.time() - _number(found, "at") if isinstance(found, dict) else 0.0
    return refused if refused and (refused.code == SIGN_IN or 0 <= age_s < _REFUSED_S) else None


def _trouble_of(known: Json, whose: str) -> Refused | None:
    found = known.get("trouble")
    if not isinstance(found, dict) or found.get("user") != whose:
        return None
    return Refused(str(found.get("error", "")), str(found.get("text", "")))


def _access(known: Json) -> dict[str, Json]:
    found = known.get("access")
    rows = found.items() if isinstance(found, dict) else ()
    return {str(name): kept for name, kept in rows if isinstance(kept, dict)}


def _number(kept: Json, name: str) -> float:
    value = kept.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
