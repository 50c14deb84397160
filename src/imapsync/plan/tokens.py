"""Why a server refused an OAuth 2 access token, told apart by what is known of the two.

Sources: RFC 7628 §3.2.2 (the refusal of OAUTHBEARER), RFC 6750 §3.1 (its words), Google's XOAUTH2 protocol
(the same JSON with numbers), RFC 7519 (the claims of a token that can be read), Microsoft's "Authenticate an
IMAP, POP or SMTP connection using OAuth" (audiences, scopes and roles of Exchange Online, which gives no
reasons of its own).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import NamedTuple

from imapsync.terms import Reason

_AUDIENCES = frozenset(
    {
        "https://outlook.office.com", "https://outlook.office365.com", "https://ps.outlook.com",
        "00000002-0000-0ff1-ce00-000000000000",
    }
)  # fmt: skip
_MICROSOFT_ISSUERS = ("https://sts.windows.net/", "https://login.microsoftonline.com/")
_IMAP_RIGHTS = frozenset({"IMAP.AccessAsUser.All", "IMAP.AccessAsApp"})
_SCOPE_MISSING = frozenset({"insufficient_scope", "403"})
_TOKEN_INVALID = frozenset({"invalid_token", "401", "400"})
#: Clocks differ by some seconds; servers are as patient.
_SKEW_S = 60.0


class Challenge(NamedTuple):
    """What the server's JSON says: a word or number, and the scope that it wants; "" for what it does not."""

    status: str = ""
    scope: str = ""


class Claims(NamedTuple):
    """What a token says of itself; 0, "" and nothing for what it does not, or when it cannot be read.

    not_before, expires: epoch seconds. audience: for which service. rights: scopes and roles.
    """

    issuer: str = ""
    audience: str = ""
    not_before: float = 0.0
    expires: float = 0.0
    rights: frozenset[str] = frozenset()


def challenge_of(words: bytes) -> Challenge:
    """Read the decoded challenge that precedes a refusal; what is no such JSON says nothing."""
    found = _json_object(words)
    return Challenge(_text(found.get("status")), _text(found.get("scope")))


def claims_of(token: str) -> Claims:
    """Read the claims of a token in the form of RFC 7519 (three parts); nothing of another is known.

    They are the token's own words, not checked: they choose a sentence, never a right.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return Claims()
    try:
        found = _json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return Claims()
    audience = found.get("aud")
    roles = found.get("roles")
    rights = _text(found.get("scp")).split() + (roles if isinstance(roles, list) else [])
    return Claims(
        issuer=_text(found.get("iss")),
        audience=_text(audience[0] if isinstance(audience, list) and audience else audience),
        not_before=_number(found.get("nbf")),
        expires=_number(found.get("exp")),
        rights=frozenset(right for right in rights if isinstance(right, str)),
    )


def why_refused(challenge: Challenge, claims: Claims, now: float) -> Reason:
    """Give the reason of a refused token. now: epoch seconds."""
    if claims.expires and claims.expires + _SKEW_S < now:
        return Reason.TOKEN_EXPIRED
    if claims.not_before > now + _SKEW_S:
        return Reason.TOKEN_CLOCK
    if challenge.status in _SCOPE_MISSING:
        return Reason.TOKEN_SCOPE
    if claims.issuer.startswith(_MICROSOFT_ISSUERS):
        return _why_exchange_refused(claims)
    return (
        Reason.TOKEN_REFUSED
        if claims.expires or challenge.status not in _TOKEN_INVALID
        else Reason.TOKEN_EXPIRED
    )


def _why_exchange_refused(claims: Claims) -> Reason:
    if claims.audience.rstrip("/") not in _AUDIENCES:
        return Reason.TOKEN_AUDIENCE
    if not claims.rights & _IMAP_RIGHTS:
        return Reason.TOKEN_SCOPE
    # A good token is refused only where it opens no mailbox.
    return Reason.MAILBOX_NOT_GRANTED


def signed_out(code: str, text: str) -> bool:
    """Tell whether a refusal of any command but a login means that the login itself has come to its end.

    code: RFC 5530's, in capitals. Exchange Online says it in words, and says them too where a mailbox was
    never within reach.
    """
    return code in ("EXPIRED", "AUTHENTICATIONFAILED") or "authenticated but not connected" in text.lower()


def _json_object(words: bytes) -> dict[str, object]:
    try:
        found = json.loads(words)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else 0.0
