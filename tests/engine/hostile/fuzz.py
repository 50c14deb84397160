"""Bends one answer of an otherwise healthy session, ten thousand times: what the engine makes of it.

    python -m tests.engine.hostile.fuzz FIRST COUNT

Each case is a fork of this process with both servers and the engine in it. Prints one JSON object a line for
each case that went wrong, then one with the counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import selectors
import signal
import sys
import tempfile
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.servers.hostile import Drop
from tests.servers.memory import BARE, RICH, Folder, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDERS = (b"INBOX", b"Sent", b"Work")
MESSAGES = 100
#: A case that takes longer hangs: all timeouts of the run and of its tries together are shorter.
LIMIT_S = 180
#: Cases at a time: most of those that take long wait for a timeout.
CHILDREN = 6
OPTIONS = (
    "--timeout1",
    "1",
    "--timeout2",
    "1",
    "--nolog",
    "--noreleasecheck",
    "--notls1",
    "--notls2",
    "--nossl1",
    "--nossl2",
)
#: What a run is told besides: our INBOX mode searches.
FURTHER: tuple[tuple[str, ...], ...] = ((), ("--search1", "ALL"))
#: After so many cases their number is told on standard error.
TELL_EVERY = 500


class Case(NamedTuple):
    """Which answer is bent, and how; further: the place of the run's options in FURTHER."""

    seed: int
    side: int
    rich: bool
    number: int
    way: str
    further: int = 0


class Result(NamedTuple):
    """What came of it."""

    exit_code: int
    missing: dict[str, int]
    doubled: dict[str, int]
    folder: str
    before: str
    after: str
    output: str


def _numbers(line: bytes, chance: random.Random, change: Callable[[int], bytes]) -> bytes:
    found = list(re.finditer(rb"\d+", line))
    if not found:
        return line
    match = chance.choice(found)
    return line[: match.start()] + change(int(match[0])) + line[match.end() :]


def _word(line: bytes, chance: random.Random, word: bytes) -> bytes:
    found = list(re.finditer(rb"[^ ()\[\]\r\n]+", line))
    match = chance.choice(found)
    return line[: match.start()] + word + line[match.end() :]


def _at(line: bytes, chance: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    """Change what begins with one of the characters of a line: `change` gets that character."""
    at = chance.randrange(len(line))
    return line[:at] + change(line[at : at + 1]) + line[at + 1 :]


def _off(number: int, chance: random.Random) -> bytes:
    return b"%d" % max(0, number + chance.choice((-1, 1, 7)))


def _flip(line: bytes, chance: random.Random) -> bytes:
    return _at(line, chance, lambda byte: bytes([byte[0] ^ (1 << chance.randrange(8))]))


#: The first line of a response, bent; its literals stay.
LINES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "number is NIL": lambda line, chance: _numbers(line, chance, lambda _: b"NIL"),
    "number off": lambda line, chance: _numbers(line, chance, lambda number: _off(number, chance)),
    "number huge": lambda line, chance: _numbers(line, chance, lambda _: b"99999999999999999999999"),
    "number 32 bits": lambda line, chance: _numbers(line, chance, lambda _: b"4294967295"),
    "number zero": lambda line, chance: _numbers(line, chance, lambda _: b"0"),
    "number negative": lambda line, chance: _numbers(line, chance, lambda n: b"-%d" % n),
    "number a word": lambda line, chance: _numbers(line, chance, lambda _: b"many"),
    "word NIL": lambda line, chance: _word(line, chance, b"NIL"),
    "word gone": lambda line, chance: _word(line, chance, b""),
    "word quoted": lambda line, chance: _word(line, chance, b'"quoted"'),
    "word a list": lambda line, chance: _word(line, chance, b"(a (b c))"),
    "word doubled": lambda line, chance: _word(line, chance, b"twice twice"),
    "byte flipped": _flip,
    "byte dropped": lambda line, chance: _at(line, chance, lambda _: b""),
    "byte doubled": lambda line, chance: _at(line, chance, lambda byte: byte * 2),
    "truncated": lambda line, chance: line[: chance.randrange(len(line))] + b"\r\n",
    "cut off": lambda line, chance: line[: chance.randrange(len(line))],
    "bare LF": lambda line, _: line[:-2] + b"\n",
    "CRLF inside": lambda line, chance: _at(line, chance, lambda byte: b"\r\n" + byte),
    "8-bit": lambda line, chance: _word(line, chance, b"\xe4\xff\x80"),
    "open parenthesis": lambda line, chance: _at(line, chance, lambda byte: b"(" + byte),
    "zero byte": lambda line, chance: _at(line, chance, lambda byte: b"\0" + byte),
    "capitals": lambda line, _: line.swapcase(),
}  # fmt: skip

