"""What happens to an instance as a whole: restore, clone, migration, a Mail instance that moves."""

from __future__ import annotations

import json
import secrets
import string
import sys
from typing import Final

from imapsync_tasks import configuration, files, instance, mailserver, steps
from imapsync_tasks.errors import Json, RefusedError
from imapsync_tasks.task import Task, from_request

_ID_LETTERS: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 6
#: Variables that a restored instance takes over.
_COPIED: Final = (
    *("MAIL_SERVER", "MAIL_HOST", "MAX_PARALLEL"),
    *(instance.ALLOWED_VARIABLE, instance.LMTP_VARIABLE),
)
#: What NethServer 7's retrievers become: (port, security, may be scheduled). POP3 servers mostly speak IMAP
#: too, but that is for an admin to try first.
_RETRIEVERS: Final = {
    "SimplePOP3Retriever": (143, "tls", False),
    "SimplePOP3SSLRetriever": (993, "ssl", False),
    "SimpleIMAPRetriever": (143, "tls", True),
    "SimpleIMAPSSLRetriever": (993, "ssl", True),
}


def new_task_id(taken: set[str]) -> str:
    """Give a random task id that is not taken yet, and take it."""
    while True:
        found = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        if found not in taken:
            taken.add(found)
            return found


def restore_environment(request: Json) -> None:
    """Take over the settings of the backup. Nothing runs by itself until an admin has seen the instance."""
    saved = request.get("environment")
    values = saved if isinstance(saved, dict) else {}
    copied = {key: str(values[key]) for key in _COPIED if values.get(key)}
    steps.set_environment({**copied, instance.PAUSED_VARIABLE: "1"})


def clone(request: Json) -> None:
    """Pause the schedules of a copy and forget what waited: the original goes on. A move keeps both."""
    if request.get("replace") is not True:
        steps.set_environment({instance.PAUSED_VARIABLE: "1"}, unset=[instance.PAUSED_BY_VARIABLE])
        paths = steps.store().paths
        for path in (paths.queue, *(paths.lock(name) for name in paths.task_names())):
            files.remove(path)


def mail_settings_changed(event: Json) -> None:
    """Follow the Mail instance; runs under way survive when its address stays the same."""
    settings = steps.settings()
    if not settings.mail_server or event.get("module_uuid") != settings.mail_server:
        return
    found = mailserver.find(settings.mail_server)
    if found and found.host and found.host != settings.mail_host:
        steps.set_environment({"MAIL_HOST": found.host})
        configuration.restart_service()
    else:
        mailserver.fetch_master_password(steps.store(), settings)


def tidy() -> None:
    """Remove snapshots of the upstream module's create-task."""
    for path in steps.store().paths.rollbacks():
        files.remove(path)


def import_tasks(_request: Json) -> None:
    """Make tasks of the accounts in getmail.json, then remove it; it need not exist."""
    store = steps.store()
    source = store.paths.getmail
    try:
        records = json.loads(source.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        records = None
    if not isinstance(records, list):
        sys.stderr.write("<4>getmail.json is not a list of accounts: no task was made\n")
        return
    taken = {name.rpartition("_")[2] for name in store.names()}
    for record in records:
        label = record.get("name") if isinstance(record, dict) else record
        try:
            task, password = _from_getmail(record, taken)
        except (RefusedError, KeyError, TypeError) as error:
            sys.stderr.write(f"<4>not imported: {label!s:.100}: {error}\n")
            continue
        with store.locked():
            store.save(task, password)
    files.remove(source)


def _from_getmail(record: Json, taken: set[str]) -> tuple[Task, str]:
    """Give the task for one record; KeyError or RefusedError when it is not complete."""
    props = record["props"]
    if not isinstance(props, dict):
        raise TypeError("props")
    port, security, scheduled = _RETRIEVERS[str(props["Retriever"])]
    delete = str(props.get("Delete") or "0")
    days = int(delete) if delete.removeprefix("-").isdigit() else 0
    enabled = props.get("status", "enabled") == "enabled"
    minutes = str(props.get("Time") or "30")
    password = str(props["Password"])
    if not password:
        raise KeyError("Password")
    request: Json = {
        "task_id": new_task_id(taken),
        "localuser": str(props["Account"]).partition("@")[0],
        "remoteusername": str(props["Username"]),
        "remotehostname": str(props["Server"]),
        "remotepassword": password,
        "remoteport": port,
        "security": security,
        "delete_local": False,
        "delete_remote": days >= 0,
        "delete_remote_older": max(days, 0),
        "exclude": "",
        "cron": ("1h" if minutes == "60" else f"{minutes}m") if scheduled and enabled else "",
        "foldersynchronization": "inbox",
    }
    return from_request(request), password
