"""The mail of the benchmarks, the same bytes on every machine: a seed gives the corpus.

A corpus is an iterator of messages, never a list: half a million of them must not fill the memory of the
benchmark. Contents use LF, as a Maildir stores them; the server adds the CRs.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEWEST = 1_760_000_000
"""Unix time of the newest message: fixed, so that the corpus does not depend on the day of the run."""

TEN_YEARS_S = 10 * 365 * 86400
SMALL_BYTES = 4096

SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
KEYWORDS = ("$Forwarded", "NonJunk", "$label1")

ODD_FOLDERS = (
    "INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive", "Archive/2019", "Archive/2020", "Archive/2021",
    "Archive/2021/January", "Archive/2021/February", "Projects", "Projects/NS8 migration", "Projects/a & b",
    'Projects/"quoted"', "Projects/back\\slash", "Projects/100% done", "Projects/star*", "Clients",
    "Clients/Müller", "Clients/Ærø", "Clients/Società", "Clients/Ελλάδα", "Clients/Россия", "Clients/日本語",
    "Clients/中文 邮件", "Clients/مرحبا", "Clients/😀 smile", "a/b/c/d/e/f", "A long name " + "x" * 60,
    "with  two spaces", "(parens) {0}", "[Gmail-like]", "tilde ~", "#hash", "semi;colon, comma",
    "it's", "empty",
)  # fmt: skip
"""38 names that have hurt IMAP programs: spaces, quotes, wildcards, non-ASCII, depth, emptiness."""

WORDS = (
    b"lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore "
    b"et dolore magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip "
    b"ex ea commodo consequat duis aute"
).split()


@dataclass(frozen=True, slots=True)
class Message:
    """One message: folder (Unicode, ``/`` between levels), bytes with LF, flags, unix arrival time."""

    folder: str
    content: bytes
    flags: tuple[str, ...]
    internal_date: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named, reproducible set of folders and messages."""

    name: str
    folders: tuple[str, ...]
    messages: Callable[[], Iterator[Message]]


def _header(random: Random, number: int, name: str, *, size_hint: int = 0) -> bytes:
    """Return a plausible header without the closing empty line; Message-Id is unique in the corpus."""
    who, stamp = random.randrange(400), NEWEST - random.randrange(TEN_YEARS_S)
    subject = " ".join(word.decode() for word in random.choices(WORDS, k=6))
    return (
        f"Return-Path: <sender{who}@example.org>\n"
        f"Received: from mx{who % 7}.example.org (mx{who % 7}.example.org [192.0.2.{who % 250}])\n"
        f"\tby mail.example.net with ESMTPS id {random.getrandbits(64):016x}; {_rfc_date(stamp)}\n"
        f"Received: from localhost by mx{who % 7}.example.org; {_rfc_date(stamp - 3)}\n"
        f"Message-ID: <{name}.{number}.{random.getrandbits(48):012x}@example.org>\n"
        f"Date: {_rfc_date(stamp - 5)}\n"
        f"From: Sender {who} <sender{who}@example.org>\n"
        f"To: User <user@example.net>\n"
        f"Subject: {subject} ({number}{f', {size_hint} bytes' if size_hint else ''})\n"
        "MIME-Version: 1.0\n"
    ).encode()


def _rfc_date(stamp: int) -> str:
    # Civil date from days, without locale or the slow strftime.
    days, seconds = divmod(stamp, 86400)
    weekday = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")[days % 7]
    era_day = days + 719468
    era, doe = divmod(era_day, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    shifted = (5 * doy + 2) // 153
    day = doy - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = yoe + era * 400 + (month <= 2)
    name = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[month - 1]
    return (
        f"{weekday}, {day:02d} {name} {year} "
        f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} +0000"
    )


def _flags(random: Random) -> tuple[str, ...]:
    if random.random() < 0.2:
        return ()
    return ("\\Seen", *(flag for flag in SYSTEM_FLAGS[1:3] if random.random() < 0.1))


def _text(random: Random, size: int) -> bytes:
    """Return about ``size`` bytes of lines of words."""
    lines = []
    while size > 0:
        line = b" ".join(random.choices(WORDS, k=11))
        lines.append(line)
        size -= len(line) + 1
    return b"\n".join(lines) + b"\n"


