"""Find out what each folder pair needs: what to copy, which flags to change, what to delete.

A group of folder pairs is asked about at once, all questions in flight together; the answers are taken in the
order of the questions, because a session stops reading while answers wait to be taken. What needs a second
question comes after all first answers are in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.transfer import planning
from imapsync.transfer.delta import DeltaComparison, is_unchanged, known_state
from imapsync.transfer.full import FullComparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Messages (by STATUS) whose indexes are held at once, and folder pairs asked about at once.
GROUP_MESSAGES = 200_000
GROUP_FOLDERS = 200


def groups(jobs: list[FolderJob]) -> Iterator[list[FolderJob]]:
    """Cut the work into groups that are compared and then copied, so that indexes stay small."""
    group: list[FolderJob] = []
    messages = 0
    for job in jobs:
        count = _messages(job)
        if group and (messages + count > GROUP_MESSAGES or len(group) >= GROUP_FOLDERS):
            yield group
            group, messages = [], 0
        group.append(job)
        messages += count
    if group:
        yield group


async def compare(run: Run, focus: Focus, jobs: list[FolderJob], reading: Reading) -> list[FolderJob]:
    """Compare a group. Gives the jobs that still have something to do; reports all of them."""
    run.sink(events.PhaseChanged(Phase.COMPARING))
    states = run.journal.folders() if run.journal is not None else {}
    comparisons: list[FullComparison | DeltaComparison] = []
    for job in jobs:
        state = known_state(job, states)
        if state is not None and is_unchanged(run, job, state, reading):
            _tell_unchanged(run, job, state.removed)
        elif state is not None:
            job.state = state
            comparisons.append(DeltaComparison(run, focus, job, reading, state))
        else:
            comparisons.append(FullComparison(run, focus, job, reading))
    for comparison in comparisons:
        comparison.ask()
    for comparison in comparisons:
        await comparison.take()
    working = []
    for comparison in comparisons:
        job = comparison.job
        if isinstance(comparison, DeltaComparison) and comparison.invalid:
            job.state = None
            comparison = FullComparison(run, focus, job, reading)  # noqa: PLW2901 - the other way to do the same
            comparison.ask()
            await comparison.take()
        if job.finished:
            continue
        await comparison.conclude()
        if not job.finished:
            working.append(job)
    return working


def _tell_unchanged(run: Run, job: FolderJob, removed: int) -> None:
    source = job.source_status
    destination = job.destination_status
    messages = (source.messages if source else None) or 0
    run.sink(
        events.FolderCompared(
            job.name,
            job.pair.destination,
            source_messages=messages,
            destination_messages=(destination.messages if destination else None) or 0,
            identified=messages,
            unchanged=True,
        )
    )
    planning.tell_present(run, job, messages, removed)
    job.finished = True


def _messages(job: FolderJob) -> int:
    total = 0
    for status in (job.source_status, job.destination_status):
        total += (status.messages if status else None) or 0
    return total
