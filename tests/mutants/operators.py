"""The mutants of a file: one small change each, of the kind that a mistake makes.

Changed is what functions do: conditions are taken away or turned round, bounds move by one, numbers and signs
change, calls for their effect and jumps are left out. Texts, annotations and what runs at import stay.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Mutant(NamedTuple):
    """One change: bytes `start` to `end` of the file become `text`.

    lines: those whose tests may notice it.
    """

    path: str
    function: str
    line: int
    start: int
    end: int
    text: str
    was: str
    is_statement: bool
    lines: tuple[int, ...]

    @property
    def key(self) -> str:
        """Give what names the change as long as the function stays as it is."""
        return f"{self.function}: {self.was} -> {self.text}"

    def applied(self, source: bytes) -> bytes:
        """Give the file with the change; every other line keeps its number."""
        gone = source[self.start : self.end].count(b"\n") - self.text.count("\n")
        text = self.text.encode() + b"\n" * gone
        if not self.is_statement:
            text = b"(" + text + b")"
        return source[: self.start] + text + source[self.end :]


_BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
_SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OPPOSITES = {"any": "all", "all": "any", "min": "max", "max": "min"}


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Give every mutant of a file."""
    return list(_Finder(path, source).all())


class _Finder:
    """Walks the functions of a file. Offsets are bytes, as `ast` counts them."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._tree = ast.parse(source)
        self._source = source.encode()
        self._starts = [0]
        for line in self._source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def all(self) -> Iterator[Mutant]:
        yield from self._of_body(self._tree.body, ())

    def _of_body(self, body: list[ast.stmt], names: tuple[str, ...]) -> Iterator[Mutant]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from self._of_body(node.body, (*names, node.name))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = ".".join((*names, node.name))
                inner = [part for part in ast.walk(node) if isinstance(part, ast.stmt)]
                for statement in node.body:
                    for place, text in _changes(statement):
                        yield self._mutant(name, inner, place, text)

    def _mutant(self, name: str, statements: list[ast.stmt], place: ast.expr | ast.stmt, text: str) -> Mutant:
        last = place.end_lineno or place.lineno
        # Of a statement of several lines not each is seen to run.
        first = max(
            node.lineno
            for node in statements
            if node.lineno <= place.lineno and (node.end_lineno or 0) >= last
        )
        return Mutant(
            path=self._path,
            function=name,
            line=place.lineno,
            start=self._starts[place.lineno - 1] + place.col_offset,
            end=self._starts[last - 1] + (place.end_col_offset or 0),
            text=text,
            was=" ".join(ast.unparse(place).split()),
            is_statement=isinstance(place, ast.stmt),
            lines=tuple(range(first, last + 1)),
        )


def _changes(root: ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Give (what is replaced, by what text) within a statement; what contains comes before what is inside."""
    left_alone: set[ast.AST] = set()
    decided: set[ast.AST] = set()  # conditions, and parts of them: turning them round would be nothing new
    for node in ast.walk(root):
        left_alone |= _left_alone(node)
        if node in left_alone:
            continue
        tests = _conditions(node)
        for test in tests:
            yield from _condition_taken_away(test)
        decided.update(tests)
        if isinstance(node, ast.BoolOp):
            yield from _operands_taken_away(node)
            decided.update(node.values)
        elif isinstance(node, ast.expr):
            yield from _of_expression(node, decided=node in decided)
        elif isinstance(node, ast.stmt):
            yield from _of_statement(node)
        if isinstance(node, ast.UnaryOp):
            decided.add(node.operand)


def _left_alone(node: ast.AST) -> set[ast.AST]:
    """Give what below a node is text, or no more than a hint."""
    below: list[ast.AST] = []
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        below.append(node.annotation)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        below.append(node.returns)
    if isinstance(node, ast.keyword) and node.arg == "strict":
        below.append(node.value)  # tells that a mistake of ours would be seen; no behaviour
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
        below.extend(node.args[:1])
    if isinstance(node, ast.JoinedStr):
        below.extend(node.values)
    return {inner for outer in below for inner in ast.walk(outer)}


def _conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        return [node.test]
    if isinstance(node, ast.comprehension):
        return node.ifs
    if isinstance(node, ast.match_case) and node.guard is not None:
        return [node.guard]
    return []


def _condition_taken_away(test: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """Give what makes a condition hold always, or never; of several joined ones each goes by itself."""
    if isinstance(test, ast.Constant):
        return
    if not isinstance(test, ast.BoolOp) or isinstance(test.op, ast.Or):
        yield test, "True"
    if not isinstance(test, ast.BoolOp) or isinstance(test.op, ast.And):
        yield test, "False"


def _operands_taken_away(node: ast.BoolOp) -> Iterator[tuple[ast.expr, str]]:
    for place in range(len(node.values)):
        rest = [value for other, value in enumerate(node.values) if other != place]
        kept: ast.expr = ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        yield node, ast.unparse(kept)


def _bounds(node: ast.Compare) -> Iterator[tuple[ast.expr, str]]:
    for place, operator in enumerate(node.ops):
        if type(operator) in _BOUNDS:
            operators = [*node.ops]
            operators[place] = _BOUNDS[type(operator)]()
            yield node, ast.unparse(ast.Compare(node.left, operators, node.comparators))


def _of_expression(node: ast.expr, *, decided: bool) -> Iterator[tuple[ast.expr, str]]:
    match node:
        case ast.UnaryOp(op=ast.Not()) if not decided:
            yield node, ast.unparse(node.operand)
        case ast.Compare():
            if len(node.ops) == 1 and not decided:
                turned = ast.Compare(node.left, [_TURNED[type(node.ops[0])]()], node.comparators)
                yield node, ast.unparse(turned)
            yield from _bounds(node)
        case ast.BinOp() if type(node.op) in _SWAPPED and not _is_text(node.left, node.right):
            yield node, ast.unparse(ast.BinOp(node.left, _SWAPPED[type(node.op)](), node.right))
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _OPPOSITES:
            yield node, ast.unparse(ast.Call(ast.Name(_OPPOSITES[name]), node.args, node.keywords))


def _of_statement(node: ast.stmt) -> Iterator[tuple[ast.stmt, str]]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Break() | ast.Continue() | ast.Delete():
            yield node, "pass"
        case ast.AugAssign() if type(node.op) in _SWAPPED and not _is_text(node.value):
            swapped = ast.AugAssign(node.target, _SWAPPED[type(node.op)](), node.value)
            yield node, ast.unparse(swapped)


def _is_text(*nodes: ast.expr) -> bool:
    """Tell whether adding is joining texts, which nothing else could be done with."""
    return any(
        isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        or (isinstance(node, ast.BinOp) and _is_text(node.left, node.right))
        for node in nodes
    )
