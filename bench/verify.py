"""Is the destination what the source is? Message by message: content, flags, arrival time, folder."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.client import parse_date

from bench.mailboxes import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.base import ImapServer
    from tests.servers.client import Client

FETCH_AT_ONCE = 2000
FETCH_BYTES_AT_ONCE = 50_000_000
"""Half a million messages, or forty of 20 MB, must not be in the memory of the benchmark at once."""

_FETCHED = re.compile(
    rb"\* \d+ FETCH \(UID \d+ FLAGS \(([^)]*)\) INTERNALDATE \"([^\"]*)\" BODY\[\] (?:\{(\d+)\}\r\n|\"\"|NIL)"
)


class Stored(NamedTuple):
    """What has to be equal on both sides."""

    digest: bytes
    flags: tuple[str, ...]
    internal_date: int


Snapshot = dict[str, list[Stored]]
"""Messages by folder name as on the wire, sorted."""


def snapshot(server: ImapServer, user: str, *, without_header: bytes = b"") -> Snapshot:
    """Read an account with a client of its own; ``without_header`` names a header field that an engine adds.

    Raises ClientError when the server refuses.
    """
    drop = (
        re.compile(rb"^" + re.escape(without_header) + rb":[^\r]*\r\n", re.MULTILINE)
        if without_header
        else None
    )
    with server.client(user) as client:
        return {
            name.decode("ascii", "replace"): sorted(_read(client, name, drop)) for name in client.folders()
        }


def _read(client: Client, folder: bytes, drop: re.Pattern[bytes] | None) -> Iterator[Stored]:
    lines = client.command(b"EXAMINE " + quoted(folder))
    count = next(int(line.split()[1]) for line in lines if line.endswith(b" EXISTS"))
    for first, last in _portions(client, count):
        for line in client.command(b"FETCH %d:%d (UID FLAGS INTERNALDATE BODY.PEEK[])" % (first, last)):
            found = _FETCHED.match(line)
            if found is None:
                continue
            content = memoryview(line)[found.end() : found.end() + int(found[3] or 0)]
            if drop is not None:
                content = memoryview(drop.sub(b"", bytes(content), count=1))
            flags = tuple(sorted(flag.decode() for flag in found[1].split() if flag.lower() != b"\\recent"))
            yield Stored(hashlib.sha256(content).digest(), flags, parse_date(found[2]))


def _portions(client: Client, count: int) -> Iterator[tuple[int, int]]:
    """Cut 1..count into ranges that are bounded by number and by bytes."""
    first, size = 1, 0
    for number, line in enumerate(client.command(b"FETCH 1:* RFC822.SIZE") if count else (), 1):
        found = re.search(rb"RFC822\.SIZE (\d+)", line)
        size += int(found[1]) if found else 0
        if number - first + 1 == FETCH_AT_ONCE or size > FETCH_BYTES_AT_ONCE or number == count:
            yield first, number
            first, size = number + 1, 0


def differences(source: Snapshot, destination: Snapshot) -> list[str]:
    """Return what differs, in words with counts; an empty list means that the accounts are equal."""
    if source == destination:
        return []
    counts: Counter[str] = Counter()
    counts["folders missing"] = len(source.keys() - destination.keys())
    counts["folders too many"] = len(destination.keys() - source.keys())
    for folder, wanted in source.items():
        found = destination.get(folder, [])
        if wanted == found:
            continue
        by_digest = Counter(message.digest for message in wanted)
        found_by_digest = Counter(message.digest for message in found)
        counts["messages missing"] += (by_digest - found_by_digest).total()
        counts["messages too many"] += (found_by_digest - by_digest).total()
        both = set(by_digest & found_by_digest)
        for aspect in ("dates", "system flags", "keywords"):
            counts[f"{aspect} differ"] += _unmatched(wanted, found, both, aspect)
    return [f"{count} {what}" for what, count in counts.items() if count]


def _unmatched(wanted: list[Stored], found: list[Stored], both: set[bytes], aspect: str) -> int:
    def view(messages: list[Stored]) -> Counter[tuple[bytes, object]]:
        return Counter(
            (message.digest, _aspect(message, aspect)) for message in messages if message.digest in both
        )

    return max((view(wanted) - view(found)).total(), (view(found) - view(wanted)).total())


def _aspect(message: Stored, aspect: str) -> object:
    if aspect == "dates":
        return message.internal_date
    system = aspect == "system flags"
    return tuple(flag for flag in message.flags if flag.startswith("\\") == system)
