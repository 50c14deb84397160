"""String formats as gojsonschema 1.2.0 checks them; what it does not know always passes."""

from __future__ import annotations

import email.utils
import ipaddress
import re
import urllib.parse
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_UUID = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}", re.IGNORECASE)
_POINTER = re.compile(r"(?:/(?:[^~/]|~0|~1)*)*")


def hostname(text: str) -> bool:
    """Accept IPv4 literals and single labels; refuse empty, `_`, a trailing dot, IPv6 and non-ASCII."""
    return len(text) < 256 and _HOSTNAME.fullmatch(text) is not None


def mail_address(text: str) -> bool:
    """Accept one address, with or without a display name, as Go's mail.ParseAddress does."""
    if any(ord(letter) < 32 for letter in text):
        return False
    address = email.utils.parseaddr(text)[1]
    local, at, domain = address.rpartition("@")
    return bool(at and local and domain) and " " not in address and ".." not in address


def _ip(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


def _time(*layouts: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        for layout in layouts:
            try:
                datetime.strptime(text, layout)  # noqa: DTZ007 - only the form is asked, no instant is made
            except ValueError:
                continue
            return True
        return False

    return check


def _uri(*, absolute: bool) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parts = urllib.parse.urlsplit(text)
        except ValueError:
            return False
        return "\\" not in text and (bool(parts.scheme) or not absolute)

    return check


def _regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


CHECKS: dict[str, Callable[[str], bool]] = {
    "hostname": hostname,
    "email": mail_address,
    "ipv4": _ip(4),
    "ipv6": _ip(6),
    "date": _time("%Y-%m-%d"),
    "time": _time("%H:%M:%S", "%H:%M:%S%z"),
    "date-time": _time("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"),
    "uri": _uri(absolute=True),
    "uri-reference": _uri(absolute=False),
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "regex": _regex,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
}
"""`idn-hostname` is missing on purpose: the engine of NS8 does not know it."""
