"""Put the report of the run into an INBOX (--emailreport1, --emailreport2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import SyncError
from imapsync.session.session import Message
from imapsync.terms import Side
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from imapsync.transfer.context import Run

INBOX = MailboxName.from_text("INBOX")


async def mail_report(run: Run, content: bytes) -> None:
    """Append the report on each side that wants it; what goes wrong is a warning, the run is over."""
    for side in run.settings.report_to:
        account = run.source if side is Side.SOURCE else run.destination
        if run.dry:
            run.note("would put the report into INBOX")
        elif account.connected:
            try:
                await account.append(INBOX, [Message(content)])
            except SyncError as error:
                run.warn(f"the report cannot be put into INBOX: {error}", side)
