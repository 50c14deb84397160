"""The final report as a message."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def report_message(subject: str, lines: Iterable[str], now: datetime) -> bytes:
    """Give a message (RFC 5322, lines end with CRLF) of plain text. `subject`: one line."""
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(now)
    message["From"] = "imapsync <imapsync@localhost>"
    message["Subject"] = subject
    message["Message-Id"] = make_msgid(domain="localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines) + "\n")
    return message.as_bytes()
