"""What one command line option is, as data."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Kind(enum.Enum):
    """What follows the name of an option; the value is the word that help shows."""

    FLAG = ""
    INT = "int"
    FLOAT = "flo"
    TEXT = "str"
    REGEX = "reg"  # text, a Perl-style regular expression or operation
    COMMAND = "cmd"  # text, a shell command
    PAIR = "str=str"  # text with a "=" in it, split at the first one


#: In `Option.fills`: what the command line itself makes use of.
COMMAND_LINE = "command line"


class Status(enum.Enum):
    """What the engine makes of an option."""

    DONE = "yes"
    NO_EFFECT = "no effect"  # accepted; what it asked for is so anyway, or has no meaning here
    REFUSED = "refused"  # ends with EX_USAGE when given: ignoring it would change which mail is kept


class Option(NamedTuple):
    """One row of the option table.

    `name` is lower case, without dashes. `negatable` allows ``--noNAME`` and ``--no-NAME``. A `repeat` option
    collects its values; of all others the last one counts. `note` says why an option has no effect or is
    refused, or how it differs from the original; it becomes the last column of docs/options.md.
    `default` is for people. `secret` values are masked wherever the command line is shown.
    `refused_negated`: of a negatable option only the ``--no`` form is refused. `fills`: the settings
    (`transfer.settings.Settings`, with dots) that it fills, or COMMAND_LINE; none for one without effect.
    `choices`: words that may follow a flag behind a "="; it is the first of them without.
    """

    name: str
    kind: Kind
    group: str
    help: str
    repeat: bool = False
    negatable: bool = False
    status: Status = Status.DONE
    note: str = ""
    default: str = ""
    aliases: tuple[str, ...] = ()
    secret: bool = False
    refused_negated: bool = False
    ours: bool = False  # not in the original
    fills: str = ""
    choices: tuple[str, ...] = ()

    @property
    def takes_value(self) -> bool:
        """Whether a value follows the name."""
        return self.kind is not Kind.FLAG


def both(
    stem: str,
    kind: Kind,
    group: str,
    help: str,  # noqa: A002 - the column's name
    *,
    repeat: bool = False,
    negatable: bool = False,
    status: Status = Status.DONE,
    note: str = "",
    default: str = "",
    secret: bool = False,
    ours: bool = False,
    fills: str = "",
) -> tuple[Option, Option]:
    """Give the rows `stem`1 and `stem`2; ``{n}`` and ``{role}`` in the help stand for the side."""
    first, second = (
        Option(
            f"{stem}{n}",
            kind,
            group,
            help.format(n=n, role=role),
            repeat=repeat,
            negatable=negatable,
            status=status,
            note=note.format(n=n),
            default=default,
            secret=secret,
            ours=ours,
            fills=fills.format(role=role),
        )
        for n, role in ((1, "source"), (2, "destination"))
    )
    return first, second
