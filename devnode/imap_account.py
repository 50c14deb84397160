"""A small IMAP reader and writer on the standard library's imaplib, independent of the engine it checks."""

from __future__ import annotations

import base64
import hashlib
import imaplib
import re
import ssl
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

imaplib._MAXLINE = 100_000_000  # type: ignore[attr-defined]  # noqa: SLF001 - a FETCH of a whole folder is one answer

FETCH_BATCH: Final = 50
"""Messages asked for in one FETCH: with attachments of 20 MB among them, the answer stays in memory."""

LIST_LINE: Final = re.compile(
    rb'^\((?P<flags>[^)]*)\) (?P<separator>NIL|"(?:\\.|[^"])*") (?P<name>.*)$', re.DOTALL
)
FETCH_LINE: Final = re.compile(rb'FLAGS \((?P<flags>[^)]*)\).*?INTERNALDATE (?P<date>"[^"]+")', re.DOTALL)

Copy = tuple[str, frozenset[str], int]
"""What makes two messages equal: SHA-256 of the content, flags without \\Recent, internal date (Unix)."""

Snapshot = dict[tuple[str, ...], Counter[Copy]]
"""An account: its folders by path (prefix removed), each with a count of equal messages."""


class MailboxError(Exception):
    """The server refused a command; the text is its answer."""


REFUSED: Final = (OSError, imaplib.IMAP4.error)
"""What logging in raises while a server is not ready or refuses."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where an account is and how to enter: `security` is "tls" (STARTTLS), "ssl" or ""."""

    host: str
    port: int
    user: str
    password: str
    security: str = "tls"


