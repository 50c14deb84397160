"""``python -m imapsync`` is the command ``imapsync``."""

import sys

from imapsync.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())
