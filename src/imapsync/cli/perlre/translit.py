"""``tr///`` on text or bytes: ranges, escapes and the flags c, d and s (perlop, "Quote-Like Operators")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.cli.perlre.errors import PatternError

if TYPE_CHECKING:
    from collections.abc import Callable

_ESCAPES = {"n": 10, "t": 9, "r": 13, "f": 12, "a": 7, "b": 8, "e": 27}
_NUMBER = re.compile(r"x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{1,2})|o\{([0-7]{1,7})\}|([0-7]{1,3})")
#: Most characters that one list may stand for.
MAX_LIST = 0x11_0000


def transliteration(search: str, replace: str, flags: str, highest: int) -> Callable[[str], str]:
    """Give the operation on texts whose characters go up to `highest` (255 for bytes read as Latin-1)."""
    for flag in flags:
        if flag not in "cds":
            raise PatternError(f"the flag '{flag}' of tr/// is not supported; c, d and s are")
    complement, delete, squeeze = "c" in flags, "d" in flags, "s" in flags
    listed = _expand(search, highest)
    targets = _expand(replace, highest)
    if complement:
        return _complemented(frozenset(listed), targets, delete=delete, squeeze=squeeze)
    if not targets and not delete:
        targets = listed
    mapping: dict[int, int | None] = {}
    for index, code in enumerate(listed):
        if code in mapping:
            continue
        if index < len(targets):
            mapping[code] = targets[index]
        else:
            mapping[code] = None if delete else targets[-1]
    if not squeeze:
        return lambda text: text.translate(mapping)

    def each(code: int) -> tuple[bool, int | None]:
        return code in mapping, mapping.get(code, code)

    return _walker(each, squeeze=True)


def _complemented(
    listed: frozenset[int], targets: list[int], *, delete: bool, squeeze: bool
) -> Callable[[str], str]:
    if len(targets) > 1:
        raise PatternError("tr///c with more than one character to put in is not supported")

    def each(code: int) -> tuple[bool, int | None]:
        if code in listed:
            return False, code
        if targets:
            return True, targets[0]
        return True, None if delete else code

    return _walker(each, squeeze=squeeze)


def _walker(each: Callable[[int], tuple[bool, int | None]], *, squeeze: bool) -> Callable[[str], str]:
    def walk(text: str) -> str:
        out: list[str] = []
        last: int | None = None
        for char in text:
            changed, code = each(ord(char))
            if not changed:
                out.append(char)
                last = None
            elif code is not None and not (squeeze and code == last):
                out.append(chr(code))
                last = code
        return "".join(out)

    return walk


def _expand(spec: str, highest: int) -> list[int]:
    codes: list[int] = []
    items = list(_items(spec, highest))
    index = 0
    while index < len(items):
        code, is_dash = items[index]
        if is_dash and codes and index + 1 < len(items):
            end = items[index + 1][0]
            if end < codes[-1]:
                raise PatternError(f"the range '{chr(codes[-1])}-{chr(end)}' of tr/// runs backwards")
            codes.extend(range(codes[-1] + 1, end + 1))
            index += 2
            if index < len(items) and items[index][1]:
                items[index] = (ord("-"), False)
        else:
            codes.append(code)
            index += 1
        if len(codes) > MAX_LIST:
            raise PatternError("a list of tr/// is too long")
    return codes


def _items(spec: str, highest: int) -> list[tuple[int, bool]]:
    """Give each character as (code, whether it is an unescaped dash)."""
    found: list[tuple[int, bool]] = []
    index = 0
    while index < len(spec):
        char = spec[index]
        index += 1
        if char != "\\" or index >= len(spec):
            found.append((ord(char), char == "-"))
            continue
        number = _NUMBER.match(spec, index)
        if number:
            index = number.end()
            digits = number.group(1) or number.group(2)
            code = int(digits, 16) if digits else int(number.group(3) or number.group(4), 8)
            if code > highest:
                raise PatternError(f"the character number {code} of tr/// is larger than {highest}")
            found.append((code, False))
            continue
        char = spec[index]
        index += 1
        if char.isalnum() and char not in _ESCAPES:
            raise PatternError(f"'\\{char}' is not supported in tr///")
        found.append((_ESCAPES.get(char, ord(char)), False))
    return found
