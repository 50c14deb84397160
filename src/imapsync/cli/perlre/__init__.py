"""Perl's ``m//``, ``s///`` and ``tr///`` read by us: never evaluated as code.

:func:`folder_matcher` for --include and --exclude, :func:`message_matcher` for --skipmess,
:func:`header_matcher` for --skipheader,
:func:`expression_matcher` for --delete2foldersonly, :func:`operations` for --regexmess, --regexflag and
--regextrans2. All raise :class:`PatternError` with a sentence when the text is not understood, and never
guess.
"""

from imapsync.cli.errors import PatternTimeout
from imapsync.cli.perlre.errors import PatternError
from imapsync.cli.perlre.limit import TIME_LIMIT_S, bounded
from imapsync.cli.perlre.matching import expression_matcher, folder_matcher, header_matcher, message_matcher
from imapsync.cli.perlre.operations import Operations, operations

__all__ = [
    "TIME_LIMIT_S",
    "Operations",
    "PatternError",
    "PatternTimeout",
    "bounded",
    "expression_matcher",
    "folder_matcher",
    "header_matcher",
    "message_matcher",
    "operations",
]