def encode_name(name: str) -> str:
    """Give a folder name in modified UTF-7 (RFC 3501 §5.1.3)."""
    parts: list[str] = []
    for piece in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name):
        if piece.isascii() and piece.isprintable():
            parts.append(piece.replace("&", "&-"))
        else:
            encoded = base64.b64encode(piece.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            parts.append(f"&{encoded}-")
    return "".join(parts)


def decode_name(name: str) -> str:
    """Give the text of a folder name in modified UTF-7."""

    def decoded(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        padded = match[1].replace(",", "/") + "=" * (-len(match[1]) % 4)
        return base64.b64decode(padded).decode("utf-16-be")

    return re.sub(r"&([^-]*)-", decoded, name)


class Mailbox:
    """One logged-in account. Use as a context manager."""

    def __init__(self, login: Login) -> None:
        """Connect and log in; certificates are not checked: the stand-in's are self-signed."""
        trust_any = ssl.create_default_context()
        trust_any.check_hostname = False
        trust_any.verify_mode = ssl.CERT_NONE
        self._imap: imaplib.IMAP4
        if login.security == "ssl":
            self._imap = imaplib.IMAP4_SSL(login.host, login.port, ssl_context=trust_any, timeout=60)
        else:
            self._imap = imaplib.IMAP4(login.host, login.port, timeout=60)
            if login.security == "tls":
                self._imap.starttls(trust_any)
        # SASL PLAIN takes any character; LOGIN's quoted strings do not.
        answer = f"\0{login.user}\0{login.password}".encode()
        self._imap.authenticate("PLAIN", lambda _challenge: answer)
        self.prefix, self.separator = self._namespace()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out."""
        self._imap.logout()

    def _checked(self, answer: tuple[str, Sequence[object]]) -> Sequence[object]:
        kind, payload = answer
        if kind != "OK":
            raise MailboxError(f"{kind} {payload!r}")
        return payload

    def _namespace(self) -> tuple[str, str]:
        (line,) = self._checked(self._imap.namespace())
        assert isinstance(line, bytes)  # noqa: S101 - tells the type
        found = re.match(rb'\(\("([^"]*)" "([^"]*)"\)', line)
        return (found[1].decode(), found[2].decode()) if found else ("", "/")

    def _quoted(self, path: Iterable[str]) -> str:
        joined = self.separator.join(path)
        name = joined if joined == "INBOX" else self.prefix + joined
        return '"' + encode_name(name).replace("\\", "\\\\").replace('"', '\\"') + '"'

    def folders(self) -> list[tuple[str, ...]]:
        """Give the paths of the folders of the personal namespace that can be selected."""
        paths = []
        for line in self._checked(self._imap.list('""', '"*"')):
            # A name that imaplib got as a literal comes as (line with the literal's size, name).
            text = b"" if line is None else (line[0] + line[1] if isinstance(line, tuple) else line)
            found = LIST_LINE.match(text) if isinstance(text, bytes) else None
            if (
                found is None
                or b"\\noselect" in found["flags"].lower()
                or b"\\nonexistent" in found["flags"].lower()
            ):
                continue
            name = found["name"]
            if isinstance(line, tuple):
                name = line[1]
            elif name.startswith(b'"'):
                name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
            text_name = decode_name(name.decode("ascii"))
            if text_name != "INBOX":
                if not text_name.startswith(self.prefix):
                    continue
                text_name = text_name[len(self.prefix) :]
            path = tuple(text_name.split(self.separator))
            if path[0] not in ("Shared", "Public"):
                paths.append(path)
        return sorted(paths)

    def create(self, path: tuple[str, ...]) -> None:
        """Create a folder and subscribe to it, unless it is there."""
        if path != ("INBOX",) and path not in self.folders():
            self._checked(self._imap.create(self._quoted(path)))
            self._checked(self._imap.subscribe(self._quoted(path)))

    def append(
        self, path: tuple[str, ...], content: bytes, flags: Iterable[str] = (), date: datetime | None = None
    ) -> None:
        """Put a message into a folder; without a date the server takes now."""
        # imaplib would turn single LFs into CRLF: our messages have none, and it keeps everything else.
        when = imaplib.Time2Internaldate(date) if date else ""
        self._checked(self._imap.append(self._quoted(path), f"({' '.join(flags)})", when, content))

    def read(self, path: tuple[str, ...]) -> Counter[Copy]:
        """Give the messages of a folder. Nothing changes: EXAMINE and BODY.PEEK."""
        count_text = self._checked(self._imap.select(self._quoted(path), readonly=True))[0]
        assert isinstance(count_text, bytes)  # noqa: S101 - tells the type
        found: Counter[Copy] = Counter()
        for first in range(1, int(count_text) + 1, FETCH_BATCH):
            last = min(first + FETCH_BATCH - 1, int(count_text))
            answer = self._checked(self._imap.fetch(f"{first}:{last}", "(FLAGS INTERNALDATE BODY.PEEK[])"))
            for part in answer:
                if not isinstance(part, tuple):
                    continue
                head, content = part
                attributes = FETCH_LINE.search(head)
                if attributes is None:
                    raise MailboxError(f"unexpected FETCH answer {head!r}")
                flags = frozenset(attributes["flags"].decode().split()) - {r"\Recent"}
                found[(hashlib.sha256(content).hexdigest(), flags, _epoch(attributes["date"]))] += 1
        return found

    def sizes(self, path: tuple[str, ...]) -> list[int]:
        """Give the size in bytes of each message of a folder, as the server tells it."""
        self._checked(self._imap.select(self._quoted(path), readonly=True))
        answer = self._checked(self._imap.uid("FETCH", "1:*", "(RFC822.SIZE)"))
        found = (re.search(rb"RFC822.SIZE (\d+)", line) for line in answer if isinstance(line, bytes))
        return [int(match[1]) for match in found if match]

    def flags(self, path: tuple[str, ...]) -> dict[int, frozenset[str]]:
        """Give the flags of each message of a folder by UID."""
        self._checked(self._imap.select(self._quoted(path), readonly=True))
        found: dict[int, frozenset[str]] = {}
        for line in self._checked(self._imap.uid("FETCH", "1:*", "(FLAGS)")):
            if isinstance(line, bytes) and (match := re.search(rb"UID (\d+).*FLAGS \(([^)]*)\)", line)):
                found[int(match[1])] = frozenset(match[2].decode().split()) - {r"\Recent"}
        return found

    def subjects(self, path: tuple[str, ...]) -> list[str]:
        """Give the subjects of a folder's messages as they stand in the header, sorted."""
        self._checked(self._imap.select(self._quoted(path), readonly=True))
        answer = self._checked(self._imap.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
        headers = [part[1] for part in answer if isinstance(part, tuple)]
        return sorted(header.decode().strip().removeprefix("Subject:").strip() for header in headers)

    def add_flags(self, path: tuple[str, ...], uids: str, flags: str) -> None:
        """Set flags on the messages of a UID set."""
        self._checked(self._imap.select(self._quoted(path)))
        self._checked(self._imap.uid("STORE", uids, "+FLAGS", f"({flags})"))

    def move(self, path: tuple[str, ...], subject: str, target: tuple[str, ...]) -> None:
        """Move the messages with that subject into a folder, which is made when it is missing."""
        self.create(target)
        uids = self._with_subject(path, subject)
        self._checked(self._imap.uid("MOVE", uids, self._quoted(target)))

    def remove(self, path: tuple[str, ...], subject: str) -> None:
        """Delete the messages with that subject for good."""
        uids = self._with_subject(path, subject)
        self._checked(self._imap.uid("STORE", uids, "+FLAGS.SILENT", r"(\Deleted)"))
        self._checked(self._imap.uid("EXPUNGE", uids))

    def _with_subject(self, path: tuple[str, ...], subject: str) -> str:
        """Open a folder and give the UIDs, which there are."""
        self._checked(self._imap.select(self._quoted(path)))
        (found,) = self._checked(self._imap.uid("SEARCH", "SUBJECT", f'"{subject}"'))
        if not isinstance(found, bytes) or not found:
            raise MailboxError(f"no message has the subject {subject}")
        return found.decode().replace(" ", ",")

    def snapshot(self) -> Snapshot:
        """Give the whole account."""
        return {path: self.read(path) for path in self.folders()}

    def empty(self) -> None:
        """Delete every message and every folder but INBOX."""
        for path in sorted(self.folders(), key=len, reverse=True):
            if path == ("INBOX",):
                if self._checked(self._imap.select("INBOX")) != [b"0"]:
                    self._checked(self._imap.store("1:*", "+FLAGS", r"(\Deleted)"))
                    self._checked(self._imap.expunge())
            else:
                self._imap.unsubscribe(self._quoted(path))
                self._imap.delete(self._quoted(path))


def _epoch(internal_date: bytes) -> int:
    """Give the Unix time of a quoted INTERNALDATE, whose day may start with a space."""
    text = internal_date.decode("ascii").strip('"').strip()
    return int(datetime.strptime(text, "%d-%b-%Y %H:%M:%S %z").timestamp())
