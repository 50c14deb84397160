"""The steps of a run after both sides are open: list, compare, copy, finish, delete, verify."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from imapsync.plan.folders import select_folders
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import AskedToWait, ConnectionFailed
from imapsync.terms import Copy, Side
from imapsync.transfer.anew import copy_anew
from imapsync.transfer.arrivals import check_arrivals
from imapsync.transfer.careful import compare_in_spite
from imapsync.transfer.compare import groups
from imapsync.transfer.connect import reconnect
from imapsync.transfer.copying import Copying
from imapsync.transfer.creating import create_folders
from imapsync.transfer.deletions import Deletions
from imapsync.transfer.emptied import delete_empty_source_folders
from imapsync.transfer.failures import message_skipped
from imapsync.transfer.finish import confirm_numbers, finish
from imapsync.transfer.judging import judge_vanished
from imapsync.transfer.lanes import Copier
from imapsync.transfer.originals import change_source
from imapsync.transfer.persistence import Persistence
from imapsync.transfer.prepare import choosable, list_both, make_jobs, tell_folders
from imapsync.transfer.reading import Reading
from imapsync.transfer.recording import keywords_left, note_copies, note_lost, note_present
from imapsync.transfer.resolve import claim_arrivals
from imapsync.transfer.settings import Mode
from imapsync.transfer.sizes import complete_sizes, tell_sizes_at_end
from imapsync.transfer.telling import leave, postpone
from imapsync.transfer.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from imapsync.session.errors import SyncError
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.labels import LabelSync

#: Times that sizes are asked for when the connection is lost over it.
SIZE_ATTEMPTS = 2
T = TypeVar("T")


class Steps:
    """Carries the steps out and knows what is under way, for a run that has to end early."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.jobs: list[FolderJob] = []
        #: Those whose destination folder was made at the end only.
        self._late: list[FolderJob] = []
        self._copier: Copier | None = None
        self._sizes_told = True
        self._persistence = Persistence(run)
        self._persist = self._persistence.whole

    async def work(self) -> None:
        """Go as far as the mode says."""
        state = self._run
        mode = state.settings.mode
        retry = state.settings.selection.retry
        if retry is not None and not retry.messages and not retry.unnamed:
            state.note("no message failed in the run whose report --retryfailed names")
            return
        await self._prepare()
        if state.settings.destination is None:
            return
        if mode is Mode.SIZES:
            from imapsync.transfer.foresight import foresee

            await self._persist(partial(foresee, state, self.jobs))
            return
        if retry is not None:
            from imapsync.transfer.retry import narrow

            self.jobs = await self._persist(partial(narrow, state, self.jobs, retry))
        if mode is Mode.VERIFY:
            from imapsync.transfer.verify import verify

            await verify(state, self.jobs, Reading(state), self._persistence.spared)
            return
        if state.settings.deletion.destination and state.settings.deletion.empties_source:
            state.warn(
                "nothing is deleted on host2: what host1 lacks may have been moved from there to host2"
            )
        if state.settings.deletion.destination and state.moved_unknown:
            state.warn(
                "nothing is deleted on host2: what came from host1 and was deleted there is known by other"
                " headers than this run's (--useheader)"
            )
        if state.settings.deletion.destination and state.delivered:
            state.warn(
                "nothing is deleted on host2: messages were delivered there by LMTP (--lmtp2), and nobody"
                " knows which those are"
            )
        state.postpones = True
        jobs = await self._make(self.jobs)
        reading = Reading(state)
        if mode is Mode.SYNC:
            await self._sync([job for job in jobs if not job.finished], reading)
        else:
            self._late = await self._make(self._once_more())
        jobs += self._late
        deletions = Deletions(state, jobs, reading)
        await self._persist(deletions.carry_out)
        if mode is Mode.SYNC:
            self._settle(jobs, deletions.spared)
            note_present(state, jobs)
            self._tell_doubted()
            await self._persist(partial(delete_empty_source_folders, state, jobs))
            closing = None
            if state.settings.sizes_at_end:
                closing = await self._tell_sizes(partial(tell_sizes_at_end, state, self._mapped()))
            await self._persist(partial(confirm_numbers, state, jobs, closing))

    async def wind_down(self) -> None:
        """Take the answers to what was sent; for a run that ends early."""
        if self._copier is not None:
            try:
                await self._copier.take_all()
            finally:
                _leave_keywords(self._run, self.jobs)

    async def _prepare(self) -> None:
        state = self._run
        if state.journal is not None and state.source.has("QRESYNC") and state.source.has("ENABLE"):
            state.source.server.enable("QRESYNC")
        await self._persist(partial(list_both, state))
        if state.settings.sizes_at_start or state.settings.mode is Mode.SIZES:
            await self._tell_sizes(partial(complete_sizes, state))
        if state.settings.destination is None:
            rules = state.settings.folders
            chosen = select_folders(choosable(state.source.listing.tree, rules), rules).folders
            tell_folders(state, state.source.listing, Side.SOURCE, {folder.name: "" for folder in chosen})
            return
        self.jobs = make_jobs(state)
        state.folders_total = len(self.jobs)
        mapped = self._mapped()
        tell_folders(state, state.source.listing, Side.SOURCE, mapped)
        back = {there: here for here, there in mapped.items()}
        tell_folders(state, state.destination.listing, Side.DESTINATION, back)

    def _mapped(self) -> dict[str, str]:
        return {job.name: job.pair.destination for job in self.jobs}

    async def _make(self, jobs: list[FolderJob]) -> list[FolderJob]:
        """Make what is missing on the destination; give the jobs that have a folder there."""
        state = self._run
        made = await self._persist(partial(create_folders, state, jobs))
        if state.settings.folders.acls:
            from imapsync.transfer.acls import copy_acls

            await self._persist(partial(copy_acls, state, made))
        return made

    async def _groups(self, jobs: list[FolderJob]) -> AsyncGenerator[list[FolderJob], None]:
        """Give what is compared and copied together; at the end what was postponed.

        `jobs` gets those of them whose folder could not be made before.
        """
        for group in groups(jobs):
            yield group
        again = self._once_more()
        known = {job.position for job in jobs}
        if unmade := [job for job in again if job.position not in known]:
            self._late = await self._make(unmade)
            jobs += self._late
        for group in groups([job for job in again if not job.finished]):
            yield group

    def _once_more(self) -> list[FolderJob]:
        """Take up what was postponed; from now on nothing is."""
        self._run.postpones = False
        again = [job for job in self.jobs if job.postponed]
        if again:
            for account in self._run.accounts:
                account.forgive()
            for job in again:
                job.take_up_again()
        return again

    async def _sync(self, jobs: list[FolderJob], reading: Reading) -> None:
        state = self._run
        if state.journal is not None:
            note_copies(state, state.journal)
            note_lost(state, jobs)
        throttle = Throttle(state.settings.limits, state.clock)
        copier = self._copier = Copier(state, throttle, reading)
        copying = Copying(state, copier, reading, self._persistence)
        labels = self._labels(reading)
        async with contextlib.aclosing(self._groups(jobs)) as each:
            async for group in each:
                working = await self._persist(partial(compare_in_spite, state, group, reading))
                if state.dry:
                    _skip_all(state, working)
                elif any(job.copying.left for job in working):
                    steady = [job for job in working if not job.unsteady]
                    await self._each(
                        steady, partial(claim_arrivals, state), reading, "looked into before the copying"
                    )
                    steady = [job for job in steady if not job.finished]
                    state.sink(events.PhaseChanged(Phase.COPYING))
                    await copying.copy(steady)
                    arrived = [job for job in steady if not (job.unsteady or job.postponed)]
                    await self._each(
                        arrived, partial(check_arrivals, state), reading, "looked into after the copying"
                    )
                    _leave_keywords(state, steady)
                for job in working:
                    if job.unsteady and not state.dry:
                        self._copier = Copier(state, throttle, reading, lanes=1)
                        anew = partial(copy_anew, state, job, reading, self._copier)
                        await self._for_folder(job, anew, "copied", repeats=False)
                        self._copier = copier
                        await self._carry_over(labels, [job])
                    else:
                        # Before it is written down that all of the folder is done.
                        await self._carry_over(labels, [job])
                        await self._for_folder(job, partial(finish, state, job, reading), "finished")
        await self._carry_over(labels, [job for job in jobs if job.unchanged])
        await self._persist(partial(judge_vanished, state, jobs, reading))
        if state.settings.changes_source:
            for job in jobs:
                await self._for_folder(job, partial(change_source, state, job, reading), "changed")

    async def _for_folder(
        self, job: FolderJob, step: Callable[[], Awaitable[None]], what: str, *, repeats: bool = True
    ) -> None:
        """Carry out a step about a folder pair; one that cannot be done is told, and no other follows."""
        if not (job.given_up or job.postponed):
            error = await self._persistence.spared(step, repeats=repeats)
            if error is not None:
                self._give_up(what, job, error)

    async def _each(
        self,
        jobs: list[FolderJob],
        step: Callable[[list[FolderJob], Reading], Awaitable[None]],
        reading: Reading,
        what: str,
    ) -> None:
        await self._persistence.each(jobs, lambda some: step(some, reading), partial(self._give_up, what))

    def _give_up(self, what: str, job: FolderJob, error: SyncError) -> None:
        if postpone(self._run, job, error):
            return
        leave(self._run, job)
        self._run.problem(error, f"folder {job.name} cannot be {what}", folder=job.name)

    def _labels(self, reading: Reading) -> LabelSync | None:
        """Give what carries Gmail labels over, None when nobody wants that."""
        if not any(self._run.settings.labels):
            return None
        from imapsync.transfer.labels import label_sync

        return label_sync(self._run, reading)

    async def _carry_over(self, labels: LabelSync | None, jobs: list[FolderJob]) -> None:
        if labels is not None:
            for job in jobs:
                await self._for_folder(job, partial(labels.carry_over, job), "given its labels")

    def _tell_doubted(self) -> None:
        """Say how many copies vanished together, in this run or an earlier one, and are still in doubt."""
        journal = self._run.journal
        if journal is None:
            return
        records = [record for record in journal.folders().values() if record.removed]
        doubted = sum(len(journal.marked_as(record.id, [Copy.DOUBTED])) for record in records)
        if doubted:
            self._run.sink(events.CopiesDoubted(doubted))

    def _settle(self, jobs: list[FolderJob], spared: set[int]) -> None:
        """Note which folder pairs have nothing left to be deleted; until now that was open.

        spared: positions of jobs where something has no original and was not selected for deletion.
        """
        journal = self._run.journal
        if journal is None or self._run.dry:
            return
        done = [
            job.record.id
            for job in jobs
            if job.record is not None
            and not (job.unchanged or job.position in spared)
            and job.complete
            and 0 not in job.copying.done
        ]
        journal.settle(done)
        journal.commit()

    async def _tell_sizes(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """Ask for sizes that only people read; a server that hangs up over them is not asked again."""
        losses = 0
        while self._sizes_told:
            try:
                result = await step()
            except ConnectionFailed as error:
                losses += not isinstance(error, AskedToWait)
                if not error.retryable:
                    raise
                await reconnect(self._run, error)
            else:
                self._run.patience.progressed()
                return result
            if losses == SIZE_ATTEMPTS:
                self._sizes_told = False
                self._run.warn("the sizes of folders are not told: a server hangs up when asked for them")
        return None


def _leave_keywords(state: Run, jobs: list[FolderJob]) -> None:
    """Write down of copies that nobody came to look at again that they may lack keywords."""
    for job in jobs:
        if job.copying.flags_open:
            keywords_left(state, job)


def _skip_all(state: Run, jobs: list[FolderJob]) -> None:
    for job in jobs:
        if job.copying:
            message_skipped(state, job, list(range(len(job.copying))), events.Skip.DRY)
