"""Which flags a copy gets, and what has to change on a copy that is there. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from imapsync.plan.index import canonical_flags
from imapsync.terms import is_nameable_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imapsync.plan.rules import FlagRules

#: RFC 3501 §2.3.2: every server knows these.
SYSTEM_FLAGS = frozenset({b"\\seen", b"\\answered", b"\\flagged", b"\\deleted", b"\\draft"})
#: PERMANENTFLAGS member that says: new keywords may be made.
ANY_KEYWORD = b"\\*"
Flags = tuple[bytes, ...]


class FlagTranslator:
    r"""Source flags -> flags for one destination folder; remembers each set it has seen.

    permanent: PERMANENTFLAGS of the destination folder, None when the server does not tell (then all may be
    kept, RFC 3501 §7.1); `\*` alone means all as well. unnameable: flags that were left out because no
    command can carry them.
    """

    def __init__(self, rules: FlagRules, permanent: frozenset[bytes] | None) -> None:
        self._rules = rules
        named = permanent is not None and permanent != {ANY_KEYWORD}
        self._allowed = frozenset(flag.lower() for flag in permanent or ()) if named else None
        self._known: dict[Flags, Flags] = {}
        self.unnameable: set[bytes] = set()

    def translate(self, flags: Flags) -> Flags:
        r"""Give the flags that the copy should have.

        Rewritten (--regexflag), filtered, sorted, never \Recent. System flags first: some servers (UW and its
        kin) drop what follows the first keyword that they do not know.
        """
        translated = self._known.get(flags)
        if translated is None:
            translated = self._known[flags] = self._translate(flags)
        return translated

    def keepable(self, flag: bytes) -> bool:
        """Tell whether the destination can keep a flag, and a command can say so."""
        if not is_nameable_flag(flag):
            return False
        lowered = flag.lower()
        if self._rules.skip_deleted and lowered == b"\\deleted":
            return False
        if self._rules.filter_buggy and lowered.startswith(b"\\") and lowered not in SYSTEM_FLAGS:
            return False
        if self._allowed is None or lowered in self._allowed:
            return True
        return ANY_KEYWORD in self._allowed and not lowered.startswith(b"\\")

    def change(self, wanted: Flags, present: Flags) -> tuple[Flags, Flags]:
        """Give (add, remove) that make a copy's flags those of `wanted` (already translated)."""
        have = {flag.lower() for flag in present}
        want = {flag.lower() for flag in wanted}
        add = tuple(flag for flag in wanted if flag.lower() not in have)
        remove = tuple(
            flag for flag in canonical_flags(present) if flag.lower() not in want and self.keepable(flag)
        )
        return add, remove

    def three_way(self, before: Flags, now: Flags) -> tuple[Flags, Flags]:
        """Give (add, remove) for a copy when the source's flags went from `before` to `now`.

        What the user changed on the destination meanwhile stays.
        """
        return self.change(self.translate(now), self.translate(before))

    def _translate(self, flags: Flags) -> Flags:
        kept = canonical_flags(flags)
        if self._rules.rewrite:
            kept = canonical_flags(_rewritten(kept, self._rules.rewrite))
        self.unnameable.update(flag for flag in kept if not is_nameable_flag(flag))
        keepable = [flag for flag in kept if self.keepable(flag)]
        return tuple(sorted(keepable, key=is_keyword))


def unpromised(flags: Flags, permanent: frozenset[bytes] | None) -> Flags:
    """Give the flags (in small letters) of which PERMANENTFLAGS does not say by name that they are kept."""
    named = frozenset(flag.lower() for flag in permanent or ())
    return tuple(flag.lower() for flag in flags if flag.lower() not in named)


def all_kept(wanted: Sequence[Flags], found: Sequence[Flags]) -> bool:
    """Tell whether as many messages have each flag as should; false as well when messages are not found."""
    if len(found) < len(wanted):
        return False
    should = Counter(flag.lower() for flags in wanted for flag in flags)
    have = Counter(flag.lower() for flags in found for flag in flags)
    return all(have[flag] >= count for flag, count in should.items())


def system_flags(flags: Flags) -> Flags:
    """Give the flags that are no keywords."""
    return tuple(flag for flag in flags if not is_keyword(flag))


def is_keyword(flag: bytes) -> bool:
    """Tell a keyword from a system flag."""
    return not flag.startswith(b"\\")


def _rewritten(flags: Flags, rules: tuple[Callable[[str], str], ...]) -> Flags:
    text = b" ".join(flags).decode("utf-8", "surrogateescape")
    for rule in rules:
        text = rule(text)
    words = text.encode("utf-8", "surrogateescape").split()
    return tuple(word for word in words if word.strip(b'"'))
