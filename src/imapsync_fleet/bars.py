"""A terminal's view: one bar for all accounts, the running ones below it, failures above as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from imapsync.report.safe import human_bytes, printable
from imapsync_fleet.screen import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync_fleet.accounts import Account
    from imapsync_fleet.directory import Result

#: Running accounts shown at a time.
_SHOWN: Final = 8


class Bars(Lines):
    """Redraws itself a few times a second."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._console = Console()
        self._progress = Progress(
            TextColumn("accounts"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[size]}"), console=self._console,
        )  # fmt: skip
        self._all = self._progress.add_task("", total=count, size="")
        self._live = Live(self._progress, console=self._console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def ended(self, account: Account, result: Result) -> None:
        """Say it and move the bar."""
        super().ended(account, result)
        self._progress.update(self._all, completed=self._done, size=human_bytes(self._copied_bytes))

    def tick(self, progress: Mapping[str, object]) -> None:
        """Show who is at work."""
        running = progress.get("running")
        rows = list(running.items()) if isinstance(running, dict) else []
        lines = [self._row(name, numbers) for name, numbers in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(Text(f"  and {len(rows) - _SHOWN} more", style="dim"))
        self._live.update(Group(self._progress, *lines))

    def say(self, text: str) -> None:
        """Write a line above the bar, without reading markup into it."""
        self._console.print(Text(text))

    @staticmethod
    def _row(name: str, numbers: Mapping[str, int]) -> Text:
        done, planned = numbers.get("messages", 0), numbers.get("messages_planned", 0)
        share = f"{done}/{planned} messages" if planned else "compares"
        return Text(f"  {printable(name)}  {share}", overflow="ellipsis", no_wrap=True)
