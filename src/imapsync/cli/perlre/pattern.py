r"""A Perl pattern in Python's spelling, character by character, and compiled.

What Python's ``re`` has under another name is translated, what it has not is refused by name: code blocks,
recursion, branch reset, verbs, ``\K``, ``\G``, Unicode properties. Python 3.11's atomic groups and
possessive quantifiers are Perl's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, AnyStr

from imapsync.cli.perlre.charclass import Alphabet, inside, literal, parse_number, translate_class
from imapsync.cli.perlre.errors import PatternError

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUANTIFIER = re.compile(r"\{\s*(?:\d+\s*(?:,\s*\d*\s*)?|,\s*\d+\s*)\}")
_NAMED_GROUP = re.compile(r"\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')")
_INLINE_FLAGS = re.compile(r"\(\?(\^?)([a-z]*)(?:-([a-z]*))?([:)])")
_CONDITION = re.compile(r"\(\?\((?:(\d+)|<(\w+)>|'(\w+)')\)")
_BACK_NUMBER = re.compile(r"g(?:\{(-?\d+)\}|(-?\d+))|([1-9]\d*)")
_BACK_NAME = re.compile(r"[gk](?:\{([A-Za-z_]\w*)\}|<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PLAIN_OPENINGS = ("(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>")
_REFUSED_OPENINGS = {
    "(?{": "Perl code inside a pattern is never run",
    "(??{": "Perl code inside a pattern is never run",
    "(?|": "branch reset '(?|' is not supported",
    "(?R": "recursion is not supported",
    "(?&": "recursion is not supported",
    "(?P>": "recursion is not supported",
    "(*": "backtracking verbs '(*' are not supported",
}
_REFUSED_ESCAPES = {
    "K": "'\\K' is not supported; put what stays in brackets and repeat it with $1",
    "G": "'\\G' is not supported",
    "X": "'\\X' is not supported",
    "C": "'\\C' is not supported",
    "p": "Unicode properties '\\p' are not supported; use a class like [A-Za-z]",
    "P": "Unicode properties '\\P' are not supported; use a class like [^A-Za-z]",
    "U": "'\\U' is not supported in a pattern, only in what replaces it",
    "L": "'\\L' is not supported in a pattern, only in what replaces it",
    "u": "'\\u' is not supported in a pattern, only in what replaces it",
    "l": "'\\l' is not supported in a pattern, only in what replaces it",
    "F": "'\\F' is not supported in a pattern",
}
#: The x flag needs nothing of Python: white space and comments are taken out by the translation.
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.RegexFlag(0)}
#: Flags that change nothing here: compile once, character set rules, copies of matched text.
IDLE_FLAGS = "oaudlp"


def compile_text(source: str, flags: str, variables: Mapping[str, str] | None = None) -> re.Pattern[str]:
    """Compile for text. Raises PatternError."""
    return _compile(source, flags, Alphabet(wide=True), variables)


def compile_latin1(source: str, flags: str) -> re.Pattern[bytes]:
    """Compile for bytes; characters beyond ASCII stand for their UTF-8 bytes. Raises PatternError."""
    narrow = source.encode("utf-8", "surrogateescape").decode("latin-1")
    translated = _Translator(narrow, Alphabet(wide=False), flags, None).run()
    return _finish(translated.encode("ascii"), flags)


def _compile(
    source: str, flags: str, alphabet: Alphabet, variables: Mapping[str, str] | None
) -> re.Pattern[str]:
    return _finish(_Translator(source, alphabet, flags, variables).run(), flags)


def _finish(translated: AnyStr, flags: str) -> re.Pattern[AnyStr]:
    value = re.RegexFlag(0)
    for flag in flags:
        value |= FLAGS.get(flag, re.RegexFlag(0))
    try:
        return re.compile(translated, value)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"the pattern is not right: {error}") from error


@dataclass
class _Group:
    """An open group: the inline flag groups opened inside it, and the flags x and m outside of it."""

    inline: list[str] = field(default_factory=list)
    extended_before: bool = False
    multiline_before: bool = False


class _Translator:
    def __init__(
        self,
        source: str,
        alphabet: Alphabet,
        flags: str,
        variables: Mapping[str, str] | None,
    ) -> None:
        self.source = source
        self.alphabet = alphabet
        self.extended = "x" in flags
        self.multiline = "m" in flags
        self.variables = variables
        self.out: list[str] = []
        self.stack = [_Group()]
        self.groups = 0

    def run(self) -> str:
        """Translate all of the pattern."""
        index = 0
        while index < len(self.source):
            index = self._step(index)
        if len(self.stack) > 1:
            raise PatternError("a '(' is never closed")
        self.out.append(")" * len(self.stack[0].inline))
        return "".join(self.out)

    def _step(self, index: int) -> int:
        char = self.source[index]
        special = {
            "\\": self._escape,
            "[": self._class,
            "(": self._open,
            ")": self._close,
            "|": self._alternative,
            "$": self._dollar,
            "{": self._brace,
        }.get(char)
        if special is not None:
            return special(index)
        if self.extended and char.isspace():
            return index + 1
        if self.extended and char == "#":
            newline = self.source.find("\n", index)
            return len(self.source) if newline < 0 else newline + 1
        if char == "^" and self.multiline:
            # Perl: after each newline but the last one; Python: after each.
            self.out.append("(?:^(?!\\Z)|\\A)")
        else:
            self.out.append(char if char in "^.*+?" else literal(ord(char)))
        return index + 1

    def _class(self, index: int) -> int:
        text, index = translate_class(self.source, index, self.alphabet)
        self.out.append(text)
        return index

    def _alternative(self, index: int) -> int:
        inline = self.stack[-1].inline
        self.out.append(")" * len(inline) + "|" + "".join(inline))
        return index + 1

    def _brace(self, index: int) -> int:
        found = _QUANTIFIER.match(self.source, index)
        if found:
            self.out.append("".join(found.group().split()))
            return found.end()
        self.out.append("\\{")
        return index + 1

    def _dollar(self, index: int) -> int:
        found = VARIABLE.match(self.source, index)
        if not found:
            self.out.append("$")
            return index + 1
        name = found.group(1) or found.group(2)
        if self.variables is None or name not in self.variables:
            raise PatternError(f"'{found.group()}' stands for a Perl variable; write '\\$' for a dollar sign")
        value = self.variables[name]
        self.out.append("(?:" + "".join(literal(ord(char)) for char in value) + ")")
        return found.end()

    def _open(self, index: int) -> int:
        source = self.source
        for opening, reason in _REFUSED_OPENINGS.items():
            if source.startswith(opening, index):
                raise PatternError(reason)
        if not source.startswith("(?", index):
            self._push("(", counted=True)
            return index + 1
        if source.startswith("(?#", index):
            end = source.find(")", index)
            if end < 0:
                raise PatternError("a '(?#' is never closed")
            return end + 1
        named = _NAMED_GROUP.match(source, index)
        if named:
            self._push(f"(?P<{named.group(1) or named.group(2)}>", counted=True)
            return named.end()
        for opening in _PLAIN_OPENINGS:
            if source.startswith(opening, index):
                self._push(opening)
                return index + len(opening)
        condition = _CONDITION.match(source, index)
        if condition:
            self._push(f"(?({condition.group(1) or condition.group(2) or condition.group(3)})")
            return condition.end()
        inline = _INLINE_FLAGS.match(source, index)
        if inline:
            return self._inline_flags(inline)
        raise PatternError(f"'{source[index : index + 4]}' is not supported")

    def _push(self, text: str, *, counted: bool = False) -> None:
        self.out.append(text)
        self.groups += counted
        self.stack.append(_Group(extended_before=self.extended, multiline_before=self.multiline))

    def _close(self, index: int) -> int:
        if len(self.stack) == 1:
            raise PatternError("a ')' has no '('")
        group = self.stack.pop()
        self.out.append(")" * len(group.inline) + ")")
        self.extended, self.multiline = group.extended_before, group.multiline_before
        return index + 1

    def _inline_flags(self, found: re.Match[str]) -> int:
        caret, plus, minus, end = found.group(1), found.group(2), found.group(3) or "", found.group(4)
        for flag in plus + minus:
            if flag not in FLAGS and flag not in IDLE_FLAGS:
                raise PatternError(f"the inline flag '{flag}' is not supported")
        wanted = {flag for flag in plus if flag in FLAGS}
        removed = {flag for flag in minus if flag in FLAGS}
        if caret:
            removed = set(FLAGS) - wanted
        extended = "x" in wanted or (self.extended and "x" not in removed)
        multiline = "m" in wanted or (self.multiline and "m" not in removed)
        # White space and comments are taken out here, so Python need not know of the x flag.
        wanted.discard("x")
        removed.discard("x")
        text = (
            "(?"
            + "".join(sorted(wanted))
            + ("-" + "".join(sorted(removed - wanted)) if removed - wanted else "")
            + ":"
        )
        if end == ":":
            self._push(text)
        else:
            self.out.append(text)
            self.stack[-1].inline.append(text)
        self.extended, self.multiline = extended, multiline
        return found.end()

    def _escape(self, index: int) -> int:
        source = self.source
        index += 1
        if index >= len(source):
            raise PatternError("the pattern ends with a single backslash")
        back = self._back_reference(index)
        if back is not None:
            return back
        number = parse_number(source, index, self.alphabet)
        if number:
            self.out.append(self._character(number[0]))
            return number[1]
        char = source[index]
        index += 1
        if char == "Q":
            end = source.find("\\E", index)
            quoted = source[index:] if end < 0 else source[index:end]
            if self.variables is not None:  # those stand for their values there, too
                known = self.variables
                quoted = VARIABLE.sub(
                    lambda found: known.get(found.group(1) or found.group(2), found.group()), quoted
                )
            self.out.extend(literal(ord(each)) for each in quoted)
            return len(source) if end < 0 else end + 2
        if char == "c" and index < len(source):
            self.out.append(literal(ord(source[index].upper()) ^ 64))
            return index + 1
        if char == "N" and source.startswith("{U+", index):
            end = source.find("}", index)
            return self._named_character(index + 3, end)
        if char in "bB" and source.startswith("{", index):
            raise PatternError(f"'\\{char}{{' is not supported")
        self.out.append(self._simple_escape(char))
        return index

    def _simple_escape(self, char: str) -> str:
        if char in _REFUSED_ESCAPES:
            raise PatternError(_REFUSED_ESCAPES[char])
        vertical = inside(self.alphabet.vertical())
        horizontal = inside(self.alphabet.horizontal())
        translated = {
            "z": "\\Z",
            "Z": "(?=\\n?\\Z)",
            "e": "\\x1b",
            "h": f"[{horizontal}]",
            "H": f"[^{horizontal}]",
            "v": f"[{vertical}]",
            "V": f"[^{vertical}]",
            "R": f"(?>\\r\\n|[{vertical}])",
            "N": "[^\\n]",
            "E": "",
        }.get(char)
        if translated is not None:
            return translated
        if char in "dDwWsSbBAnrtfa":
            return "\\" + char
        if char.isascii() and char.isalnum():
            raise PatternError(f"'\\{char}' is not supported")
        return literal(ord(char))

    def _character(self, code: int) -> str:
        if code <= self.alphabet.highest:
            return literal(code)
        return "(?:" + "".join(literal(byte) for byte in chr(code).encode("utf-8", "surrogatepass")) + ")"

    def _named_character(self, start: int, end: int) -> int:
        digits = self.source[start:end] if end > start else ""
        if not re.fullmatch(r"[0-9a-fA-F]{1,6}", digits) or int(digits, 16) > 0x10FFFF:
            raise PatternError("'\\N{U+' needs a hexadecimal number and '}'")
        self.out.append(self._character(int(digits, 16)))
        return end + 1

    def _back_reference(self, index: int) -> int | None:
        named = _BACK_NAME.match(self.source, index)
        if named:
            self.out.append(f"(?P={named.group(1) or named.group(2) or named.group(3)})")
            return named.end()
        found = _BACK_NUMBER.match(self.source, index)
        if not found:
            return None
        if found.group(3):
            number = int(found.group(3)[:4])
            if number > 9 and number > self.groups:
                return None  # octal, as in Perl
        else:
            number = int((found.group(1) or found.group(2))[:5])
            if number < 0:
                number += self.groups + 1
        if number < 1 or number > self.groups:
            raise PatternError(f"there is no group for '\\{found.group()}'")
        self.out.append(f"(?:\\{number})")
        return found.end()
