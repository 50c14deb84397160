"""The option table as text: ``--help`` for the terminal, the tables of docs/options.md."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from imapsync import __version__
from imapsync.cli.options import TABLE, Option, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Stands for the space between an option and its value while lines are broken.
_GLUE = "\0"

_WIDTH = 100
_COLUMN = 28
_USAGE = """\
{banner}
usage: imapsync [options]

  imapsync --host1 imap.old.example --user1 anna --passfile1 secret1 \\
           --host2 imap.new.example --user2 anna --passfile2 secret2

A value is written --option value or --option=value. Names may be shortened while they stay unique, their
case does not matter. Options marked [no] have an opposite: --noOPTION. str is text, int a whole number, flo a
number, reg a Perl-style regular expression, cmd a shell command.
"""
_ENDING = """\
Passwords: --passfile1, or the variables IMAPSYNC_PASSWORD1 and IMAPSYNC_PASSWORD2, or the terminal. Exit
codes are listed in docs/exit-codes.md, all options with their differences from the original in
docs/options.md.
"""


_BEGIN = "<!-- begin: from the option table, by python -m imapsync.cli.help docs/options.md -->\n"
_END = "<!-- end: from the option table -->\n"
#: A row of the tables: the option, and the last of its cells.
_ROW = re.compile(r"^\| `--(?:\[no\])?(\w+)[^`]*`.* \| ([^|]*?) *\|$", re.MULTILINE)


def banner() -> str:
    """Give what --justbanner prints."""
    return (
        f"imapsync {__version__}: copies mail accounts from one IMAP server to another, without duplicates.\n"
    )


def help_text() -> str:
    """Give what --help prints."""
    parts = [_USAGE.format(banner=banner())]
    for group, options in groups():
        parts.append(f"{group}:")
        parts.extend(_help_entry(option) for option in options if option.status is Status.DONE)
        parts.append("")
    others = [option for option in TABLE if option.status is not Status.DONE]
    for status, title in (
        (Status.NO_EFFECT, "Accepted without effect"),
        (Status.REFUSED, "Refused"),
    ):
        words = [spelled(option).replace(" ", _GLUE) for option in others if option.status is status]
        parts.append(f"{title}:")
        filled = textwrap.fill(
            ", ".join(words), _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
        parts.append(filled.replace(_GLUE, " "))
        parts.append("")
    parts.append(_ENDING)
    return "\n".join(parts)


def options_markdown(proofs: Mapping[str, str]) -> str:
    """Give the generated part of docs/options.md: a table for each group.

    proofs: option -> the test that proves it, "" where there is none.
    """
    parts: list[str] = []
    for group, options in groups():
        parts.append(f"### {group}\n")
        parts.append("| option | works | meaning | default | remark | test |")
        parts.append("|---|---|---|---|---|---|")
        for option in options:
            cells = (
                f"`{spelled(option)}`" + (" (new)" if option.ours else ""),
                option.status.value,
                option.help
                + (" May be repeated." if option.repeat and "repeated" not in option.help else ""),
                option.default,
                option.note,
                proofs.get(option.name, ""),
            )
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts)


def spelled(option: Option) -> str:
    """Give an option as people write it: ``--[no]dry``, ``--host1 str``."""
    name = f"--[no]{option.name}" if option.negatable else f"--{option.name}"
    if option.choices:
        return f"{name}[={'|'.join(option.choices[1:])}]"
    return f"{name} {option.kind.value}".rstrip()


def groups() -> list[tuple[str, list[Option]]]:
    """Give the options by the title of their group, in the order of the table."""
    found: dict[str, list[Option]] = {}
    for option in TABLE:
        found.setdefault(option.group, []).append(option)
    return list(found.items())


def _help_entry(option: Option) -> str:
    text = option.help
    if option.default:
        text += f" Default: {option.default}."
    return _two_columns(spelled(option), _wrapped(text))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - _COLUMN, break_on_hyphens=False, break_long_words=False)


def _two_columns(left: str, right: Iterable[str]) -> str:
    lines = list(right)
    indent = " " * _COLUMN
    first = f"  {left:<{_COLUMN - 3}} "
    if len(left) > _COLUMN - 3:
        return "\n".join([f"  {left}", *(indent + line for line in lines)])
    return "\n".join([first + lines[0], *(indent + line for line in lines[1:])])


def proofs_of(page: str) -> dict[str, str]:
    """Give option -> what the last column of the page's tables says: the test that proves it."""
    return dict(_ROW.findall(page))


def with_tables(page: str) -> str:
    """Give the page with the part between its two marks made anew from the option table.

    Which test proves an option is written in the page, by people, and stays.
    """
    pattern = re.compile(re.escape(_BEGIN) + ".*" + re.escape(_END), re.DOTALL)
    if not pattern.search(page):
        raise ValueError("the page lacks the marks around its generated part")
    return pattern.sub(lambda _: f"{_BEGIN}\n{options_markdown(proofs_of(page))}{_END}", page)


def _rewrite(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        page = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(with_tables(page))


if __name__ == "__main__":
    import os
    import sys

    from imapsync.cli.manual import write_all

    _rewrite(sys.argv[1])
    write_all(os.path.join(os.path.dirname(sys.argv[1]), os.pardir, "share"))
