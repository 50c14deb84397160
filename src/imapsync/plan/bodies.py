"""Whether what a server gave of a message can be the message that it announced. Pure.

Most servers announce exactly what they give (RFC 3501 §2.3.4). Of such a server a body that is shorter is not
believed unless it counts lines otherwise there; of one that estimates, only what is far from the estimate is
doubtful.
"""

from __future__ import annotations

from typing import NamedTuple

#: RFC822.SIZE values that tell nothing: none at all, and -1 in so many bits.
_NO_SIZES = frozenset({0, 2**31 - 1, 2**32 - 1, 2**63 - 1})
#: A server may count a line's end as up to so many bytes more than it sends (CRLF for LF, and mistakes).
BYTES_A_LINE = 4
#: Beyond that a body may be this much shorter: servers estimate, Exchange by what its store holds of it.
SLACK_BYTES = 2048
SLACK_FACTOR = 4
#: A server of whose bodies more than one in so many has another size than announced estimates sizes.
OTHER_SHARE = 10
#: What Exchange gives in place of a message that it cannot convert; it stands in the subject.
_PLACEHOLDER = b"Retrieval using the IMAP4 protocol failed"
#: Where a subject may be looked for.
HEAD_BYTES = 4096


def is_doubtful(announced: int, given: int, *, lines: int = 0, head: bytes = b"") -> bool:
    """Tell whether a body is too short to be the message of `announced` bytes (RFC822.SIZE).

    given: its bytes. lines: how many lines it has, 0 when that is not known. head: its beginning. Such a body
    is no copy of anything: an error text in place of the message, or the message cut off. A body that is
    longer than announced has everything.
    """
    if given == announced or announced in _NO_SIZES:
        return False
    if not given or _PLACEHOLDER in head[:HEAD_BYTES]:
        return True
    return given * SLACK_FACTOR < announced and announced - given > SLACK_BYTES + BYTES_A_LINE * lines


class Measured(NamedTuple):
    """A body as it came when it was read once more, alone.

    announced: its RFC822.SIZE as told after that, 0 when it was not told. given: its bytes. lines: its line
    ends, and bare: those of them that lack the carriage return. head: its beginning. mended: a stray line end
    followed it, which may be its own.
    """

    announced: int
    given: int
    lines: int
    bare: int
    head: bytes
    mended: bool


class Sizes:
    """Learns from a server's bodies whether it announces sizes exactly."""

    def __init__(self) -> None:
        self._seen = 0
        self._other = 0

    def note(self, seen: int, other: int) -> None:
        """Count bodies, and those of them that were not of the announced size."""
        self._seen += seen
        self._other += other

    @property
    def exact(self) -> bool:
        """Whether bodies of another size than announced are exceptions."""
        return self._other <= 1 or self._other * OTHER_SHARE <= self._seen


def needs_second_look(announced: int, given: int, *, exact: bool, head: bytes = b"", lines: int = 0) -> bool:
    """Tell whether a body came too short to be believed at once; head, lines: as in `is_doubtful`."""
    if given >= announced or announced in _NO_SIZES:
        return False
    return exact or is_doubtful(announced, given, lines=lines, head=head)


def stays_doubtful(announced: int, now: Measured, *, exact: bool) -> bool:
    """Tell whether a body is still no copy of the message of `announced` bytes when it was read once more."""
    if now.mended and now.given < announced:
        return True
    if is_doubtful(announced, now.given, lines=now.lines, head=now.head):
        return True
    if not exact or now.given >= announced or announced in _NO_SIZES:
        return False
    short = announced - now.given
    return now.announced != now.given and short not in (now.lines, now.bare)
