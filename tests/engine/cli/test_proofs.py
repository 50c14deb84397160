"""Each row of docs/options.md names the test that proves its option; it is there, and it is about it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from imapsync.cli.help import proofs_of
from imapsync.cli.options import TABLE, Option, Status
from imapsync.cli.options.model import COMMAND_LINE

TESTS = Path(__file__).parents[1]
PAGE = Path(__file__).parents[3] / "docs" / "options.md"
PROOFS = proofs_of(PAGE.read_text())
#: Test all options of a status at once.
FOR_ALL = {
    Status.NO_EFFECT: "dropin/test_old_scripts.py::test_an_option_without_effect_stops_a_run_or_is_not_told",
    Status.REFUSED: "cli/test_options.py::test_refused_options_end_the_run_with_their_reason",
}
#: Those look at what options fill and not at what comes of it.
READERS = ("test_options.py", "test_settings.py", "test_getopt.py", "test_options_fill.py", "test_manual.py")


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_an_option_is_proven_by_nothing(option: Option) -> None:
    test = PROOFS[option.name]
    assert test, f"name a test in the last column of docs/options.md, row --{option.name}"
    if option.status in FOR_ALL:
        assert test == FOR_ALL[option.status]
        return
    name, _, function = test.partition("::")
    path = TESTS / name
    assert path.is_file(), test
    assert path.name not in READERS, f"{test} does not run anything"
    functions, shared = _parts(path)
    assert function in functions, test
    used = functions[function] + shared + "".join(_helpers(path.parent))
    assert any(re.search(pattern, used) for pattern in _ways_to_say(option)), (
        f"{test} is about something else"
    )


def _ways_to_say(option: Option) -> list[str]:
    """Give patterns of what is in a test of an option: its name on a command line, or what it fills."""
    names = "|".join((option.name, *(re.escape(alias) for alias in option.aliases)))
    stem = re.escape(option.name[:-1] if option.name[-1] in "12" else option.name)
    filled = option.fills.split() if option.fills != COMMAND_LINE else []
    fields = [field.rpartition(".")[2] for field in filled if field != "mode"]
    return [rf"--?(?:no-?)?(?:{names})(?![a-z0-9_])", rf"--{stem}\{{", *(rf"\b{field}\b" for field in fields)]


@cache
def _parts(path: Path) -> tuple[dict[str, str], str]:
    """Give the functions of a test file by their names, and what is said for all of them."""
    text = path.read_text()
    lines = text.split("\n")
    functions, shared = {}, []
    for node in ast.parse(text).body:
        decorators = getattr(node, "decorator_list", [])
        begin = min([node.lineno, *(each.lineno for each in decorators)])
        source = "\n".join(lines[begin - 1 : node.end_lineno])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            functions[node.name] = source
        else:
            shared.append(source)
    return functions, "\n".join(shared)


@cache
def _helpers(folder: Path) -> list[str]:
    """Give the files beside the tests of a folder, and the one that all of them run the command by."""
    return [
        path.read_text()
        for path in (*sorted(folder.glob("*.py")), TESTS / "command.py")
        if not path.name.startswith("test_")
    ]
