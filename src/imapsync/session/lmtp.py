"""Hand messages to a server's local delivery: LMTP (RFC 2033), one recipient, over one connection.

The standard library's client does the talking, so every call here blocks; callers use a thread.
"""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import IO, TYPE_CHECKING

from imapsync.session.certificate import describe
from imapsync.session.connect import tls_context
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
_HEADER_BYTES = 64 * 1024
_ACCEPTED, _START_INPUT = 250, 354
_MOST_TEXT = 300
#: Whom an answer to the message would go to, the surest first.
_SENDERS = ("return-path", "sender", "from")


class NotDelivered(Exception):  # noqa: N818 - what became of a message
    """The server did not take a message. code: its reply code, 0 when it could not be asked.

    unknown: whether it may have been delivered all the same: the connection was lost before the answer.
    """

    def __init__(self, text: str, code: int = 0, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.unknown = unknown


class Lmtp:
    """One connection to an LMTP service, made when it is needed and made anew when it is lost.

    STARTTLS is used where it is offered, and the certificate judged as the endpoint says. In clear text it
    speaks only to this machine and to private networks.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: smtplib.LMTP | None = None

    def deliver(self, sender: str, recipient: str, message: IO[bytes], size: int) -> str:
        """Deliver one message of `size` bytes from where the file stands; give the server's words.

        Raises NotDelivered; after a refusal the connection goes on.
        """
        client = self._ready()
        data_sent = False
        try:
            options = [f"SIZE={size}"] if client.has_extn("size") else []
            options += ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
            self._expect(client.mail(sender, options), _ACCEPTED)
            self._expect(client.rcpt(recipient), _ACCEPTED)
            self._expect(client.docmd("DATA"), _START_INPUT)
            for piece in _dotted(message):
                client.send(piece)
            data_sent = True
            client.send(b".\r\n")
            return self._expect(client.getreply(), _ACCEPTED)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.abort()
            raise NotDelivered(_words(error), unknown=data_sent) from None

    def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()

    def abort(self) -> None:
        """Drop the connection; a delivery under way in another thread ends."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError):
                client.close()

    def _expect(self, reply: tuple[int, bytes], wanted: int) -> str:
        code, text = reply
        words = text.decode("utf-8", "replace").replace("\n", " ")[:_MOST_TEXT]
        if code == wanted:
            return f"{code} {words}"
        if self._client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._client.rset()
        raise NotDelivered(f"{code} {words}", code)

    def _ready(self) -> smtplib.LMTP:
        if self._client is None:
            try:
                self._client = self._connect()
            except (OSError, smtplib.SMTPException, SyncError) as error:
                raise NotDelivered(f"no LMTP at {self._where}: {_words(error)}") from None
        return self._client

    @property
    def _where(self) -> str:
        return f"{self._endpoint.host}:{self._endpoint.port}"

    def _connect(self) -> smtplib.LMTP:
        endpoint = self._endpoint
        client = self._greeted(endpoint)
        try:
            if not client.has_extn("starttls"):
                assert client.sock is not None  # noqa: S101 - it has just been spoken over
                peer = client.sock.getpeername()[0]
                if not ipaddress.ip_address(peer.split("%")[0]).is_private:
                    raise OSError("it offers no STARTTLS")  # noqa: TRY301 - ends as any other failure
                return client
            judge = Judge(endpoint, Side.DESTINATION)
            while not self._secured(client, judge):
                client.close()
                client = self._greeted(endpoint)
        except BaseException:
            client.close()
            raise
        return client

    def _greeted(self, endpoint: Endpoint) -> smtplib.LMTP:
        client = smtplib.LMTP(endpoint.host, endpoint.port, timeout=endpoint.connect_timeout_s or ANSWER_S)
        assert client.sock is not None  # noqa: S101 - it is connected
        client.sock.settimeout(ANSWER_S)
        client.ehlo_or_helo_if_needed()
        return client

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
        client.ehlo_or_helo_if_needed()
        return True


def envelope_sender(head: bytes) -> str:
    """Give the address an answer would go to (RFC 5321 §4.4 Return-Path, else who wrote it), "" for nobody.

    head: the beginning of the message. An address that is not US-ASCII is nobody's.
    """
    header = message_from_bytes(head[:_HEADER_BYTES], policy=policy.compat32)
    for name in _SENDERS:
        value = header.get(name)
        if value is None:
            continue
        address = parseaddr(str(value))[1]
        usable = address.isascii() and address.isprintable() and not any(char in address for char in " <>")
        return address if usable and ("@" in address or not address) else ""
    return ""


def _dotted(message: IO[bytes]) -> Iterator[bytes]:
    """Give a message as DATA wants it (RFC 5321 §4.5.2): lines end with CRLF, a first dot is doubled."""
    pieces: list[bytes] = []
    size, begins, last = 0, True, b""
    while line := message.readline(PIECE_BYTES):
        if begins and line.startswith(b"."):
            line = b"." + line
        before = line[-2:-1] or last
        last = line[-1:]
        begins = last == b"\n"
        if begins and before != b"\r":
            line = line[:-1] + b"\r\n"
        pieces.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    if not begins:
        pieces.append(b"\r\n")
    yield b"".join(pieces)


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:_MOST_TEXT]
