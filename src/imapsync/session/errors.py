"""The one error tree of the engine.

SyncError
├── ConnectionFailed      no connection, or it ended            connection
│   ├── TimedOut          nothing came in time                  timeout
│   ├── AddressAvoided    its name is at no address that may be connected to   address_avoided
│   ├── AskedToWait       the server said "later"               throttled
│   └── SignedOut         the token's time is over: log in anew connection
├── Parked                asked to wait longer than we may      parked
├── TlsFailed             handshake                             tls
│   ├── StarttlsMissing   asked for, not offered                starttls_missing
│   ├── CertificateUntrusted                                    certificate_untrusted
│   └── CertificateChanged  other than the one remembered       certificate_changed
├── LoginFailed
│   ├── AuthenticationFailed  the server said NO                authentication
│   │   ├── TokenRefused      to an access token                token_expired, token_scope, …
│   │   └── SecretUnavailable the command or file gave none     token_unavailable
│   ├── LoginDropped      the server closed during login        login_dropped
│   └── PlaintextRefused  the server wants TLS first            plaintext_refused
├── CommandRefused        NO or BAD to a command                by the command and the response code
│   └── AnswerUnusable    OK, but the answer cannot be used     by the command
├── MessageGone           expunged before we read it            fetch
└── ProtocolViolation     not IMAP, or beyond a limit           protocol

Each error carries the side it concerns, a stable code, the server's own words and whether trying again is
sensible; exit codes, report rows and sentences are made from those attributes elsewhere, once.
"""

# ruff: noqa: N818 - exceptions are named after what happened
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.session.certificate import CertificateInfo
    from imapsync.terms import Side


class SyncError(Exception):
    """Base of every expected failure.

    side: the server it concerns, None when it is neither's. code: stable word for reports. server_text: what
    the server said, as text, without credentials. retryable: whether a new connection may help.
    """

    default_code: ClassVar[str] = "internal"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        side: Side | None = None,
        code: str | None = None,
        server_text: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.side = side
        self.code = code or self.default_code
        self.server_text = server_text
        self.retryable = self.default_retryable if retryable is None else retryable

    @property
    def details(self) -> Mapping[str, str]:
        """Further members for the report's error record."""
        return {}


class ConnectionFailed(SyncError):
    """No connection could be made, or the connection ended while commands were in flight.

    cause: "unknown_host", "refused", "unreachable", "avoided", "timeout" or "closed".
    """

    default_code = "connection"
    default_retryable = True
    default_cause: ClassVar[str] = "closed"

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        side: Side | None = None,
        server_text: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, side=side, server_text=server_text, retryable=retryable)
        self.cause = cause or self.default_cause

    @property
    def details(self) -> Mapping[str, str]:
        """Give the cause."""
        return {"cause": self.cause}


class TimedOut(ConnectionFailed):
    """The server sent nothing for the whole timeout."""

    default_code = "timeout"
    default_cause = "timeout"


class AddressAvoided(ConnectionFailed):
    """All addresses of the host lie in networks that are not to be connected to; nothing was sent."""

    default_code = "address_avoided"
    default_retryable = False
    default_cause = "avoided"


class AskedToWait(ConnectionFailed):
    """The server refused something for now. The connection is given up: nothing else may be asked of it.

    wait_s: how long it told us to stay away, None when it did not tell. bare: only a response code says so.
    """

    default_code = "throttled"

    def __init__(
        self,
        message: str,
        *,
        wait_s: float | None,
        bare: bool = False,
        side: Side | None = None,
        server_text: str = "",
    ) -> None:
        super().__init__(message, side=side, server_text=server_text)
        self.wait_s = wait_s
        self.bare = bare


class SignedOut(ConnectionFailed):
    """The server ended a login whose token can be had anew; the connection is given up."""


class Parked(SyncError):
    """A server wants to be left alone for longer than the run may wait. run_again_at: when, epoch seconds."""

    default_code = "parked"

    def __init__(
        self, message: str, *, run_again_at: float, side: Side | None = None, server_text: str = ""
    ) -> None:
        super().__init__(message, side=side, server_text=server_text)
        self.run_again_at = run_again_at

    @property
    def details(self) -> Mapping[str, str]:
        """When to run again, ISO 8601 in UTC, and the server's words."""
        from datetime import UTC, datetime

        at = datetime.fromtimestamp(self.run_again_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"run_again_at": at, "server_text": self.server_text}


class TlsFailed(SyncError):
    """The TLS handshake failed: usually the port does not speak TLS."""

    default_code = "tls"


class StarttlsMissing(TlsFailed):
    """STARTTLS was asked for and the server does not offer it (or someone removed the offer)."""

    default_code = "starttls_missing"


