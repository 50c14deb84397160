r"""What an ``s///`` puts in: ``$1``, ``\1``, ``$&``, ``$+{name}``, escapes, and ``\U \L \u \l \Q \E``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, AnyStr, Generic, NamedTuple

from imapsync.cli.perlre.charclass import Alphabet, parse_number
from imapsync.cli.perlre.errors import PatternError
from imapsync.cli.perlre.pattern import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GROUP = re.compile(r"\$(?:\{(\d{1,4})\}|(\d{1,4})|(&)|\+\{(\w+)\})")
#: With ``$`` before them the names of Perl's own variables; each of them would put in what nobody meant.
_PUNCTUATION = frozenset("!\"#$%'()*+,-./:;<=>?@[\\]^`|~")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "a": "\a", "b": "\b", "e": "\x1b"}

Part = tuple[str, str | int]
"""("text", literal), ("group", number or name) or ("case", one of U L Q E u l)."""


class Known(NamedTuple):
    """What a replacement may name: characters, ``$variables`` with their values, the pattern's groups."""

    alphabet: Alphabet
    variables: Mapping[str, str] | None
    groups: Mapping[str, int]


def parse_replacement(source: str, known: Known) -> list[Part]:
    """Read the second half of ``s///``. Raises PatternError."""
    parts: list[Part] = []
    index = 0
    while index < len(source):
        char = source[index]
        if char == "$":
            part, index = _dollar(source, index, known.variables)
        elif char == "\\" and index + 1 < len(source):
            part, index = _escape(source, index + 1, known.alphabet)
        else:
            part, index = ("text", char), index + 1
        if part[0] == "text" and parts and parts[-1][0] == "text":
            parts[-1] = ("text", f"{parts[-1][1]}{part[1]}")
        else:
            parts.append(part)
    check_groups(parts, known.groups)
    return parts


def _dollar(source: str, index: int, variables: Mapping[str, str] | None) -> tuple[Part, int]:
    group = _GROUP.match(source, index)
    if group:
        if group.group(2) and source[group.end() : group.end() + 1] in ("[", "{"):
            name = group.group()
            raise PatternError(
                f"'{name}{source[group.end()]}' stands for a Perl variable; write '${{{name[1:]}}}'"
            )
        if group.group(3):
            return ("group", 0), group.end()
        if group.group(4):
            return ("group", group.group(4)), group.end()
        return ("group", int(group.group(1) or group.group(2))), group.end()
    variable = VARIABLE.match(source, index)
    if variable:
        name = variable.group(1) or variable.group(2)
        if variables is None or name not in variables:
            raise PatternError(
                f"'{variable.group()}' stands for a Perl variable; write '\\$' for a dollar sign"
            )
        return ("text", variables[name]), variable.end()
    if source[index + 1 : index + 2] in _PUNCTUATION:
        raise PatternError(
            f"'{source[index : index + 2]}' stands for a Perl variable; write '\\$' for a dollar sign"
        )
    return ("text", "$"), index + 1


def _escape(source: str, index: int, alphabet: Alphabet) -> tuple[Part, int]:
    char = source[index]
    if char in "123456789":
        return ("group", int(char)), index + 1
    number = parse_number(source, index, alphabet)
    if number:
        code, end = number
        text = chr(code)
        if code > alphabet.highest:
            text = text.encode("utf-8", "surrogatepass").decode("latin-1")
        return ("text", text), end
    index += 1
    if char in "ULQEul":
        return ("case", char), index
    if char == "c" and index < len(source):
        return ("text", chr(ord(source[index].upper()) ^ 64)), index + 1
    if char.isascii() and char.isalnum() and char not in _SIMPLE:
        raise PatternError(f"'\\{char}' is not supported in what replaces a match")
    return ("text", _SIMPLE.get(char, char)), index


def check_groups(parts: list[Part], names: Mapping[str, int]) -> None:
    """Refuse names of groups that the pattern has not; a number without group is empty text, as in Perl."""
    for kind, value in parts:
        if kind == "group" and isinstance(value, str) and value not in names:
            raise PatternError(f"there is no group named '{value}'")


class Template(Generic[AnyStr]):
    """Makes the text that replaces a match."""

    def __init__(self, parts: list[Part], encode: Callable[[str], AnyStr]) -> None:
        self._empty: AnyStr = encode("")
        self._parts: list[tuple[str, AnyStr, int | str]] = [
            (kind, encode(value) if kind == "text" and isinstance(value, str) else self._empty, value)
            for kind, value in parts
        ]
        self._plain = all(kind != "case" for kind, _ in parts)

    def __call__(self, match: re.Match[AnyStr]) -> AnyStr:
        """Give what stands in place of `match`."""
        pieces: list[AnyStr] = []
        modes: list[str] = []
        once = ""
        for kind, text, value in self._parts:
            if kind == "case":
                once = _switch(str(value), modes, once)
                continue
            piece = self._group(match, value) if kind == "group" else text
            if not self._plain:
                piece, once = _styled(piece, modes, once)
            pieces.append(piece)
        return self._empty.join(pieces)

    def _group(self, match: re.Match[AnyStr], key: int | str) -> AnyStr:
        if isinstance(key, int) and key > match.re.groups:
            return self._empty
        found: AnyStr | None = match[key]
        return self._empty if found is None else found


def _switch(mode: str, modes: list[str], once: str) -> str:
    if mode in "ul":
        return mode
    if mode == "E":
        if modes:
            modes.pop()
    else:
        if mode in "UL" and modes and modes[-1] in "UL":
            modes.pop()
        modes.append(mode)
    return once


def _styled(piece: AnyStr, modes: list[str], once: str) -> tuple[AnyStr, str]:
    for mode in ("U", "L"):
        if mode in modes:
            piece = piece.upper() if mode == "U" else piece.lower()
    if once and piece:
        first = piece[:1].upper() if once == "u" else piece[:1].lower()
        piece, once = first + piece[1:], ""
    if "Q" in modes:
        if isinstance(piece, bytes):
            piece = re.sub(rb"([^A-Za-z0-9_])", rb"\\\1", piece)
        else:
            piece = re.sub(r"([^\w])", r"\\\1", piece)
    return piece, once
