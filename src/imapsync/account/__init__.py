"""What a server holds: namespaces, folders with their numbers, and indexes of messages."""

from imapsync.account.account import Account
from imapsync.account.folders import FolderView, Listing
from imapsync.account.index import IndexReader
from imapsync.account.opened import OpenFolder
from imapsync.account.seen import SeenFolder

__all__ = ["Account", "FolderView", "IndexReader", "Listing", "OpenFolder", "SeenFolder"]
