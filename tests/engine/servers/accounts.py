"""Accounts with the folders and messages that trouble servers, put there and read back without the engine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers.client import ClientError, NewMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.servers.base import ImapServer, Snapshot
    from tests.servers.zoo import Kind

PASSWORD = "pass word"

_FROM = b"From: Anna <anna@example.org>\r\n"
_DATE = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"


def plain(number: int, *, flags: tuple[str, ...] = (), size: int = 0) -> NewMessage:
    """Give an ordinary message."""
    head = b"Message-Id: <plain.%d@example.org>\r\n" % number + _FROM + b"Subject: plain %d\r\n" % number
    text = b"r\xc3\xa4ksm\xc3\xb6rg\xc3\xa5s and more of it, sixty characters in a line or so\r\n"
    return NewMessage(
        head + _DATE + b"\r\n" + text * (1 + size // len(text)), flags, 1_400_000_000 + 86_400 * number
    )


def _odd(content: bytes) -> NewMessage:
    return NewMessage(content, ("\\Seen",), 1_500_000_000)


def _named(name: bytes, text: bytes, more: bytes = b"") -> NewMessage:
    """Give a message with a Message-Id of this name, and further header lines."""
    return _odd(b"Message-Id: <%s@example.org>\r\n%s%s%s\r\n%s" % (name, more, _FROM, _DATE, text))


#: What other programs have put into real accounts.
ODD: Mapping[str, NewMessage] = {
    "8-bit subject": _named(b"8bit", b"x\r\n", b"Subject: r\xe4ksm\xf6rg\xe5s\r\n"),
    "8-bit without Message-Id": _odd(
        b"From: J\xf6rg <j@example.org>\r\nTo: b@example.org\r\nSubject: \xe4\r\n" + _DATE + b"\r\nno id\r\n"
    ),
    "8-bit Message-Id": _named(b"\xe4\xf6", b"8-bit id\r\n"),
    "no Message-Id": _odd(_FROM + b"To: b@example.org\r\nSubject: no id\r\n" + _DATE + b"\r\nno id\r\n"),
    "no Message-Id, little else": _odd(b"Subject: poor\r\n\r\nA poor header\r\n"),
    "no Message-Id, little else, 2": _odd(b"Subject: poor\r\n\r\nA poor headeR\r\n"),
    "empty Message-Id": _odd(b"Message-Id: \r\n" + _FROM + b"Subject: empty\r\n" + _DATE + b"\r\nempty\r\n"),
    "folded Message-Id": _odd(b"Message-Id:\r\n <fold@example.org>\r\n" + _FROM + _DATE + b"\r\nfolded\r\n"),
    "two Message-Ids": _named(b"one", b"two\r\n", b"Message-Id: <two@example.org>\r\n"),
    "no header": _odd(b"\r\nOnly a text, without any header.\r\n"),
    "no empty line": _odd(_FROM + b"Subject: the header is all\r\n" + _DATE),
    "no text": _named(b"notext", b""),
    "no header and no empty line": _odd(b"Just words\r\nand more words\r\n"),
    "words in the header": _named(b"words", b"words\r\n", b"this line is no field\r\n"),
    "mbox line": _odd(
        b">From anna@example.org Mon Jan  1 00:00:00 2024\r\n"
        + _named(b"mbox", b"From here on it is text\r\n").content
    ),
    "bare line feeds": _odd(_named(b"lf", b"one\r\ntwo\r\n").content.replace(b"\r\n", b"\n")),
    "line feed in the text": _named(b"lf2", b"one\ntwo\r\n"),
    "carriage return in the text": _named(b"cr", b"one\rtwo\r\n"),
    "no line end at the end": _named(b"noend", b"no end"),
    "long line": _named(b"long", b"0123456789" * 2000 + b"\r\n"),
    "long header": _named(
        b"longheader",
        b"long\r\n",
        b"".join(b"X-Field-%d: %s\r\n" % (number, b"value " * 30) for number in range(200)),
    ),
    "same Message-Id, other size, 1": _named(b"same", b"short\r\n"),
    "same Message-Id, other size, 2": _named(b"same", b"something longer\r\n"),
    "looks like an answer": _named(b"answer", b"* 1 EXPUNGE\r\na1 OK done\r\n+ go\r\n)\r\n{5}\r\n"),
    "zero byte": _named(b"zero", b"zero \0 byte\r\n"),
    "large": plain(900, size=1_500_000),
}

#: Levels of names, in modified UTF-7.
FOLDERS: Sequence[tuple[str, ...]] = (
    ("INBOX",),
    ("Sent",),
    ("Work",),
    ("Work", "2024", "June"),
    ("With space",),
    ("R&AOk-sum&AOk-s",),
    ("Tom &- Jerry",),
    ("[Gmail]", "Spam"),
    ("a.b",),
    ("a_b",),
    ("slash/in",),
    ("back\\slash",),
    ('quo"ted',),
    ("curly} bracket]",),
    ("~tilde",),
    ("per%cent",),
    ("star*",),
    ("(paren) {brace",),
    ("&,wA-",),
    ("Empty",),
)
ODD_FOLDER = "Odd"


@dataclass(frozen=True)
class Account:
    """An account of a kind of server."""

    kind: Kind
    server: ImapServer
    user: str

    def fill(self, *, odd: bool = True) -> None:
        """Make the folders and put the messages there, as far as the server takes them; odd ones, too."""
        for number, levels in enumerate(FOLDERS):
            flags = ((), ("\\Seen",), ("\\Flagged", "\\Answered"), ("\\Draft",))
            count = 0 if levels[0] == "Empty" else 3
            messages = [plain(10 * number + n, flags=flags[(number + n) % 4]) for n in range(count)]
            with contextlib.suppress(ClientError):
                self.put(self.kind.name_of(*levels), messages)
        odd_folder = self.kind.name_of(ODD_FOLDER)
        self.put(odd_folder, [])
        for message in ODD.values() if odd else ():
            with contextlib.suppress(ClientError):
                self.put(odd_folder, [message], create=False)
        if self.kind.keywords:
            self.put(self.kind.name_of("Keywords"), [plain(800, flags=("$Forwarded", "\\Seen", "NonJunk"))])

    def put(self, folder: str, messages: Sequence[NewMessage], *, create: bool = True) -> None:
        """Append to a folder, which is made first. Raises ClientError."""
        with self.server.client(self.user) as client:
            client.append(folder.encode(), messages, create=create)

    def content(self, gives: object = None) -> Snapshot:
        """Read everything, line ends as LF and what further `gives` does to a message."""

        def normal(message: bytes) -> bytes:
            shown = self.kind.gives(message)
            shown = gives(shown) if callable(gives) else shown
            return shown.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

        return self.server.snapshot(self.user, normal)
