"""Which test proves which option: the first that uses it, or the setting that it fills.

``python -m tests.engine.cli.proofs`` writes docs/option-tests.md; a test keeps it true.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from imapsync.cli.options import TABLE, Option, Status

TESTS = Path(__file__).parents[1]
PAGE = Path(__file__).parents[3] / "docs" / "option-tests.md"
#: Those read options and do not run them.
READERS = {
    "test_options.py",
    "test_settings.py",
    "test_getopt.py",
    "test_manual.py",
    "test_settings_are_read.py",
}
#: Looked into first: they run the command.
FIRST = ("dropin", "cli", "rules", "transfer", "session", "account", "plan", "servers", "hostile")
_IDLE = "dropin/test_old_scripts.py::test_an_option_without_effect_stops_a_run_or_is_not_told"
_REFUSED = "cli/test_options.py::test_refused_options_end_the_run_with_their_reason"
_HEAD = """\
# The options of the original, and the tests that prove them

Each option that the original's help or parser knows, with a test in `tests/engine` that uses it or its
setting. Made by `python -m tests.engine.cli.proofs`; a test keeps it true.

| option | works | test |
|---|---|---|
"""


def proofs() -> dict[str, str]:
    """Give option name -> test, for the options of the original; "" where there is none."""
    tests = list(_tests())
    return {option.name: _proof(option, tests) for option in TABLE if not option.ours}


def page() -> str:
    """Give docs/option-tests.md."""
    by_name = {option.name: option for option in TABLE}
    rows = [f"| `--{name}` | {by_name[name].status.value} | {test} |" for name, test in proofs().items()]
    return _HEAD + "\n".join(rows) + "\n"


def _proof(option: Option, tests: list[tuple[str, str]]) -> str:
    if option.status is Status.NO_EFFECT:
        return _IDLE
    if option.status is Status.REFUSED:
        return _REFUSED
    names = "|".join((option.name, *(re.escape(alias) for alias in option.aliases)))
    patterns = [rf"--?(?:no-?)?(?:{names})(?![a-z0-9_])"]
    if option.name[-1] in "12":
        patterns.append(rf"--{option.name[:-1]}\{{")
    fields = [field.rpartition(".")[2] for field in option.fills.split() if "." in field]
    patterns += [rf"\b{field}\b" for field in fields]
    for pattern in patterns:
        for name, source in tests:
            if re.search(pattern, source):
                return name
    return ""


def _tests() -> list[tuple[str, str]]:
    found = []
    for folder in FIRST:
        for path in sorted((TESTS / folder).glob("test_*.py")):
            if path.name in READERS:
                continue
            text = path.read_text()
            module = ast.parse(text)
            # What stands outside of functions (tables of cases) belongs to the first test of the file.
            shared = "\n".join(
                ast.get_source_segment(text, node) or ""
                for node in module.body
                if isinstance(node, ast.Assign)
            )
            for node in module.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    begin = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    source = "\n".join(text.split("\n")[begin - 1 : node.end_lineno])
                    found.append((f"{folder}/{path.name}::{node.name}", source))
            if shared and found:
                last = next((name for name, _ in found if name.startswith(f"{folder}/{path.name}")), "")
                if last:
                    found.append((last, shared))
            helpers = "\n".join(
                ast.get_source_segment(text, node) or ""
                for node in module.body
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("test_")
            )
            first = next((name for name, _ in found if name.startswith(f"{folder}/{path.name}")), "")
            if first:
                found.append((first, helpers))
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
