"""The servers people come from and go to, and what each of them does to a mail or a name by itself.

docs/servers.md tells the same in words. A test that runs over `KINDS` learns from this table alone what it
may expect.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus, CyrusDebian
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot24 import Dovecot24
from tests.servers.goimap import GoImap
from tests.servers.hoodiecrow import Hoodiecrow, HoodiecrowGmail
from tests.servers.imap4d import Imap4d, Imap4dMbox
from tests.servers.pymap import Pymap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.base import ImapServer


class Kind(NamedTuple):
    """A server and its manners.

    prefix, separator: of names of the user's own folders. keywords: whether flags beyond the five are kept.
    gives: what it gives back of a message that it took. odd: whether it keeps odd messages as they are, or
    spoils them, by itself and under the eyes of any client.
    """

    make: type[ImapServer]
    prefix: str = ""
    separator: str = "/"
    keywords: bool = True
    gives: Callable[[bytes], bytes] = bytes
    odd: bool = True

    @property
    def name(self) -> str:
        """How the kind is called in tests."""
        return self.make.__name__

    def name_of(self, *levels: str) -> str:
        """Give the full name of a folder."""
        name = self.separator.join(levels)
        return name if name.upper() == "INBOX" else self.prefix + name


def _without_zeros(message: bytes) -> bytes:
    """Dovecot gives the octet 128 in place of a NUL, which no literal of a message may have."""
    return message.replace(b"\0", b"\x80")


def _munged(message: bytes) -> bytes:
    """Cyrus' munge8bit: each octet above 127 of the header becomes an X."""
    end = re.search(rb"\r?\n\r?\n", message)
    at = end.start() if end else len(message)
    return re.sub(rb"[\x80-\xff]", b"X", message[:at]) + message[at:]


def _without_white_space(message: bytes) -> bytes:
    """Pymap folds long fields, and puts or drops empty lines where a header is none."""
    return b"".join(message.split())


def _with_empty_line(message: bytes) -> bytes:
    """go-imap ends each header with an empty line."""
    return message if b"\r\n\r\n" in message else message + b"\r\n"


def _with_line_end(message: bytes) -> bytes:
    """Courier drops a CR without LF, and ends the last line."""
    kept = re.sub(rb"\r(?!\n)", b"", message)
    return kept if kept.endswith(b"\n") else kept + b"\r\n"


KINDS = (
    Kind(Dovecot, gives=_without_zeros),
    Kind(Dovecot24, gives=_without_zeros),
    Kind(Cyrus),
    Kind(CyrusDebian, prefix="INBOX.", separator=".", gives=_munged),
    Kind(Courier, prefix="INBOX.", separator=".", gives=_with_line_end),
    Kind(Imap4d, keywords=False, odd=False),
    Kind(Imap4dMbox, keywords=False, odd=False),
    Kind(Hoodiecrow),
    Kind(HoodiecrowGmail),
    Kind(Pymap, keywords=False, gives=_without_white_space),
    Kind(GoImap, gives=_with_empty_line),
)


def needs(kind: Kind) -> None:
    """Skip a test on a machine that cannot run this kind of server."""
    missing = [program for program in kind.make.needs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{kind.name} needs {', '.join(missing)} (scripts/install)")
