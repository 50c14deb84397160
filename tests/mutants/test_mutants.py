"""The mutants themselves: what is changed, and that a change reaches those who have the function already."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest
from tests.mutants.operators import mutants_of
from tests.mutants.swapping import Swapper

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("if a: b()", ["a -> True", "a -> False", "b() -> pass"], id="a condition, and a call"),
        pytest.param(
            "if a and b: return",
            ["a and b -> False", "a and b -> b", "a and b -> a"],
            id="each of two conditions",
        ),
        pytest.param(
            "if a or b: return", ["a or b -> True", "a or b -> b", "a or b -> a"], id="either of two"
        ),
        pytest.param("return a and (b or c)", ["-> b or c", "-> a", "-> c", "-> b"], id="joined in a value"),
        pytest.param(
            "return a < b", ["a < b -> a >= b", "a < b -> a <= b"], id="turned round, and its bound"
        ),
        pytest.param("return a < b <= c", ["a <= b <= c", "a < b < c"], id="both bounds"),
        pytest.param("return not a", ["not a -> a"], id="a negation"),
        pytest.param("return a + b * c", ["a - b * c", "b * c -> b // c"], id="signs"),
        pytest.param("return 'x' + a", [], id="a text has no other sign"),
        pytest.param("return f'{1}', 'x'", [], id="texts stay"),
        pytest.param("return 7, True", ["7 -> 8", "True -> False"], id="values"),
        pytest.param("return [x for x in a if x]", ["x -> True", "x -> False"], id="what is chosen"),
        pytest.param("a += 1", ["a += 1 -> a -= 1", "1 -> 2"], id="counting"),
        pytest.param("return any(a)", ["any(a) -> all(a)"], id="one or all"),
        pytest.param("while a: break", ["a -> True", "a -> False", "break -> pass"], id="a loop and its end"),
        pytest.param("x: Literal[1] = zip(a, strict=True)", [], id="hints stay"),
    ],
)
def test_what_is_changed(body: str, expected: list[str]) -> None:
    found = [mutant.key for mutant in mutants_of("f.py", f"def f(a, b, c):\n    {body}\n")]
    assert len(found) == len(expected)
    for key, end in zip(found, expected, strict=True):
        assert key.startswith("f: ")
        assert key.endswith(end)


def test_a_change_leaves_all_other_lines_where_they_are() -> None:
    condition = "(\n            ä == 1\n            and self\n        )"
    source = f"class A:\n    def f(self, ä):\n        return {condition}\n"
    for mutant in mutants_of("f.py", source):
        changed = mutant.applied(source.encode()).decode()
        assert changed.count("\n") == source.count("\n")
        compile(changed, "f.py", "exec")
        assert mutant.function == "A.f"
        assert {3, 4} <= set(mutant.lines)


def test_who_has_a_function_already_gets_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "import functools\n\n"
        "class A:\n    @property\n    def one(self):\n        return 1\n\n"
        "@functools.cache\ndef two():\n    return 2\n"
    )
    path = tmp_path / "changed_while_loaded.py"
    path.write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("changed_while_loaded")
    monkeypatch.delitem(sys.modules, "changed_while_loaded")
    kind, two = module.A, module.two
    for mutant in mutants_of(str(path), source):
        Swapper(str(path)).swap(mutant.applied(source.encode()))
    assert (kind().one, two()) == (1, 3)
    Swapper(str(path)).swap(source.replace("return 1", "return 5").encode())
    assert kind().one == 5
