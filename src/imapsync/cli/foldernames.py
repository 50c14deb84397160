"""Patterns on folder names in both spellings.

The original matches names as IMAP spells them (modified UTF-7, ``Envoy&AOk-s``), so existing scripts hold
that spelling; people write ``Envoyés``. A pattern counts when it matches either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.wire.mailbox import decode_mailbox, encode_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable


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

    The change is made to the readable name, else, when it changes nothing there, to IMAP's spelling.
    """
    changed = rename(name)
    if changed != name:
        return changed
    spelled = wire_spelling(name)
    if spelled == name:
        return name
    changed = rename(spelled)
    return name if changed == spelled else decode_mailbox(changed.encode("utf-8"))
