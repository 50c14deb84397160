"""The Mail instance: where it is, its mailboxes, its master password."""

from __future__ import annotations

import json
import signal
import smtplib
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from imapsync_tasks import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imapsync_tasks.errors import Json
    from imapsync_tasks.instance import Settings
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.store import Store

_T = TypeVar("_T")

#: How long the page's frequent list-tasks goes without asking Mail again, after an answer and after a
#: failure.
_FRESH_S: Final = 60.0
_RETRY_S: Final = 20.0
#: How long Mail may take to answer a question. The platform makes up for a lost message about a task's end by
#: asking every 5 seconds: after two such rounds a slip of the websocket cannot look like an absent Mail.
_ANSWER_S: Final = 12.0
_SECRET_S: Final = 10.0
#: The LMTP of a server of the cluster answers at once, or is not there.
_GREETING_S: Final = 2.0
_SPOKEN: Final = 250


class Provider(NamedTuple):
    """A Mail instance of the cluster, as it announces itself."""

    module_id: str
    uuid: str
    host: str
    mail_hostname: str


class _UnavailableError(Exception):
    """Mail gives no answer; the text is the reason's key."""


class _TooLateError(Exception):
    """Mail did not answer in time."""


def providers() -> list[Provider]:
    """Give the configured Mail instances, the nearest first."""
    import agent

    rdb = agent.redis_connect(use_replica=True)
    return [
        Provider(
            str(found.get("module_id", "")),
            str(found.get("module_uuid") or ""),
            str(found.get("host", "")),
            str(found.get("mail_hostname", "")),
        )
        for found in agent.list_service_providers(rdb, "imap", "tcp")
    ]


def find(uuid: str) -> Provider | None:
    """Give the Mail instance with this UUID."""
    return next((one for one in providers() if uuid and one.uuid == uuid), None)


def mailboxes(paths: Paths, settings: Settings, *, refresh: bool) -> tuple[list[str], str | None]:
    """Give the users that have a mailbox, and why the list may be empty or old.

    The answer is remembered; Mail is asked again after a minute, or when `refresh` asks for it.
    """
    if not settings.mail_server:
        return [], "not_configured"
    known = files.read_json(paths.mailboxes) or {}
    if known.get("mail_server") != settings.mail_server:
        known = {}
    asked = known.get("asked_at")
    age = time.time() - asked if isinstance(asked, int | float) else _FRESH_S
    error = known.get("error")
    if not refresh and 0 <= age < (_RETRY_S if error else _FRESH_S):
        return _names(known), error if isinstance(error, str) else None
    try:
        names, error = _ask_mailboxes(settings), None
    except _UnavailableError as reason:
        names, error = _names(known), str(reason)
    known = {"mail_server": settings.mail_server, "asked_at": time.time(), "mailboxes": names, "error": error}
    with suppress(OSError):  # a missing or full state only means that Mail is asked again
        files.replace(paths.mailboxes, json.dumps(known), durable=False)
    return names, error


def delivers(settings: Settings) -> bool:
    """Tell whether Mail's LMTP answers where tasks would deliver."""
    if not settings.mail_host:
        return False
    try:
        with smtplib.LMTP(settings.mail_host, settings.lmtp_port, timeout=_GREETING_S) as client:
            return client.ehlo()[0] == _SPOKEN  # LHLO, which servers of SMTP refuse
    except OSError:
        return False


def delivers_lately(paths: Paths, settings: Settings, *, refresh: bool) -> bool:
    """Tell what `delivers` did, for a minute without asking again; `refresh` asks."""
    place = [settings.mail_host, settings.lmtp_port]
    known = files.read_json(paths.deliveries) or {}
    asked = known.get("asked_at")
    age = time.time() - asked if isinstance(asked, int | float) else _FRESH_S
    answered = known.get("delivers") is True
    if not refresh and known.get("place") == place and 0 <= age < (_FRESH_S if answered else _RETRY_S):
        return answered
    found = delivers(settings)
    with suppress(OSError):  # as above
        told = {"place": place, "asked_at": time.time(), "delivers": found}
        files.replace(paths.deliveries, json.dumps(told), durable=False)
    return found


def is_unknown(paths: Paths, localuser: str) -> bool:
    """Tell whether Mail's last answer lacks this user."""
    return bool(unknown_among(paths, [localuser]))


def unknown_among(paths: Paths, localusers: Iterable[str]) -> set[str]:
    """Give the users that Mail's last answer lacks; Mail ignores case and domain."""
    names = {name.casefold() for name in _names(files.read_json(paths.mailboxes) or {})}
    return {user for user in localusers if names and user.partition("@")[0].casefold() not in names}


def fetch_master_password(store: Store, settings: Settings) -> bool:
    """Ask Mail for its master password once and keep it.

    False, and the old one stays, when Mail does not answer.
    """
    try:
        answer = _call(settings, "reveal-master-credentials", _SECRET_S)
    except _UnavailableError as reason:
        sys.stderr.write(f"master password: {reason}\n")
        return False
    password = answer.get("password")
    if not isinstance(password, str) or not password or any(char in password for char in "\0\r\n"):
        sys.stderr.write("master password: unexpected answer\n")
        return False
    with store.locked():
        files.replace(store.paths.master_password, password)
    return True


def _ask_mailboxes(settings: Settings) -> list[str]:
    answer = _call(settings, "list-user-mailboxes", _ANSWER_S)
    found = answer.get("user_mailboxes")
    return sorted(
        str(one["user"])
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and one.get("user") and one.get("enabled", True)
    )


def _call(settings: Settings, action: str, limit_s: float) -> Json:
    """Run an action of the Mail instance; the agent library itself would try for minutes."""
    import agent.tasks

    def ask() -> tuple[str, Json]:
        provider = find(settings.mail_server)
        if provider is None:
            return "mail_server_not_found", {}
        result = agent.tasks.run(
            agent_id=f"module/{provider.module_id}",
            action=action,
            data={},
            extra={"isNotificationHidden": True, "title": f"{provider.module_id}/{action}"},
        )
        output = result["output"]
        if result["exit_code"] != 0 or not isinstance(output, dict):
            return "mail_server_unreachable", {}
        return "", output

    try:
        reason, answer = _within(limit_s, ask)
    except Exception as error:  # noqa: BLE001  # however the platform fails, Mail's answer is just not known
        sys.stderr.write(f"{action}: {type(error).__name__}\n")
        reason, answer = "mail_server_unreachable", {}
    if reason:
        raise _UnavailableError(reason)
    return answer


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """Call something in the main thread and give up after some seconds."""

    def expire(_number: int, _frame: object) -> None:
        raise _TooLateError

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _names(known: Json) -> list[str]:
    found = known.get("mailboxes")
    return [str(name) for name in found] if isinstance(found, list) else []
