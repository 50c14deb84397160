"""Whether what a server gave of a message can be the message that it announced. Pure."""

from __future__ import annotations

#: RFC822.SIZE values that tell nothing: none at all, and -1 in so many bits.
_NO_SIZES = frozenset({0, 2**31 - 1, 2**32 - 1, 2**63 - 1})
#: A server may count a line's end as up to so many bytes more than it sends (CRLF for LF, and mistakes).
BYTES_A_LINE = 4
#: Beyond that a body may be this much shorter: servers estimate, Exchange by what its store holds of it.
SLACK_BYTES = 2048
SLACK_FACTOR = 4
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
