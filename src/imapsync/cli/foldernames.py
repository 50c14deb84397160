"""Patterns on folder names in both spellings.

The original matches names as IMAP spells them (modified UTF-7, ``Envoy&AOk-s``), so existing scripts hold
that spelling; people write ``Envoyés``. A pattern counts when it matches either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.wire.mailbox import decode_mailbox, encode_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters beyond ASCII, or "&" itself, as IMAP spells them (RFC 3501 §5.1.3).
_SHIFTED = re.compile(r"&[A-Za-z0-9+,]*-")


def as_people_read(name: str) -> str:
    """Give a folder's name, or a part of one, from the command line: what is in IMAP's spelling is read."""

    def readable(spelled: re.Match[str]) -> str:
        text = decode_mailbox(spelled.group().encode("ascii"))
        return text if wire_spelling(text) == spelled.group() else spelled.group()

    return _SHIFTED.sub(readable, name)


def wire_spelling(name: str) -> str:
    """Give the name as IMAP spells it."""
    return encode_mailbox(name).decode("ascii", "replace")


def either_spelling_matcher(matches: Callable[[str], bool]) -> Callable[[str], bool]:
    """Give the test that is true when one of the spellings of a name matches."""

    def test(name: str) -> bool:
        if matches(name):
            return True
        spelled = wire_spelling(name)
        return spelled != name and matches(spelled)

    return test


def either_spelling_rename(rename: Callable[[str], str], name: str) -> str:
    """Give the new name.

    The change is made to the readable name, else, when it changes nothing there, to IMAP's spelling. What it
    puts in may be in IMAP's spelling, too.
    """
    changed = rename(name)
    if changed != name:
        return changed if _SHIFTED.search(name) else as_people_read(changed)
    spelled = wire_spelling(name)
    if spelled == name:
        return name
    changed = rename(spelled)
    return name if changed == spelled else decode_mailbox(changed.encode("utf-8"))
