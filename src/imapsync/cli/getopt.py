"""The words of a command line read as Perl's Getopt::Long reads them.

Accepted for an option NAME of the table: ``--NAME value``, ``--NAME=value``, one dash instead of two, any
case, any unique beginning of NAME, and for negatable options ``--noNAME`` and ``--no-NAME``; of a repeatable
option that means none of its values. ``--`` ends the
options. An option that needs a value takes the next word whatever it looks like. Repeatable options
collect, of the others the last one counts. Words that are no options are refused.

One difference on purpose: ``--NAME=`` gives the empty string where Getopt::Long asks for a value.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from imapsync.cli.errors import UsageError
from imapsync.cli.options.model import Kind, Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Value = bool | int | float | str
_INT = re.compile(r"[-+]?[0-9](?:_?[0-9])*\Z")
_FLOAT = re.compile(r"[-+]?(?=\.?[0-9])[0-9_]*(?:\.[0-9_]+)?(?:[eE][-+]?[0-9_]+)?\Z")
#: Longer numbers are typing errors, and Python refuses to read far longer ones.
MAX_DIGITS = 18
#: How much of a wrong word an error message repeats.
SHOWN_LENGTH = 60


class Parsed(NamedTuple):
    """The options that were given, by name: `values` are the last ones, `lists` those of the repeatable."""

    values: dict[str, Value]
    lists: dict[str, list[str]]

    def given(self, name: str) -> bool:
        """Whether the option was on the command line."""
        return name in self.values or name in self.lists

    def flag(self, name: str, default: bool = False) -> bool:
        """Give the state of a flag."""
        value = self.values.get(name)
        return default if value is None else value is not False

    def choice(self, name: str) -> str | None:
        """Give the word that a flag was given with; None without one."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def text(self, name: str) -> str | None:
        """Give the value of a single text option."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Give the value of a whole number option."""
        value = self.values.get(name)
        return None if value is None else int(value)

    def number(self, name: str) -> float | None:
        """Give the value of a number option."""
        value = self.values.get(name)
        return None if value is None else float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Give all values of a repeatable option, in their order."""
        return tuple(self.lists.get(name, ()))

    def names(self) -> Iterator[str]:
        """Give the names of all options given."""
        yield from self.values
        yield from self.lists


class Spelling(NamedTuple):
    """What a written name stands for."""

    option: Option
    negated: bool


class Parser:
    """Reads command lines by a table of options."""

    def __init__(self, table: Iterable[Option]) -> None:
        self._spellings: dict[str, Spelling] = {}
        for option in table:
            for name in (option.name, *option.aliases):
                self._spellings[name] = Spelling(option, negated=False)
                if option.negatable:
                    self._spellings.setdefault(f"no{name}", Spelling(option, negated=True))
                    self._spellings.setdefault(f"no-{name}", Spelling(option, negated=True))

    def read(self, words: Sequence[str]) -> tuple[Parsed, list[str]]:
        """Read all words after the program's name; give what was understood, and a sentence a problem."""
        scan = _Scan(self, words)
        return scan.parsed, scan.problems

    def secret_words(self, words: Sequence[str]) -> dict[int, int]:
        """Tell which words hold a secret: the index of the word -> where in it the secret begins."""
        return _Scan(self, words).secrets

    def find(self, written: str) -> Spelling:
        """Give the option that a name, its beginning or its negation stands for. Raises UsageError."""
        name = written.lower()
        exact = self._spellings.get(name)
        if exact is not None:
            return exact
        hits = {} if not name else {key: hit for key, hit in self._spellings.items() if key.startswith(name)}
        meanings = {(hit.option.name, hit.negated): hit for hit in hits.values()}
        # A beginning that was unique in the original stays so, whatever options we have beside its.
        theirs = [hit for hit in meanings.values() if not hit.option.ours]
        if len(theirs) == 1 or len(meanings) == 1:
            return (theirs or list(meanings.values()))[0]
        if meanings:
            candidates = ", ".join(sorted({f"--{'no' if no else ''}{option}" for option, no in meanings}))
            raise UsageError(f"Option --{_short(written)} is ambiguous. It could be {candidates}.")
        raise UsageError(f"Unknown option: --{_short(written)}.{self._nearest(name)}")

    def _nearest(self, name: str) -> str:
        import difflib

        known = [key for key in self._spellings if not key.startswith("no-")]
        close = difflib.get_close_matches(name[:SHOWN_LENGTH], known, n=1, cutoff=0.6)
        return f" Did you mean --{close[0]}?" if close else " 'imapsync --help' lists all options."


