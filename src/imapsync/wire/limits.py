"""What a server may send at most. Everything that grows with a server's words has its bound here."""

from __future__ import annotations

from typing import NamedTuple

#: No server keeps more messages in one folder; who says so is not believed.
MAX_MESSAGES = 10_000_000
#: So many numbers in one answer are read whatever the folder holds; more only where it holds as many.
FEW_NUMBERS = 100_000


class Bounds(NamedTuple):
    """Bounds of the response reader.

    set_bytes: one line that tells of many numbers; SEARCH and VANISHED of a folder of a million messages fit.
    line_bytes: any other line, without its literals.
    inline_bytes: a body literal above this goes out in chunks and is never held whole.
    response_bytes: all of one response that is held in memory: its lines and inline literals.
    literals: number of literals in one response; an ENVELOPE or a LIST has a handful.
    nesting: parentheses; BODYSTRUCTURE of real mail stays under 30.
    buffer_bytes: the receive buffer; 16 TLS records.
    """

    set_bytes: int = 16 * 1024 * 1024
    line_bytes: int = 1024 * 1024
    inline_bytes: int = 1024 * 1024
    response_bytes: int = 24 * 1024 * 1024
    literals: int = 1000
    nesting: int = 100
    buffer_bytes: int = 256 * 1024


DEFAULT_LIMITS = Bounds()
