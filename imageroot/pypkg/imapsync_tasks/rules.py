"""What a value may be: the rules that a task's fields and the instance's settings are made of.

Each rule judges a value and gives its JSON schema. NS8 checks an action's input against the schemas first,
but the same values also come from CSV files, NS7 and files edited by hand, and some rules are beyond it.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Final, NamedTuple

from imapsync_tasks import schedule, timetable
from imapsync_tasks.errors import Json, Refusal, RefusedError

#: Characters that end a line somewhere: C0, DEL, C1, and Unicode's line and paragraph separators.
_CONTROLS: Final = "\\x00-\\x1f\\x7f-\\x9f\u2028\u2029"
_NO_CONTROLS: Final = f"[^{_CONTROLS}]"
#: Letters of international names: everything from U+00A1 but separators, direction marks, private use and
#: specials.
_WIDE: Final = (
    "\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\ud7ff\uf900-\ufefe\uff00-\uffef\U00010000-\U000e0000"
)


class Text(NamedTuple):
    """A text that matches `pattern` as a whole and has at most `max_length` characters."""

    pattern: str
    max_length: int

    def of(self, request: Json, name: str, default: str | None = None) -> str:
        """Give the member `name`. RefusedError: missing, no text, too long, out of pattern."""
        value = request.get(name, default)
        if not isinstance(value, str) or not self.takes(value):
            raise refused(name, value)
        return value

    def takes(self, value: str) -> bool:
        """Tell whether the text is such a value."""
        return bool(
            len(value) <= self.max_length
            and _compiled(self.pattern).fullmatch(value)
            and not any("\ud800" <= char <= "\udfff" for char in value)  # surrogates of a JSON escape
        )

    def schema(self) -> Json:
        """Give the JSON schema, without a description."""
        schema: Json = {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": self.max_length}
        return schema if self.takes("") else schema | {"minLength": 1}


class Host(NamedTuple):
    """A host name, also international, or an IPv4 or IPv6 address without brackets."""

    pattern: str = f"[A-Za-z0-9_:{_WIDE}][A-Za-z0-9._:{_WIDE}-]*"
    #: RFC 1035 §2.3.4.
    max_length: int = 253

    def of(self, request: Json, name: str, default: str | None = None) -> str:
        """Give the member `name`."""
        value = request.get(name, default)
        if not isinstance(value, str) or not self.takes(value):
            raise refused(name, value)
        return value

    def takes(self, value: str) -> bool:
        """Tell whether the text is such a name or address."""
        return Text(*self).takes(value) and is_host(value)

    def schema(self) -> Json:
        """Give the JSON schema; it knows nothing of labels."""
        return Text(*self).schema()


class Schedule(NamedTuple):
    """A schedule: "" (by hand only), "<n>m", "<n>h", "live", or by day, hour and date (`timetable`)."""

    pattern: str = f"(live|{timetable.PATTERN})?"
    max_length: int = 64

    def of(self, request: Json, name: str, default: str | None = None) -> str:
        """Give the member `name`; refused with the nearest valid choices."""
        value = Text(*self).of(request, name, default)
        if value and not schedule.is_valid(value):
            raise RefusedError(Refusal("invalid_schedule", name, value, {"choices": schedule.nearest(value)}))
        return value

    def schema(self) -> Json:
        """Give the JSON schema; it knows nothing of the ranges."""
        return Text(*self).schema()


class Choice(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    def of(self, request: Json, name: str, default: str | None = None) -> str:
        """Give the member `name`."""
        value = request.get(name, default)
        if not isinstance(value, str) or value not in self.words:
            raise refused(name, value)
        return value

    def schema(self) -> Json:
        """Give the JSON schema."""
        return {"type": "string", "enum": list(self.words)}


class Flag(NamedTuple):
    """True or false."""

    def of(self, request: Json, name: str, default: bool | None = None) -> bool:
        """Give the member `name`."""
        value = request.get(name, default)
        if not isinstance(value, bool):
            raise refused(name, value)
        return value

    def schema(self) -> Json:
        """Give the JSON schema."""
        return {"type": "boolean"}


class Number(NamedTuple):
    """A whole number between two bounds, both included."""

    low: int
    high: int

    def of(self, request: Json, name: str, default: int | None = None) -> int:
        """Give the member `name`; 143.0 is 143, as for NS8's schema engine."""
        value = request.get(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise refused(name, value)
        return value

    def schema(self) -> Json:
        """Give the JSON schema."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


Rule = Text | Host | Schedule | Choice | Flag | Number

#: Names of a task that exists may be whatever another program stored, as long as it is a file's name: no
#: slash, no line end. "*" would be the master user's, a leading dot would hide the file.
LOCALUSER: Final = Text(f"[^{_CONTROLS}/*.-][^{_CONTROLS}/*]*", 128)
TASK_ID: Final = Text(f"[^{_CONTROLS}/]*", 128)
_TASK_NAME: Final = Text(f"{LOCALUSER.pattern}_{TASK_ID.pattern}", 257)
#: Names of a new task are safe anywhere.
NEW_LOCALUSER: Final = Text("[A-Za-z0-9_][A-Za-z0-9._+@-]*", 128)
NEW_TASK_ID: Final = Text("[A-Za-z0-9_-][A-Za-z0-9._-]*", 64)
#: A user of NethServer: what get-log takes where there is no such task.
USER_NAME: Final = Text("[a-z_][a-z0-9_.-]*", 32)

HOST: Final = Host()
REMOTE_USER: Final = Text(f"{_NO_CONTROLS}+", 255)
PASSWORD: Final = Text("[^\\x00\\r\\n]*", 4096)
PORT: Final = Number(1, 65535)
SECURITY: Final = Choice(("", "tls", "ssl"))
DELIVERY: Final = Choice(("append", "lmtp"))
FOLDER_MODE: Final = Choice(("all", "inbox", "exclusion"))
FLAG: Final = Flag()
DAYS: Final = Number(0, 99999)
PATTERNS: Final = Text(f"{_NO_CONTROLS}*", 8192)
SCHEDULE: Final = Schedule()
TRUST: Final = Text("tofu|ca|any|sha256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}", 128)
PARALLEL: Final = Number(1, 64)
#: Names of sources are names of files, and words of a command line.
SOURCE: Final = Text("[A-Za-z0-9][A-Za-z0-9._-]*", 64)
NO_SOURCE_OR_NAME: Final = Text(f"(?:{SOURCE.pattern})?", 64)
TITLE: Final = Text(f"{_NO_CONTROLS}*", 200)
#: UIDs have 32 bits: no folder holds more.
MESSAGES: Final = Number(1, 4294967295)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is needed: cron starts syncctl often, and most starts need few."""
    return re.compile(pattern)


def refused(name: str, value: object) -> RefusedError:
    """Give the refusal of a member that has a form it cannot have."""
    return RefusedError(Refusal("invalid_value", name, _echo(value)))


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


def is_task_name(name: str) -> bool:
    """Tell whether a task's files may begin so: <localuser>_<task_id>, however it is split."""
    return _TASK_NAME.takes(name)


def _echo(value: object) -> object:
    """Give back what was sent, shortened, and as text that any JSON writer can encode."""
    if isinstance(value, str):
        return value[:200].encode("utf-8", "replace").decode()
    return value if isinstance(value, bool | int | float) or value is None else str(type(value).__name__)


def printable(value: str) -> str:
    """Give text for a log line: control characters and line ends become "?"."""
    return re.sub(f"[{_CONTROLS}]", "?", value)
