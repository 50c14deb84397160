"""The accounts file: a line or an object an account, each the words of one `imapsync` command line.

Three forms, told apart by the first line that is no comment: JSON objects, one a line, whose members are
options; CSV whose first line names options; and CSV without names, as in the manual's chapter HUGE
MIGRATION: ``user1;password1;user2;password2``, or with both hosts, and optionally further options:
``host1;user1;password1;host2;user2;password2;--options``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shlex
import stat
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync.cli.errors import InputError, UsageError
from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.cli.options.model import Kind
from imapsync.cli.secrets import masked_words
from imapsync.cli.values import complete
from imapsync.providers import Provider, found, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imapsync.cli.getopt import Parsed

    #: Names of options and their values, in order; "" names no option: the value holds whole words.
    Pairs = Sequence[tuple[str, str]]

#: What `imapsync-fleet` decides itself, for each account.
OURS: Final = frozenset(
    (
        *("abort", "help", "justbanner", "many", "tests", "testslive", "testslive6", "version"),
        *("log", "logdir", "logfile", "pidfile", "pidfilelocking", "progress", "report", "reporthtml"),
        *("state", "usecache", "showpasswords"),
        *("justconnect", "justlogin", "justfolders", "justfoldersizes", "justfolderlists", "verify"),
    )
)
#: Names of the columns without a line of names, by how many there are.
_UNNAMED: Final = {
    4: ("user1", "password1", "user2", "password2"),
    6: ("host1", "user1", "password1", "host2", "user2", "password2"),
}
_DELIMITERS: Final = ";\t,"
_YES, _NO = frozenset(("1", "yes", "true", "on")), frozenset(("", "0", "no", "false", "off"))
_UNSAFE: Final = re.compile(r"[^\w.@+-]", re.ASCII)
#: Longest part of a name that comes from a user or a host.
_MAX_PART: Final = 40
#: Ways to sign in: one of them is needed a side.
_SECRETS: Final = ("password", "passfile", "oauthaccesstoken", "oauthdirect", "tokencommand")
_PLACES: Final = re.compile(r"\{((?:user|host)[12])\}")
MAX_FILE_BYTES: Final = 256 << 20


class Account(NamedTuple):
    """One account: its line, a name that is unique and fit for a file, one for people, the engine's words.

    The words hold passwords: they go to a worker through a pipe or TLS, never on a command line. host, user:
    those of host1, whose provider's limits count. commands: what prints the password of each side, "" for a
    side that needs none. fingerprint: changes when anything but a secret changes. facts: of host1's provider.
    connections: most connections a side of its run.
    """

    line: int
    name: str
    shown: str
    words: tuple[str, ...]
    commands: tuple[str, str]
    host: str
    user: str
    fingerprint: str
    facts: Provider | None = None
    connections: int = 1

    @property
    def most_runs(self) -> int:
        """How many runs of its login host1's provider bears at a time; 0 for any number."""
        bears = self.facts.connections if self.facts is not None else 0
        return max(1, bears // self.connections) if bears else 0


def read_accounts(path: str, general: Sequence[str], commands: tuple[str, str] = ("", "")) -> list[Account]:
    """Read the accounts file; `general` are the words for all, which each account's own come after.

    commands: what prints the password of an account on each side, for those without one of their own.

    ``{user1}``, ``{host1}``, ``{user2}``, ``{host2}`` in them stand for the account's. Raises InputError when
    the file cannot be read, or holds secrets and is not its owner's alone, and UsageError with a sentence for
    each wrong line (20 at most): nothing is begun then.
    """
    text, private = _content(path)
    builder = _Builder(general, commands)
    accounts: list[Account] = []
    problems: list[str] = []
    for line, read in _rows(text):
        try:
            accounts.append(builder.account(line, read()))
        except UsageError as error:
            problems += [f"Line {line} of '{path}': {problem}" for problem in error.problems]
    if problems:
        more = [f"{len(problems) - 20} further problems."] if len(problems) > 20 else []
        raise UsageError(*problems[:20], *more)
    if not accounts:
        raise InputError(f"The accounts file '{path}' names no account.")
    if builder.secrets_in_rows and not private:
        raise InputError(
            f"The accounts file '{path}' holds passwords and others can read it: chmod 600 '{path}'."
        )
    return accounts


def _content(path: str) -> tuple[str, bool]:
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise InputError(f"The accounts file '{path}' is no plain file.")
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"The accounts file '{path}' cannot be read: {error.strerror or error}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"The accounts file '{path}' is larger than {MAX_FILE_BYTES >> 20} MiB.")
    try:
        return content.decode("utf-8-sig"), not facts.st_mode & 0o077
    except UnicodeDecodeError:
        raise InputError(f"The accounts file '{path}' is not UTF-8 text.") from None


def _rows(text: str) -> Iterator[tuple[int, Callable[[], Pairs]]]:
    """Give for each account the number of its line and what reads the line; that raises UsageError."""
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        return
    first = lines[0][1]
    if first.lstrip().startswith("{"):
        for number, line in lines:
            yield number, partial(_json_pairs, line)
        return
    delimiter = max(_DELIMITERS, key=first.count)
    header = [cell.strip().lstrip("-") for cell in _cells(first, delimiter)]
    if {cell.lower() for cell in header} & {"user1", "user2", "host1", "host2"}:
        for number, line in lines[1:]:
            yield number, partial(_named_pairs, header, line, delimiter)
        return
    for number, line in lines:
        yield number, partial(_unnamed_pairs, line, delimiter)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        # A quotation mark in a password is a character like others where no cell is quoted.
        return line.split(delimiter)


def _json_pairs(line: str) -> Pairs:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("it is no JSON object") from None
    if not isinstance(row, dict):
        raise UsageError("it is no JSON object")
    pairs: list[tuple[str, str]] = []
    for name, value in row.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str | int | float):
                raise UsageError(f"the member '{name}' is neither text nor a number nor true or false")
            pairs.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    return pairs