class CertificateProblem(TlsFailed):
    """The server's certificate is not accepted. `certificate` says whose it is; nothing secret was sent."""

    def __init__(
        self, message: str, *, certificate: CertificateInfo | None = None, side: Side | None = None
    ) -> None:
        super().__init__(message, side=side)
        self.certificate = certificate

    @property
    def details(self) -> Mapping[str, str]:
        """Subject, issuer, expiry and fingerprint, when the certificate could be read."""
        return {} if self.certificate is None else self.certificate.as_details()


class CertificateUntrusted(CertificateProblem):
    """No accepted authority signed it for this host name, or it has not the required fingerprint."""

    default_code = "certificate_untrusted"


class CertificateChanged(CertificateProblem):
    """The certificate is not the one remembered for this server (trust on first use)."""

    default_code = "certificate_changed"


class LoginFailed(SyncError):
    """Base of login failures."""

    default_code = "authentication"


class AuthenticationFailed(LoginFailed):
    """The server refused the user name or the password."""


class TokenRefused(AuthenticationFailed):
    """The server refused an access token; `code` says why. status, scope: the words of its JSON, or ""."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: str = "",
        scope: str = "",
        side: Side | None = None,
        server_text: str = "",
    ) -> None:
        super().__init__(message, side=side, code=code, server_text=server_text)
        self.status = status
        self.scope = scope

    @property
    def details(self) -> Mapping[str, str]:
        """What the server said of the token."""
        words = {"token_status": self.status, "token_scope": self.scope}
        return {name: word for name, word in words.items() if word}


class SecretUnavailable(AuthenticationFailed):
    """Who was to give the password or token gave none.

    A callable of a Secret may raise it: its text is shown, that of any other exception is not.
    """

    default_code = "token_unavailable"


class LoginDropped(LoginFailed):
    """The server closed while we logged in (Dovecot: unknown user with a valid master password)."""

    default_code = "login_dropped"
    default_retryable = True


class PlaintextRefused(LoginFailed):
    """The server refuses passwords on an unencrypted connection."""

    default_code = "plaintext_refused"


class CommandRefused(SyncError):
    """The server answered NO or BAD.

    status: "NO" or "BAD". verb: the command, such as "APPEND". response_code: the server's code in capitals,
    such as "OVERQUOTA" or "TRYCREATE", "" when there is none.
    """

    default_code = "protocol"

    def __init__(
        self,
        message: str,
        *,
        status: str,
        verb: str,
        response_code: str = "",
        side: Side | None = None,
        code: str | None = None,
        server_text: str = "",
    ) -> None:
        retryable = response_code in RETRYABLE_RESPONSE_CODES
        super().__init__(
            message,
            side=side,
            code=code or refusal_code(verb, response_code, server_text),
            server_text=server_text,
            retryable=retryable,
        )
        self.status = status
        self.verb = verb
        self.response_code = response_code


class NotSentAgain(CommandRefused):
    """A command over which the connection ended each time: we refuse it ourselves, in the server's place."""


class AnswerUnusable(CommandRefused):
    """The server did what was asked and what it told of it cannot be read, or cannot be true.

    For who asked it is as a refusal: to be asked otherwise, or to be reported.
    """

    def __init__(self, verb: str, why: str, *, side: Side | None = None, server_text: str = "") -> None:
        super().__init__(
            f"the answer to {verb} cannot be used: {why}",
            status="OK",
            verb=verb,
            side=side,
            server_text=server_text,
        )


class MessageGone(SyncError):
    """The message was expunged before its body was read."""

    default_code = "fetch"


class ProtocolViolation(SyncError):
    """The server sent what is not IMAP, or exceeded a limit; the connection is closed."""

    default_code = "protocol"


#: RFC 5530 codes after which the same command may succeed later.
RETRYABLE_RESPONSE_CODES = frozenset({"UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "THROTTLED"})

_CODE_BY_VERB = {
    "APPEND": "append",
    "CREATE": "folder_create",
    "SELECT": "select",
    "EXAMINE": "select",
    "UID FETCH": "fetch",
    "FETCH": "fetch",
}
_VIRUS_WORDS = ("virus", "malware", "infected")
_QUOTA_WORDS = ("over quota", "overquota", "quota exceeded", "mailbox full", "mailbox is full")


def refusal_code(verb: str, response_code: str, server_text: str) -> str:
    """Give the stable error code of a refused command.

    Servers older than RFC 5530 say "over quota" and "virus" in words only, therefore the text is looked at
    too.
    """
    text = server_text.lower()
    if "authenticated but not connected" in text:
        return "not_connected"  # Exchange Online
    if response_code == "OVERQUOTA" or any(word in text for word in _QUOTA_WORDS):
        return "overquota"
    if verb == "APPEND" and any(word in text for word in _VIRUS_WORDS):
        return "virus"
    return _CODE_BY_VERB.get(verb, "protocol")
