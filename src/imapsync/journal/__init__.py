"""What we knew last time: one SQLite file a task. See docs/state-files.md for the format."""

from imapsync.journal.journal import Journal
from imapsync.journal.values import GONE, SKIPPED_DUPLICATE, FolderState, JournalError, Pairs

__all__ = ["GONE", "SKIPPED_DUPLICATE", "FolderState", "Journal", "JournalError", "Pairs"]
