"""A mailbox as people have them, made the same way each time: the content of the demo's remote account.

Everything derives from a seed, so two runs give the same bytes. Line ends are CRLF and no message holds
a NUL: an IMAP server gives back exactly what it was given.
"""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.header import Header
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS: Final[tuple[tuple[str, ...], ...]] = (
    ("INBOX",),
    ("Sent",),
    ("Drafts",),
    ("Trash",),
    ("Junk",),
    ("Archive",),
    ("Archive", "2016"),
    ("Archive", "2024", "Quartal 4"),
    ("Empty folder",),
    ("Clients", "Ünïcode & Söhne"),
    ("Projets", "Été à Besançon"),
    ("日本語", "メール"),
    ('The "quoted" one',),
    ("Lists", "dev@lists"),
    ("Bills & receipts (paid) 100%",),
)
"""The account's folders by path. One stays empty; Parents such as "Archive/2024" hold no messages."""

EMPTY_FOLDER: Final = ("Empty folder",)
ATTACHMENTS_BYTES: Final = (5_000_000, 8_000_000, 13_000_000, 20_000_000)
"""Sizes of the large messages, before base64 makes them a third larger on the wire."""

FIRST_DAY: Final = datetime(2016, 3, 1, tzinfo=UTC)
SPAN_DAYS: Final = 3800
SYSTEM_FLAGS: Final = (r"\Seen", r"\Answered", r"\Flagged", r"\Draft")
KEYWORDS: Final = ("$Forwarded", "$Label1", "Important", "NonJunk")
WORDS: Final = (
    "invoice",
    "meeting",
    "Zürich",
    "garden",
    "update",
    "release",
    "façade",
    "order",
    "notes",
    "weekly",
    "report",
    "contract",
    "lunch",
    "backup",
    "server",
    "holiday",
    "naïve",
    "question",
    "answer",
    "draft",
    "schedule",
    "ticket",
    "train",
    "hotel",
    "summary",
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message to deliver: where, with what, and since when."""

    folder: tuple[str, ...]
    flags: tuple[str, ...]
    received_at: datetime
    content: bytes


def messages(count: int = 1040, *, seed: int = 1, attachments: bool = True) -> Iterator[Message]:
    """Give `count` messages spread over `FOLDERS`, oddities first, then `ATTACHMENTS_BYTES`."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    folders = [path for path in FOLDERS if path != EMPTY_FOLDER]
    # INBOX and the archive hold most of the mail, as they do for people.
    weights = [8 if path[0] in ("INBOX", "Archive") else 3 for path in folders]
    oddities = _oddities(chance)
    large = [_with_attachment(chance, size) for size in ATTACHMENTS_BYTES] if attachments else []
    home: dict[bytes, tuple[str, ...]] = {}
    for number in range(count):
        folder = folders[number] if number < len(folders) else chance.choices(folders, weights)[0]
        if number < len(oddities):
            content = oddities[number]
            folder = home.setdefault(content, folder)  # duplicates lie in one folder
        elif number - len(oddities) < len(large):
            content = large[number - len(oddities)]
        else:
            content = _ordinary(chance, number)
        yield Message(folder, _flags(chance), _received_at(chance), content)


def ordinary(number: int, *, seed: int = 1) -> bytes:
    """Give one small message, different for each `number`: for what arrives later."""
    return _ordinary(random.Random(seed * 1_000_003 + number), number)  # noqa: S311 - repeatable, not secret


def _received_at(chance: random.Random) -> datetime:
    moment = FIRST_DAY + timedelta(days=chance.randrange(SPAN_DAYS), seconds=chance.randrange(86_400))
    return moment.astimezone(timezone(timedelta(hours=chance.choice((-8, 0, 1, 2, 9)))))


def _flags(chance: random.Random) -> tuple[str, ...]:
    flags = [flag for flag in SYSTEM_FLAGS if chance.random() < (0.7 if flag == r"\Seen" else 0.1)]
    flags += [keyword for keyword in KEYWORDS if chance.random() < 0.06]
    return tuple(flags)


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def _headers(chance: random.Random, identity: str | None, subject: str | None = None) -> list[bytes]:
    date = format_datetime(_received_at(chance))
    origin = f"mx{chance.randrange(9)}.example.net"
    lines = [
        f"Received: from {origin} by mail.example.org with ESMTPS id {chance.randrange(10**9)}; {date}",
        f"Date: {date}",
        "From: =?utf-8?q?Zo=C3=AB?= <zoe@example.net>",
        "To: office@example.org",
        f"Subject: {Header(subject or _sentence(chance, 4), 'utf-8').encode()}",
        "MIME-Version: 1.0",
    ]
    if identity is not None:
        lines.append(f"Message-ID: <{identity}@corpus.example.net>")
    return [line.encode("ascii").replace(b"\n", b"\r\n") for line in lines]


def _join(headers: list[bytes], body: bytes) -> bytes:
    return b"\r\n".join([*headers, b"", body])


def _text(chance: random.Random, lines: int) -> bytes:
    return "".join(_sentence(chance, 9) + "\r\n" for _ in range(lines)).encode()


def _ordinary(chance: random.Random, number: int) -> bytes:
    headers = _headers(chance, f"{number}.{chance.getrandbits(64):x}")
    headers.append(b"Content-Type: text/plain; charset=utf-8")
    headers.append(b"Content-Transfer-Encoding: 8bit")
    return _join(headers, _text(chance, chance.choice((3, 12, 40, 200))))


def _with_attachment(chance: random.Random, size_bytes: int) -> bytes:
    headers = _headers(chance, f"large.{chance.getrandbits(64):x}", f"A file of {size_bytes} bytes")
    headers.append(b'Content-Type: multipart/mixed; boundary="=-corpus"')
    encoded = base64.encodebytes(chance.randbytes(size_bytes)).replace(b"\n", b"\r\n")
    body = (
        b"--=-corpus\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        b"--=-corpus\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="file.bin"\r\n\r\n' + encoded + b"--=-corpus--\r\n"
    )
    return _join(headers, body)


def _oddities(chance: random.Random) -> list[bytes]:
    """Give what breaks naive tools: one of each, and a few exact duplicates."""
    text = _text(chance, 4)
    eight_bit = [b"Subject: \xc3\xa9t\xc3\xa9 in raw UTF-8", b"X-Latin: caf\xe9", *_headers(chance, "8bit.1")]
    duplicate = _join(_headers(chance, "duplicate.1"), text)
    same_id = b"Message-ID: <same-id@corpus.example.net>"
    folded = b"References: " + b"\r\n ".join(b"<%d@corpus.example.net>" % n for n in range(60))
    return [
        _join(eight_bit, text),
        _join(_headers(chance, None), text),  # no Message-ID, but a Received
        _join([b"Subject: neither Message-ID nor Received", b"From: a@example.net"], text),
        _join(_headers(chance, "long-line.1"), b"x" * 4000 + b"\r\n" + b"y " * 1500 + b"\r\n"),
        _join([*_headers(chance, "long-header.1"), b"X-Long: " + b"z" * 1800], text),
        duplicate,
        duplicate,
        duplicate,
        _join([*_headers(chance, "folded.1"), folded], text),
        _join(_headers(chance, "empty-body.1"), b""),
        _join(_headers(chance, "no-final-newline.1"), b"the last line has no end"),
        _join(_headers(chance, "dots.1"), b".\r\n..\r\n.leading dot\r\n"),
        _join(_headers(chance, "from-line.1"), b"From someone at the start of a line\r\n>From quoted\r\n"),
        _join(_headers(chance, "imap-words.1"), b"* OK [ALERT] {12}\r\nA1 NO {5+}\r\n)\r\n"),
        _join([b"Message-ID:  \r\n <folded-id@corpus.example.net>", *_headers(chance, None)], text),
        _join([same_id, *_headers(chance, None)], text),
        _join([same_id, *_headers(chance, None)], text + b"another body\r\n"),
        _join(_headers(chance, "latin1.1"), b"raw Latin-1: caf\xe9 \xff\xfe\r\n"),
        _join(_headers(chance, "tabs.1"), b"\tindented\t\x0b\x0c\x1b[31m control characters\r\n"),
        _join(_headers(chance, "subject.1", "日本語の件名"), "本文です。\r\n".encode()),
    ]
