"""`python -m syncctl`."""

from syncctl.main import entry

entry()
