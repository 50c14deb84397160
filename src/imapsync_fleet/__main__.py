"""``python -m imapsync_fleet``: the same as the command."""

from imapsync_fleet.command import entry

entry()