class _Pool:
    """A block of base64 lines from which attachments are cut: making each anew would cost minutes."""

    def __init__(self, random: Random) -> None:
        raw = random.randbytes(1 << 20)
        self.block = base64.encodebytes(raw)

    def cut(self, random: Random, size: int) -> bytes:
        start = random.randrange(len(self.block) // 77) * 77
        repeats = 1 + (start + size) // len(self.block)
        return (self.block * (repeats + 1))[start : start + size - size % 77]


def small(name: str, count: int, folders: int, size: int = SMALL_BYTES) -> Corpus:
    """Return ``count`` messages of ``size`` bytes each in equal parts in so many folders, the first INBOX."""
    names = ("INBOX", *(f"Folder {number:02d}" for number in range(1, folders)))

    def messages() -> Iterator[Message]:
        random = Random(name)
        body = _text(random, 4 * size)
        for number in range(count):
            header = _header(random, number, name)
            start = random.randrange(len(body) - size)
            rest = size - len(header) - 1
            content = b"%b\n%b" % (
                header,
                body[start : start + rest - 1].lstrip() + b"\n" if rest > 1 else b"",
            )
            folder = names[number * folders // count]
            yield Message(
                folder, content, _flags(random), NEWEST - TEN_YEARS_S + number * (TEN_YEARS_S // count)
            )

    return Corpus(name, names, messages)


def large(name: str, count: int, size: int) -> Corpus:
    """Return ``count`` messages in INBOX, each with an attachment that makes it about ``size`` bytes."""

    def messages() -> Iterator[Message]:
        random = Random(name)
        pool = _Pool(random)
        for number in range(count):
            yield Message(
                "INBOX", _with_attachment(random, pool, name, number, size), _flags(random), NEWEST - number
            )

    return Corpus(name, ("INBOX",), messages)


def _with_attachment(random: Random, pool: _Pool, name: str, number: int, size: int) -> bytes:
    boundary = b"=_%016x" % random.getrandbits(64)
    return b"".join(
        (
            _header(random, number, name, size_hint=size),
            b'Content-Type: multipart/mixed; boundary="%b"\n\n' % boundary,
            b"--%b\nContent-Type: text/plain\n\n%b\n" % (boundary, _text(random, 300)),
            b"--%b\nContent-Type: application/octet-stream\n" % boundary,
            b"Content-Transfer-Encoding: base64\n\n",
            pool.cut(random, size - 1200),
            b"--%b--\n" % boundary,
        )
    )


def realistic(name: str = "realistic", count: int = 2000, *, large_every: int = 0) -> Corpus:
    """Return what ten years of use leave: 38 odd folders, sizes from 1 KB to some MB, flags and keywords.

    One message in forty has no Message-Id, one in fifty is a copy of the one before, one in thirty has raw
    8-bit headers, one in fifty a line of 3,000 bytes. One in ``large_every`` has 1 to 25 MB.
    """

    def messages() -> Iterator[Message]:
        random = Random(name)
        pool = _Pool(random)
        last: Message | None = None
        filled = ODD_FOLDERS[:-1]
        for number in range(count):
            if last is not None and number % 50 == 49:
                yield Message(last.folder, last.content, last.flags, last.internal_date + 60)
                continue
            folder = (
                filled[min(int(random.expovariate(0.12)), len(filled) - 1)]
                if number >= len(filled)
                else filled[number]
            )
            flags = _flags(random) + tuple(keyword for keyword in KEYWORDS if random.random() < 0.03)
            date = NEWEST - random.randrange(TEN_YEARS_S)
            if large_every and number % large_every == large_every // 2:
                size = int(1_000_000 * 25 ** random.random())
                content = _with_attachment(random, pool, name, number, size)
            else:
                content = _realistic_content(random, pool, name, number)
            last = Message(folder, content, flags, date)
            yield last

    return Corpus(name, ODD_FOLDERS, messages)


def _realistic_content(random: Random, pool: _Pool, name: str, number: int) -> bytes:
    size = min(int(math.exp(random.gauss(8.8, 1.3))) + 1200, 6_000_000)
    if size > 60_000:
        return _with_attachment(random, pool, name, number, size)
    header = _header(random, number, name)
    if number % 40 == 7:
        header = b"\n".join(line for line in header.split(b"\n") if not line.startswith(b"Message-ID:"))
    if number % 30 == 11:
        header = header.replace(b"Subject: ", "Subject: Übergröße façade ".encode("latin-1"))
    body = _text(random, size - len(header))
    if number % 50 == 23:
        body += b"x" * 3000 + b"\n"
    return b"%bContent-Type: text/plain; charset=utf-8\n\n%b" % (header, body)
