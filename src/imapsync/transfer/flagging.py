"""Set flags on copies that are there; a keyword that the destination does not take costs that keyword."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.flags import is_keyword
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Reason, Side
from imapsync.transfer import telling
from imapsync.transfer.planning import UIDS_PER_QUESTION, translator_of
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imapsync.account.opened import MetFolder, OpenFolder
    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

    #: Flags to add, and to remove.
    Change = tuple[tuple[bytes, ...], tuple[bytes, ...]]


class _Store(NamedTuple):
    """One STORE."""

    uids: UidSet
    action: bytes
    flags: tuple[bytes, ...]


async def change_flags(run: Run, job: FolderJob, changes: Mapping[Change, Sequence[int]]) -> bool:
    """Carry out changes of flags on copies; false when a system flag could not be changed."""
    if not changes:
        return True
    run.sink(events.PhaseChanged(Phase.FLAGS))
    try:
        folder = await run.destination.change(job.destination)
    except CommandRefused as error:
        telling.not_done(run, job, error, f"flags of {job.pair.destination} cannot be set", Reason.FLAGS)
        return False
    asked: list[tuple[_Store, Pending[UidSet]]] = []
    touched: set[int] = set()
    for (add, remove), uids in changes.items():
        touched.update(uids)
        for some in UidSet.of(uids).split(UIDS_PER_QUESTION):
            for action, flags in ((b"+FLAGS", add), (b"-FLAGS", remove)):
                if flags:
                    answer = folder.store(some, action, flags)
                    asked.append((_Store(some, action, flags), answer))
    done = True
    for store, answer in asked:
        try:
            await answer
        except CommandRefused as error:
            done &= await _one_by_one(run, folder, job, store, error)
    run.sink(events.FlagsChanged(Side.DESTINATION, job.pair.destination, len(touched)))
    return done


async def missing_flags(run: Run, job: FolderJob) -> dict[Change, list[int]]:
    """Give what the copies of this run lack of their originals' flags; the copies' UIDs have to be known."""
    copies = job.copying.arrived()
    wanted = await flags_of(await run.source.opened(job.source), UidSet.of(copies))
    present = await flags_of(await run.destination.opened(job.destination), UidSet.of(copies.values()))
    translator = translator_of(run, job)
    missing: dict[Change, list[int]] = {}
    for uid, copy in copies.items():
        if uid in wanted and copy in present:
            add, _ = translator.change(translator.translate(wanted[uid]), present[copy])
            if add:
                missing.setdefault((add, ()), []).append(copy)
    return missing


def tell_keyword(run: Run, folder: str, flag: bytes, why: str) -> None:
    """Say once a run that copies go without a keyword."""
    if flag not in run.told_keywords:
        run.told_keywords.add(flag)
        run.warn(f"{folder}: the keyword {flag.decode('latin-1')!r} {why}, copies go without it")


async def _one_by_one(
    run: Run, folder: MetFolder, job: FolderJob, store: _Store, error: CommandRefused
) -> bool:
    """Set flags of a refused STORE each alone; only a system flag that is refused is an error: then false."""
    alone = len(store.flags) == 1
    refused = {store.flags[0]: error} if alone else {}
    for flag in () if alone else store.flags:
        try:
            await folder.store(store.uids, store.action, (flag,))
        except CommandRefused as again:
            refused[flag] = again
    for flag, refusal in refused.items():
        if is_keyword(flag):
            tell_keyword(run, job.pair.destination, flag, "is refused by host2")
            continue
        telling.not_done(run, job, refusal, f"flags of {job.pair.destination} cannot be set", Reason.FLAGS)
    return all(map(is_keyword, refused))


async def flags_of(folder: OpenFolder, uids: UidSet) -> dict[int, tuple[bytes, ...]]:
    """Read flags: UID -> flags, without what is not there any more."""
    flags: dict[int, tuple[bytes, ...]] = {}
    for some in uids.split(UIDS_PER_QUESTION):
        async for batch in folder.fetch(some, b"(UID FLAGS)"):
            flags.update((record.uid, record.flags or ()) for record in batch if record.uid is not None)
    return flags
