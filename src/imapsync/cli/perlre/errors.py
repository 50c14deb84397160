"""What can be wrong with a Perl-style expression."""

from __future__ import annotations


class PatternError(ValueError):
    """The expression is not one that the engine understands; the text is a sentence about why."""
