"""OAuth 2 by Authlib: the requests of each way to sign in, and what a refusal stands for.

Sources: RFC 6749, 7523 (assertions), 7636 (PKCE), 8628 (device code); Microsoft: "Microsoft Entra
authentication and authorization error codes" (the AADSTS numbers), "certificate credentials" (x5t); Google:
"Using OAuth 2.0 for Server to Server Applications" (delegation, its refusals).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import JWTBearerGrant, PrivateKeyJWT

from syncctl.endpoints import Judged, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync_tasks.errors import Json
    from imapsync_tasks.reach import Reach
    from imapsync_tasks.sourcestore import Stored

#: The engine gives the command that asks for a token a minute.
_TIMEOUT_S: Final = 20.0
#: Clocks that differ by more make assertions and tokens invalid (Microsoft: five minutes).
_SKEW_S: Final = 300.0
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"

#: Part of Microsoft's description -> error key. Before the words of RFC 6749, which say less.
_MICROSOFT: Final = {
    "AADSTS7000215": "client_secret_refused",
    "AADSTS7000222": "client_secret_expired",
    "AADSTS90002": "tenant_not_found",
    "AADSTS900023": "tenant_not_found",
    "AADSTS700016": "client_not_found",
    "AADSTS7000112": "client_not_found",
    "AADSTS700027": "client_secret_refused",
    "AADSTS700024": "clock_wrong",
    "AADSTS65001": "consent_missing",
    "AADSTS70011": "scope_refused",
    "AADSTS50034": "mailbox_unknown",
}
#: Part of Google's description -> error key.
_GOOGLE: Final = {
    "reasonable timeframe": "clock_wrong",
    "Invalid JWT Signature": "client_secret_refused",
    "unauthorized to retrieve access tokens": "consent_missing",
    "Invalid email or User ID": "mailbox_unknown",
    "account not found": "client_not_found",
}
_RFC: Final = {
    "invalid_client": "client_secret_refused",
    "unauthorized_client": "consent_missing",
    "consent_required": "consent_missing",
    "interaction_required": "sign_in_needed",
    "invalid_grant": "sign_in_needed",
    "invalid_scope": "scope_refused",
    "access_denied": "sign_in_denied",
    "expired_token": "sign_in_expired",
}


class TokenTrouble(Exception):  # noqa: N818  # not always an error
    """There is no token: `code` is an error key, `text` what the server said, without secrets."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text


class Granted(NamedTuple):
    """What a token endpoint gave. refresh_token: "" for none. Its repr tells neither token."""

    access_token: str
    expires_in_s: float
    refresh_token: str

    def __repr__(self) -> str:
        return f"Granted({self.expires_in_s})"


class Device(NamedTuple):
    """What a person is to type where, and what we ask with meanwhile (RFC 8628 §3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in_s: float
    interval_s: float


def by_application(reach: Reach, stored: Stored, user: str) -> Granted:
    """Get a token without a person: as the application, or as a service account in the user's name."""
    source = stored.source
    if "service_account_key" in stored.secrets:
        assertion = _assertion(stored, user)
        return _fetch(reach, stored, grant_type=_JWT_BEARER, assertion=assertion)
    return _fetch(reach, stored, grant_type="client_credentials", scope=source.setting("scope"))


def by_refresh_token(reach: Reach, stored: Stored, refresh_token: str) -> Granted:
    """Get a token with what a person's consent has left."""
    with _asking(reach, stored, refresh_token) as session:
        token = session.refresh_token(stored.source.setting("token_url"), refresh_token=refresh_token)
    return _granted(token)


def by_code(reach: Reach, stored: Stored, address: str, state: str, verifier: str) -> Granted:
    """Get a token with the address that the browser was sent to after the consent.

    TokenTrouble: it is another sign-in's, or tells of a refusal.
    """
    from urllib.parse import parse_qs, urlsplit

    told = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    if "error" in told:
        raise TokenTrouble(_key(told["error"], told.get("error_description", "")), told["error"][:100])
    if "code" not in told or told.get("state") != state:
        raise TokenTrouble("sign_in_answer_wrong")
    return _fetch(
        reach,
        stored,
        grant_type="authorization_code",
        code=told["code"],
        redirect_uri=stored.source.setting("redirect_url"),
        code_verifier=verifier,
    )


def by_device_code(reach: Reach, stored: Stored, device_code: str) -> Granted | None:
    """Get a token once a person has typed the code; None: not yet."""
    try:
        return _fetch(reach, stored, grant_type=_DEVICE_CODE, device_code=device_code)
    except TokenTrouble as trouble:
        if trouble.code in ("authorization_pending", "slow_down"):
            return None
        raise


def device(reach: Reach, stored: Stored) -> Device:
    """Ask for a code that a person types."""
    source = stored.source
    with _asking(reach, stored) as session:
        answer = session.post(
            source.setting("device_url"),
            data={"client_id": source.client_id, "scope": source.setting("scope")},
            withhold_token=True,
        )
        told = answer.json()
        if "error" in told:
            raise _trouble(str(told["error"]), str(told.get("error_description", "")))
    return Device(
        str(told["device_code"]),
        str(told["user_code"]),
        str(told.get("verification_uri") or told.get("verification_url")),
        float(told.get("expires_in", 900)),
        float(told.get("interval", 5)),
    )


def visit(stored: Stored) -> tuple[str, str, str]:
    """Give the address that a person signs in at, and this attempt's state and verifier (RFC 7636)."""
    verifier = generate_token(64)
    session = _session(stored)
    session.code_challenge_method = "S256"
    address, state = session.create_authorization_url(
        stored.source.setting("authorize_url"),
        code_verifier=verifier,
        redirect_uri=stored.source.setting("redirect_url"),
    )
    return address, state, verifier


