"""How folder names are spelt: which are the same, which ones a destination may have in place of others.

Servers refuse names for one character (Dovecot's Maildir a dot where "/" separates), and some do not tell
capitals apart. What such a name becomes is decided here, by the name alone, so that a later run without any
memory comes to the same.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_INBOX = "INBOX"
#: Takes the place of a character that the destination cannot have inside a folder name.
REPLACEMENT = "_"
#: Characters that servers refuse in names, most usual first: separators of stores, wildcards, characters of
#: file systems, beginnings that mean other namespaces, what modified UTF-7 has to shift.
_SUSPECTS = "./\\*%~#&:?<>|\"'{}()[]$!^`@;, "
#: CREATE commands that one refused name may cost.
MAX_TRIES = 12
#: No server is known that cuts names shorter than this.
_CUT_CHARS = 30
_NUMBER = re.compile(re.escape(REPLACEMENT) + r"\d+\Z")


def key_of(name: str, separator: str) -> str:
    """Give what the spellings of one folder share: INBOX has no case, also as a parent (RFC 3501 §5.1)."""
    first, rest = name[: len(_INBOX)], name[len(_INBOX) :]
    if first.upper() == _INBOX and (not rest or (separator and rest.startswith(separator))):
        return _INBOX + rest
    return name


def caseless(name: str) -> str:
    """Give what names have in common that a server without capitals, or Unicode forms, takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def clean(name: str) -> str:
    """Replace control characters: no server may be sent CR, LF or NUL inside a name."""
    return "".join(REPLACEMENT if ord(char) < 0x20 or ord(char) == 0x7F else char for char in name)


def unique_name(name: str, taken: Collection[str], separator: str) -> str:
    """Give the name, with the first number that makes it none of the taken ones (see `key_of`)."""
    candidate = name
    number = 2
    while key_of(candidate, separator) in taken:
        candidate = f"{name}{REPLACEMENT}{number}"
        number += 1
    return candidate


def plainer_names(name: str, prefix: str, separator: str, taken: Collection[str]) -> list[str]:
    """Give the names to try, in this order, where a destination cannot make `name`.

    `_` for each suspicious character alone, then for all of them, then for what is not US-ASCII.
    The prefix of the namespace and the separators stay. taken: by `key_of`, names that are other folders.
    """
    head, body = (prefix, name[len(prefix) :]) if name.startswith(prefix) else ("", name)
    present = [char for char in _SUSPECTS if char in body and char != separator]
    sets = [{char} for char in present]
    if len(present) > 1:
        sets.append(set(present))
    others = {char for char in body if not char.isascii()}
    if others:
        sets += [others, others | set(present)]
    tries: list[str] = []
    for odd in sets:
        plain = head + "".join(REPLACEMENT if char in odd else char for char in body)
        candidate = unique_name(plain, taken, separator)
        if candidate not in tries:
            tries.append(candidate)
    return tries[: MAX_TRIES - 1] + tries[-1:] if len(tries) > MAX_TRIES else tries


def find_again(
    name: str, prefix: str, separator: str, taken: Collection[str], listed: Collection[str]
) -> str | None:
    """Give the listed folder that an earlier run used in place of `name`, None when none of them looks so."""
    for other in sorted(listed):
        if caseless(other) == caseless(name) and key_of(other, separator) not in taken:
            return other
    return next((other for other in plainer_names(name, prefix, separator, taken) if other in listed), None)


def may_be_called(name: str, other: str, separator: str) -> bool:
    """Tell whether a server may list a folder as `other` that it was told to call `name`.

    Some take blanks off the ends (Exchange) or cut long names, and put one character in place of others.
    """
    wanted, listed = _plain(name, separator), _plain(other, separator)
    return listed == wanted or (len(listed) >= _CUT_CHARS and wanted.startswith(listed))


def perhaps_called(name: str, listed: Iterable[str], separator: str) -> list[str]:
    """Give the listed names that a server may have in place of `name` (see `may_be_called`), nearest first.

    Capitals, Unicode forms and blanks at the ends are nearer than a cut, and that than other characters.
    """
    near = [other for other in listed if may_be_called(name, other, separator)]
    return sorted(near, key=lambda other: (_distance(name, other, separator), other))


def is_spelt_alike(name: str, other: str, separator: str) -> bool:
    """Tell whether names differ in nothing but capitals, Unicode forms and blanks at the ends of levels."""
    return caseless(_stripped(name, separator)) == caseless(_stripped(other, separator))


def _distance(name: str, other: str, separator: str) -> int:
    wanted, listed = _stripped(name, separator), _stripped(other, separator)
    if unicodedata.normalize("NFC", listed) == unicodedata.normalize("NFC", wanted):
        return 0
    if is_spelt_alike(name, other, separator):
        return 1
    return 2 if caseless(wanted).startswith(caseless(listed)) else 3


def in_doubt_about(names: Iterable[str], separator: str) -> Callable[[str], bool]:
    """Give the test whether a listed folder may be one of these under another spelling."""
    plain = {_plain(name, separator) for name in names}

    def test(name: str) -> bool:
        spelled = _plain(name, separator)
        cut = len(spelled) >= _CUT_CHARS and any(each.startswith(spelled) for each in plain)
        return cut or (bool(plain) and (spelled in plain or _NUMBER.sub("", spelled) in plain))

    return test


def _plain(name: str, separator: str) -> str:
    return "".join(
        char if char == separator or (char.isascii() and char.isalnum()) else REPLACEMENT
        for char in caseless(_stripped(name, separator))
    )


def _stripped(name: str, separator: str) -> str:
    levels = name.split(separator) if separator else [name]
    return (separator or " ").join(level.strip() or level for level in levels)
