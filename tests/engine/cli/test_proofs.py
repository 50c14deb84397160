"""Each option of the original has a test, and the page that says which is true."""

from __future__ import annotations

import re

from tests.engine.cli.proofs import PAGE, TESTS, proofs

ROWS = dict(re.findall(r"^\| `--(\w+)` \| [^|]+ \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE))


def test_an_option_of_the_original_is_proven_by_nothing() -> None:
    assert [name for name, test in proofs().items() if not test] == []


def test_the_page_of_proofs_lacks_an_option() -> None:
    assert sorted(ROWS) == sorted(proofs()), "run: python -m tests.engine.cli.proofs"


def test_the_page_of_proofs_names_tests_that_are_not_there() -> None:
    for test in set(ROWS.values()):
        path, _, name = test.partition("::")
        assert f"def {name}(" in (TESTS / path).read_text(), f"{test}: run python -m tests.engine.cli.proofs"
