"""What is mutated, and which tests have to notice it. None of them needs a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Target(NamedTuple):
    """A part: its folder, the files of it that decide (else all), and the tests that may notice."""

    name: str
    folder: str
    tests: tuple[str, ...]
    only: tuple[str, ...] = ()

    def files(self, root: Path) -> list[str]:
        """Give the files of this part."""
        names = [f"{name}.py" for name in self.only] or sorted(
            path.name for path in (root / self.folder).glob("*.py")
        )
        return [f"{self.folder}/{name}" for name in names]


#: What gathers facts for `plan` and carries out what it says; the others move bytes.
_DECIDING: Final = (
    "arrivals", "compare", "contents", "deletions", "delta", "deltaplan", "doomed", "emptied", "expunging",
    "finish", "flagging", "full", "judging", "originals", "planning",
)  # fmt: skip
TARGETS: Final = (
    Target("plan", "src/imapsync/plan", ("tests/engine/plan",)),
    Target("journal", "src/imapsync/journal", ("tests/engine/journal",)),
    Target("transfer", "src/imapsync/transfer", ("tests/engine/transfer",), _DECIDING),
    Target("imapsync_tasks", "imageroot/pypkg/imapsync_tasks", ("tests/module",)),
)
#: Tests with these marks are left out: the first two need servers.
LEFT_OUT: Final = "not servers and not devnode and not slow"
