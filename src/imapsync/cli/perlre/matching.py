"""``m//``, ``/…/`` and bare patterns as questions about folder names and messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.cli.perlre.delimiters import Quoted, split_statements
from imapsync.cli.perlre.errors import PatternError
from imapsync.cli.perlre.operations import check_flags
from imapsync.cli.perlre.pattern import IDLE_FLAGS, compile_latin1, compile_text

if TYPE_CHECKING:
    from collections.abc import Callable


def folder_matcher(text: str) -> Callable[[str], bool]:
    """Give the test of an --include or --exclude value, which is a bare pattern, as in the original.

    Slashes are part of it, for they separate folders. Only what begins with ``/^`` or ends with ``$/`` is
    taken as a pattern between slashes, because as a bare pattern it could never match.
    """
    if text.startswith("/") and len(text) > 1 and (text.startswith("/^") or text.rstrip("i").endswith("$/")):
        return _text_matcher(_one_match(text))
    pattern = compile_text(_not_empty(text), "")
    return lambda name: pattern.search(name) is not None


def expression_matcher(text: str) -> Callable[[str], bool]:
    """Give the test of a --delete2foldersonly value: ``/pattern/flags``, ``m{pattern}`` or a bare pattern."""
    return _text_matcher(_expression(text))


def message_matcher(text: str) -> Callable[[bytes], bool]:
    """Give the test of a --skipmess value, on whole messages."""
    quoted = _expression(text)
    pattern = compile_latin1(_not_empty(quoted.first), quoted.flags)
    return lambda message: pattern.search(message) is not None


def header_matcher(text: str) -> Callable[[bytes], bool]:
    """Give the test of a --skipheader value, a bare pattern whatever the capitals, on header fields."""
    pattern = compile_latin1(_not_empty(text), "i")
    return lambda field: pattern.search(field) is not None


def _expression(text: str) -> Quoted:
    text = re.sub(r"\Aqr(?=[^\w\s])", "m", text)
    begins_like_one = text.startswith("/") or (
        text.startswith("m") and len(text) > 1 and not text[1].isalnum() and text[1] not in " _.\\*+?^$|)]}>-"
    )
    if begins_like_one:
        return _one_match(text)
    return Quoted("m", text, "", "", raw=False)


def _one_match(text: str) -> Quoted:
    statements = split_statements(text)
    if len(statements) != 1 or statements[0].kind != "m":
        raise PatternError("it must be one pattern, as in m/this/")
    check_flags(statements[0].flags, "gimsx" + IDLE_FLAGS)
    return statements[0]


def _text_matcher(quoted: Quoted) -> Callable[[str], bool]:
    pattern = compile_text(_not_empty(quoted.first), quoted.flags)
    return lambda name: pattern.search(name) is not None


def _not_empty(pattern: str) -> str:
    if not pattern:
        raise PatternError("the pattern is empty; it would match everything")
    return pattern
