"""The one table of options: the parser, ``--help`` and docs/options.md all come from it."""

from imapsync.cli.options import accounts, folders, messages, others, running
from imapsync.cli.options.model import Kind, Option, Status

TABLE: tuple[Option, ...] = (
    *running.ROWS[:8],
    *accounts.ROWS,
    *folders.ROWS,
    *messages.ROWS,
    *running.ROWS[8:],
    *others.ROWS,
)

__all__ = ["TABLE", "Kind", "Option", "Status"]
