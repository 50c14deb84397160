"""The runs of one process: what all of them together may have on its way, and open beside what each needs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: With the interpreter and what connections hold, a process stays within 64 MiB and 2 MiB a run.
MEMORY_BYTES = 32 * 1024 * 1024
#: What a run alone has on its way at most: asked for ahead, not answered yet, held by both connections.
RUN_BYTES = 12 * 1024 * 1024


class Company:
    """Divides memory and connections among the runs that copy at the same time, in one event loop.

    memory_bytes: for the messages on their way of all runs; what each may have shrinks as their number
    grows. further: how many pairs of connections all may open beside the first of each, None for as many as
    each of them finds worth it.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES, further: int | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._further = further
        self._copying = 0

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        """Count a run among those that copy."""
        self._copying += 1
        try:
            yield
        finally:
            self._copying -= 1

    def part(self, bound_bytes: int) -> int:
        """Give what a run may have now of something of which it may have `bound_bytes` when it is alone."""
        share = self._memory_bytes // max(1, self._copying)
        return bound_bytes if share >= RUN_BYTES else bound_bytes * share // RUN_BYTES

    def take_further(self) -> bool:
        """Take the place of one more pair of connections; false when there is none."""
        if self._further is None:
            return True
        if self._further <= 0:
            return False
        self._further -= 1
        return True

    def give_further(self, pairs: int) -> None:
        """Give back the places of so many pairs."""
        if self._further is not None:
            self._further += pairs