class _Scan:
    """One way through the words of a command line."""

    def __init__(self, parser: Parser, words: Sequence[str]) -> None:
        self.parsed = Parsed({}, {})
        self.problems: list[str] = []
        self.secrets: dict[int, int] = {}
        self._parser = parser
        self._words = words
        self._index = 0
        self._after_secret = ""  # the secret option whose value came last: a stray word may be the rest of it
        while self._index < len(words):
            word = words[self._index]
            self._index += 1
            if not word:
                continue  # as in the original: wrappers pass values that may be empty
            if word == "--":
                self.problems.extend(
                    _not_an_option(extra, self._after_secret) for extra in words[self._index :]
                )
                break
            if word.startswith("-") and word != "-":
                self._after_secret = ""
                self._option(word)
            else:
                self.problems.append(_not_an_option(word, self._after_secret))

    def _option(self, word: str) -> None:
        written, equals, attached = word[2 if word.startswith("--") else 1 :].partition("=")
        try:
            spelling = self._parser.find(written)
        except UsageError as error:
            self.problems.extend(error.problems)
            # What follows is most likely the value of the option that does not exist.
            if not equals and self._index < len(self._words) and not self._words[self._index].startswith("-"):
                self._index += 1
            return
        option = spelling.option
        if option.takes_value and not spelling.negated:
            self._value(option, attached if equals else None, len(word))
        elif equals and option.choices and not spelling.negated:
            self._choice(option, attached)
        elif equals:
            self.problems.append(
                f"Option --{option.name} takes no value, but '={_short(attached)}' follows it."
            )
        else:
            self.parsed.values[option.name] = not spelling.negated

    def _choice(self, option: Option, word: str) -> None:
        if word not in option.choices:
            known = " or ".join(f"--{option.name}={choice}" for choice in option.choices)
            self.problems.append(f"Option --{option.name}: '{_short(word)}' is none of its words: {known}.")
            return
        self.parsed.values[option.name] = True if word == option.choices[0] else word

    def _value(self, option: Option, attached: str | None, word_length: int) -> None:
        begin = 0
        if attached is not None:
            value, begin = attached, word_length - len(attached)
        elif self._index < len(self._words):
            value = self._words[self._index]
            self._index += 1
        else:
            self.problems.append(f"Option --{option.name} needs a value: {_expected(option)}.")
            return
        if option.secret:
            self._after_secret = option.name
            self.secrets[self._index - 1] = begin
        _store(self.parsed, option, value, self.problems)


def _store(parsed: Parsed, option: Option, text: str, problems: list[str]) -> None:
    try:
        value = _convert(option, text)
    except ValueError:
        shown = "its value" if option.secret else f"'{_short(text)}'"
        problems.append(f"Option --{option.name}: {shown} is not right, it must be {_expected(option)}.")
        return
    if option.repeat:
        parsed.lists.setdefault(option.name, []).append(str(value))
    else:
        parsed.values[option.name] = value


def _convert(option: Option, text: str) -> Value:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError  # surrogates stand for bytes that are not UTF-8
    if option.kind is Kind.INT:
        if not _INT.match(text) or len(text) > MAX_DIGITS:
            raise ValueError
        return int(text)
    if option.kind is Kind.FLOAT:
        if not _FLOAT.match(text):
            raise ValueError
        value = float(text.replace("_", ""))
        if not math.isfinite(value):
            raise ValueError
        return value
    if option.kind is Kind.PAIR and not text.partition("=")[0]:
        raise ValueError
    if option.kind is Kind.PAIR and "=" not in text:
        raise ValueError
    return text


def _expected(option: Option) -> str:
    return {
        Kind.INT: "a whole number",
        Kind.FLOAT: "a number",
        Kind.REGEX: "a regular expression",
        Kind.COMMAND: "a shell command",
        Kind.PAIR: "two words joined by '='",
    }.get(option.kind, "some text in UTF-8")


def _not_an_option(word: str, after_secret: str) -> str:
    shown = f"A word after the value of --{after_secret}" if after_secret else f"'{_short(word)}'"
    return (
        f"{shown} is not an option, and nothing but options is expected. "
        "A value that holds blanks or characters of the shell needs quotes."
    )


def _short(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= SHOWN_LENGTH else shown[:SHOWN_LENGTH] + "…"
