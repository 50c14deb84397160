"""Put a mutant into modules that are loaded: functions get the code of the changed file.

So one process that has loaded the code and collected the tests serves all mutants, each in a fork of it, and
who has imported a function by name gets the change, too.
"""

from __future__ import annotations

import gc
from types import CodeType, FunctionType


def codes_of(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Give (qualified name, first line) -> code of all functions of a compiled file."""
    found: dict[tuple[str, int], CodeType] = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found[constant.co_qualname, constant.co_firstlineno] = constant
            found |= codes_of(constant)
    return found


class Swapper:
    """Knows the functions of a file that are alive in this process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._functions = [
            function
            for function in gc.get_objects()
            if isinstance(function, FunctionType) and function.__code__.co_filename == path
        ]

    def swap(self, source: bytes) -> None:
        """Give the functions the code that the changed source has for them."""
        codes = codes_of(compile(source, self._path, "exec"))
        for function in self._functions:
            code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code is not None and len(code.co_freevars) == len(function.__code__.co_freevars):
                function.__code__ = code
