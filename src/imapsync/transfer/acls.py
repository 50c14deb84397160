"""Copy the access control lists of folders (--syncacls, RFC 4314)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.terms import Side

if TYPE_CHECKING:
    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

    Acl = tuple[tuple[str, str], ...]


async def copy_acls(run: Run, jobs: list[FolderJob]) -> None:
    """Give each destination folder the rights of its source folder; rights of others there stay.

    What the account itself may do stays, or the copying could end here. What a server refuses is a warning:
    no message depends on it.
    """
    for account in run.accounts:
        if not account.has("ACL"):
            run.warn("access control lists are not copied (--syncacls): the server has none", account.side)
            return
    asked = [
        (
            job,
            run.source.server.get_acl(job.source.mailbox),
            run.destination.server.get_acl(job.destination.mailbox),
        )
        for job in jobs
        if job.pair.exists or not run.dry
    ]
    own = {
        credentials.user
        for credentials in (run.settings.source_credentials, run.settings.destination_credentials)
        if credentials is not None
    }
    for job, here, there in asked:
        wanted = await _rights(run, job.name, here, Side.SOURCE)
        present = await _rights(run, job.pair.destination, there, Side.DESTINATION)
        if wanted is None or present is None:
            continue
        changes = {
            name: rights
            for name, rights in wanted.items()
            if name not in own and sorted(present.get(name, "")) != sorted(rights)
        }
        if run.dry:
            for name in changes:
                run.note(f"would set the rights of {name} on {job.pair.destination}")
            continue
        for name, answer in [
            (name, run.destination.server.set_acl(job.destination.mailbox, name, rights))
            for name, rights in changes.items()
        ]:
            try:
                await answer
            except CommandRefused as error:
                text = f"the rights of {name} on {job.pair.destination} cannot be set: {error}"
                run.warn(text, Side.DESTINATION)


async def _rights(run: Run, folder: str, answer: Pending[Acl], side: Side) -> dict[str, str] | None:
    try:
        return dict(await answer)
    except CommandRefused as error:
        run.warn(f"the access control list of {folder} cannot be read: {error}", side)
        return None
