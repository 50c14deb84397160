"""Authentication exchanges (RFC 4616, 2195, 7628, Google's XOAUTH2): challenges in, answers out."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from imapsync.wire.errors import EncodingRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.credentials import Credentials


class Mechanism(NamedTuple):
    """A SASL mechanism in use: name, initial answer (None: the server speaks first), answers to challenges.

    answer(n, challenge) gives the n-th answer, counted from 0 for the first challenge after the initial
    answer.
    """

    name: str
    initial: bytes | None
    answer: Callable[[int, bytes], bytes]


#: Mechanisms that carry an access token; the challenge before a refusal says why.
WITH_TOKEN = frozenset({"XOAUTH2", "OAUTHBEARER"})
#: Mechanisms that carry the password readable: not over an unencrypted connection that refuses it.
PLAINTEXT = frozenset({"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})


def choose(credentials: Credentials, capabilities: frozenset[str]) -> str:
    """Give the one asked for, else the best offered; "COMMAND" is the LOGIN command, "" is none."""
    if credentials.mechanism:
        return credentials.mechanism.upper()
    if credentials.oauth_direct is not None:
        return "XOAUTH2"
    if credentials.token is not None:
        return "OAUTHBEARER" if offers(capabilities, "OAUTHBEARER", but_not="XOAUTH2") else "XOAUTH2"
    if offers(capabilities, "PLAIN") or (credentials.authuser and not credentials.proxy_auth):
        return "PLAIN"
    others = [name for name in ("LOGIN", "CRAM-MD5") if offers(capabilities, name)]
    if "LOGINDISABLED" not in capabilities:
        others.insert(0, "COMMAND")
    return others[0] if others else ""


def offers(capabilities: frozenset[str], name: str, *, but_not: str = "") -> bool:
    """Tell whether the server announced AUTH=name (and not AUTH=but_not)."""
    return f"AUTH={name}" in capabilities and f"AUTH={but_not}" not in capabilities


def mechanism(name: str, credentials: Credentials, host: str, port: int) -> Mechanism:
    """Make the exchange of a mechanism; EncodingRefused for NUL in its words, ValueError if unknown."""
    maker = _MAKERS.get(name)
    if maker is None:
        raise ValueError(f"unknown authentication mechanism {name}")
    return maker(credentials, host, port)


def _login_name(credentials: Credentials) -> bytes:
    return _checked(credentials.authuser or credentials.user)


def _checked(text: str) -> bytes:
    raw = text.encode()
    if b"\0" in raw:
        raise EncodingRefused("NUL in a user name or password")
    return raw


def _nothing(_: int, __: bytes) -> bytes:
    return b""


def _plain(credentials: Credentials, _: str, __: int) -> Mechanism:
    # PROXYAUTH logs in as the administrator and changes the user afterwards.
    for_user = b"" if not credentials.authuser or credentials.proxy_auth else _checked(credentials.user)
    answer = b"\0".join((for_user, _login_name(credentials), _checked(credentials.password.reveal())))
    return Mechanism("PLAIN", answer, _nothing)


def _login(credentials: Credentials, _: str, __: int) -> Mechanism:
    answers = (_login_name(credentials), _checked(credentials.password.reveal()))
    return Mechanism("LOGIN", None, lambda count, _challenge: answers[min(count, 1)])


def _cram_md5(credentials: Credentials, _: str, __: int) -> Mechanism:
    import hmac

    def answer(_: int, challenge: bytes) -> bytes:
        digest = hmac.new(credentials.password.reveal().encode(), challenge, "md5").hexdigest()
        return _login_name(credentials) + b" " + digest.encode()

    return Mechanism("CRAM-MD5", None, answer)


def _token(credentials: Credentials) -> str:
    return credentials.token.reveal() if credentials.token is not None else credentials.password.reveal()


def _xoauth2(credentials: Credentials, _: str, __: int) -> Mechanism:
    if credentials.oauth_direct is not None:
        return Mechanism("XOAUTH2", base64.b64decode(credentials.oauth_direct.reveal()), _nothing)
    text = f"user={credentials.user}\1auth=Bearer {_token(credentials)}\1\1"
    return Mechanism("XOAUTH2", _checked(text), _nothing)


def _oauthbearer(credentials: Credentials, host: str, port: int) -> Mechanism:
    user = credentials.user.replace("=", "=3D").replace(",", "=2C")
    text = f"n,a={user},\1host={host}\1port={port}\1auth=Bearer {_token(credentials)}\1\1"
    # RFC 7628 §3.2.3: an error challenge is answered by one %x01.
    return Mechanism("OAUTHBEARER", _checked(text), lambda _count, _challenge: b"\1")


_MAKERS: dict[str, Callable[[Credentials, str, int], Mechanism]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "XOAUTH2": _xoauth2,
    "OAUTHBEARER": _oauthbearer,
}
