"""Exit codes of syncctl; `start` in the foreground ends with the engine's own."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
#: sysexits.h, as the engine uses them.
USAGE: Final = 64
NO_SUCH_TASK: Final = 66
NO_TOKEN: Final = 77
