"""Who logs in, and secrets that cannot be printed by accident."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, NamedTuple

from imapsync.session.errors import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Secret:
    """A password or token. str(), repr() and format() never show it; reveal() is the one way to the text.

    text: the secret, or a callable that gives it, asked once for each login (a token that expires, a
    keyring), and once more when the server refuses what it gave. It may be a coroutine function.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Callable[[], str] | Callable[[], Awaitable[str]]) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the secret itself; call only where the bytes for the wire are made.

        TypeError for one that has to be asked for first.
        """
        if not isinstance(self._text, str):
            message = "this secret has to be asked for"
            raise TypeError(message)
        return self._text

    async def asked(self) -> Secret:
        """Give it as a value: a callable is asked beside the event loop, a coroutine function in it.

        Raises whatever the callable does.
        """
        if isinstance(self._text, str):
            return self
        if inspect.iscoroutinefunction(self._text):
            text = await self._text()
        else:
            text = await asyncio.to_thread(self._text)
        if not isinstance(text, str):
            message = "a callable for a secret gives text"
            raise TypeError(message)
        return Secret(text)

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
        """Whether a callable or a file gives one of the secrets, perhaps another one the next time."""
        secrets = (self.password, self.token, self.oauth_direct)
        return bool(self.token_file) or any(secret.is_asked_for for secret in secrets if secret)

    async def resolved(self) -> Credentials:
        """Ask each callable and read the token's file, once; gives what one login needs.

        Raises SecretUnavailable for the file, and whatever a callable does.
        """
        token = Secret(_first_line(self.token_file)) if self.token_file else self.token
        return self._replace(
            password=await self.password.asked(),
            token=None if token is None else await token.asked(),
            token_file="",
            oauth_direct=None if self.oauth_direct is None else await self.oauth_direct.asked(),
        )


#: Longest first line of a token's file.
_MAX_TOKEN_CHARACTERS = 65_536


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(_MAX_TOKEN_CHARACTERS).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"the file of the token cannot be read: {reason}"
        raise SecretUnavailable(message) from None
