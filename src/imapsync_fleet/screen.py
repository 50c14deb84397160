"""What people or programs see while a fleet works."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

from imapsync.report.safe import human_bytes, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync_fleet.accounts import Account
    from imapsync_fleet.directory import Result

#: Failed accounts that are named at the end, of each kind.
_NAMED: Final = 10


def screen_for(count: int, *, as_json: bool) -> Lines:
    """Give what shows `count` accounts: JSON, bars on a terminal where rich is installed, lines elsewhere."""
    if as_json:
        return JsonLines(count)
    if sys.stdout.isatty():
        with contextlib.suppress(ImportError):
            from imapsync_fleet.bars import Bars

            return Bars(count)
    return Lines(count)


class Lines:
    """A line for each account that has ended."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = 0
        self._copied = self._copied_bytes = 0
        self._failed: dict[str, list[str]] = {}
        self._exits: Counter[str] = Counter()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def began(self, account: Account) -> None:
        """Nothing is said of a beginning."""

    def ended(self, account: Account, result: Result) -> None:
        """Count a result and say it."""
        self._done += 1
        self._copied += result.copied
        self._copied_bytes += result.copied_bytes
        self._exits[result.exit_name] += 1
        if result.exit_code:
            self._failed.setdefault(result.exit_name, []).append(account.shown)
        self.say(self._line(result))

    def tick(self, progress: Mapping[str, object]) -> None:
        """Lines do not move."""

    def end(self) -> None:
        """Say what came of all, failures grouped by their kind."""
        seconds = time.monotonic() - self._began
        self.say(
            f"{self._done} accounts in {seconds:.1f} s: {self._exits['EX_OK']} complete, "
            f"{self._copied} messages ({human_bytes(self._copied_bytes)}) copied."
        )
        for name, accounts in sorted(self._failed.items()):
            more = f" and {len(accounts) - _NAMED} more" if len(accounts) > _NAMED else ""
            shown = ", ".join(map(printable, accounts[:_NAMED]))
            self.say(f"{len(accounts)} with {name}: {shown}{more}")

    def say(self, text: str) -> None:
        """Write a line; a reader that is gone is no reason to stop."""
        with contextlib.suppress(BrokenPipeError):
            print(text, flush=True)

    def _line(self, result: Result) -> str:
        told = (
            f"[{self._done}/{self._count}] {printable(result.shown)}: {result.exit_code} {result.exit_name}"
        )
        if result.command == "run":
            told += f", {result.copied} copied"
        return f"{told}: {result.text}" if result.exit_code and result.text else told


class JsonLines(Lines):
    """The same for programs: an object a line."""

    def began(self, account: Account) -> None:
        """Say it."""
        self.say(json.dumps({"event": "began", "account": account.name, "shown": account.shown}))

    def tick(self, progress: Mapping[str, object]) -> None:
        """Say the numbers."""
        self.say(json.dumps({"event": "progress", **progress}))

    def end(self) -> None:
        """Say what came of all."""
        self.say(
            json.dumps(
                {
                    "event": "end",
                    "accounts": self._done,
                    "copied": self._copied,
                    "copied_bytes": self._copied_bytes,
                    "exits": dict(self._exits),
                }
            )
        )

    def _line(self, result: Result) -> str:
        return json.dumps({"event": "ended", **result._asdict()})
