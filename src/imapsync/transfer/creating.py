"""Make the missing destination folders, and find out which folder each of them is in truth.

A server may have the folder already and not list it, take two spellings for one, or refuse a name for one
character. Whatever it answers, the folder list is read again afterwards and decides; a folder that had to be
called otherwise is told, and remembered in the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from imapsync.account import SeenFolder
from imapsync.account.folders import FolderView, refresh
from imapsync.plan.folders import Folder
from imapsync.plan.mapping import name_all, parents_of, users_of
from imapsync.plan.spelling import (
    caseless,
    is_spelt_alike,
    key_of,
    perhaps_called,
    plainer_names,
    unique_name,
)
from imapsync.report import events
from imapsync.session.errors import CommandRefused, NotSentAgain
from imapsync.terms import Reason, Side
from imapsync.transfer.job import Standing
from imapsync.transfer.prepare import accounts
from imapsync.transfer.telling import abandon, postpone
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.session.pending import Pending
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.wire.responses import StatusItems

_EXISTS = "ALREADYEXISTS"
#: RFC 5530 codes of refusals that another name would not change.
_NOT_FOR_THE_NAME = frozenset(
    {"NOPERM", "OVERQUOTA", "LIMIT", "UNAVAILABLE", "SERVERBUG", "INUSE", "AUTHORIZATIONFAILED", "EXPIRED"}
)


class _Made(NamedTuple):
    """The folder that a wanted name became; existed: it was there before, so it may hold messages."""

    view: FolderView
    existed: bool


async def create_folders(run: Run, jobs: list[FolderJob]) -> list[FolderJob]:
    """Make the missing destination folders and subscriptions; give the jobs that have a destination.

    A refused folder is reported and its messages count as missing. In a dry run nothing is made.
    """
    missing: dict[str, list[FolderJob]] = {}
    for job in jobs:
        if not (job.pair.exists or job.failed or job.finished):
            missing.setdefault(job.pair.destination, []).append(job)
    if run.dry:
        for name in missing:
            run.note(f"would create folder {name}")
        return jobs
    if missing:
        await _Maker(run).make(missing)
    ready = [job for job in jobs if not (job.failed or job.postponed)]
    _write_names_down(run, ready)
    await _subscribe(run, ready)
    return ready


class _Maker:
    """Makes the folders of one run, and gives their jobs the folders that they are."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._server = run.destination.server
        source, destination = accounts(run)
        self._layout = destination.layout
        rules, separator = run.settings.folders, self._layout.separator
        names = name_all(source, destination, rules, run.renamed)
        #: Which source folders go to a name, by `key_of`.
        self._users = users_of(source, names, rules, separator)
        #: What source folders are to be called, whatever earlier runs had to call them, by `key_of`.
        self._wanted = users_of(source, name_all(source, destination, rules), rules, separator).keys()
        self._listed: dict[str, FolderView] = {}
        self._refusals: dict[str, CommandRefused | None] = {}

    async def make(self, missing: Mapping[str, list[FolderJob]]) -> None:
        """Ask for all of them at once, look at what is there then, and settle each."""
        answers = [(name, self._server.create(MailboxName.from_text(name))) for name in missing]
        self._refusals = refusals = {name: await _refusal(answer) for name, answer in answers}
        for name, refusal in refusals.items():
            refusals[name] = await self._again_below_parents(name, refusal)
            if refusals[name] is None:
                self._run.sink(events.FolderCreated(name))
        listing = await self._run.destination.list(numbers=False)
        if listing.cut:
            text = "the connection broke each time in the middle of the folder list"
            self._run.warn(text, Side.DESTINATION)
        self._listed = {self._key(view.folder.name): view for view in listing.folders}
        for name, refusal in refusals.items():
            made = await self._find(name, refusal)
            if isinstance(made, _Made):
                await self._hand_over(name, made, missing[name])
            elif not self._postpone(missing[name], made):
                self._run.problem(
                    made, f"folder {name} cannot be made", folder=name, reason=Reason.FOLDER_CREATE
                )
                for job in missing[name]:
                    abandon(self._run, job)

    def _postpone(self, jobs: list[FolderJob], refusal: CommandRefused) -> bool:
        return all(postpone(self._run, job, refusal) for job in jobs)

    def _key(self, name: str) -> str:
        return key_of(name, self._layout.separator)

    async def _again_below_parents(self, name: str, refusal: CommandRefused | None) -> CommandRefused | None:
        """Try again after making the parents, for servers that do not make them by themselves."""
        if refusal is None or refusal.response_code == _EXISTS:
            return refusal
        parents = parents_of(name, self._layout)
        for parent in parents:
            await self._create(parent)  # refused most often because it is there already
        return await self._create(name) if parents else refusal

    async def _create(self, name: str) -> CommandRefused | None:
        return await _refusal(self._server.create(MailboxName.from_text(name)))

    async def _find(self, name: str, refusal: CommandRefused | None) -> _Made | CommandRefused:
        """Give the folder that a name has become; why there is none, else."""
        listed = self._listed.get(self._key(name))
        if listed is not None and listed.folder.selectable:
            return _Made(listed, existed=refusal is not None)
        twin = await self._twin(name)
        if twin is not None:
            return _Made(twin, existed=True)
        if refusal is None or (refusal.response_code == _EXISTS and await self._answers(name)):
            return _Made(_view_of(name, self._layout.separator), existed=refusal is not None)
        if refusal.response_code in _NOT_FOR_THE_NAME:
            return refusal
        if isinstance(refusal, NotSentAgain) and self._run.postpones:
            return refusal
        taken = listed is not None or refusal.response_code == _EXISTS
        return await self._under_another_name(name, number=taken) or refusal

    async def _twin(self, name: str) -> FolderView | None:
        """Give the listed folder that the server takes for this name although it is spelt otherwise.

        Believed only when the server opens it by both spellings; else they are two folders. New folders all
        look the same: of several that do, only one whose name differs in capitals or the like is believed.
        """
        alike = []
        for view in self._candidates(name):
            by_name = await self._status(MailboxName.from_text(name))
            by_twin = await self._status(view.mailbox)
            if by_name is not None and by_twin is not None and _is_one(by_name, by_twin):
                if is_spelt_alike(name, view.folder.name, self._layout.separator):
                    return view
                alike.append(view)
        return alike[0] if len(alike) == 1 else None

    def _candidates(self, name: str) -> list[FolderView]:
        """Give the listed folders that may be this one, the nearest name first."""
        separator = self._layout.separator
        views = {view.folder.name: view for view in self._listed.values() if view.folder.selectable}
        return [
            views[other]
            for other in perhaps_called(name, views, separator)
            if is_spelt_alike(name, other, separator) or not self._is_anothers(name, other)
        ]

    def _is_anothers(self, name: str, other: str) -> bool:
        """Tell whether a listed folder is what another source folder is to be called, and so not this one.

        It may be both where the server refused to make the one because it has the other.
        """
        refusal = self._refusals.get(name)
        is_there = refusal is not None and refusal.response_code == _EXISTS
        return self._key(other) in self._wanted and not is_there and self._refusals.get(other) is None

    async def _answers(self, name: str) -> bool:
        """Tell whether the server knows a folder by this very spelling."""
        return await self._status(MailboxName.from_text(name)) is not None

    async def _status(self, mailbox: MailboxName) -> StatusItems | None:
        try:
            return await self._server.status(mailbox, ("MESSAGES", "UIDNEXT", "UIDVALIDITY"))
        except CommandRefused:
            return None

    async def _under_another_name(self, name: str, *, number: bool) -> _Made | None:
        """Try what the destination may like better; `number`: the name itself is taken there."""
        tries = plainer_names(name, self._layout.prefix, self._layout.separator, self._users)
        if number or any(caseless(each) == caseless(name) for each in self._listed):
            tries.append(unique_name(name, {*self._users, self._key(name)}, self._layout.separator))
        for other in tries:
            listed = self._listed.get(self._key(other))
            if listed is not None and listed.folder.selectable:
                return _Made(listed, existed=True)
            refusal = await self._create(other)
            if refusal is None:
                self._run.sink(events.FolderCreated(other))
            elif refusal.response_code != _EXISTS or not await self._answers(other):
                continue
            return _Made(_view_of(other, self._layout.separator), existed=refusal is not None)
        return None

    async def _hand_over(self, name: str, made: _Made, jobs: list[FolderJob]) -> None:
        """Give the jobs of a name their folder, with its present numbers where it was there before."""
        view = made.view
        used = view.folder.name
        if made.existed:
            (view,) = await refresh(self._server, [view], sizes=False)
        for job in jobs:
            if self._is_left_out(name, used):
                self._run.warn(
                    f"folder {job.name} skipped: host2 does not tell {name} from {used} (--nomixfolders)"
                )
                job.standing = Standing.ABANDONED
                continue
            self._tell(job, name, used)
            job.pair = job.pair._replace(
                destination=used,
                exists=made.existed,
                wanted=job.pair.wanted or (name if used != name else ""),
            )
            job.destination = SeenFolder(view.mailbox, view.status)
            self._users.setdefault(self._key(used), []).append(job.name)

    def _is_left_out(self, name: str, used: str) -> bool:
        """Tell whether a folder is the second of two that host2 does not tell apart (--nomixfolders)."""
        one_for_host2 = self._key(used) != self._key(name) and caseless(used) == caseless(name)
        return one_for_host2 and self._key(used) in self._users and not self._run.settings.folders.mix_case

    def _tell(self, job: FolderJob, name: str, used: str) -> None:
        if self._key(used) == self._key(name):
            return
        if caseless(used) == caseless(name):
            self._run.note(f"folder {name} is the same as {used} on host2: merged")
        else:
            self._run.warn(
                f"folder {job.name} is called {used} on host2: {name} cannot be made there", Side.DESTINATION
            )


