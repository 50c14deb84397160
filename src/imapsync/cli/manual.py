"""The option table as a man page and as completions for bash, zsh and fish.

``python -m imapsync.cli.help docs/options.md`` writes them into ``share``, too; a test keeps them equal.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imapsync import __version__
from imapsync.cli.exitcodes import Exit
from imapsync.cli.help import groups, spelled
from imapsync.cli.options import TABLE, Option, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Options whose value is the name of a file or of a directory.
FILES = frozenset(
    {
        "logfile",
        "passfile1",
        "passfile2",
        "pidfile",
        "progress",
        "report",
        "reporthtml",
        "state",
        "truststore1",
        "truststore2",
    }
)
DIRECTORIES = frozenset({"logdir", "tmpdir"})

_MAN_HEAD = r""".\" Made from the option table by: python -m imapsync.cli.help docs/options.md
.TH IMAPSYNC 1 "" "imapsync {version}" "User Commands"
.SH NAME
imapsync \- copy mail accounts from one IMAP server to another, without duplicates
.SH SYNOPSIS
.B imapsync
\-\-host1 \fIstr\fR \-\-user1 \fIstr\fR \-\-passfile1 \fIfile\fR
\-\-host2 \fIstr\fR \-\-user2 \fIstr\fR \-\-passfile2 \fIfile\fR
[\fIoptions\fR]
.SH DESCRIPTION
Copies all folders and messages of one account to another, with flags and dates, as often as you like: what
is there already is not copied again. A run that was interrupted is taken up by the next one. Nothing is
changed on host1 unless an option asks for it.
.PP
A value is written \fB\-\-option value\fR or \fB\-\-option=value\fR. Names may be shortened while they stay
unique, their case does not matter. Options marked [no] have an opposite: \fB\-\-noOPTION\fR.
.PP
Passwords come from \fB\-\-passfile1\fR, from the variables IMAPSYNC_PASSWORD1 and IMAPSYNC_PASSWORD2,
from the terminal, or from standard input.
.SH OPTIONS
"""
_MAN_END = r""".SH SEE ALSO
The documentation of imapsync: options and their differences from the original, exit codes, how it works.
"""


def man_page() -> str:
    """Give the man page imapsync(1)."""
    parts = [_MAN_HEAD.format(version=__version__)]
    for group, options in groups():
        done = [option for option in options if option.status is Status.DONE]
        if done:
            parts.append(f'.SS "{_roff(group)}"\n')
            parts.extend(_man_entry(option) for option in done)
    for status, title in ((Status.NO_EFFECT, "Accepted without effect"), (Status.REFUSED, "Refused")):
        words = ", ".join(_roff(spelled(option)) for option in TABLE if option.status is status)
        parts.append(f'.SS "{title}"\n{words}.\n')
    parts.append(".SH EXIT STATUS\n")
    parts.extend(f".TP\n.B {code.number}\n{_roff(code.name)}: {_roff(code.meaning)}.\n" for code in Exit)
    parts.append(_MAN_END)
    return "".join(parts)


def _man_entry(option: Option) -> str:
    text = option.help
    if option.repeat and "repeated" not in text:
        text += " May be repeated."
    if option.default:
        text += f" Default: {option.default}."
    if option.note:
        text += f" ({option.note})"
    name, _, value = spelled(option).partition(" ")
    shown = f"\\fB{_roff(name)}\\fR" + (f" \\fI{_roff(value)}\\fR" if value else "")
    return f".TP\n{shown}\n{_roff(text)}\n"


def _roff(text: str) -> str:
    """Give text as roff takes it literally; a line never begins with a control character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def _names(option: Option) -> list[str]:
    return [f"--{option.name}", *([f"--no{option.name}"] if option.negatable else [])]


def _told() -> Iterator[Option]:
    """Give the options worth proposing: those that do something."""
    return (option for option in TABLE if option.status is Status.DONE)


def bash_completion() -> str:
    """Give the completion for bash."""
    words = " ".join(name for option in _told() for name in _names(option))
    files = "|".join(f"--{name}" for name in sorted(FILES))
    directories = "|".join(f"--{name}" for name in sorted(DIRECTORIES))
    values = "|".join(
        f"--{option.name}"
        for option in _told()
        if option.takes_value and option.name not in FILES | DIRECTORIES
    )
    return f"""\
# bash completion for imapsync; made from the option table by: python -m imapsync.cli.help docs/options.md
# shellcheck shell=bash
_imapsync() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    COMPREPLY=()
    case $previous in
        {files})
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
        {directories})
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return ;;
        {values})
            return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W '{words}' -- "$current")
}}
complete -F _imapsync imapsync
"""


def zsh_completion() -> str:
    """Give the completion for zsh."""
    lines = [
        "#compdef imapsync",
        "# made from the option table by: python -m imapsync.cli.help docs/options.md",
        "",
    ]
    lines.append("_arguments -s \\")
    for option in _told():
        star = "*" if option.repeat else ""
        for name in _names(option):
            what = _zsh(option.help if name == f"--{option.name}" else f"The opposite of --{option.name}.")
            takes = option.takes_value and name == f"--{option.name}"
            lines.append(f"  '{star}{name}[{what}]{_zsh_value(option) if takes else ''}' \\")
    lines[-1] = lines[-1].removesuffix(" \\")
    return "\n".join(lines) + "\n"


def _zsh_value(option: Option) -> str:
    if option.name in FILES:
        return ":file:_files"
    if option.name in DIRECTORIES:
        return ":directory:_files -/"
    return f":{_zsh(option.kind.value)}: "


def _zsh(text: str) -> str:
    for char in "\\[]:":
        text = text.replace(char, f"\\{char}")
    return text.replace("'", "'\\''")


def fish_completion() -> str:
    """Give the completion for fish."""
    lines = [
        "# made from the option table by: python -m imapsync.cli.help docs/options.md",
        "complete -c imapsync -f",
    ]
    for option in _told():
        takes = ""
        if option.takes_value:
            takes = " -r -F" if option.name in FILES | DIRECTORIES else " -x"
        lines.append(f"complete -c imapsync -l {option.name}{takes} -d '{_fish(option.help)}'")
        if option.negatable:
            lines.append(f"complete -c imapsync -l no{option.name} -d 'The opposite of --{option.name}.'")
    return "\n".join(lines) + "\n"


def _fish(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


#: Below the folder that is named on the command line.
PAGES = {
    "imapsync.1": man_page,
    "imapsync": bash_completion,
    "_imapsync": zsh_completion,
    "imapsync.fish": fish_completion,
}


def write_all(folder: str) -> None:
    """Write the man page and the completions into a folder."""
    for name, make in PAGES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(make())
