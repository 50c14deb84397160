"""What happens to the bytes of a message between the two servers, when the user asked for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.plan.header import split_message

if TYPE_CHECKING:
    from imapsync.plan.identity import Identity
    from imapsync.plan.rules import ContentRules, SelectionRules

#: How long one --pipemess command may take for one message.
PIPE_TIMEOUT_S = 60.0
_RECEIPT_FIELDS = (b"disposition-notification-to:", b"return-receipt-to:")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


class ContentError(Exception):
    """A change to a message failed; the message is not copied. `text` says what failed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Content:
    """Applies the content rules. `active`: any rule needs the bytes of the whole message."""

    def __init__(self, rules: ContentRules, selection: SelectionRules, identity: Identity) -> None:
        self._rules = rules
        self._selection = selection
        self._identity = identity
        self.changes = rules.changes
        self.selects = bool(selection.skip_content or selection.max_line_bytes is not None)
        self.active = self.changes or self.selects or rules.dates_from_header

    def unwanted(self, message: bytes) -> str:
        """Give why a message is not wanted: "pattern", "line_length", or "" when it is."""
        if any(rule(message) for rule in self._selection.skip_content):
            return "pattern"
        limit = self._selection.max_line_bytes
        if limit is not None and _has_longer_lines(message, limit):
            return "line_length"
        return ""

    async def changed(self, message: bytes, uid: int) -> bytes:
        """Give the message to append. Raises ContentError, also when a rule's pattern took too long."""
        rules = self._rules
        if rules.shorten is not None and _has_longer_lines(message, rules.shorten[0]):
            message = await _piped(rules.shorten[1], message)
            if _has_longer_lines(message, rules.shorten[0]):
                raise ContentError(
                    f"{rules.shorten[1]}: lines of more than {rules.shorten[0]} bytes are left"
                )
        if rules.add_header and not self._identity.of_header(split_message(message)[0]):
            message = added_header(uid) + message
        try:
            for rewrite in rules.rewrite:
                message = rewrite(message)
        except ValueError as error:
            raise ContentError(str(error)) from error
        for command in rules.pipe:
            message = await _piped(command, message)
        if rules.disarm_receipts:
            message = _disarmed(message)
        if rules.truncate_bytes is not None:
            message = message[: rules.truncate_bytes]
        return message

    def date(self, message: bytes, internaldate: bytes | None) -> bytes | None:
        """Give the internal date of the copy, None for the time of copying."""
        if not self._rules.keep_dates:
            return None
        if self._rules.dates_from_header:
            return _header_date(message) or internaldate
        return internaldate


def _has_longer_lines(message: bytes, limit: int) -> bool:
    return any(len(line) > limit for line in message.split(b"\n"))


def added_header(uid: int) -> bytes:
    """Give the header line that --addheader puts before a message that nothing identifies."""
    return b"Message-Id: <%d@imapsync>\r\n" % uid


async def _piped(command: str, message: bytes) -> bytes:
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PIPE_TIMEOUT_S):
            output, _ = await process.communicate(message)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise ContentError(f"{command}: no end after {PIPE_TIMEOUT_S:.0f} s") from error
    if process.returncode:
        raise ContentError(f"{command}: exit code {process.returncode}")
    return output


def _disarmed(message: bytes) -> bytes:
    header, text = split_message(message)
    lines = []
    for line in header.split(b"\n"):
        asks = line.lower().startswith(_RECEIPT_FIELDS)
        lines.append(b"X-" + line if asks else line)
    changed = b"\n".join(lines)
    return changed + message[len(header) : len(message) - len(text)] + text


def _header_date(message: bytes) -> bytes | None:
    from email.parser import BytesHeaderParser
    from email.utils import parsedate_to_datetime

    value = BytesHeaderParser().parsebytes(split_message(message)[0] + b"\r\n").get("date")
    try:
        date = parsedate_to_datetime(str(value))
    except (ValueError, TypeError, IndexError):
        return None
    zone = date.strftime("%z") or "+0000"
    clock = date.strftime("%H:%M:%S")
    return b"%2d-%s-%04d %s %s" % (
        date.day,
        _MONTHS[date.month - 1],
        date.year,
        clock.encode(),
        zone[:5].encode(),
    )
