"""Hand messages to a server's local delivery: LMTP (RFC 2033), one recipient, over one connection.

The standard library's client does the talking, so every call here blocks; callers use a thread.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
from typing import IO, TYPE_CHECKING

from imapsync.session.certificate import describe
from imapsync.session.connect import tls_context
from imapsync.session.endpoint import Security
from imapsync.session.errors import SyncError
from imapsync.session.trust import Judge
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync.session.endpoint import Endpoint

#: What is read and sent at once.
PIECE_BYTES = 64 * 1024
#: How long the answer to a message may take: the delivery runs the user's script before it answers.
ANSWER_S = 600.0
#: How long any other answer may take.
COMMAND_S = 60.0
_MOST_TEXT = 300
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(?<=\n)\.")
#: Where these are asked for, nothing goes in clear.
_REQUIRED = (Security.TLS, Security.STARTTLS)


class NotDelivered(Exception):  # noqa: N818 - what became of a message
    """The server did not take a message. code: its reply code, 0 when it could not be asked.

    unknown: whether it may have been delivered all the same: the connection was lost before the answer.
    """

    def __init__(self, text: str, code: int = 0, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.unknown = unknown


class _LostBefore(Exception):  # noqa: N818 - a signal between two attempts, never seen outside
    """A connection that had been used was lost before the message was complete."""


class Lmtp:
    """One connection to an LMTP service, made when it is needed and made anew when it is lost.

    STARTTLS is used where it is offered, and the certificate judged as the endpoint says. Without it only
    this machine is spoken to, and private networks where the endpoint does not require TLS.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: smtplib.LMTP | None = None
        self._ended = False

    def deliver(self, sender: str, recipient: str, message: IO[bytes], size: int) -> None:
        """Deliver one message of `size` bytes from where the file stands; the server has taken it then.

        sender, recipient: addresses without white space and brackets. Raises NotDelivered; after a refusal
        the connection goes on.
        """
        start = message.tell()
        used = self._client is not None
        try:
            self._deliver(sender, recipient, message, size)
        except _LostBefore as lost:
            # A server may close a connection that was at rest.
            if not used:
                raise NotDelivered(str(lost)) from None
            message.seek(start)
            try:
                self._deliver(sender, recipient, message, size)
            except _LostBefore as again:
                raise NotDelivered(str(again)) from None

    def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.quit()

    def abort(self) -> None:
        """Let a delivery under way in another thread fail, and none begin any more."""
        self._ended = True
        client = self._client
        if client is not None and client.sock is not None:
            # Not close: whoever reads holds the stream. Not SSLSocket.shutdown: it leaves TLS first.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(client.sock, socket.SHUT_RDWR)

    def _deliver(self, sender: str, recipient: str, message: IO[bytes], size: int) -> None:
        client = self._ready()
        try:
            self._envelope(client, sender, recipient, size)
            for piece in _dotted(message):
                client.send(piece)
            self._check_ended()
        except OSError as error:
            self._drop()
            raise _LostBefore(_words(error)) from None
        try:
            assert client.sock is not None  # noqa: S101 - it has just been spoken over
            client.sock.settimeout(ANSWER_S)
            client.send(b".\r\n")
            code, text = client.getreply()
            if client.sock is not None:
                client.sock.settimeout(COMMAND_S)
        except OSError as error:
            self._drop()
            raise NotDelivered(_words(error), unknown=True) from None
        if code // 100 == 2:
            return
        if code // 100 not in (4, 5):
            self._drop()
            raise NotDelivered(_told(code, text), unknown=True)
        raise NotDelivered(_told(code, text), code)

    def _envelope(self, client: smtplib.LMTP, sender: str, recipient: str, size: int) -> None:
        """Go as far as the message itself; the words are ours, because the library rewrites addresses."""
        options = f" SIZE={size}" * client.has_extn("size") + " BODY=8BITMIME" * client.has_extn("8bitmime")
        code, text = client.docmd("MAIL", f"FROM:<{sender}>{options}")
        if code // 100 == 5 and sender:
            client.rset()
            code, text = client.docmd("MAIL", f"FROM:<>{options}")
        if code == 250:
            code, text = client.docmd("RCPT", f"TO:<{recipient}>")
        if code == 250:
            code, text = client.docmd("DATA")
        if code == 354:
            return
        if code in (421, -1):
            raise ConnectionResetError(_told(code, text))
        client.rset()
        raise NotDelivered(_told(code, text), code)

    def _ready(self) -> smtplib.LMTP:
        if self._client is None:
            try:
                self._check_ended()
                self._client = self._connect()
                self._check_ended()
            except (OSError, SyncError) as error:
                self._drop()
                raise NotDelivered(f"no LMTP at {self._where}: {_words(error)}") from None
        return self._client

    def _check_ended(self) -> None:
        if self._ended:
            raise ConnectionAbortedError("the run ends")

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _where(self) -> str:
        return f"{self._endpoint.host}:{self._endpoint.port}"

    def _connect(self) -> smtplib.LMTP:
        client = self._greeted()
        try:
            if not client.has_extn("starttls"):
                self._check_clear(client)
                return client
            judge = Judge(self._endpoint, Side.DESTINATION)
            while not self._secured(client, judge):
                client.close()
                client = self._greeted()
        except BaseException:
            client.close()
            raise
        return client

    def _greeted(self) -> smtplib.LMTP:
        endpoint = self._endpoint
        client = smtplib.LMTP(endpoint.host, endpoint.port, timeout=endpoint.connect_timeout_s or COMMAND_S)
        try:
            assert client.sock is not None  # noqa: S101 - it is connected
            client.sock.settimeout(COMMAND_S)
            self._greet(client)
        except BaseException:
            client.close()
            raise
        return client

    @staticmethod
    def _greet(client: smtplib.LMTP) -> None:
        """Say LHLO. A server of SMTP refuses it, and what it takes is only queued."""
        code, text = client.ehlo()
        if code != 250:
            raise ConnectionRefusedError(f"it does not speak LMTP: {_told(code, text)}")

    def _check_clear(self, client: smtplib.LMTP) -> None:
        assert client.sock is not None  # noqa: S101 - it has just been spoken over
        peer = ipaddress.ip_address(client.sock.getpeername()[0].split("%")[0])
        if not peer.is_loopback and (self._endpoint.security in _REQUIRED or not peer.is_private):
            raise ConnectionRefusedError("it offers no STARTTLS")

    def _secured(self, client: smtplib.LMTP, judge: Judge) -> bool:
        """Begin TLS and have the certificate judged; false: connect again and look the other way."""
        try:
            client.starttls(context=tls_context(self._endpoint, verify=judge.verifies))
        except ssl.SSLCertVerificationError as error:
            judge.refused_by_authorities(error.verify_message)
            return False
        assert isinstance(client.sock, ssl.SSLSocket)  # noqa: S101 - what STARTTLS has made
        if judge.accept(describe(client.sock.getpeercert(binary_form=True) or b"")) is None:
            return False
        self._greet(client)
        return True


def _dotted(message: IO[bytes]) -> Iterator[bytes]:
    """Give a message as DATA wants it (RFC 5321 §4.5.2): lines end with CRLF, a first dot is doubled."""
    begins = True
    while piece := message.read(PIECE_BYTES):
        if piece.endswith(b"\r"):
            piece += message.read(1)
        piece = _DOT.sub(b"..", _LINE_END.sub(b"\r\n", piece))
        yield b"." + piece if begins and piece.startswith(b".") else piece
        begins = piece.endswith(b"\n")
    if not begins:
        yield b"\r\n"


def _told(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}".replace("\n", " ")[:_MOST_TEXT]


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:_MOST_TEXT]
