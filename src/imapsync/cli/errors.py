"""What the command line refuses before any server is asked."""

from __future__ import annotations


class UsageError(Exception):
    """The command line cannot be run as it is.

    `problems` are whole sentences, at least one; `option` is the name of the option at fault when it is one.
    """

    def __init__(self, *problems: str, option: str = "") -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.option = option


class PatternTimeout(ValueError):  # noqa: N818 - says what happened, as TimeoutError does
    """A pattern worked longer than allowed on one text; the text is a sentence."""


class InputError(Exception):
    """A file that an option names cannot be read (EX_NOINPUT)."""


class OutputError(Exception):
    """A file that the run has to write cannot be written."""


class PidFileError(Exception):
    """The pid file cannot be written, or belongs to a run that is alive (EXIT_PID_FILE_ERROR)."""
