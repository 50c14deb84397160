"""The engine: copies IMAP accounts from a source to a destination server.

`from imapsync import sync, Account, …` is the front door for programs (docs/library.md). It is loaded when it
is asked for, so that the command line starts without it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imapsync.library import *  # noqa: F403 - its __all__ is the list

__version__ = "1.0.0"


def __getattr__(name: str) -> object:
    """Give a name of the front door (PEP 562)."""
    if not name.startswith("_"):
        from importlib import import_module

        library = import_module("imapsync.library")
        if name in library.__all__:
            return getattr(library, name)
    raise AttributeError(f"module 'imapsync' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Give the names of the front door."""
    from importlib import import_module

    return ["__version__", *import_module("imapsync.library").__all__]