#: Whole responses.
WHOLE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "dropped": lambda _, __: b"",
    "doubled": lambda response, _: response * 2,
    "empty line before": lambda response, _: b"\r\n" + response,
    "continuation before": lambda response, _: b"+ go on\r\n" + response,
    "expunge before": lambda response, _: b"* 1 EXPUNGE\r\n" + response,
    "vanished before": lambda response, _: b"* VANISHED (EARLIER) 1:4294967295\r\n" + response,
    "fewer exist": lambda response, _: b"* 3 EXISTS\r\n" + response,
    "more exist": lambda response, _: b"* 4000 EXISTS\r\n" + response,
    "garbage before": lambda response, _: b"\x00\xff garbage ((\r\n" + response,
    "a stranger's tag": lambda response, _: b"zz9 OK nobody asked\r\n" + response,
    "flags of a stranger": lambda response, _: b"* 1 FETCH (FLAGS (\\Deleted) UID 4000000000)\r\n" + response,
    "refused": lambda response, _: re.sub(rb"\A(\S+) OK", rb"\1 NO", response),
    "BAD": lambda response, _: re.sub(rb"\A(\S+) OK", rb"\1 BAD", response),
    "another tag": lambda response, _: re.sub(rb"\A[a-z]+(\d)", rb"q\1", response),
}


def _good_bye(_: bytes, __: random.Random) -> bytes:
    raise Drop(b"* BYE for now\r\n")


def _hang_up(response: bytes, chance: random.Random) -> bytes:
    raise Drop(response[: chance.randrange(len(response))])


WHOLE |= {"good-bye": _good_bye, "hang up": _hang_up}
WAYS = (*LINES, *WHOLE, "literal longer", "literal shorter", "literal quoted", "late")


def bent(way: str, response: bytes, chance: random.Random) -> bytes:
    """Bend a response; may raise Drop."""
    if way in WHOLE:
        return WHOLE[way](response, chance)
    literal = re.search(rb"\{(\d+)\}\r\n", response)
    if way in LINES:
        end = literal.end() if literal else len(response)
        return LINES[way](response[:end], chance) + response[end:]
    if way == "late":
        time.sleep(0.3)
        return response
    if literal is None:
        return response
    size = int(literal[1])
    new = {
        "literal longer": b"{%d}\r\n" % (size + chance.choice((1, 2, 50, 100_000))),
        "literal shorter": b"{%d}\r\n" % max(0, size - chance.choice((1, 2, 3, 50))),
        "literal quoted": b'"%d"\r\n' % size,
    }[way]
    return response[: literal.start()] + new + response[literal.end() :]


def source_folders() -> dict[bytes, Folder]:
    """Give folders with messages."""
    folders = {}
    for name in FOLDERS:
        folder = folders[name] = Folder(7)
        for number in range(MESSAGES):
            head = b"Message-Id: <%s.%d@example.org>\r\nFrom: a@example.org\r\n" % (name, number)
            text = b"Subject: %d\r\n\r\nmail %d of %s\r\n" % (number, number, name)
            folder.add(head + text, [b"\\Seen"] if number % 2 else [])
    return folders


def run(case: Case, healthy: bool = False) -> tuple[Result, int]:
    """Run a case in this process; give what came of it, and how many responses its side gave."""
    from imapsync.cli.main import main

    chance = random.Random(case.seed)
    hit: list[tuple[Said, bytes]] = []

    def bend(said: Said) -> bytes:
        if healthy or said.number != case.number:
            return said.response
        shown = b""
        try:
            shown = bent(case.way, said.response, chance)
        finally:
            hit.append((said, shown))
        return shown

    kind = RICH if case.rich else BARE
    servers = [
        MemoryServer(kind, bend if side == case.side else lambda said: said.response) for side in (1, 2)
    ]
    servers[0].folders = source_folders()
    with servers[0], servers[1]:
        words = []
        for side, server in zip("12", servers, strict=True):
            words += [f"--host{side}", server.host, f"--port{side}", str(server.port)]
            words += [f"--user{side}", "anna", f"--password{side}", "secret"]
        with tempfile.TemporaryDirectory() as folder, _said() as output:
            code = main([*words, *OPTIONS, *FURTHER[case.further], "--pidfile", f"{folder}/pid"])
        wanted, found = servers[0].contents(), servers[1].contents()
    missing, doubled = {}, {}
    for name, contents in wanted.items():
        there = Counter(found.get(name, []))
        missing[name.decode()] = sum((Counter(contents) - there).values())
        doubled[name.decode()] = sum((there - Counter(contents)).values())
    said, shown = hit[0] if hit else (Said(0, b"", b""), b"")
    text = output[0]
    return Result(
        code, missing, doubled, said.folder.decode(), repr(said.response[:200]), repr(shown[:200]), text
    ), servers[case.side - 1].responses


