"""Who logs in, and secrets that cannot be printed by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Secret:
    """A password or token. str(), repr() and format() never show it; reveal() is the one way to the text.

    text: the secret, or a callable that gives it, asked once for each login (a token that expires, a
    keyring).
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Callable[[], str]) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the secret itself; call only where the bytes for the wire are made."""
        return self._text if isinstance(self._text, str) else self._text()

    @property
    def is_asked_for(self) -> bool:
        """Whether a callable gives it."""
        return not isinstance(self._text, str)

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

    @property
    def are_asked_for(self) -> bool:
        """Whether a callable gives one of the secrets."""
        return any(secret.is_asked_for for secret in (self.password, self.token, self.oauth_direct) if secret)

    def resolved(self) -> Credentials:
        """Ask each callable once; gives what one login needs. Raises whatever a callable does."""
        return self._replace(
            password=Secret(self.password.reveal()),
            token=None if self.token is None else Secret(self.token.reveal()),
            oauth_direct=None if self.oauth_direct is None else Secret(self.oauth_direct.reveal()),
        )
