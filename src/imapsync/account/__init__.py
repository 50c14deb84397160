"""What a server holds: namespaces, folders with their numbers, and indexes of messages."""

from imapsync.account.folders import AccountView, FolderView, discover
from imapsync.account.index import IndexReader

__all__ = ["AccountView", "FolderView", "IndexReader", "discover"]
