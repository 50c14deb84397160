"""What we knew last time: one SQLite file a task. See docs/state-files.md for the format.

The journal itself is `imapsync.journal.journal.Journal`; importing it is left to who needs SQLite.
"""

from imapsync.journal.values import JournalError, Pairs

__all__ = ["JournalError", "Pairs"]
