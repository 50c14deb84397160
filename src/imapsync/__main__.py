"""``python -m imapsync`` is the command ``imapsync``."""

from imapsync.cli.main import entry

if __name__ == "__main__":
    entry()
