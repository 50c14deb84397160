"""``s///`` and ``tr///`` as functions on text (folder names, flag lists) and on bytes (messages)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, AnyStr, TypeVar

from imapsync.cli.perlre.charclass import Alphabet
from imapsync.cli.perlre.delimiters import Quoted, split_statements
from imapsync.cli.perlre.errors import PatternError
from imapsync.cli.perlre.pattern import FLAGS, IDLE_FLAGS, compile_latin1, compile_text
from imapsync.cli.perlre.replacement import Known, Part, Template, parse_replacement
from imapsync.cli.perlre.translit import transliteration
from imapsync.cli.perlre.values import Values

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_TEXT = Alphabet(wide=True)
_BYTES = Alphabet(wide=False)


@dataclass(frozen=True)
class Operations:
    """One argument of --regexmess, --regexflag or --regextrans2: one or more operations in their order."""

    statements: tuple[Quoted, ...]

    def on_bytes(self) -> Callable[[bytes], bytes]:
        """Give the function for messages."""
        return _chain([_bytes_function(statement) for statement in self.statements])

    def on_text(self, variables: Mapping[str, str] | None = None) -> Callable[[str], str]:
        """Give the function for names; `variables` are what ``$name`` may stand for."""
        return _chain([_text_function(statement, variables) for statement in self.statements])


def operations(text: str) -> Operations:
    """Read one argument. Raises PatternError when it is no ``s///`` or ``tr///`` that can be done."""
    statements = split_statements(text)
    for position, statement in enumerate(statements):
        if statement.kind == "m":
            raise PatternError("it must change something, as s/this/that/ or tr/this/that/ do")
        if statement.kind == "s":
            check_flags(statement.flags.replace("e", "", 1), "gimsx" + IDLE_FLAGS)
            if position and not statement.first:
                raise PatternError(
                    "an empty pattern would be the one before it, in Perl; write that one again"
                )
    return Operations(tuple(statements))


def check_flags(flags: str, known: str) -> None:
    """Raise PatternError for a flag that is not among the `known` ones."""
    for flag in flags:
        if flag == "e":
            raise PatternError("the flag 'e' would run Perl code, which is never done")
        if flag not in known:
            raise PatternError(f"the flag '{flag}' is not supported; {', '.join(FLAGS)} and g are")


def _chain(functions: list[Callable[[T], T]]) -> Callable[[T], T]:
    if len(functions) == 1:
        return functions[0]

    def chained(value: T) -> T:
        for function in functions:
            value = function(value)
        return value

    return chained


def _text_function(statement: Quoted, variables: Mapping[str, str] | None) -> Callable[[str], str]:
    if statement.kind == "tr":
        return transliteration(statement.first, statement.second, statement.flags, _TEXT.highest)
    pattern = compile_text(statement.first, statement.flags, variables)
    made = _replacement(statement, statement.second, Known(_TEXT, variables, pattern.groupindex), str)
    count = 0 if "g" in statement.flags else 1
    return lambda text: pattern.sub(made, text, count=count)


def _bytes_function(statement: Quoted) -> Callable[[bytes], bytes]:
    if statement.kind == "tr":
        walk = transliteration(
            _narrow(statement.first), _narrow(statement.second), statement.flags, _BYTES.highest
        )
        return lambda text: walk(text.decode("latin-1")).encode("latin-1")
    pattern = compile_latin1(statement.first, statement.flags)
    known = Known(_BYTES, None, pattern.groupindex)
    made = _replacement(statement, _narrow(statement.second), known, lambda text: text.encode("latin-1"))
    count = 0 if "g" in statement.flags else 1
    return lambda text: pattern.sub(made, text, count=count)


def _replacement(
    statement: Quoted, second: str, known: Known, encode: Callable[[str], AnyStr]
) -> Callable[[re.Match[AnyStr]], AnyStr]:
    if "e" in statement.flags:
        return Values(second, known, encode).read()
    parts: list[Part] = [("text", second)] if statement.raw else parse_replacement(second, known)
    return Template(parts, encode)


def _narrow(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
