"""Why a token was refused, told by the server's challenge and by what the token says of itself."""

from __future__ import annotations

import base64
import json

import pytest

from imapsync.plan.tokens import Challenge, Claims, challenge_of, claims_of, signed_out, why_refused
from imapsync.terms import Reason

NOW = 1_800_000_000.0
MICROSOFT = "https://sts.windows.net/8a1b/"
GOOD = Claims(MICROSOFT, "https://outlook.office365.com", 0.0, NOW + 600, frozenset({"IMAP.AccessAsApp"}))


def token(claims: object) -> str:
    return "head." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".sign"


@pytest.mark.parametrize(
    ("status", "claims", "reason"),
    [
        ("invalid_token", Claims(), Reason.TOKEN_EXPIRED),
        ("401", Claims(), Reason.TOKEN_EXPIRED),
        ("400", Claims(), Reason.TOKEN_EXPIRED),
        ("403", Claims(), Reason.TOKEN_SCOPE),
        ("insufficient_scope", Claims(expires=NOW + 600), Reason.TOKEN_SCOPE),
        ("invalid_request", Claims(), Reason.TOKEN_REFUSED),
        ("", Claims(), Reason.TOKEN_REFUSED),
        ("", Claims(expires=NOW - 61), Reason.TOKEN_EXPIRED),
        ("invalid_token", Claims(expires=NOW - 59), Reason.TOKEN_REFUSED),
        ("invalid_token", Claims(expires=NOW + 600), Reason.TOKEN_REFUSED),
        ("invalid_token", Claims(not_before=NOW + 600, expires=NOW + 4000), Reason.TOKEN_CLOCK),
        ("", Claims(not_before=NOW + 59, expires=NOW + 4000), Reason.TOKEN_REFUSED),
        ("", GOOD, Reason.MAILBOX_NOT_GRANTED),
        ("", GOOD._replace(audience="https://outlook.office365.com/"), Reason.MAILBOX_NOT_GRANTED),
        ("", GOOD._replace(expires=NOW - 600), Reason.TOKEN_EXPIRED),
        ("", GOOD._replace(audience="https://graph.microsoft.com"), Reason.TOKEN_AUDIENCE),
        ("", GOOD._replace(rights=frozenset({"Mail.Read"})), Reason.TOKEN_SCOPE),
        ("", GOOD._replace(rights=frozenset()), Reason.TOKEN_SCOPE),
        ("", GOOD._replace(issuer="https://login.microsoftonline.com/x/v2.0"), Reason.MAILBOX_NOT_GRANTED),
        ("", GOOD._replace(issuer="https://sts.example.org/"), Reason.TOKEN_REFUSED),
    ],
)
def test_the_reason_of_a_refused_token(status: str, claims: Claims, reason: Reason) -> None:
    assert why_refused(Challenge(status), claims, NOW) is reason


@pytest.mark.parametrize(
    ("words", "challenge"),
    [
        (b'{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}',
         Challenge("401", "https://mail.google.com/")),
        (b'{"status":401}', Challenge("401")),
        (b'{"status":true,"scope":["x"]}', Challenge()),
        (b'["401"]', Challenge()),
        (b"[" * 100_000, Challenge()),
        (b"no JSON", Challenge()),
        (b"", Challenge()),
        (b"\xff\xfe", Challenge()),
    ],
)  # fmt: skip
def test_the_challenge_of_a_refusal(words: bytes, challenge: Challenge) -> None:
    assert challenge_of(words) == challenge


def test_the_claims_of_a_token() -> None:
    by_user = {"iss": MICROSOFT, "aud": "a", "nbf": 1, "exp": 2.5, "scp": "IMAP.AccessAsUser.All email"}
    assert claims_of(token(by_user)) == Claims(
        MICROSOFT, "a", 1.0, 2.5, frozenset({"IMAP.AccessAsUser.All", "email"})
    )
    by_application = {"aud": ["b", "c"], "roles": ["IMAP.AccessAsApp", 7], "exp": "soon", "nbf": 1e300}
    assert claims_of(token(by_application)) == Claims(audience="b", rights=frozenset({"IMAP.AccessAsApp"}))
    assert claims_of(token({"aud": [], "roles": "x"})) == Claims()


@pytest.mark.parametrize("text", ["", "opaque", "a.b", "a.é.c", "a.!!!.c", "a.W10.c", "a.e30.c", "a.b.c.d"])
def test_a_token_that_cannot_be_read_says_nothing(text: str) -> None:
    assert claims_of(text) == Claims()


@pytest.mark.parametrize(
    ("code", "text", "out"),
    [
        ("EXPIRED", "", True),
        ("AUTHENTICATIONFAILED", "token expired", True),
        ("", "User is authenticated but not connected.", True),
        ("NOPERM", "no", False),
        ("", "no such mailbox", False),
    ],
)
def test_a_login_that_came_to_its_end(code: str, text: str, *, out: bool) -> None:
    assert signed_out(code, text) is out
