"""Cut ``s{…}{…}flags`` and its like into parts (perlop, "Gory details of parsing quoted constructs")."""

from __future__ import annotations

from dataclasses import dataclass

from imapsync.cli.perlre.errors import PatternError

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
#: Longest expression that is read; real ones have tens of characters.
MAX_LENGTH = 20_000


@dataclass(frozen=True)
class Quoted:
    """One construct: `kind` is m, s or tr; `second` is empty for m; `raw` when the delimiter is ``'``."""

    kind: str
    first: str
    second: str
    flags: str
    raw: bool


def split_statements(text: str) -> list[Quoted]:
    """Cut constructs with ``;`` between them; a leading ``/`` means m. PatternError when there is none."""
    if len(text) > MAX_LENGTH:
        raise PatternError(f"the expression is longer than {MAX_LENGTH} characters")
    found: list[Quoted] = []
    position = _skip_blanks(text, 0)
    while position < len(text):
        quoted, position = _read(text, position)
        found.append(quoted)
        position = _skip_comment(text, _skip_blanks(text, position))
        if position < len(text) and text[position] != ";":
            raise PatternError(
                f"after the expression stands '{text[position : position + 20]}', which is not understood"
            )
        while position < len(text) and text[position] == ";":
            position = _skip_comment(text, _skip_blanks(text, position + 1))
    if not found:
        raise PatternError("the expression is empty")
    return found


def _read(text: str, position: int) -> tuple[Quoted, int]:
    kind = "m"
    if text[position] != "/":
        for word in ("tr", "y", "s", "m"):
            if text.startswith(word, position):
                kind = "tr" if word == "y" else word
                position += len(word)
                break
        else:
            raise PatternError("it must be an expression like s/this/that/, tr/this/that/ or m/this/")
        position = _skip_blanks(text, position)
    if position >= len(text) or text[position].isalnum() or text[position] in "_;\\":
        raise PatternError("the character that begins the parts is missing, as '/' does in s/this/that/")
    delimiter = text[position]
    first, position = read_part(text, position, kind)
    second = ""
    if kind != "m":
        if delimiter in _PAIRS:
            position = _skip_blanks(text, position)
            if position >= len(text) or text[position].isalnum():
                raise PatternError("the second part is missing")
        else:
            position -= 1  # the delimiter in the middle serves both parts
        second, position = read_part(text, position, kind)
    end = position
    while end < len(text) and text[end].isalnum():
        end += 1
    return Quoted(kind, first, second, text[position:end], raw=delimiter == "'"), end


def read_part(text: str, position: int, kind: str) -> tuple[str, int]:
    """Read from the opening delimiter at `position`; give the inside and the place after the closing one."""
    opening = text[position]
    closing = _PAIRS.get(opening, opening)
    depth = 1
    out: list[str] = []
    index = position + 1
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            following = text[index + 1]
            # Perl takes the backslash away from an escaped delimiter, except from brackets in patterns.
            bare = following in (opening, closing) and (opening == closing or kind == "tr")
            out.append(following if bare else char + following)
            index += 2
            continue
        if char == closing and (opening == closing or depth == 1):
            return "".join(out), index + 1
        if opening != closing:
            depth += (char == opening) - (char == closing)
        out.append(char)
        index += 1
    raise PatternError(f"the closing '{closing}' is missing")


def _skip_comment(text: str, position: int) -> int:
    if text[position : position + 1] == "#" and text[position - 1] in " \t\r\n;":
        return _skip_blanks(text, (text.find("\n", position) + 1) or len(text))
    return position


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
