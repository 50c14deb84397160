r"""What ``s///e`` puts in, where that code only says which text: ``lc($1)``, ``defined($1)?$1:q()``.

Nothing is evaluated: text in quotes, groups, ``lc uc lcfirst ucfirst``, ``.`` and ``defined(…) ? … : …``
are read into functions of the match, and any other code is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, AnyStr, Generic

from imapsync.cli.perlre.delimiters import read_part
from imapsync.cli.perlre.errors import PatternError
from imapsync.cli.perlre.replacement import Known, Template, check_groups, parse_replacement

if TYPE_CHECKING:
    from collections.abc import Callable

_BLANKS = re.compile(r"\s*")
_GROUP = re.compile(r"\$(?:\{(\d{1,4})\}|(\d{1,4})|(&)|\+\{(\w+)\})(?![\[{])")
_DEFINED = re.compile(r"defined\b")
_CASE = re.compile(r"(lcfirst|ucfirst|lc|uc)\b")
_QUOTES = re.compile(r"(qq?)\s*(?=[^\w\s,=])|(?=[\"'])")
_WORD = re.compile(r"\w+|.", re.DOTALL)
#: How deep brackets and functions may stand in each other.
_MAX_DEPTH = 50


class Values(Generic[AnyStr]):
    """Reads the code of one ``s///e``."""

    def __init__(self, source: str, known: Known, encode: Callable[[str], AnyStr]) -> None:
        self._source = source
        self._known = known
        self._encode: Callable[[str], AnyStr] = encode
        self._empty: AnyStr = encode("")
        self._index = 0
        self._depth = 0

    def read(self) -> Callable[[re.Match[AnyStr]], AnyStr]:
        """Give what makes the text that replaces a match. Raises PatternError for any other code."""
        value = self._choice()
        if self._take(_BLANKS) is None or self._index < len(self._source):
            raise self._refused()
        return value

    def _choice(self) -> Callable[[re.Match[AnyStr]], AnyStr]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PatternError("the code of an s///e stands too deep in brackets")
        if self._take(_DEFINED):
            value = self._defined()
        else:
            parts = [self._atom()]
            while self._sign("."):
                parts.append(self._atom())
            value = parts[0] if len(parts) == 1 else _joined(parts, self._empty)
        self._depth -= 1
        return value

    def _defined(self) -> Callable[[re.Match[AnyStr]], AnyStr]:
        in_brackets = self._sign("(")
        group = self._take(_GROUP)
        if not group or (in_brackets and not self._sign(")")):
            raise self._refused()
        key = self._key(group)
        self._expect("?")
        present = self._choice()
        self._expect(":")
        absent = self._choice()
        return lambda match: absent(match) if _find(match, key) is None else present(match)

    def _atom(self) -> Callable[[re.Match[AnyStr]], AnyStr]:
        if self._sign("("):
            value = self._choice()
            self._expect(")")
            return value
        if group := self._take(_GROUP):
            key, empty = self._key(group), self._empty
            return lambda match: empty if (found := _find(match, key)) is None else found
        if case := self._take(_CASE):
            return self._cased(case.group(1))
        if (quotes := self._take(_QUOTES)) and self._index < len(self._source):
            return self._text(quotes.group(1) or "")
        raise self._refused()

    def _cased(self, name: str) -> Callable[[re.Match[AnyStr]], AnyStr]:
        if not self._sign("("):
            raise self._refused()
        inner = self._choice()
        self._expect(")")
        change = _upper if name.startswith("uc") else _lower
        if not name.endswith("first"):
            return lambda match: change(inner(match))

        def first(match: re.Match[AnyStr]) -> AnyStr:
            text = inner(match)
            return change(text[:1]) + text[1:]

        return first

    def _text(self, quotes: str) -> Callable[[re.Match[AnyStr]], AnyStr]:
        opening = self._source[self._index]
        inside, self._index = read_part(self._source, self._index, "tr")
        if quotes == "qq" or (not quotes and opening == '"'):
            return Template(parse_replacement(inside, self._known), self._encode)
        return Template([("text", inside.replace("\\\\", "\\"))], self._encode)

    def _key(self, group: re.Match[str]) -> int | str:
        if group.group(4):
            check_groups([("group", group.group(4))], self._known.groups)
            return group.group(4)
        return 0 if group.group(3) else int(group.group(1) or group.group(2))

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        blanks = _BLANKS.match(self._source, self._index)
        found = pattern.match(self._source, blanks.end() if blanks else self._index)
        if found:
            self._index = found.end()
        return found

    def _sign(self, sign: str) -> bool:
        return self._take(re.compile(re.escape(sign))) is not None

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._refused()

    def _refused(self) -> PatternError:
        word = self._take(_WORD)
        return PatternError(
            f"the flag 'e' would run Perl code, and '{word.group()[:40] if word else 'its end'}' is not "
            "of the little that is understood: $1, text in quotes, lc() uc() lcfirst() ucfirst(), '.' and "
            "defined($1) ? … : …"
        )


def _joined(
    parts: list[Callable[[re.Match[AnyStr]], AnyStr]], empty: AnyStr
) -> Callable[[re.Match[AnyStr]], AnyStr]:
    return lambda match: empty.join([part(match) for part in parts])


def _find(match: re.Match[AnyStr], key: int | str) -> AnyStr | None:
    return None if isinstance(key, int) and key > match.re.groups else match[key]


def _upper(text: AnyStr) -> AnyStr:
    return text.upper()


def _lower(text: AnyStr) -> AnyStr:
    return text.lower()
