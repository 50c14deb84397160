"""Run a plan: connect both sides, compare, copy, mark, delete, and tell the sink what happened.

outcome = await run(settings, sink)
"""

from imapsync.transfer.company import Company
from imapsync.transfer.outcome import Outcome, Stop
from imapsync.transfer.run import run
from imapsync.transfer.settings import Limits, Mode, Settings

__all__ = ["Company", "Limits", "Mode", "Outcome", "Settings", "Stop", "run"]
