"""The report for people: what --reporthtml wants, and --reportfrom, which makes it of an earlier report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from imapsync.cli.errors import InputError, OutputError, UsageError
from imapsync.cli.exitcodes import Exit
from imapsync.cli.secrets import shown_words
from imapsync.report.safe import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.cli.getopt import Parsed, Parser


def check(given: Parsed) -> str:
    """Give the path of the page that is wanted, "" for none. UsageError: it cannot be made; OutputError."""
    for name in ("report", "reporthtml"):
        path = given.text(name)
        if path and (os.path.isdir(path) or not os.access(os.path.dirname(path) or ".", os.W_OK)):
            raise OutputError(f"The file '{path}' of --{name} cannot be written.")
    if not given.text("reporthtml"):
        return ""
    from imapsync.report import html

    if not html.is_possible():
        raise UsageError(
            "Option --reporthtml needs Jinja2: install the extra, pip install 'ns8-imapsync[report]'.",
            option="reporthtml",
        )
    language = given.text("reportlang")
    if language not in (None, *html.LANGUAGES):
        raise UsageError(
            f"Option --reportlang: '{language}' is not one of {', '.join(html.LANGUAGES)}.",
            option="reportlang",
        )
    return given.text("reporthtml") or ""


def write(path: str, report: bytes, parser: Parser, words: Sequence[str], given: Parsed) -> None:
    """Replace the page; report: the JSON report as it stands in its file. Raises OSError."""
    from imapsync.report import html

    source, destination = (f"{given.text(f'user{side}')} · {given.text(f'host{side}')}" for side in "12")
    options = shown_words(parser, words)
    subjects = given.flag("reportsubjects", default=True)
    language = given.text("reportlang") or html.LANGUAGES[0]
    html.write_page(path, report, html.Who(source, destination, options), language, subjects=subjects)


def remake(parser: Parser, words: Sequence[str], given: Parsed) -> int:  # noqa: PLR0911 - one a mistake
    """Make the page of an earlier run's JSON report, and ask no server; give the exit code."""
    name = given.text("reportfrom") or ""
    try:
        path = check(given)
        if not path:
            return _refused(os.EX_USAGE, "Option --reportfrom needs --reporthtml FILE.")
        with open(name, "rb") as file:
            report = file.read()
        told = [word for word in words if not word.startswith(("--reportfrom", "--reporthtml"))]
        write(path, report, parser, told, given)
    except UsageError as error:
        return _refused(os.EX_USAGE, *error.problems)
    except OutputError as error:
        return _refused(Exit.EXIT_CATCH_ALL.number, str(error))
    except InputError as error:
        return _refused(os.EX_NOINPUT, str(error))
    except OSError as error:
        return _refused(os.EX_NOINPUT, f"The report '{name}' cannot be read: {error.strerror or error}.")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _refused(os.EX_NOINPUT, f"The file '{name}' of --reportfrom is no report of ours.")
    return 0


def _refused(code: int, *problems: str) -> int:
    for problem in problems:
        print(f"imapsync: {printable(problem)}", file=sys.stderr)
    return code
