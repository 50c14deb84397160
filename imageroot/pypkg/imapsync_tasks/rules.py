"""What each field of a task may hold.

The patterns are those of `validator-definitions.json` (a test compares the two): NS8 checks an action's
input against the schema first, but the same values also come from CSV files, NS7 and files edited by hand,
and some rules are beyond a schema.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Final

from imapsync_tasks import schedule
from imapsync_tasks.errors import Json, Refusal, RefusedError

#: Characters that end a line somewhere: C0, DEL, C1, and Unicode's line and paragraph separators.
_CONTROLS: Final = "[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]"
_NO_CONTROLS: Final = f"[^{_CONTROLS[1:]}"
#: Letters of international names: everything from U+00A1 but separators, direction marks, private use and
#: specials.
_WIDE: Final = (
    "\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\ud7ff\uf900-\ufefe\uff00-\uffef\U00010000-\U000e0000"
)

#: field -> pattern of the whole value. One source: the schemas carry the same text between ^ and $.
PATTERNS: Final[dict[str, str]] = {
    "localuser": "[A-Za-z0-9_][A-Za-z0-9._+@-]*",
    "task_id": "[a-z0-9]{1,32}",
    "remoteusername": f"{_NO_CONTROLS}+",
    "remotehostname": f"[A-Za-z0-9_:{_WIDE}][A-Za-z0-9._:{_WIDE}-]*",
    "remotepassword": "[^\\x00\\r\\n]*",
    "exclude": f"{_NO_CONTROLS}*",
    "cron": "([0-9]{1,4}[mh])?",
    "tls_trust": "tofu|ca|any|sha256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}",
}
#: field -> longest value in characters. localuser: file names end at 255 bytes; host: RFC 1035 §2.3.4.
MAX_LENGTHS: Final[dict[str, int]] = {
    "localuser": 128,
    "remoteusername": 255,
    "remotehostname": 253,
    "remotepassword": 4096,
    "exclude": 8192,
    "tls_trust": 128,
}
SECURITIES: Final = ("", "tls", "ssl")
FOLDER_MODES: Final = ("all", "inbox", "exclusion")
PORT_RANGE: Final = (1, 65535)
OLDER_RANGE: Final = (0, 99999)
PARALLEL_RANGE: Final = (1, 64)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is needed: cron starts syncctl often, and most starts need none."""
    return re.compile(pattern)


def text(request: Json, name: str, default: str | None = None) -> str:
    """Give the text member `name`.

    RefusedError when it is missing (and has no default), no text, too long or out of pattern.
    """
    value = request.get(name, default)
    if (
        not isinstance(value, str)
        or len(value) > MAX_LENGTHS.get(name, 1 << 16)
        or not _compiled(PATTERNS[name]).fullmatch(value)
        or not _is_unicode(value)
    ):
        raise RefusedError(Refusal("invalid_value", name, _echo(value)))
    return value


def choice(request: Json, name: str, choices: tuple[str, ...]) -> str:
    """Give the text member `name`, which must be one of `choices`."""
    value = request.get(name)
    if not isinstance(value, str) or value not in choices:
        raise RefusedError(Refusal("invalid_value", name, _echo(value)))
    return value


def boolean(request: Json, name: str, *, default: bool | None = None) -> bool:
    """Give the true/false member `name`."""
    value = request.get(name, default)
    if not isinstance(value, bool):
        raise RefusedError(Refusal("invalid_value", name, _echo(value)))
    return value


def integer(request: Json, name: str, bounds: tuple[int, int], default: int | None = None) -> int:
    """Give the whole number `name` within `bounds`, both included.

    143.0 is 143, as for NS8's schema engine.
    """
    value = request.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not bounds[0] <= value <= bounds[1]:
        raise RefusedError(Refusal("invalid_value", name, _echo(value)))
    return value


def hostname(request: Json, name: str) -> str:
    """Give a host name, also international, or an IPv4 or IPv6 address without brackets."""
    value = text(request, name)
    if not is_host(value):
        raise RefusedError(Refusal("invalid_value", name, value))
    return value


def is_host(value: str) -> bool:
    """Tell whether `value` is an address or a name of labels of 1-63 bytes, encoded (RFC 1123, RFC 5890)."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return "%" not in value
    labels = value.split(".")
    if ":" in value or labels[-1].isdigit():
        return False
    return all(_is_label(label) for label in labels)


def _is_label(label: str) -> bool:
    if not label or label.startswith("-") or label.endswith("-"):
        return False
    try:
        return len(label.encode("idna")) <= 63
    except UnicodeError:
        return False


def cron(request: Json, name: str = "cron") -> str:
    """Give a schedule: "" (by hand only), "<n>m" or "<n>h"; Refused with the nearest valid choices."""
    value = text(request, name)
    if value and not schedule.is_valid(value):
        raise RefusedError(Refusal("invalid_schedule", name, value, {"choices": schedule.nearest(value)}))
    return value


def password(request: Json, name: str = "remotepassword") -> str:
    """Give a password: any text without NUL, CR and LF. It is never echoed."""
    return text(request, name)


def split_task_name(name: str) -> tuple[str, str] | None:
    """Take `<localuser>_<task_id>` apart; None when it is no task's name."""
    found = _compiled(f"({PATTERNS['localuser']})_({PATTERNS['task_id']})").fullmatch(name)
    if not found or len(found[1]) > MAX_LENGTHS["localuser"]:
        return None
    return found[1], found[2]


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate from a JSON escape
        return False
    return True


def _echo(value: object) -> object:
    """Give back what was sent, shortened, and as text that any JSON writer can encode."""
    if isinstance(value, str):
        return value[:200].encode("utf-8", "replace").decode()
    return value if isinstance(value, bool | int | float) or value is None else str(type(value).__name__)


def printable(value: str) -> str:
    """Give text for a log line: control characters and line ends become "?"."""
    return re.sub(_CONTROLS, "?", value)