def _write_names_down(run: Run, jobs: list[FolderJob]) -> None:
    """Write down what each folder is called by now, and which of them became one."""
    for job in jobs:
        wanted = job.pair.wanted or job.pair.destination
        used = job.pair.destination
        if run.journal is not None and used != wanted and run.renamed.get((job.name, wanted)) != used:
            run.journal.remember_name(job.name, wanted, used)
        run.renamed[job.name, wanted] = used
    if run.journal is not None:
        run.journal.commit()
    source, destination = accounts(run)
    rules, separator = run.settings.folders, destination.layout.separator
    users = users_of(source, name_all(source, destination, rules, run.renamed), rules, separator)
    for job in jobs:
        shared = len(users.get(key_of(job.pair.destination, separator), ())) > 1
        job.pair = job.pair._replace(shared=shared or job.pair.shared)


def _is_one(one: StatusItems, other: StatusItems) -> bool:
    """Tell whether two looks may have been at one folder: what both tell is the same."""
    told = zip(one[:3], other[:3], strict=True)
    return all(here == there for here, there in told if None not in (here, there))


def _view_of(name: str, separator: str) -> FolderView:
    """Give a folder that the server made, or has, without listing it."""
    mailbox = MailboxName.from_text(name)
    return FolderView(Folder(name, mailbox.raw.decode("latin-1"), separator=separator), mailbox)


async def _refusal(answer: Pending[Any]) -> CommandRefused | None:
    """Wait for an answer; give the refusal as a value."""
    try:
        await answer
    except CommandRefused as error:
        return error
    return None


async def _subscribe(run: Run, jobs: list[FolderJob]) -> None:
    wanted = {
        job.pair.destination: job.destination.mailbox
        for job in jobs
        if job.pair.subscribe and not job.finished
    }
    asked = [(name, run.destination.server.subscribe(mailbox)) for name, mailbox in wanted.items()]
    for name, answer in asked:
        error = await _refusal(answer)
        if error is not None:
            run.warn(f"folder {name} cannot be subscribed: {error}", Side.DESTINATION)
        else:
            run.sink(events.FolderSubscribed(name))
