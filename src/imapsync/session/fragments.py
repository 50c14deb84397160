"""FETCH items of one message that a server spreads over several untagged lines (RFC 3501 §7.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imapsync.wire.responses import Fetch

#: Incomplete messages that are remembered at once, as many as are asked for at once; flag updates that come
#: unasked take places, too, and are forgotten oldest first.
MAX_FRAGMENTS = 20_000
#: Bytes of bodies among them.
MAX_FRAGMENT_BYTES = 4 * 1024 * 1024


class Fragments:
    """Messages of which something came and something lacks, by sequence number (by UID in UIDFETCH)."""

    def __init__(self) -> None:
        self._held: dict[int, Fetch] = {}
        self._held_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._held)

    def joined(self, part: Fetch) -> Fetch:
        """Give what is known of the message with this part; it is held until it is dropped."""
        before = self.drop(part)
        if before is not None and (before.uid is None or part.uid is None or before.uid == part.uid):
            news = {item: value for item, value in part._asdict().items() if value is not None}
            part = before._replace(**news)
        self._held[_key(part)] = part
        self._held_bytes += len(part.body or b"")
        while len(self._held) > MAX_FRAGMENTS or self._held_bytes > MAX_FRAGMENT_BYTES:
            self.drop(next(iter(self._held.values())))
        return part

    def drop(self, part: Fetch) -> Fetch | None:
        """Forget a message; give what was held of it."""
        held = self._held.pop(_key(part), None)
        if held is not None:
            self._held_bytes -= len(held.body or b"")
        return held

    def clear(self) -> None:
        """Forget all: sequence numbers changed, or nobody waits for messages any more."""
        self._held.clear()
        self._held_bytes = 0

    def all(self) -> list[Fetch]:
        """Give what is held."""
        return list(self._held.values())


def _key(part: Fetch) -> int:
    return part.sequence or -(part.uid or 0)
