"""A small blocking IMAP client for tests: fills and reads accounts without the engine, to judge it."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_FETCH = re.compile(
    rb"\* \d+ FETCH \((?=.*?UID (\d+))(?=.*?FLAGS \(([^)]*)\))(?=.*?INTERNALDATE \"([^\"]*)\")"
    rb".*?BODY\[\] (NIL|\"\"|\{\d+\})",
    re.DOTALL,
)
_DATE = re.compile(rb" ?(\d+)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
#: Bytes of messages in one MULTIAPPEND while filling.
_BATCH_BYTES = 4_000_000


class NewMessage(NamedTuple):
    r"""A message to put into an account: CRLF content, flags such as "\Seen", arrival in epoch seconds."""

    content: bytes
    flags: tuple[str, ...] = ()
    internaldate: int = 1_600_000_000


class StoredMessage(NamedTuple):
    """A message as the server gives it: what must be equal on both sides."""

    sha256: str
    flags: frozenset[str]
    internaldate: int


class ClientError(Exception):
    """The server answered NO or BAD, or closed."""


class Client:
    """One connection; `command` gives the untagged lines (literals inside), ClientError on NO and BAD."""

    def __init__(self, host: str, port: int, *, tls: bool = False, timeout_s: float = 60) -> None:
        raw = socket.create_connection((host, port), timeout=timeout_s)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            raw = context.wrap_socket(raw, server_hostname=host)
        self._socket = raw
        self._file = raw.makefile("rb", buffering=1 << 18)
        self._count = 0
        self.greeting = self._file.readline()
        self.capabilities: frozenset[str] = frozenset()

    def login(self, user: str, password: str) -> Self:
        """Log in with literals, so that any character works."""
        self._count += 1
        self._socket.sendall(b"a%d LOGIN {%d}\r\n" % (self._count, len(user.encode())))
        self._expect_continuation()
        self._socket.sendall(user.encode() + b" {%d}\r\n" % len(password.encode()))
        self._expect_continuation()
        self._socket.sendall(password.encode() + b"\r\n")
        self._finish()
        lines = self.command(b"CAPABILITY")
        self.capabilities = frozenset(" ".join(line.decode() for line in lines).upper().split())
        return self

    def command(self, line: bytes) -> list[bytes]:
        """Send one line, give the untagged responses without their final CRLF."""
        self._count += 1
        self._socket.sendall(b"a%d %s\r\n" % (self._count, line))
        return self._finish()

    def folders(self) -> list[bytes]:
        """Give the raw names of the selectable folders."""
        names = []
        for line in self.command(b'LIST "" "*"'):
            match = re.match(rb'\* LIST \(([^)]*)\) (?:"(?:\\.|[^"])*"|NIL) (.*)\Z', line, re.DOTALL)
            if match and b"\\noselect" not in match[1].lower() and b"\\nonexistent" not in match[1].lower():
                names.append(_unquote(match[2]))
        return names

    def append(self, folder: bytes, messages: Sequence[NewMessage], *, create: bool = True) -> None:
        """Put messages into a folder, fast where the server allows; creates the folder."""
        if create and folder.upper() != b"INBOX":
            try:
                self.command(b"CREATE " + _quote(folder))
            except ClientError as error:
                if "exist" not in str(error).lower():
                    raise
        # Only the selected mailbox is fast to append to in Dovecot.
        self.command(b"SELECT " + _quote(folder))
        if {"MULTIAPPEND", "LITERAL+"} <= self.capabilities:
            for batch in _batches(messages):
                self._count += 1
                head = b"a%d APPEND %s" % (self._count, _quote(folder))
                parts = [head]
                for message in batch:
                    parts += (_append_options(message), b"{%d+}\r\n" % len(message.content), message.content)
                parts.append(b"\r\n")
                self._socket.sendall(b"".join(parts))
                self._finish()
            return
        for message in messages:
            self._count += 1
            options = _append_options(message)
            self._socket.sendall(
                b"a%d APPEND %s%s{%d}\r\n" % (self._count, _quote(folder), options, len(message.content))
            )
            self._expect_continuation()
            self._socket.sendall(message.content + b"\r\n")
            self._finish()

    def read_folder(
        self, folder: bytes, normal: Callable[[bytes], bytes] | None = None
    ) -> Iterator[tuple[int, StoredMessage]]:
        """Give (UID, message) of each message of a folder; `normal` makes contents comparable."""
        self.command(b"EXAMINE " + _quote(folder))
        if not self._exists:
            return
        for line in self._stream(b"FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"):
            match = _FETCH.match(line)
            if match is None:
                continue
            length = int(match[4][1:-1]) if match[4].startswith(b"{") else 0
            start = match.end() + 2
            content = line[start : start + length]
            digest = hashlib.sha256(normal(content) if normal is not None else content).hexdigest()
            flags = frozenset(
                flag.decode(errors="backslashreplace")
                for flag in match[2].split()
                if flag.lower() != b"\\recent"
            )
            yield int(match[1]), StoredMessage(digest, flags, parse_date(match[3]))

    def close(self) -> None:
        """End the connection without LOGOUT's wait."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    _exists = 0

    def _response(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ClientError("connection closed: " + line.decode(errors="replace"))
        match = _LITERAL.search(line)
        if match is None:
            return line[:-2]
        parts = [line]
        while match:
            parts.append(self._file.read(int(match[1])))
            parts.append(self._file.readline())
            match = _LITERAL.search(parts[-1])
        return b"".join(parts)[:-2]

    def _expect_continuation(self) -> None:
        line = self._response()
        while line.startswith(b"* "):
            line = self._response()
        if not line.startswith(b"+"):
            raise ClientError(line.decode(errors="replace"))

    def _finish(self) -> list[bytes]:
        untagged = list(self._untagged())
        for line in untagged:
            if line.endswith(b" EXISTS"):
                self._exists = int(line.split()[1])
        return untagged

    def _stream(self, line: bytes) -> Iterator[bytes]:
        """Send a command and give its untagged responses while they come; to be exhausted."""
        self._count += 1
        self._socket.sendall(b"a%d %s\r\n" % (self._count, line))
        return self._untagged()

    def _untagged(self) -> Iterator[bytes]:
        tag = b"a%d " % self._count
        while not (line := self._response()).startswith(tag):
            yield line
        if not line[len(tag) :].upper().startswith(b"OK"):
            raise ClientError(line[len(tag) :].decode(errors="replace"))


def parse_date(raw: bytes) -> int:
    """Turn an INTERNALDATE into epoch seconds."""
    match = _DATE.fullmatch(raw)
    if match is None:
        raise ClientError(f"not a date: {raw!r}")
    month = _MONTHS.index(match[2].decode().capitalize()) + 1
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    offset = (int(match[8]) * 60 + int(match[9])) * 60 * (1 if match[7] == b"+" else -1)
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) - offset


def format_date(epoch_s: int) -> str:
    """Turn epoch seconds into an INTERNALDATE in UTC."""
    moment = time.gmtime(epoch_s)
    clock = time.strftime("%H:%M:%S", moment)
    return f"{moment.tm_mday:02d}-{_MONTHS[moment.tm_mon - 1]}-{moment.tm_year} {clock} +0000"


def _append_options(message: NewMessage) -> bytes:
    return f' ({" ".join(message.flags)}) "{format_date(message.internaldate)}" '.encode()


def _batches(messages: Iterable[NewMessage]) -> Iterator[list[NewMessage]]:
    batch: list[NewMessage] = []
    size = 0
    for message in messages:
        if batch and size + len(message.content) > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.content)
    if batch:
        yield batch


def _quote(name: bytes) -> bytes:
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _unquote(raw: bytes) -> bytes:
    if raw.startswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", raw[1:-1])
    if raw.startswith(b"{"):
        return raw.split(b"\r\n", 1)[1]
    return raw