@contextlib.contextmanager
def _said() -> Iterator[list[str]]:
    """Catch what this process says; the list has it at the end."""
    said: list[str] = []
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            yield said
        finally:
            sys.stdout.flush()
            for number, old in zip((1, 2), kept, strict=True):
                os.dup2(old, number)
                os.close(old)
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))


def wrong(result: Result) -> str:
    """Say what is wrong with a result, "" when nothing is."""
    if "Traceback" in result.output or result.exit_code == 70:
        return "traceback"
    if any(result.doubled.values()):
        return "doubled or changed"
    if not result.exit_code and any(result.missing.values()):
        return "exit 0 with messages missing"
    healthy = {name: count for name, count in result.missing.items() if name != result.folder and count}
    if result.folder and healthy:
        return "healthy folders did not arrive"
    return ""


def cases(first: int, count: int) -> list[Case]:
    """Choose cases: half of the bent answers are no FETCH of a message."""
    totals = {}
    for side in (1, 2):
        for rich in (False, True):
            for further in range(len(FURTHER)):
                case = Case(0, side, rich, -1, "", further)
                totals[side, rich, further] = run(case, healthy=True)[1]
    chosen = []
    for seed in range(first, first + count):
        chance = random.Random(seed)
        side, rich, further = chance.choice((1, 2)), chance.random() < 0.5, chance.randrange(len(FURTHER))
        number = chance.randrange(totals[side, rich, further])
        chosen.append(Case(seed, side, rich, number, chance.choice(WAYS), further))
    return chosen


def fork(case: Case) -> tuple[int, int]:
    """Start a case in a child; give its pid and the pipe on which its result comes."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:
        result, _ = run(case)
        with os.fdopen(write, "w") as out:
            json.dump({"result": result._asdict(), "wrong": wrong(result)}, out)
    finally:
        os._exit(0)


def main_loop(first: int, count: int) -> dict[str, int]:
    """Run the cases, print what went wrong; give counts."""
    counts: Counter[str] = Counter()
    todo = cases(first, count)
    running: dict[int, tuple[Case, int, float, bytearray]] = {}
    selector = selectors.DefaultSelector()

    def end(read: int, why: str = "") -> None:
        case, pid, started, data = running.pop(read)
        selector.unregister(read)
        os.close(read)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        answer: dict[str, Any] = (
            json.loads(data) if data and not why else {"wrong": why or "died", "result": {}}
        )
        counts["cases"] += 1
        if counts["cases"] % TELL_EVERY == 0:
            print(f"{counts['cases']} of {count} cases", file=sys.stderr, flush=True)
        if answer["wrong"]:
            counts[answer["wrong"]] += 1
            result = answer["result"]
            result["output"] = result.get("output", "")[-1500:]
            seconds = round(time.monotonic() - started, 1)
            print(
                json.dumps({**case._asdict(), "wrong": answer["wrong"], "seconds": seconds, **result}),
                flush=True,
            )

    while todo or running:
        while todo and len(running) < CHILDREN:
            case = todo.pop(0)
            pid, read = fork(case)
            running[read] = case, pid, time.monotonic(), bytearray()
            selector.register(read, selectors.EVENT_READ)
        for key, _ in selector.select(1):
            data = os.read(key.fd, 1 << 16)
            if data:
                running[key.fd][3].extend(data)
            else:
                end(key.fd)
        for read, (_, _, started, _) in list(running.items()):
            if time.monotonic() - started > LIMIT_S:
                end(read, "hang")
    return dict(counts)


if __name__ == "__main__":
    print(json.dumps({"counts": main_loop(int(sys.argv[1]), int(sys.argv[2]))}))
