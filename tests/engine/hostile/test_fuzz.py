"""One answer of a session is bent: nothing breaks, nothing hangs, and what is missing is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

FEW, MANY = 150, 10_000


def fuzz(first: int, count: int) -> list[str]:
    """Run cases; give what went wrong, a line each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.hostile.fuzz", str(first), str(count)],
        cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True,
    )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told.pop()["counts"]["cases"] == count
    keys = (
        "seed",
        "side",
        "rich",
        "way",
        "wrong",
        "exit_code",
        "folder",
        "missing",
        "doubled",
        "before",
        "after",
    )
    return [" ".join(f"{key}={case.get(key)}" for key in keys) for case in told]


@pytest.mark.timeout(600)
def test_an_answer_that_is_bent_costs_one_thing() -> None:
    assert not fuzz(0, FEW)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_ten_thousand_answers_that_are_bent() -> None:
    assert not fuzz(1_000, MANY)
