"""How much may be on its way before --exitwhenover ends the run: no more than one message beyond it."""

from __future__ import annotations


class Budget:
    """Counts what is asked for as if it was copied already; what is not copied after all is given back.

    limit: --exitwhenover in bytes, None without.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._left = limit

    @property
    def active(self) -> bool:
        """Whether there is a limit."""
        return self._limit is not None

    @property
    def spent(self) -> bool:
        """Whether nothing more may be asked for until what is on its way has settled."""
        return self._left is not None and self._left <= 0

    def within(self, most: int) -> int:
        """Give how many bytes a batch may have: `most`, or what is left."""
        return most if self._left is None else min(most, self._left)

    def take(self, size_bytes: int) -> None:
        """Ask for so much."""
        if self._left is not None:
            self._left -= size_bytes

    def renew(self, copied_bytes: int) -> bool:
        """Begin anew when nothing is on its way; tell whether anything was held back meanwhile."""
        spent = self.spent
        if self._limit is not None:
            self._left = self._limit - copied_bytes
        return spent