def _fetch(reach: Reach, stored: Stored, **words: str) -> Granted:
    with _asking(reach, stored) as session:
        token = session.fetch_token(stored.source.setting("token_url"), **words)
    return _granted(token)


def _granted(token: Json) -> Granted:
    access = token.get("access_token")
    if not isinstance(access, str) or not access or not access.isascii() or len(access) > 65536:
        raise TokenTrouble("token_request_refused", "the answer has no access token")
    try:
        lasts = float(str(token.get("expires_in", 3600)))
    except ValueError:
        lasts = 3600.0
    refresh = token.get("refresh_token")
    return Granted(access, lasts, refresh if isinstance(refresh, str) else "")


@contextmanager
def _asking(reach: Reach, stored: Stored, *secrets: str) -> Iterator[OAuth2Session]:
    """Give a session; whatever goes wrong with it becomes TokenTrouble, without the secrets."""
    skew = [0.0]
    session = _session(stored, skew)
    session.mount("https://", Judged(reach))
    try:
        yield session
    except TokenTrouble:
        raise
    except AuthlibBaseError as error:
        trouble = _trouble(error.error, error.description or "")
        ours = trouble.code in ("client_secret_refused", "sign_in_needed") and _signs(stored)
        if ours and abs(skew[0]) > _SKEW_S:
            trouble = TokenTrouble("clock_wrong", trouble.text)
        raise TokenTrouble(trouble.code, _clean(trouble.text, stored, *secrets)) from None
    except NotAllowedError as error:
        raise TokenTrouble("token_endpoint_not_allowed", str(error)) from None
    except (requests.RequestException, OSError) as error:
        raise TokenTrouble("token_endpoint_unreachable", type(error).__name__) from None
    except (ValueError, KeyError, TypeError):  # no JSON, or not what the RFC says
        raise TokenTrouble("token_request_refused", "the answer is not one of a token endpoint") from None
    finally:
        session.close()


def _session(stored: Stored, skew: list[float] | None = None) -> OAuth2Session:
    source, secrets = stored.source, stored.secrets
    secret, method = secrets.get("client_secret", ""), "client_secret_post"
    if source.auth.startswith("oauth_"):
        method = "client_secret_basic"
    session = OAuth2Session(
        source.client_id,
        secret or None,
        token_endpoint_auth_method=method if secret else "none",
        scope=source.setting("scope") or None,
        default_timeout=_TIMEOUT_S,
    )
    if "certificate_key" in secrets:
        session.client_secret = secrets["certificate_key"]
        session.token_endpoint_auth_method = PrivateKeyJWT.name
        headers = _thumbprints(secrets["certificate_key"])
        session.register_client_auth_method(PrivateKeyJWT(source.setting("token_url"), headers=headers))
    session.trust_env = False  # neither ~/.netrc nor proxies that nobody entered
    session.max_redirects = 0
    session.verify = os.environ.get("SSL_CERT_FILE", _AUTHORITIES)
    if skew is not None:
        session.hooks["response"].append(lambda answer, **_: skew.__setitem__(0, _skew_s(answer)))
    return session


def _signs(stored: Stored) -> bool:
    """Whether requests are signed with a time of ours."""
    return bool({"certificate_key", "service_account_key"} & stored.secrets.keys())


def _skew_s(answer: requests.Response) -> float:
    """Give by how much the server's clock is ahead of ours (RFC 9110 §6.6.1)."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError, TypeError):
        return 0.0


def _assertion(stored: Stored, user: str) -> str:
    """Sign the request of a service account that speaks for `user` (RFC 7523 §2.1)."""
    source = stored.source
    try:
        key = json.loads(stored.secrets["service_account_key"])
        signed = JWTBearerGrant.sign(
            _private_key(key["private_key"]),
            issuer=str(key["client_email"]),
            audience=source.setting("token_url"),
            subject=user,
            claims={"scope": source.setting("scope")},
            header={"alg": "RS256", "kid": str(key.get("private_key_id", ""))},
        )
    except (ValueError, KeyError, TypeError):
        raise TokenTrouble("key_unusable") from None
    return signed.decode() if isinstance(signed, bytes) else str(signed)


def _private_key(pem: str) -> str:
    """Give a private key in PEM form; ValueError, TypeError: it is none, or has a passphrase."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    load_pem_private_key(pem.encode(), None)
    return pem


def _thumbprints(pem: str) -> dict[str, str]:
    """Give the header by which Microsoft finds the certificate. TokenTrouble: it cannot be read."""
    from authlib.common.encoding import to_unicode, urlsafe_b64encode
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        _private_key(pem)
        found = x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, TypeError):
        raise TokenTrouble("key_unusable") from None
    prints = {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}  # noqa: S303  # Microsoft wants it
    return {name: to_unicode(urlsafe_b64encode(found.fingerprint(kind))) for name, kind in prints.items()}


def _trouble(error: str, description: str) -> TokenTrouble:
    return TokenTrouble(_key(error, description), description or error)


def _key(error: str, description: str) -> str:
    for table in (_MICROSOFT, _GOOGLE):
        for part, key in table.items():
            if part in description.replace(":", " ").split() or (" " in part and part in description):
                return key
    if error in ("authorization_pending", "slow_down"):
        return error
    return _RFC.get(error, "token_request_refused")


def _clean(text: str, stored: Stored, *secrets: str) -> str:
    """Give at most 300 printable characters of what a server said, none of them a secret of ours."""
    for secret in (*stored.secrets.values(), *secrets):
        text = text.replace(secret, "***")
    return "".join(char if char.isprintable() else " " for char in text)[:300]
