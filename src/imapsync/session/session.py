"""A logged-in IMAP session: typed commands, many in flight.

Command methods send at once and give a Pending; await it for the answer. Several in flight:

    answers = [session.status(name, ("MESSAGES", "UIDNEXT")) for name in names]
    statuses = [await answer for answer in answers]

Refusals raise CommandRefused from the await, a lost connection raises ConnectionFailed from every await. No
method looks at capabilities for the caller except where its text says so: an extension that was not announced
is not to be used.
"""

from __future__ import annotations

from imapsync.session.answers import Appended, Copied, Message, Selected
from imapsync.session.folders import FolderCommands
from imapsync.session.idle import IdleCommands
from imapsync.session.messages import MessageCommands

__all__ = ["Appended", "Copied", "Message", "Selected", "Session"]


class Session(FolderCommands, MessageCommands, IdleCommands):
    """One logged-in connection with all its commands. Made by `open_session`; state: see SessionBase."""
