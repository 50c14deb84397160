"""A server that does not carry out one command costs what the command was about, whichever it is.

Each history is played undisturbed once, between two accounts in memory. Then it is played again for each
command of either side, which is refused once, or at which the server hangs up once.
After that nothing is nowhere and nothing is there more often than on the source, and a run that finds no
fault has done everything. The next run, undisturbed, ends as if nothing had happened; but what could not be
asked may have been copied that otherwise would not: an equal message, one whose copy its owner had removed.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.engine.transfer.test_in_memory import INBOX, RECENT, Account, Accounts, letter
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, RICH, MemoryServer

from imapsync.plan.rules import (
    ContentRules,
    DeletionRules,
    FlagRules,
    IdentityRules,
    SelectionRules,
)
from imapsync.transfer import Limits, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engine.transfer.harness import Ran
    from tests.servers.memory import Folder, Heard

WORK, DRAFTS, TRASH = b"Work", b"Drafts", b"Trash"
SEEN, FLAGGED = (b"\\Seen",), (b"\\Flagged", b"$Label")
#: Neither says nor changes anything that the others do not.
_ALWAYS_ANSWERED = (b"LOGIN", b"CAPABILITY", b"LOGOUT", b"ID")
_LARGE = letter(70, "x" * 78 + "\r\n" + ("y" * 78 + "\r\n") * 7000)
#: A lost server is not tried for long.
_LIMITS = Limits(connections=1, max_lost_s=0.0)

Mails = Counter[tuple[bytes, frozenset[bytes]]]
End = dict[int, dict[bytes, Mails]]


class History(NamedTuple):
    """What happened before the run that is disturbed, and how that is made. state: with a journal."""

    before: Callable[[Accounts], None]
    options: dict[str, Any]
    capabilities: bytes = RICH
    state: bool = True


def first(accounts: Accounts) -> None:
    """Half of it is there already, by another tool."""
    here, there = accounts.source, accounts.destination
    here.deliver(1, 2, 3, 3, flags=SEEN)
    here.deliver(4, 5, folder=WORK, flags=FLAGGED)
    here.deliver(6, folder=DRAFTS, flags=(b"\\Draft",))
    here.folder(WORK).add(b"Subject: no identity\r\n\r\nat all\r\n")
    there.deliver(1, 9)
    there.deliver(4, folder=WORK)
    there.folder(WORK).add(b"Subject: no identity\r\n\r\nat all, or so\r\n")


def later(accounts: Accounts) -> None:
    """Let much happen on both sides after a run."""
    here, there = accounts.source, accounts.destination
    here.deliver(1, 2, 3, 3, 7, 8, flags=SEEN)
    here.deliver(4, 5, 11, 12, folder=WORK)
    here.deliver(13, folder=TRASH)
    accounts.good()
    accounts.good()
    here.deliver(20, 21)
    here.deliver(22, 4, folder=WORK)
    here.deliver(23, folder=b"New")
    here.flag(1, *FLAGGED)
    here.expunge_one(3)
    here.expunge(7)
    there.expunge(8)
    there.move(11, WORK, INBOX)
    there.deliver(21, 30)


def copied(accounts: Accounts) -> None:
    """All is there, seen by two runs, and one message more on each side."""
    accounts.source.deliver(1, 2, 3, 3)
    accounts.source.deliver(4, folder=WORK)
    accounts.source.deliver(5, folder=WORK, date=RECENT)
    accounts.good()
    accounts.good()
    accounts.source.deliver(6)
    accounts.destination.deliver(9)


def filed(accounts: Accounts) -> None:
    """File what was fetched, and delete some of it, as its owner does."""
    accounts.source.deliver(*range(1, 9))
    accounts.good()
    accounts.good()
    accounts.destination.move(1, INBOX, b"Filed")
    accounts.destination.move(2, INBOX, b"Filed")
    accounts.destination.expunge(3)
    accounts.source.deliver(10)


def large(accounts: Accounts) -> None:
    accounts.source.folder().add(_LARGE, SEEN)
    accounts.source.deliver(1, 2, flags=(b"$Label",))
    accounts.source.folder(WORK).add(_LARGE)
    accounts.destination.folder(WORK).add(letter(70, "another"))


MIRROR = DeletionRules(destination=True, max_destination=100)
HISTORIES = {
    "first": History(first, {}, COUNTING),
    "first without journal": History(first, {}, BARE, state=False),
    "later": History(later, {}, COUNTING),
    "later, bare": History(later, {}, BARE),
    "mirror": History(later, {"deletion": MIRROR._replace(destination_folders=True)}, COUNTING),
    "mirror without journal": History(later, {"deletion": MIRROR}, RICH, state=False),
    "duplicates": History(first, {"deletion": DeletionRules(destination_duplicates=True)}, RICH, state=False),
    "again": History(later, {"deletion": DeletionRules(recopy_deleted=True)}, COUNTING),
    "delete1": History(copied, {"deletion": DeletionRules(source=True, source_empty_folders=True)}, COUNTING),
    "delete1, bare": History(copied, {"deletion": DeletionRules(source=True)}, BARE),
    "older": History(
        filed,
        {
            "deletion": DeletionRules(source_older_days=30.0),
            "flags": FlagRules(resync=False, set_on_source=("\\Seen",)),
        },
        RICH,
    ),
    "search": History(
        first,
        {
            "selection": SelectionRules(source_search="UNSEEN", destination_search="ALL"),
            "deletion": MIRROR,
        },
    ),
    "chosen": History(later, {"selection": SelectionRules(max_size_bytes=5000, max_age_days=36_500.0)}),
    "duplicates wanted": History(later, {"identity": IdentityRules(sync_duplicates=True)}),
    "changed": History(
        large,
        {"content": ContentRules(rewrite=(lambda message: message.replace(b"y", b"z"),))},
        state=False,
    ),
    "large": History(large, {}, COUNTING),
}


class Trouble:
    """What the servers do at one command: refuse it, or hang up."""

    def __init__(self, side: int, number: int, *, hangs_up: bool) -> None:
        self.heard: dict[int, list[Heard]] = {0: [], 1: []}
        self.refused: Heard | None = None
        self._at = (side, number)
        self._hangs_up = hangs_up

    def __call__(self, side: int, heard: Heard) -> bytes | None:
        if heard.verb in _ALWAYS_ANSWERED:
            return None
        self.heard[side].append(heard)
        if (side, len(self.heard[side])) != self._at:
            return None
        self.refused = heard
        if self._hangs_up:
            raise Drop
        return b"NO cannot be done"


NOTHING = Trouble(0, 0, hangs_up=False)


class Stage:
    """Two accounts, and how they were before the run that is played again and again."""

    def __init__(self, accounts: Accounts, history: History) -> None:
        self._accounts = accounts
        self._history = history
        history.before(accounts)
        self._folders = [copy.deepcopy(server.folders) for server in self._servers]
        self._journal = accounts.state.read_bytes() if accounts.state.exists() else None
        self.start = self.end()

    @property
    def _servers(self) -> tuple[MemoryServer, MemoryServer]:
        return self._accounts.source.server, self._accounts.destination.server

    def play(self, trouble: Trouble = NOTHING, *, anew: bool = True) -> Ran:
        """Run once; anew: from the beginning."""
        if anew:
            for server, folders in zip(self._servers, self._folders, strict=True):
                server.folders = copy.deepcopy(folders)
            self._accounts.state.unlink(missing_ok=True)
            if self._journal is not None:
                self._accounts.state.write_bytes(self._journal)
        for side, server in enumerate(self._servers):
            server.hears = lambda heard, side=side: trouble(side, heard)  # type: ignore[misc]
        return self._accounts.run(state=self._history.state, limits=_LIMITS, **self._history.options)

    def end(self) -> End:
        return {side: _seen(server.folders) for side, server in enumerate(self._servers)}


def _seen(folders: dict[bytes, Folder]) -> dict[bytes, Mails]:
    return {
        name: Counter((mail.content, frozenset(mail.flags)) for mail in folder.mails)
        for name, folder in folders.items()
    }


def _contents(end: End, side: int) -> Counter[tuple[bytes, bytes]]:
    return Counter(
        {(name, content): _times(mails, content) for name, mails in end[side].items() for content, _ in mails}
    )


def _anywhere(end: End) -> set[bytes]:
    return {content for side in end for _, content in _contents(end, side)}


def _wrong(ran: Ran, start: End, wanted: End, got: End) -> Iterator[str]:
    """Say what may not be after a disturbed run; wanted: how the undisturbed one ended."""
    if nowhere := _anywhere(wanted) - _anywhere(got):
        yield f"nowhere: {sorted(nowhere)}"
    there, least = _contents(got, 1), _contents(wanted, 1)
    most = least | _contents(start, 0) | _contents(start, 1)
    if twice := there - most:
        yield f"too often on host2: {sorted(twice)}"
    if ran.outcome.stop is Stop.DONE and not ran.failed and not ran.problems and (lacks := least - there):
        yield f"told that all went well without {sorted(lacks)}"


def _differences(start: End, wanted: End, got: End) -> Iterator[str]:
    """Say in what a run that made up for a disturbed one ended otherwise than the undisturbed one."""
    most = _contents(wanted, 1) | _contents(start, 0)
    for side in wanted:
        for name in sorted({*wanted[side], *got[side]}):
            right, found = wanted[side].get(name, Counter()), got[side].get(name, Counter())
            more = {content for content, _ in found - right}
            allowed = side == 1 and all(_times(found, each) <= most[name, each] for each in more)
            if right - found or (more and not allowed) or (name in wanted[side]) != (name in got[side]):
                yield f"host{side + 1} {name!r}: {_short(found)} in place of {_short(right)}"


def _times(mails: Mails, content: bytes) -> int:
    return sum(times for (other, _), times in mails.items() if other == content)


def _short(mails: Mails) -> str:
    shown = (f"{times} x {content[:24]!r}{sorted(flags)}" for (content, flags), times in mails.items())
    return ", ".join(sorted(shown)) or "nothing"


def check(history: History, folder: Path, *, hangs_up: bool, every: int) -> None:
    with MemoryServer(history.capabilities) as source, MemoryServer(history.capabilities) as destination:
        stage = Stage(Accounts(Account(source), Account(destination), folder / "state"), history)
        calm = Trouble(0, 0, hangs_up=False)
        assert stage.play(calm).outcome.stop is Stop.DONE
        start, wanted = stage.start, stage.end()
        findings = []
        for side, heard in calm.heard.items():
            for number in range(1, len(heard) + 1):
                if (number + side) % every:
                    continue
                trouble = Trouble(side, number, hangs_up=hangs_up)
                ran = stage.play(trouble)
                told = f"host{side + 1} {number} {trouble.refused}: {ran.outcome}"
                findings += [f"{told}: {text}" for text in _wrong(ran, start, wanted, stage.end())]
                after = stage.play(anew=False)
                told = f"after {told}, {after.outcome.stop}, {after.failed}, {after.problems}"
                findings += [f"{told}: {text}" for text in _differences(start, wanted, stage.end())]
        assert not findings, "\n".join([f"{len(findings)} findings", *findings[:12]])


#: History, whether the server hangs up (else it refuses), and of how many commands one is taken.
CASES = (
    ("first", False, 1),
    ("delete1", False, 1),
    ("large", False, 1),
    ("first", True, 2),
    ("first without journal", True, 2),
    ("delete1", True, 2),
    ("mirror without journal", True, 2),
    ("large", True, 2),
    ("changed", True, 2),
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "hangs_up", "every"), CASES)
def test_no_command_is_one_that_must_be_done(name: str, hangs_up: bool, every: int, tmp_path: Path) -> None:
    check(HISTORIES[name], tmp_path, hangs_up=hangs_up, every=every)


@pytest.mark.parametrize("name", HISTORIES)
def test_dry_changes_nothing_whatever_happened(name: str, tmp_path: Path) -> None:
    history = HISTORIES[name]
    with MemoryServer(history.capabilities) as source, MemoryServer(history.capabilities) as destination:
        accounts = Accounts(Account(source), Account(destination), tmp_path / "state")
        stage = Stage(accounts, history._replace(options={**history.options, "dry": True}))
        state = accounts.state.read_bytes() if history.state and accounts.state.exists() else b""
        ran = stage.play()
        assert (ran.outcome.stop, ran.failed, ran.problems) == (Stop.DONE, [], [])
        assert stage.end() == stage.start
        assert not state or accounts.state.read_bytes() == state
