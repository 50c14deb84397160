"""Bracketed character classes of a Perl pattern in Python's spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imapsync.cli.perlre.errors import PatternError

_POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": "\t-\r ",
    "blank": "\t ",
    "punct": "!-/:-@[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": "\0-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
    "word": "A-Za-z0-9_",
    "ascii": "\0-\x7f",
}
HORIZONTAL = "\t \xa0"
VERTICAL = "\n-\r\x85"
WIDE_HORIZONTAL = HORIZONTAL + "\u1680\u2000-\u200a\u202f\u205f\u3000"
WIDE_VERTICAL = VERTICAL + "\u2028-\u2029"
_POSIX_NAME = re.compile(r"\[:(\^?)([a-z]+):\]")
_SIMPLE = {"n": 10, "t": 9, "r": 13, "f": 12, "a": 7, "b": 8, "e": 27}
NUMBER = re.compile(
    r"x\{\s*([0-9a-fA-F]{1,6})\s*\}|x([0-9a-fA-F]{0,2})|o\{([0-7]{1,7})\}|(0[0-7]{0,2}|[1-3][0-7]{2})"
)


@dataclass(frozen=True)
class Alphabet:
    """The characters that a pattern works on: text, or bytes read as Latin-1."""

    wide: bool

    @property
    def highest(self) -> int:
        """The highest code."""
        return 0x10FFFF if self.wide else 0xFF

    def horizontal(self) -> str:
        r"""Give what ``\h`` stands for, as the inside of a class."""
        return WIDE_HORIZONTAL if self.wide else HORIZONTAL

    def vertical(self) -> str:
        r"""Give what ``\v`` stands for, as the inside of a class."""
        return WIDE_VERTICAL if self.wide else VERTICAL


def literal(code: int) -> str:
    """Spell one character so that it is itself inside and outside of classes."""
    char = chr(code)
    if char.isascii() and (char.isalnum() or char == "_"):
        return char
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def inside(ranges: str) -> str:
    """Spell a string like ``A-Za-z`` for the inside of a class; a dash between two characters is a range."""
    out: list[str] = []
    for index, char in enumerate(ranges):
        is_range = char == "-" and 0 < index < len(ranges) - 1 and ranges[index - 1] != "-"
        out.append("-" if is_range else literal(ord(char)))
    return "".join(out)


def complement(ranges: str, highest: int) -> str:
    """Spell all characters up to `highest` that `ranges` does not hold."""
    listed = {code for code in range(min(highest, 0x10000)) if re.match(f"[{inside(ranges)}]", chr(code))}
    out: list[str] = []
    start = 0
    for code in [*sorted(listed), highest + 1]:
        if code > start:
            out.append(f"{literal(start)}-{literal(code - 1)}")
        start = code + 1
    return "".join(out)


def parse_number(source: str, index: int, alphabet: Alphabet) -> tuple[int, int] | None:
    """Read ``x41``, ``x{263a}``, ``o{33}`` or octal digits; give the code and the place after it."""
    found = NUMBER.match(source, index)
    if not found:
        return None
    if found.group(3) or found.group(4):
        code = int(found.group(3) or found.group(4), 8)
    else:
        code = int(found.group(1) or found.group(2) or "0", 16)
    if code > alphabet.highest and (alphabet.wide or code > 0x10FFFF):
        raise PatternError(f"the character number {code} does not exist")
    return code, found.end()


def translate_class(source: str, start: int, alphabet: Alphabet) -> tuple[str, int]:
    """Translate the class whose ``[`` stands at `start`; give the spelling and the place after its ``]``."""
    index = start + 1
    out = ["["]
    if source[index : index + 1] == "^":
        out.append("^")
        index += 1
    first = True
    can_begin_range = False  # whether the item before is a single character that is not the end of a range
    in_range = False
    while index < len(source):
        char = source[index]
        if char == "]" and not first:
            out.append("]")
            return "".join(out), index + 1
        first = False
        posix = _POSIX_NAME.match(source, index) if char == "[" else None
        if char == "-" and can_begin_range and source[index + 1 : index + 2] not in ("]", ""):
            out.append("-")
            in_range, can_begin_range = True, False
            index += 1
            continue
        if posix:
            out.append(_posix(posix.group(2), negated=bool(posix.group(1)), alphabet=alphabet))
            index, single = posix.end(), False
        elif char == "\\":
            text, index, single = _escape(source, index + 1, alphabet)
            out.append(text)
        else:
            out.append(literal(ord(char)))
            index, single = index + 1, True
        if in_range and not single:
            raise PatternError("a range in a character class must end with a character")
        can_begin_range = single and not in_range
        in_range = False
    raise PatternError("the closing ']' of a character class is missing")


def _posix(name: str, *, negated: bool, alphabet: Alphabet) -> str:
    if name not in _POSIX:
        raise PatternError(f"'[:{name}:]' is not a character class")
    return complement(_POSIX[name], alphabet.highest) if negated else inside(_POSIX[name])


def _escape(source: str, index: int, alphabet: Alphabet) -> tuple[str, int, bool]:
    """Translate what follows a backslash; the last of the three says whether it is one character."""
    if index >= len(source):
        raise PatternError("the pattern ends with a single backslash")
    number = parse_number(source, index, alphabet)
    if number:
        code, index = number
        if code > alphabet.highest:
            raise PatternError("a character above 255 cannot stand in a class that is matched against bytes")
        return literal(code), index, True
    char = source[index]
    index += 1
    if char in "dDwWsS":
        return "\\" + char, index, False
    if char in "hHvVE":
        return _set(char, alphabet), index, False
    if char == "c" and index < len(source):
        return literal(ord(source[index].upper()) ^ 64), index + 1, True
    if char.isascii() and char.isalnum() and char not in _SIMPLE:
        raise PatternError(f"'\\{char}' in a character class is not supported")
    return literal(_SIMPLE.get(char, ord(char))), index, True


def _set(char: str, alphabet: Alphabet) -> str:
    if char == "E":
        return ""
    ranges = alphabet.horizontal() if char in "hH" else alphabet.vertical()
    return inside(ranges) if char in "hv" else complement(ranges, alphabet.highest)
