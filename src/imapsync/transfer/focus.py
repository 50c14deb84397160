"""Which folder each session has open, by the order in which commands were sent.

Commands go out ahead of their answers, so "the selected folder" means: the folder of the SELECT or EXAMINE
that was sent last. Every step that sends commands about messages first calls `source` or `destination` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused, SyncError

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

    def source(self, job: FolderJob) -> Pending[Selected]:
        """Open the source folder; gives the answer of the SELECT that did it."""
        return self._select(self._ends.source, job.source_mailbox, read_only=not self.source_writable)

    def destination(self, job: FolderJob) -> Pending[Selected]:
        """Open the destination folder, read-only in a dry run."""
        return self._select(self._ends.destination, job.destination_mailbox, read_only=self._run.dry)

    def look(self, mailbox: MailboxName) -> Pending[Selected]:
        """Open any destination folder, only to read."""
        return self._select(self._ends.destination, mailbox, read_only=True)

    async def same_source(self, job: FolderJob) -> Selected:
        """Open the source folder to change messages by UID; FolderReplaced when it is another one."""
        selected = await self.source(job)
        _check(selected, job.source_uidvalidity, job.name, self._ends.source)
        return selected

    async def same_destination(self, job: FolderJob) -> Selected:
        """Open the destination folder to change messages by UID; FolderReplaced as above."""
        selected = await self.destination(job)
        if job.destination_selected is None:
            job.destination_selected = selected
        validity = job.record.destination.uidvalidity if job.record is not None else 0
        _check(
            selected,
            validity or job.destination_uidvalidity,
            job.pair.destination,
            self._ends.destination,
        )
        return selected

    def _select(self, session: Session, mailbox: MailboxName, *, read_only: bool) -> Pending[Selected]:
        last = self._last.get(session)
        if last is not None and last[0] == mailbox.raw and last[1] == read_only:
            return last[2]
        condstore = self._run.journal is not None and session.has("CONDSTORE")
        answer = session.select(mailbox, read_only=read_only, condstore=condstore)
        self._last[session] = (mailbox.raw, read_only, answer)
        return answer


class FolderReplaced(SyncError):  # noqa: N818 - named after what happened
    """A folder is not the one that was compared: its UIDs are those of other messages (RFC 3501 §2.3.1.1)."""

    default_code = "folder_replaced"


def _check(selected: Selected, uidvalidity: int, name: str, session: Session) -> None:
    if uidvalidity and (selected.uidvalidity or 0) != uidvalidity:
        raise FolderReplaced(
            f"folder {name} was replaced by another of that name while the run went on", side=session.side
        )


async def opened(answer: Pending[Selected]) -> Selected | CommandRefused:
    """Wait for a SELECT; gives the refusal as a value, because one folder must not end the run."""
    try:
        return await answer
    except CommandRefused as error:
        return error
