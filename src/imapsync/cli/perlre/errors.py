"""What can be wrong with a Perl-style expression."""

from __future__ import annotations


class PatternError(ValueError):
    """The expression is not one that the engine understands; the text is a sentence about why."""


class PatternTimeout(ValueError):  # noqa: N818 - says what happened, as TimeoutError does
    """A pattern worked longer than allowed on one text; the text is a sentence."""
