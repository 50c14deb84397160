"""What all commands of a session stand on: its state, how it follows the server, how commands are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from imapsync.session.pending import Pending
from imapsync.wire.command import Command, LiteralMode
from imapsync.wire.parser import capability_names
from imapsync.wire.responses import (
    Capabilities,
    Enabled,
    Exists,
    Expunge,
    ServerId,
    Status,
    Unknown,
    Unreadable,
    Vanished,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imapsync.session.answers import Selected
    from imapsync.session.breaking import Breaking
    from imapsync.session.certificate import CertificateInfo
    from imapsync.session.endpoint import Endpoint
    from imapsync.session.link import Link, Traffic
    from imapsync.terms import Side
    from imapsync.wire.responses import Response, Tagged

T = TypeVar("T")


class SessionBase:
    """One logged-in connection. Made by `open_session`.

    capabilities: in capitals, as of now. enabled: what ENABLE switched on. selected: the mailbox in use.
    exists: its number of messages, kept up to date; most_exists: the highest since it was opened.
    message_limit: how many messages one command may be about (RFC 9738), None without such a limit.
    certificate: None without TLS. security: in use, "tls",
    "starttls" or "none". tls_protocol: such as "TLSv1.3". mechanism: how we logged in, "" when nobody did.
    warnings: sentences about the connection.
    """

    def __init__(self, link: Link, endpoint: Endpoint, capabilities: frozenset[str]) -> None:
        self.endpoint = endpoint
        self.capabilities = capabilities
        self.enabled: frozenset[str] = frozenset()
        self.greeting = ""
        self.certificate: CertificateInfo | None = None
        self.security = "none"
        self.tls_protocol = ""
        self.mechanism = ""
        self.warnings: list[str] = []
        self.server_id: dict[str, str] = {}
        self.selected: Selected | None = None
        self.exists = self.most_exists = 0
        self.message_limit: int | None = None
        #: Told of each response that could not be read; until it is set they go to the warnings.
        self.on_odd: Callable[[Unreadable], None] | None = None
        #: How many responses came that told nobody anything: what they should have told may be asked again.
        self.strange = 0
        self._link = link
        self._mode = LiteralMode.of(capabilities)

    # -- the connection

    @property
    def side(self) -> Side | None:
        """Which server."""
        return self._link.side

    @property
    def counters(self) -> Traffic:
        """Bytes, commands and round trips so far."""
        return self._link.counters

    def share(self, breaking: Breaking) -> None:
        """Refuse what connections to this server ended over before, and learn what this one ends over."""
        self._link.breaking = breaking

    @property
    def usable(self) -> bool:
        """Whether commands can still be sent."""
        return self._link.error is None

    def clean(self, text: str) -> str:
        """Take what we logged in with out of a text of the server."""
        return self._link.redactor.clean(text)

    def has(self, capability: str) -> bool:
        """Tell whether the server announced a capability (in capitals)."""
        return capability in self.capabilities

    @property
    def append_limit(self) -> int | None:
        """The largest message that the server takes, in bytes, None when it does not say (RFC 7889 §3)."""
        for name in self.capabilities:
            number = name.removeprefix("APPENDLIMIT=")
            if number != name and number.isdigit():
                return int(number)
        return None

    def noop(self) -> Pending[None]:
        """NOOP."""
        return self._send(self._command(b"NOOP"))

    def enable(self, *names: str) -> Pending[frozenset[str]]:
        """ENABLE (RFC 5161): switch on extensions; gives what the server switched on."""
        found: set[str] = set()

        def consume(response: Response) -> bool:
            if isinstance(response, Enabled):
                found.update(response.names)
                return True
            return False

        def finish(_: Tagged) -> frozenset[str]:
            switched_on = frozenset(found)
            self.enabled |= switched_on
            return switched_on

        command = self._command(b"ENABLE").phrase(" ".join(names).encode("ascii"))
        return self._link.submit(Pending("ENABLE", finish, consume), command)

    def identify(self, fields: Iterable[tuple[str, str]]) -> Pending[None]:
        """ID (RFC 2971): say who we are; the server's answer goes to server_id."""

        def consume(response: Response) -> bool:
            if isinstance(response, ServerId):
                self.server_id = dict(response.fields)
                return True
            return False

        return self._send(self._command(b"ID").pairs(fields), consume=consume)

    def bound_waiting(self, waiting_bytes: int) -> None:
        """Read on only while fewer received bytes wait for who asked for them."""
        self._link.gate.bound(waiting_bytes)

    async def drain(self) -> None:
        """Wait until little is left to be sent; call it between large appends."""
        await self._link.outbox.drain()

    async def logout(self) -> None:
        """Say LOGOUT and close, not waiting for the farewell.

        An APPEND that was not answered is given up as with abort(): it must not arrive later, unseen.
        """
        if any(pending.verb == "APPEND" for pending in self._link.in_flight.values()):
            self._link.abort()
        else:
            if self._link.error is None:
                self._send(self._command(b"LOGOUT"))
            self._link.abort_politely()
        await self._link.closed()

    def abort(self) -> None:
        """Close the socket now; everything in flight fails."""
        self._link.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.logout()

    # -- inside

    def _command(self, verb: bytes) -> Command:
        return Command(verb, self._mode, binary="BINARY" in self.capabilities)

    def _send(
        self, command: Command, consume: Callable[[Response], bool] | None = None, *, about: bytes = b""
    ) -> Pending[None]:
        """Send a command that gives nothing; about: the folder, as it is sent, where it is about one."""
        pending: Pending[None] = Pending(command.verb.decode("ascii"), lambda _: None, consume)
        pending.subject = about
        return self._link.submit(pending, command)

    def _one(self, command: Command, kind: type[T], default: T) -> Pending[T]:
        found: list[T] = []

        def consume(response: Response) -> bool:
            if isinstance(response, kind):
                found[:] = [response]
                return True
            return False

        pending = Pending(command.verb.decode("ascii"), lambda _: found[-1] if found else default, consume)
        return self._link.submit(pending, command)

    def _is_first(self, pending: object) -> bool:
        return next(iter(self._link.in_flight.values()), None) is pending

    def observe(self, response: Response) -> None:
        """Follow what the server says on its own account."""
        if isinstance(response, Exists):
            self._set_exists(response.messages)
        elif isinstance(response, Expunge):
            self.exists = max(0, self.exists - 1)
        elif isinstance(response, Vanished) and not response.earlier:
            self.exists = max(0, self.exists - len(response.uids))
        elif isinstance(response, Unreadable):
            self.strange += 1
            self._tell_odd(response)
        elif isinstance(response, Unknown):
            self.strange += 1
        elif isinstance(response, Capabilities):
            self.set_capabilities(response.names)
        elif (
            isinstance(response, Status) and response.code is not None and response.code.name == "CAPABILITY"
        ):
            self.set_capabilities(capability_names(response.code.arguments))

    def set_capabilities(self, names: frozenset[str]) -> None:
        """Take the server's present capabilities."""
        self.capabilities = names - self.ignored_capabilities
        self._mode = LiteralMode.of(self.capabilities)
        limits = [
            int(limit)
            for name in self.capabilities
            if (limit := name.removeprefix("MESSAGELIMIT=")).isdigit()
        ]
        self.message_limit = max(1, min(limits)) if limits else None

    def _set_exists(self, messages: int) -> None:
        self.exists = messages
        self.most_exists = max(self.most_exists, messages)
        self._link.expect_numbers(2 * self.most_exists)

    def _tell_odd(self, odd: Unreadable) -> None:
        if self.on_odd is not None:
            self.on_odd(odd)
        else:
            self.warnings.append(odd_sentence(odd))

    #: Capabilities to act without, whatever the server announces.
    ignored_capabilities: frozenset[str] = frozenset()


#: So much of a line that cannot be read is shown.
_SHOWN_CHARS = 80


def odd_sentence(odd: Unreadable) -> str:
    """Say for people what could not be read."""
    shown = odd.line.decode("utf-8", "replace")
    shown = shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"
    return f"the server sent what is not IMAP ({odd.why}): {shown!r}"
