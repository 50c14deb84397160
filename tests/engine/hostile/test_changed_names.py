"""Servers that make a folder under another name than they were told, without a word.

Exchange takes blanks off the ends of names, others cut long ones, or put one character in place of another.
Two source folders are one there; each took the other's mail for extra, and --delete2 removed both.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import accounts, copied
from tests.servers.memory import BARE, RICH, Connection, Folder, MemoryServer, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

LONG = b"Correspondence of the committee for everything "
CASES: dict[str, tuple[Callable[[bytes], bytes], tuple[bytes, ...]]] = {
    "blanks": (bytes.strip, (b"Trail ", b"Trail")),
    "long ones": (lambda name: name[:40], (LONG + b"here", LONG + b"there")),
    "dots": (lambda name: name.replace(b".", b"_"), (b"a.b", b"a_b")),
}

SLOW = pytest.mark.slow
VERBS = (b"CREATE", b"SELECT", b"EXAMINE", b"STATUS", b"APPEND")


def spelling(change: Callable[[bytes], bytes]) -> type[Connection]:
    """Give a server that knows each folder by what `change` makes of its name."""

    class Spelling(Connection):
        def read_command(self) -> list[bytes]:
            command = super().read_command()
            if command and any(verb in command[0] for verb in VERBS):
                name = words(command[0].split(b" ", 2)[2])[0]
                command[0] = command[0].replace(b'"%s"' % name, b'"%s"' % change(name), 1)
            return command

    return Spelling


@pytest.mark.parametrize(
    ("capabilities", "journal"),
    [
        pytest.param(RICH, False, id="rich-plain"),
        pytest.param(RICH, True, id="rich-state", marks=SLOW),
        pytest.param(BARE, False, id="bare-plain", marks=SLOW),
        pytest.param(BARE, True, id="bare-state", marks=SLOW),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_two_folders_that_the_destination_makes_one_lose_nothing(
    case: str, journal: bool, capabilities: bytes, tmp_path: Path
) -> None:
    change, names = CASES[case]
    state = ("--state", str(tmp_path / "state")) if journal else ()
    with MemoryServer() as source, MemoryServer(capabilities) as destination:
        destination.connection = spelling(change)
        source.folders = accounts()
        for name in names:
            folder = source.folders[name] = Folder(7)
            for number in range(3):
                folder.add(b"Message-Id: <%d.%d@x>\r\n\r\nmail of %s\r\n" % (len(name), number, name))
        for _ in range(3):
            ran = copied(source, destination, tmp_path, "--delete2", "--delete2folders", *state)
            assert ran.exit_code == 0, ran.output[-3000:]
            wanted = Counter(mail for each in source.contents().values() for mail in each)
            assert Counter(mail for each in destination.contents().values() for mail in each) == wanted
        part = copied(source, destination, tmp_path, "--folder", "INBOX", "--delete2folders")
        assert part.exit_code == 0
        assert change(names[0]) in destination.contents()
