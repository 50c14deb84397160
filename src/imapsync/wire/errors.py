"""Who broke the protocol: the server, or we."""

# ruff: noqa: N818 - exceptions are named after what happened
from __future__ import annotations


class WireError(Exception):
    """Base of what the wire layer raises; never raised itself."""


class ProtocolError(WireError):
    """The server sent bytes that are not IMAP, or more than a limit allows.

    Where only the words of one response are wrong the reader makes it an Unreadable and goes on.
    """


class Unbalanced(ProtocolError):
    """A response ends with a parenthesis open; the next line may bring it."""


class LimitExceeded(ProtocolError):
    """The server sent something longer, deeper or more numerous than its named limit (see wire.limits)."""


class EncodingRefused(WireError, ValueError):
    """We were asked to send what IMAP cannot carry there: CR, LF or NUL outside a literal, an empty set."""
