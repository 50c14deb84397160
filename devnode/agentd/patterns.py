"""Regular expressions of schemas with the meaning they have on a node (Go's RE2), not Python's."""

from __future__ import annotations

import functools
import re

MAX_REPEAT = 1000
"""RE2 refuses higher counts."""
_TOKEN = re.compile(
    r"\\(?P<escape>.)|(?P<look>\(\?(?:[=!]|<[=!]|>|\())|\{(?P<repeat>\d+)(?:,(?P<upper>\d*))?\}|(?P<char>.)",
    re.DOTALL,
)


class PatternError(ValueError):
    """RE2 does not compile this pattern, so a node refuses the whole schema."""


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Give the Python form of an RE2 pattern; PatternError where RE2 has no such thing.

    `$` is the end of the text only (Python also takes it before a last newline), classes like `\w` are
    ASCII, look-around, back-references, `\Z` and repeats over 1000 do not exist.
    """
    parts: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if (escape := token.group("escape")) is not None:
            parts.append(_escape(escape, text, pattern))
        elif in_class:
            in_class = text != "]"
            parts.append(text)
        elif token.group("look"):
            raise PatternError(f"{pattern!r}: {text!r} is not supported")
        elif token.group("repeat"):
            if any(int(word) > MAX_REPEAT for word in (token.group("repeat"), token.group("upper")) if word):
                raise PatternError(f"{pattern!r}: invalid repeat count {text!r}")
            parts.append(text)
        elif text == "$":
            parts.append(r"\Z")
        else:
            in_class = text == "["
            parts.append(text)
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error as error:
        raise PatternError(f"{pattern!r}: {error}") from error


def _escape(letter: str, text: str, pattern: str) -> str:
    if letter == "z":
        return r"\Z"
    if letter == "Z" or (letter.isdigit() and letter != "0"):
        raise PatternError(f"{pattern!r}: {text!r} is not supported")
    return text
