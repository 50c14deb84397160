"""Arrows run one way: what each part may import, over all imports of the engine and of the module."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "src" / "imapsync"

#: A part -> the parts below it. `terms` stands below everything.
BELOW: dict[str, set[str]] = {
    "terms": set(),
    "wire": {"terms"},
    "plan": {"terms"},
    "journal": {"terms"},
    "providers": {"terms"},
    "report": {"terms"},
    "session": {"terms", "wire", "plan"},
    "account": {"terms", "wire", "plan", "session"},
    "transfer": {"terms", "wire", "plan", "journal", "providers", "report", "session", "account"},
    "watch": {"terms", "wire", "plan", "session"},
    "cli": {"terms", "wire", "plan", "providers", "report", "session", "transfer", "watch"},
}
#: What decides and what reads bytes touches no socket, clock, file or loop.
PURE = ("wire", "plan", "terms.py")
IMPURE = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
}
IMPURE |= {"sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib"}


def imports_of(path: Path) -> Iterator[str]:
    """Give the modules that a file imports, those only for types included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            yield node.module or ""


def files_of(part: str) -> list[Path]:
    return [ENGINE / part] if part.endswith(".py") else sorted((ENGINE / part).rglob("*.py"))


@pytest.mark.parametrize("part", sorted(set(BELOW) - {"terms"}))
def test_a_part_imports_only_what_is_below_it(part: str) -> None:
    allowed = BELOW[part] | {part}
    wrong = [
        f"{path.relative_to(ENGINE)}: {name}"
        for path in files_of(part)
        for name in imports_of(path)
        if name.startswith("imapsync.") and name.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("part", PURE)
def test_what_decides_touches_no_socket_clock_file_or_loop(part: str) -> None:
    wrong = [
        f"{path.relative_to(ENGINE)}: {name}"
        for path in files_of(part)
        for name in imports_of(path)
        if name.split(".")[0] in IMPURE or name.split(".")[0] not in sys.stdlib_module_names | {"imapsync"}
    ]
    assert not wrong


def test_only_an_account_opens_and_leaves_folders() -> None:
    """Elsewhere somebody would forget to open, or to meet the UIDVALIDITY again."""
    wrong = [
        f"{path.relative_to(ENGINE)}: {node.attr}"
        for path in files_of("transfer")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"select", "open_again", "unselect", "_connection"}
    ]
    assert not wrong


def test_every_part_has_its_place() -> None:
    parts = {path.name for path in ENGINE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert parts | {"terms"} == set(BELOW)


def test_the_module_never_imports_the_engine() -> None:
    folders = (ROOT / "imageroot" / "pypkg", ROOT / "src" / "syncctl")
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for name in imports_of(path)
        if name == "imapsync" or name.startswith("imapsync.")
    ]
    assert not wrong


def test_the_engine_imports_nothing_of_the_module() -> None:
    wrong = [
        f"{path.relative_to(ENGINE)}: {name}"
        for path in sorted(ENGINE.rglob("*.py"))
        for name in imports_of(path)
        if name.split(".")[0] in {"syncctl", "imapsync_tasks"}
    ]
    assert not wrong
