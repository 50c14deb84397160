"""Passwords on their way from the user to the engine, and the traces that they leave.

They enter by ``--password1``, ``--passfile1``, the environment, the terminal or standard input. The first and
the third are visible to other programs of the machine for a moment; :func:`blank_traces` overwrites both in
this process's own memory.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from imapsync.cli import signals
from imapsync.cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.cli.getopt import Parsed, Parser

#: Longest first line of a password or token file; OAuth tokens have up to a few thousand bytes.
MAX_SECRET_BYTES = 65_536
MASK = "MASKED"


def environment_name(side: int) -> str:
    """Give the name of the environment variable for a password."""
    return f"IMAPSYNC_PASSWORD{side}"


def read_first_line(source: str | int, option: str) -> str:
    """Give the first line of a file, pipe, /dev/fd/N or open descriptor without its line end.

    InputError names the option.
    """
    path = "standard input" if isinstance(source, int) else source
    try:
        # Unbuffered: two passwords on two lines of one pipe are both found.
        with (
            signals.interruptible(),
            open(source, "rb", buffering=0, closefd=isinstance(source, str)) as file,
        ):
            line = file.readline(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"The file '{path}' of --{option} cannot be read: {error.strerror or error}."
        ) from None
    if len(line) > MAX_SECRET_BYTES:
        raise InputError(f"The first line of the file '{path}' of --{option} is too long.")
    try:
        return line.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"The first line of the file '{path}' of --{option} is not UTF-8 text.") from None


def find_password(options: Parsed, side: int, environment: dict[str, str], user: str) -> str:
    """Give the password of a side. UsageError when nobody can be asked for it, InputError for its file."""
    given = options.text(f"password{side}")
    if given is not None:
        return given
    path = options.text(f"passfile{side}")
    if path is not None:
        return read_first_line(path, f"passfile{side}")
    name = environment_name(side)
    if name in environment:
        return environment[name]
    if sys.stdin is None or not sys.stdin.isatty():
        line = "" if sys.stdin is None else read_first_line(sys.stdin.fileno(), f"password{side}")
        if line:
            return line
        raise UsageError(
            f"The password of user{side} is missing: give --passfile{side} FILE, "
            f"--password{side}, the environment variable {name} or a line of standard input. "
            "There is no terminal to ask on."
        )
    import getpass

    try:
        with signals.interruptible():
            return getpass.getpass(
                f"What's the password for {user} on host{side}? (not shown while you type): "
            )
    except EOFError:
        raise UsageError(f"The password of user{side} is missing.") from None


def take_from_environment() -> dict[str, str]:
    """Give both password variables and remove them, so that no child process inherits them."""
    found: dict[str, str] = {}
    for side in (1, 2):
        name = environment_name(side)
        value = os.environ.pop(name, None)
        if value is not None:
            found[name] = value
    return found


def shown_words(parser: Parser, words: Sequence[str]) -> str:
    """Give a command line as people may see it, quoted for a shell."""
    import shlex

    from imapsync.report.safe import printable

    return " ".join(printable(shlex.quote(word)) for word in masked_words(parser, words))


def masked_words(parser: Parser, words: Sequence[str]) -> list[str]:
    """Give the command line with each secret as MASKED."""
    masked = list(words)
    for index, begin in parser.secret_words(words).items():
        masked[index] = masked[index][:begin] + MASK
    return masked


def blank_traces(parser: Parser, words: Sequence[str]) -> None:
    """Overwrite secrets in /proc/self/cmdline and /proc/self/environ, where ``ps`` and others read them.

    Works by writing to this process's own memory (/proc/self/mem, Linux) and does nothing where that is not
    allowed.
    """
    secrets = [words[index][begin:] for index, begin in parser.secret_words(words).items()]
    try:
        with open("/proc/self/stat", "rb") as stat:
            # After the name in brackets; fields 48 to 51 of proc(5) are arg_start, arg_end, env_start,
            # env_end.
            fields = stat.read().rpartition(b")")[2].split()
        arg_start, arg_end, env_start, env_end = (int(field) for field in fields[45:49])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            if secrets and arg_start:
                _overwrite_words(memory.fileno(), arg_start, arg_end, {os.fsencode(text) for text in secrets})
            if env_start:
                _overwrite_variables(memory.fileno(), env_start, env_end)
    except (OSError, ValueError, OverflowError):
        return


def _overwrite_words(memory: int, start: int, end: int, secrets: set[bytes]) -> None:
    position = start
    for word in os.pread(memory, end - start, start).split(b"\0"):
        for secret in secrets:
            if secret and (word == secret or (word.startswith(b"-") and word.endswith(b"=" + secret))):
                os.pwrite(memory, b"*" * len(secret), position + len(word) - len(secret))
        position += len(word) + 1


def _overwrite_variables(memory: int, start: int, end: int) -> None:
    names = tuple(environment_name(side).encode() + b"=" for side in (1, 2))
    position = start
    for word in os.pread(memory, end - start, start).split(b"\0"):
        for name in names:
            if word.startswith(name) and len(word) > len(name):
                os.pwrite(memory, b"*" * (len(word) - len(name)), position + len(name))
        position += len(word) + 1
