"""The engine: copies IMAP accounts from a source to a destination server."""

__version__ = "1.0.0"
