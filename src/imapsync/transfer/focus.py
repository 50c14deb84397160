"""Which folder each session has open, by the order in which commands were sent.

Commands go out ahead of their answers, so "the selected folder" means: the folder of the SELECT or EXAMINE
that was sent last. Every step that sends commands about messages first calls `source` or `destination` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused

if TYPE_CHECKING:
    from imapsync.session.pending import Pending
    from imapsync.session.session import Selected, Session
    from imapsync.transfer.context import Ends, Run
    from imapsync.transfer.job import FolderJob
    from imapsync.wire.mailbox import MailboxName


class Focus:
    """Remembers what was selected last on each session, and sends a SELECT only when it has to change."""

    def __init__(self, run: Run, ends: Ends) -> None:
        self._run = run
        self._ends = ends
        self._last: dict[Session, tuple[bytes, bool, Pending[Selected]]] = {}

    def forget(self) -> None:
        """Start anew: the sessions were replaced."""
        self._last.clear()

    @property
    def source_writable(self) -> bool:
        """Whether source folders are opened for writing: only when the user asked for changes there."""
        settings = self._run.settings
        rules = settings.deletion
        writes = (
            rules.source
            or rules.source_older_days is not None
            or rules.source_expunge
            or settings.flags.set_on_source
        )
        return bool(writes) and not settings.dry

    def source(self, job: FolderJob, *, condstore: bool = False) -> Pending[Selected]:
        """Open the source folder; gives the answer of the SELECT that did it."""
        return self._select(
            self._ends.source, job.source_mailbox, read_only=not self.source_writable, condstore=condstore
        )

    def destination(self, job: FolderJob) -> Pending[Selected]:
        """Open the destination folder, read-only in a dry run."""
        return self._select(self._ends.destination, job.destination_mailbox, read_only=self._run.dry)

    def _select(
        self, session: Session, mailbox: MailboxName, *, read_only: bool, condstore: bool = False
    ) -> Pending[Selected]:
        last = self._last.get(session)
        if last is not None and last[0] == mailbox.raw and last[1] == read_only:
            return last[2]
        answer = session.select(mailbox, read_only=read_only, condstore=condstore)
        self._last[session] = (mailbox.raw, read_only, answer)
        return answer


async def opened(answer: Pending[Selected]) -> Selected | CommandRefused:
    """Wait for a SELECT; gives the refusal as a value, because one folder must not end the run."""
    try:
        return await answer
    except CommandRefused as error:
        return error
