"""Stored passwords: where each may go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imapsync_tasks import rules
from imapsync_tasks.engine import Remote
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError

if TYPE_CHECKING:
    from imapsync_tasks.store import Store

#: From the rule that takes any server for the right one to the one that only an authority can satisfy.
_TRUST: Final = ("any", "tofu", "sha256", "ca")


def password(store: Store, request: Json, remote: Remote, name: str) -> str:
    """Give the password to log in to `remote` with: the one sent, else the stored one of task `name`.

    A stored password stays with its server: who may edit tasks cannot have it sent elsewhere. Refused as
    `password_required` when there is none, or when the task sends it to another host, port or user, or with
    stronger encryption or trust.
    """
    given = rules.PASSWORD.of(request, "remotepassword", "" if request.get("source") else None)
    if given:
        return given
    try:
        stored = store.password(name) if _stays(Remote.of(store.load(name)), remote) else None
    except (NoSuchTaskError, TaskFileError):
        stored = None
    if not stored:
        raise RefusedError(Refusal("password_required"))
    return stored


def _stays(old: Remote, new: Remote) -> bool:
    """Tell whether `new` is the same account at the same server, protected no worse."""
    return _account(old) == _account(new) and _strength(new) >= _strength(old)


def _account(remote: Remote) -> tuple[str, int, str]:
    return remote.remotehostname.casefold(), remote.remoteport, remote.remoteusername


def _strength(remote: Remote) -> int:
    """Give how well a login is protected: without required encryption no certificate counts."""
    if not remote.security:
        return 0
    return 1 + _TRUST.index(remote.tls_trust.partition(":")[0])
