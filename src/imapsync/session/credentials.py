"""Who logs in, and secrets that cannot be printed by accident."""

from __future__ import annotations

from typing import NamedTuple


class Secret:
    """A password or token. str(), repr() and format() never show it; reveal() is the one way to the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the secret itself; call only where the bytes for the wire are made."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        message = "a Secret is not serialised"
        raise TypeError(message)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


class Credentials(NamedTuple):
    """How to log in.

    user: whose mailbox. authuser: who authenticates for `user` (SASL authorization identity), "" for `user`
    itself. mechanism: "" (the best that the server offers: PLAIN, then LOGIN, then the LOGIN command; OAuth
    with a token), "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", or "COMMAND" for the LOGIN command.
    token: an OAuth 2 access token, used in place of the password. token_file: a file whose first line is the
    token, read again at each login. oauth_direct: a complete XOAUTH2 answer, base64. proxy_auth: log in as
    authuser, then PROXYAUTH.
    """

    user: str
    password: Secret = Secret("")
    authuser: str = ""
    mechanism: str = ""
    token: Secret | None = None
    token_file: str = ""
    oauth_direct: Secret | None = None
    proxy_auth: bool = False
