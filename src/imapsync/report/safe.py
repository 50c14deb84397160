"""Text from servers and mailboxes made fit for a terminal and a log line."""

from __future__ import annotations

#: Longest piece of foreign text in one line; a server may answer megabytes.
MAX_SHOWN = 2_000


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    r"""Give `text`, cut after `limit`, with control characters and direction marks spelled as ``\x1b``."""
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def human_bytes(size_bytes: float) -> str:
    """Give a size for people, as ``1.205 KiB``."""
    value = size_bytes / 1024
    for unit in ("KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.3f} {unit}"
        value /= 1024
    return f"{value:.3f} TiB"
