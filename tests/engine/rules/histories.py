"""Histories of two accounts: people and runs, in any order and at the same time, made from a number.

``python -m tests.engine.rules.histories [--wild] NUMBER...`` plays them and shortens those that go wrong.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.engine.rules.judge import Judge, view
from tests.engine.rules.scenarios import OPTIONS, SERVERS
from tests.servers.commands import Step, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.engine.rules.world import Saved, World

FOLDERS = ("INBOX", "A", "B")
#: What people do, how often.
DOINGS = {
    "deliver1": 6, "expunge1": 2, "flag1": 2, "move1": 2, "edit1": 3, "twin1": 1, "replace1": 1,
    "deliver2": 2, "expunge2": 2, "flag2": 1, "move2": 1, "copy2": 1, "replace2": 1,
    "restore1": 1, "restore2": 1,
}  # fmt: skip
MODES = ("copy", *(mode for mode in OPTIONS if not mode.startswith("twins")))
_BACKUPS = ("restore1", "restore2")
#: What happens besides in wild histories: folders go, get another name or UIDVALIDITY, and host2 tells
#: of messages that it has stored or forgotten what it has not.
WILD_DOINGS = {
    **DOINGS,
    "drop1": 1, "drop2": 1, "rename1": 1, "rename2": 1, "reset1": 2, "reset2": 2, "refuse2": 3, "forget2": 2,
}  # fmt: skip
_LIES = ("refuse2", "forget2")
WILD_MODES = {
    **{mode: OPTIONS[mode] for mode in MODES},
    "emptied": ("--delete1", "--delete1emptyfolders"),
    "mirror": ("--delete2", "--delete2folders", "--maxdelete2", "50"),
    "clean": ("--delete2duplicates",),
    "recopy": ("--recopydeleted",),
    "older seen": ("--delete1older", "30", "--setflag1", "\\Seen"),
    "by id": ("--useheader", "Message-Id"),
    "module": ("--personal1", "--noexpungeaftereach", "--delete1older", "30"),
}
#: Steps of a run in which something may happen.
_STEPS = (6, 45)


class Doing(NamedTuple):
    """Something that people do to what the numbers choose; `step`: when in a run, 0 before it."""

    what: str
    step: int
    which: int
    where: int


class Round(NamedTuple):
    """What people do before and during a run, and the step at which the run is killed, 0 for none."""

    mode: str
    doings: tuple[Doing, ...]
    killed: int


class History(NamedTuple):
    """Several runs, with or without a journal, on servers that lack something."""

    servers: str
    state: bool
    duplicates: bool
    rounds: tuple[Round, ...]


def history(number: int, *, wild: bool = False) -> History:
    """Give the history of a number."""
    dice = random.Random(number)
    modes, doings_of = (tuple(WILD_MODES), WILD_DOINGS) if wild else (MODES, DOINGS)
    usual = dice.choice(modes)
    rounds = []
    for position in range(dice.randint(2, 5)):
        doings = [_doing(dice, 0, doings_of) for _ in range(dice.randint(2 if position else 4, 6))]
        doings += [_doing(dice, dice.randint(*_STEPS), doings_of) for _ in range(dice.choice((0, 0, 1, 2)))]
        mode = usual if dice.random() < 0.8 else dice.choice(modes)
        rounds.append(Round(mode, tuple(doings), dice.randint(*_STEPS) if dice.random() < 0.15 else 0))
    servers = dice.choice(("full", "full", *SERVERS))
    return History(servers, dice.random() < 0.7, dice.random() < 0.3, tuple(rounds))


def _doing(dice: random.Random, step: int, doings: dict[str, int]) -> Doing:
    kinds = [kind for kind in doings if kind not in (_BACKUPS if step else _LIES)]
    what = dice.choices(kinds, [doings[kind] for kind in kinds])[0]
    return Doing(what, step, dice.randrange(1000), dice.randrange(len(FOLDERS)))


class _During(Watch):
    """Lets people act before certain steps, and kills the run at another."""

    def __init__(self, doings: dict[int, Doing], act: Callable[[Doing], None], killed: int) -> None:
        super().__init__()
        self._doings, self._act, self._killed = doings, act, killed
        self._lie = ""
        self._lied: set[bytes] = set()
        self.kill: Callable[[], None] = lambda: None

    def sent(self, step: Step) -> bool:
        with self.lock:
            if 0 < self._killed <= step.number:
                self.kill()
                return False
            if doing := self._doings.pop(step.number, None):
                if doing.what in _LIES:
                    self._lie = doing.what
                else:
                    self._act(doing)
            return True

    def rewritten(self, step: Step, raw: bytes) -> bytes:
        if step.side == 2 and step.text.startswith("APPEND") and self._lie and not step.continues:
            lie, self._lie = self._lie, ""
            if lie == "forget2":
                return step.tag + b" NOOP\r\n"
            self._lied.add(step.tag)
        return raw

    def retold(self, step: Step, response: bytes) -> bytes:
        if step.side == 2 and step.tag in self._lied:
            return step.tag + b" NO Later, perhaps\r\n"
        return response


class Play:
    """Plays one history on a fresh world."""

    def __init__(self, world: World, told: History) -> None:
        self._world, self._told = world, told
        self._judge = Judge(world, state=told.state, duplicates=told.duplicates)
        self._backups: list[Saved] = []
        self._count = 0

    def wrong(self) -> list[str]:
        """Play to the end, or to the first run that goes wrong; give what is wrong."""
        world, told, judge = self._world, self._told, self._judge
        for number, one in enumerate(told.rounds):
            self._backups.append(world.save())
            for doing in one.doings:
                if not doing.step:
                    self._act(doing)
            if self._run(WILD_MODES[one.mode], one):
                return [f"run {number + 1} ({one.mode}): {what}" for what in judge.wrong]
        quiet = Round("copy", (), 0)
        if self._run((), quiet):
            return [f"a quiet run: {what}" for what in judge.wrong]
        before = view(world)
        if self._run((), quiet):
            return [f"a second quiet run: {what}" for what in judge.wrong]
        judge.settled(before, view(world))
        return judge.wrong

    def _run(self, options: tuple[str, ...], one: Round) -> bool:
        words = (*options, "--syncduplicates") if self._told.duplicates else options
        watch = _During({doing.step: doing for doing in one.doings if doing.step}, self._act, one.killed)
        self._judge.begin()
        ran = self._world.run(
            *words,
            state=self._told.state,
            watch=watch,
            begun=lambda running: setattr(watch, "kill", lambda: running.signal(9)),
        )
        self._judge.end(ran.code, words)
        if not one.doings and ran.code != 0:
            self._judge.wrong.append(f"exit code {ran.code}")
        return bool(self._judge.wrong)

    # -- people

    def _act(self, doing: Doing) -> None:
        before = view(self._world)
        kind, side = doing.what[:-1], int(doing.what[-1])
        folder = FOLDERS[doing.where]
        there = sorted(self._world.names(side, folder))
        restored = 0
        if kind == "restore":
            if not self._backups:
                return
            restored = side
            self._world.restore(self._backups[doing.which % len(self._backups)], side)
        elif kind == "deliver":
            self._world.deliver(side, folder, *(self._new() for _ in range(1 + doing.which % 2)))
        elif kind == "replace":
            if folder != "INBOX" and folder in self._world.content(side):
                self._world.replace(side, folder, self._new())
        elif kind in ("drop", "rename", "reset"):
            if folder != "INBOX" and folder in self._world.content(side):
                self._change_folder(kind, side, folder)
        elif kind == "copy":
            for name in self._world.names(1, folder)[:1]:
                if name not in there and ":" not in name:
                    self._world.deliver(2, folder, int(name[1:]))
        elif there:
            name = there[doing.which % len(there)]
            self._change(kind, side, folder, name, FOLDERS[(doing.where + 1) % len(FOLDERS)])
        self._judge.people(before, view(self._world), restored=restored)

    def _change(self, kind: str, side: int, folder: str, name: str, other: str) -> None:
        world = self._world
        number = int(name.partition(":")[0][1:])
        match kind:
            case "expunge":
                world.expunge(side, folder, number)
            case "flag":
                world.flag(side, folder, number, r"+FLAGS (\Flagged)")
                self._judge.flagged(side, name)
            case "move":
                world.move(side, folder, number, other)
            case "edit":
                self._count += 1
                world.edit(side, folder, number, "x" * (self._count % 7) + str(self._count))
            case "twin" if ":" not in name:
                world.deliver(side, folder, number)

    def _change_folder(self, kind: str, side: int, folder: str) -> None:
        name = f'"{folder}"'.encode()
        with self._world.client(side) as client:
            if kind == "drop":
                client.command(b"DELETE " + name)
                return
            self._count += 1
            aside = b'"C%d"' % self._count
            client.command(b"RENAME " + name + b" " + aside)
            if kind == "reset":
                client.command(b"CREATE " + name)
                client.command(b"SELECT " + aside)
                if client.command(b"UID SEARCH ALL")[0].split()[2:]:
                    client.command(b"UID COPY 1:* " + name)
                client.command(b"CLOSE")
                client.command(b"DELETE " + aside)

    def _new(self) -> int:
        self._count += 1
        return 100 + self._count


def shorter(told: History) -> Iterator[History]:
    """Give histories with one thing less."""
    for number, one in enumerate(told.rounds):
        rounds = list(told.rounds)
        if len(rounds) > 1:
            yield told._replace(rounds=tuple(rounds[:number] + rounds[number + 1 :]))
        if one.killed:
            rounds[number] = one._replace(killed=0)
            yield told._replace(rounds=tuple(rounds))
        for position in range(len(one.doings)):
            rounds[number] = one._replace(doings=one.doings[:position] + one.doings[position + 1 :])
            yield told._replace(rounds=tuple(rounds))
    if told.duplicates:
        yield told._replace(duplicates=False)


def _kinds(wrong: list[str]) -> set[str]:
    """Give what is wrong without saying where."""
    return {re.sub(r".*: |\bm\d+(:\w+)?|\d+|INBOX|\b[AB]\b", "", what) for what in wrong}


def main(numbers: list[int], *, wild: bool) -> None:
    """Play histories; print what is wrong with each and the shortest history that still shows it."""
    from tests.engine.rules.world import World
    from tests.engine.rules.zygote import Zygote
    from tests.servers.dovecot import Dovecot

    def play(told: History) -> list[str]:
        lacks1, lacks2 = SERVERS[told.servers]
        with (
            Dovecot(without=lacks1, tls=False) as source,
            Dovecot(without=lacks2, tls=False) as destination,
            Zygote() as zygote,
            tempfile.TemporaryDirectory() as folder,
        ):
            return Play(World((source, destination), zygote, Path(folder)), told).wrong()

    for number in numbers:
        told = history(number, wild=wild)
        wrong = play(told)
        print(f"{number}: {wrong or 'right'}", flush=True)
        shortened = bool(wrong)
        while shortened:
            shortened = False
            for less in shorter(told):
                found = play(less)
                if _kinds(found) & _kinds(wrong):
                    told, wrong, shortened = less, found, True
                    break
        if wrong:
            print(f"   {wrong}\n   {told.servers}, state {told.state}, duplicates {told.duplicates}")
            for one in told.rounds:
                print(f"   {one}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:] if word != "--wild"], wild="--wild" in sys.argv)