def _named_pairs(header: Sequence[str], line: str, delimiter: str) -> Pairs:
    cells = _cells(line, delimiter)
    if len(cells) > len(header) and any(cells[len(header) :]):
        raise UsageError(f"it has {len(cells)} fields, the line of names has {len(header)}")
    return [(name, cell) for name, cell in zip(header, cells, strict=False) if name and cell]


def _unnamed_pairs(line: str, delimiter: str) -> Pairs:
    cells = _cells(line, delimiter)
    names = _UNNAMED[4 if len(cells) - (not cells[-1]) <= 4 else 6]
    if len(cells) < len(names):
        wanted = " or ".join(delimiter.join(form) for form in _UNNAMED.values())
        raise UsageError(f"it has {len(cells)} fields; wanted is {wanted}")
    further = [cell for cell in cells[len(names) :] if cell.strip()]
    return [*zip(names, cells, strict=False), *(("", cell) for cell in further)]


class _Builder:
    """Makes accounts of rows, and remembers whether a row holds a secret."""

    def __init__(self, general: Sequence[str], commands: tuple[str, str]) -> None:
        self.secrets_in_rows = False
        self._lines: dict[str, int] = {}
        self._commands = commands
        self._parser = Parser(TABLE)
        self._general = list(general)

    def account(self, line: int, pairs: Pairs) -> Account:
        """Give the account of a row. UsageError."""
        own = [word for name, value in pairs for word in self._words(name, value)]
        options = self._read(own + self._general)
        ends = {name: options.text(name) or "" for name in ("host1", "user1", "host2", "user2")}
        missing = [f"--{name}" for name, value in ends.items() if not value]
        bare = [side for side in (1, 2) if not any(options.given(f"{stem}{side}") for stem in _SECRETS)]
        missing += [f"--password{side}" for side in bare if not self._commands[side - 1]]
        if missing:
            raise UsageError(f"{', '.join(missing)} is missing")
        general = [
            _filled(word, ends, quoted=_is_command(before) or _is_command(word))
            for before, word in zip(["", *self._general], self._general, strict=False)
        ]
        words = [*general, *own]
        self._read(words)
        shown = masked_words(self._parser, words)
        name = _name(ends, shown)
        if self._lines.setdefault(name, line) != line:
            raise UsageError(f"it is the same account as line {self._lines[name]}")
        return Account(
            line=line,
            name=name,
            shown=f"{ends['user1']}@{ends['host1']} -> {ends['user2']}@{ends['host2']}",
            words=tuple(words),
            commands=(
                _filled(self._commands[0], ends, quoted=True) if 1 in bare else "",
                _filled(self._commands[1], ends, quoted=True) if 2 in bare else "",
            ),
            host=ends["host1"].lower(),
            user=ends["user1"],
            fingerprint=hashlib.sha256("\0".join(shown).encode()).hexdigest()[:16],
            facts=_facts(options, ends["host1"]),
            connections=max(1, options.integer("connections") or 1),
        )

    def _words(self, name: str, value: str) -> list[str]:
        """Give the words of one field; a field without a name holds words as a shell splits them."""
        if not name:
            try:
                return shlex.split(value)
            except ValueError:
                raise UsageError("its options have a quotation that does not end") from None
        spelling = self._parser.find(name)
        option = spelling.option
        self.secrets_in_rows |= option.secret
        if option.kind is not Kind.FLAG:
            return [f"--{option.name}={value}"]
        if value.strip().lower() in _NO:
            return [f"--no{option.name}"] if option.negatable and value.strip() else []
        if value.strip().lower() in _YES:
            return [f"--{'no' if spelling.negated else ''}{option.name}"]
        raise UsageError(f"'{value}' of {name} is neither yes nor no")

    def _read(self, words: Sequence[str]) -> Parsed:
        """Read words as the engine does, and refuse what is not for a fleet. UsageError."""
        options, problems = self._parser.read(words)
        if problems:
            raise UsageError(*problems)
        for name in options.names():
            if name in OURS:
                raise UsageError(f"--{name} is not for an account of a fleet: imapsync-fleet decides it")
        return complete(options)


def _facts(options: Parsed, host: str) -> Provider | None:
    wanted = options.text("provider") or "auto"
    return found(host) if wanted == "auto" else named(wanted)


def _filled(word: str, ends: Mapping[str, str], *, quoted: bool = False) -> str:
    """Put the account's users and hosts in their places, quoted as one word each in a command."""
    return _PLACES.sub(lambda found: shlex.quote(ends[found[1]]) if quoted else ends[found[1]], word)


def _is_command(word: str) -> bool:
    return word.startswith("-") and word.lstrip("-").lower().startswith("tokenc")


def _name(ends: Mapping[str, str], shown: Sequence[str]) -> str:
    """Give a name that people can read and no other pair of accounts has."""
    marked = [ends[name] for name in ("user1", "host1", "user2", "host2")]
    # The same two accounts may have several lines: with folders of their own.
    marked += [word for word in shown if word.lstrip("-").startswith(("folder", "subfolder", "include"))]
    mark = hashlib.sha256("\0".join(marked).encode()).hexdigest()[:8]
    readable = "_".join(_UNSAFE.sub("_", ends[name])[:_MAX_PART] for name in ("user1", "user2"))
    return f"{readable}_{mark}"
