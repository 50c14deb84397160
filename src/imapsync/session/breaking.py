"""Commands about one folder at which a server hangs up each time: they are not sent any more.

A server that ends the connection whenever it is asked for the STATUS of one folder, or to make or open one,
would end each run at the same place. After a loss each command about a folder that had no answer is sent
alone: nothing behind it before it is answered, because answers to others get lost with the connection. Who
then is the oldest without an answer when the connection ends, twice in a row, is refused by us, as a server
might refuse it, and who asked does without or reports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imapsync.session.errors import NotSentAgain
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.session.pending import Pending
    from imapsync.terms import Side

    #: A verb, and the folder that the command is about.
    Subject = tuple[str, bytes]

#: Connections that end over a command that was sent alone, before it is taken for its doing.
LOST_OVER = 2
#: Commands that are given up in a run; a server that hangs up at more is not to be helped.
MOST_GIVEN_UP = 40
#: Commands that are about the folder that is open.
IN_FOLDER = frozenset(
    {
        "UID FETCH",
        "UID SEARCH",
        "UID STORE",
        "UID EXPUNGE",
        "UID COPY",
        "UID MOVE",
        "EXPUNGE",
        "FILTER",
        "IDLE",
    }
)


class Breaking:
    """What one server's connections ended over, in a run. Shared by all connections to it."""

    def __init__(self) -> None:
        self._suspects: set[Subject] = set()
        self._lost: dict[Subject, int] = {}
        self._untold: list[Subject] = []
        self._given_up: set[Subject] = set()
        #: Whether a connection ended before ID was answered: we need not say who we are.
        self.at_id = False

    def lost(self, in_flight: Mapping[bytes, Pending[Any]]) -> None:
        """Learn that a connection ended with these commands in flight, oldest first."""
        self.at_id |= any(pending.verb == "ID" for pending in in_flight.values())
        oldest = next(iter(in_flight.values()), None)
        if oldest is not None and oldest.alone and len(self._given_up) < MOST_GIVEN_UP:
            subject = _subject(oldest)
            self._lost[subject] = self._lost.get(subject, 0) + 1
            if self._lost[subject] == LOST_OVER:
                self._given_up.add(subject)
                self._untold.append(subject)
        self._suspects |= {_subject(pending) for pending in in_flight.values() if pending.subject}

    def answered(self, pending: Pending[Any]) -> None:
        """Learn that a command had an answer."""
        if self._suspects and pending.subject:
            self._suspects.discard(_subject(pending))
            self._lost.pop(_subject(pending), None)

    def suspects(self, pending: Pending[Any]) -> bool:
        """Tell whether a command had no answer when a connection ended."""
        return bool(self._suspects) and bool(pending.subject) and _subject(pending) in self._suspects

    def forgive(self) -> None:
        """Let each command that was given up be sent once more, alone, and be given up after one more loss.

        What breaks at one command each time may be the network.
        """
        self._suspects |= self._given_up
        self._lost.update(dict.fromkeys(self._given_up, LOST_OVER - 1))
        self._given_up.clear()

    def refusal(self, pending: Pending[Any], side: Side | None) -> NotSentAgain | None:
        """Give the refusal of a command that is not sent any more, None for all others."""
        if not self._given_up or not pending.subject or _subject(pending) not in self._given_up:
            return None
        return NotSentAgain(
            f"the connection broke each time at {pending.verb}", status="NO", verb=pending.verb, side=side
        )

    def untold(self) -> list[str]:
        """Say, once, which commands are not sent any more."""
        told, self._untold = self._untold, []
        return [f"{verb} of {MailboxName.from_wire(folder).text}" for verb, folder in told]


def _subject(pending: Pending[Any]) -> Subject:
    """Give what a command is about; to open a folder is one thing, to read or to change it."""
    return ("SELECT" if pending.verb == "EXAMINE" else pending.verb), pending.subject
