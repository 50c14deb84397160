"""Waiting for what the server has to tell: IDLE (RFC 2177) and NOTIFY (RFC 5465)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from imapsync.session.base import SessionBase
from imapsync.session.pending import Pending
from imapsync.wire.responses import Exists, MailboxStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.wire.responses import Response


class Idling(Pending[None]):
    """An IDLE under way. Await it for its end: after `end`, or when the server ends it of its own."""

    __slots__ = ("_asked", "_said", "_write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__("IDLE", lambda _: None)
        self._write = write
        #: Whether its end was asked for, and whether the server has been told.
        self._asked = self._said = False
        self.on_continuation = self._goes_on

    def end(self) -> None:
        """Send DONE, at once or as soon as the server has said "+"; the answer then has to come in time."""
        if not self.done:
            self._asked = True
            if self.resting:
                self._say_done()

    def _goes_on(self, _text: bytes) -> None:
        """Rest from the server's first "+" on; some say "+ still here" now and then."""
        if self._asked and not self._said:
            self._say_done()
        elif not self._asked:
            self.resting = True

    def _say_done(self) -> None:
        self.resting = False
        self._said = True
        self._write(b"DONE\r\n")


class IdleCommands(SessionBase):
    """IDLE and NOTIFY. on_arrival is called for each message, or group of them, that the server tells of."""

    on_arrival: Callable[[], None] | None = None
    #: The highest UIDNEXT that NOTIFY told of each folder.
    _told: dict[bytes, int] | None = None

    def idle(self) -> Idling:
        """IDLE: no other command may be sent before it has ended; it needs a selected mailbox."""
        pending = Idling(self._link.write)
        self._link.submit(pending, self._command(b"IDLE"))
        return pending

    def keep_alive(self, seconds: int) -> None:
        """Have the kernel ask every so many seconds of silence whether the other end is there, four times."""
        connected = self._link.transport.get_extra_info("socket")
        if connected is not None and self.endpoint.keepalive:
            for option, value in (
                ("TCP_KEEPIDLE", seconds),
                ("TCP_KEEPINTVL", seconds // 4),
                ("TCP_KEEPCNT", 4),
            ):
                if hasattr(socket, option):
                    connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def notify(self) -> Pending[None]:
        """NOTIFY: let the server tell of mail in all of the user's folders, also while the session rests."""
        self._told = {}
        wanted = b"(MessageNew MessageExpunge)"
        # RFC 5465 §5.1: MessageNew never comes without MessageExpunge.
        command = self._command(b"NOTIFY").phrase(
            b"SET (SELECTED " + wanted + b") (PERSONAL " + wanted + b")"
        )
        return self._send(command)

    def observe(self, response: Response) -> None:
        """Follow what the server says on its own account, and tell of mail."""
        before = self.exists
        super().observe(response)
        if self.on_arrival is None:
            return
        if isinstance(response, Exists):
            if response.messages > before:
                self.on_arrival()
        elif isinstance(response, MailboxStatus) and self._told is not None:
            uidnext = response.items.uidnext
            if uidnext is not None and uidnext > self._told.get(response.name.raw, 0):
                self._told[response.name.raw] = uidnext
                self.on_arrival()
