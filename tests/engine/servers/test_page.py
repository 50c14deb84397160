"""The page of servers names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.servers.zoo import KINDS

ROOT = Path(__file__).parents[3]


def test_the_page_of_servers_names_tests_that_are_not_there() -> None:
    named = set(re.findall(r"`(test_\w+)(?:\[(\w+)\])?`", (ROOT / "docs/servers.md").read_text()))
    assert named
    there = {
        name
        for file in (ROOT / "tests/engine").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }
    assert {test for test, _ in named} <= there
    assert {kind for _, kind in named if kind} <= {kind.name for kind in KINDS}
