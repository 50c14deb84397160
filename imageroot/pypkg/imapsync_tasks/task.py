"""A task: the table of its fields, read from a request and from its file, and written back.

A new field is one row of `Task`; the schemas are made of the table by `python -m tests.module.schemas`.
"""

# The annotations are the table: they must be values, not texts.

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from imapsync_tasks import fields, rules
from imapsync_tasks.errors import Json, RefusedError, TaskFileError
from imapsync_tasks.fields import NEEDED, Field


class Task(NamedTuple):
    """The settings of one sync. Names and meanings are those of create-task's input."""

    localuser: Annotated[
        str,
        Field(
            rules.LOCALUSER,
            fields.text("LOCALUSER"),
            "Local user name; of a new task: letters, digits and . _ + @ -, not beginning with . + @ or -",
            NEEDED,
        ),
    ]
    task_id: Annotated[
        str,
        Field(
            rules.TASK_ID,
            fields.text("TASK_ID"),
            "Identifier of the task among those of its local user; of a new task: at most 64 letters, digits "
            "and . _ -, not beginning with a dot",
            "",
        ),
    ]
    remoteusername: Annotated[
        str,
        Field(
            rules.REMOTE_USER,
            fields.text("REMOTEUSERNAME"),
            "User name for the remote IMAP server; <user>*vmail logs in with a NethServer master password",
            NEEDED,
        ),
    ]
    remotehostname: Annotated[
        str,
        Field(
            rules.HOST,
            fields.text("REMOTEHOSTNAME"),
            "Host name (also international), IPv4 or IPv6 address of the remote IMAP server",
            NEEDED,
        ),
    ]
    remoteport: Annotated[
        int, Field(rules.PORT, fields.number("REMOTEPORT"), "TCP port of the remote IMAP server", NEEDED)
    ]
    security: Annotated[
        str,
        Field(
            rules.SECURITY,
            fields.SECURITY,
            "tls: STARTTLS must be offered; ssl: TLS from the first byte; empty: STARTTLS when offered, "
            "else clear",
            NEEDED,
        ),
    ]
    delete_local: Annotated[
        bool,
        Field(
            rules.FLAG,
            fields.flag("--delete2", "DELETE_LOCAL", ("DELETEFOLDER", "--delete2folders")),
            "Delete local mails and folders that are not on the remote account (not in mode inbox)",
            False,
        ),
    ]
    delete_remote: Annotated[
        bool,
        Field(
            rules.FLAG,
            fields.DELETE_REMOTE,
            "Delete mails on the remote account once they are proven to be on the local one",
            False,
        ),
    ]
    exclude: Annotated[
        str,
        Field(
            rules.PATTERNS,
            fields.EXCLUDE,
            "Mode exclusion: comma-separated regular expressions for remote folder names; ^ and $ anchor, "
            "a blank entry matches nothing",
            "",
        ),
    ]
    cron: Annotated[
        str,
        Field(
            rules.SCHEDULE,
            fields.CRON,
            "Schedule: <n>m with 1-59 minutes, <n>h with 1-23 hours, live: when mail comes, 22:00 "
            "(daily), mon-fri 22:00 (on days of the week), mon-fri 30m 20-06 (an interval within hours), "
            "2026-12-24 22:00 (once), or empty: by hand only. Times are the node's",
            "",
        ),
    ]
    foldersynchronization: Annotated[
        str,
        Field(
            rules.FOLDER_MODE,
            fields.FOLDERS,
            "all folders, only the inbox, or all but the excluded ones",
            "all",
        ),
    ]
    delete_remote_older: Annotated[
        int,
        Field(
            rules.DAYS,
            fields.DELETE_REMOTE_OLDER,
            "With delete_remote: only mails older than this many days; 0: at once",
            0,
        ),
    ] = 0
    sieve_enabled: Annotated[
        bool,
        Field(
            rules.FLAG,
            fields.flag("1", "SIEVE_ENABLED"),
            "Mode inbox: run the local user's Sieve script on new mails",
            False,
        ),
    ] = False
    delivery: Annotated[
        str,
        Field(
            rules.DELIVERY,
            fields.DELIVERY,
            "Mode inbox: append new mails, or hand them to the Mail instance's LMTP as mail from outside is, "
            "so that the local user's Sieve script runs as a whole (lmtp; sieve_enabled says nothing then)",
            "append",
        ),
    ] = "append"
    tls_trust: Annotated[
        str,
        Field(
            rules.TRUST,
            fields.text("TLS_TRUST", "tofu"),
            "Accepted certificates of the remote server: tofu (known authority, else remembered at first "
            "use), ca, any, or sha256:FINGERPRINT",
            "tofu",
        ),
    ] = "tofu"
    source: Annotated[
        str,
        Field(
            rules.NO_SOURCE_OR_NAME,
            fields.text("SOURCE", ""),
            "Name of a source (set-source) that stands for remotehostname, remoteport, security, "
            "tls_trust and, unless it wants a password for each task, remotepassword; empty: none",
            "",
        ),
    ] = ""
    project: Annotated[
        str,
        Field(
            rules.NO_SOURCE_OR_NAME,
            fields.text("PROJECT", ""),
            "Name of the project (set-project) that the task belongs to, whose schedule stands for cron; "
            "empty: none",
            "",
        ),
    ] = ""
    #: Keys of the file that are not ours: kept as they are.
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Give `<localuser>_<task_id>`, the beginning of the names of all its files."""
        return f"{self.localuser}_{self.task_id}"

    @property
    def exclude_patterns(self) -> list[str]:
        """Give the folder patterns in force: none outside mode exclusion, and a blank entry is none."""
        if self.foldersynchronization != "exclusion":
            return []
        return [pattern for pattern in self.exclude.split(",") if pattern.strip()]

    @property
    def account_key(self) -> tuple[str, str, str]:
        """Give what makes two tasks sync the same account, whatever the case (import-csv-tasks)."""
        return self.localuser.casefold(), self.remoteusername.casefold(), self.remotehostname.casefold()


#: name -> its row, in the order of the attributes.
FIELDS: Final[dict[str, Field]] = {
    name: note
    for name, hint in Task.__annotations__.items()
    for note in getattr(hint, "__metadata__", ())
    if isinstance(note, Field)
}
#: name -> value where create-task's input lacks it.
DEFAULTS: Final[dict[str, object]] = {
    name: Task._field_defaults[name] for name in FIELDS if name in Task._field_defaults
}
#: What a task with a source has of it and not of its own -> its value in the task's file.
OF_SOURCE: Final[Json] = {"remotehostname": "", "remoteport": 0, "security": "", "tls_trust": "tofu"}
#: The same of a task with a project.
OF_PROJECT: Final[Json] = {"cron": ""}
_WRITERS: Final = {key: write for field in FIELDS.values() for key, write in field.stored.write.items()}
#: Keys that `to_env` writes, in their order; any other is kept untouched.
KNOWN_KEYS: Final = (*fields.ORDER, *(key for key in _WRITERS if key not in fields.ORDER))


def from_request(request: Json) -> Task:
    """Make a task of create-task's input. Refused with every field that is wrong."""
    values, refused = _judged(request)
    if refused:
        raise RefusedError(*(one for each in refused for one in each.refusals))
    return Task(**values)  # type: ignore[arg-type]  # each rule gives its field's type


def _judged(request: Json) -> tuple[Json, list[RefusedError]]:
    values: Json = {}
    refused = []
    given = (OF_SOURCE if request.get("source") else {}) | (OF_PROJECT if request.get("project") else {})
    for name, field in FIELDS.items():
        if name in given:
            values[name] = given[name]
            continue
        try:
            values[name] = field.rule.of(request, name, DEFAULTS.get(name))  # type: ignore[arg-type]
        except RefusedError as error:
            refused.append(error)
    return values, refused


def to_env(task: Task) -> dict[str, str]:
    """Give the keys of the task's file: the existing module's in its order, then ours, then others."""
    if task.source:
        task = task._replace(**OF_SOURCE)  # type: ignore[arg-type]  # of the fields' types
    if task.project:
        task = task._replace(**OF_PROJECT)  # type: ignore[arg-type]  # idem
    values = {key: _WRITERS[key](task) for key in KNOWN_KEYS}
    return {key: value for key, value in values.items() if value or key in fields.ORDER} | dict(task.unknown)


def from_env(name: str, values: Mapping[str, str]) -> Task:
    """Read the file of the task `name`, ours or the existing module's.

    TaskFileError says what is wrong with it.
    """
    localuser, task_id = identity(name, values)
    if f"{localuser}_{task_id}" != name:
        raise TaskFileError("the file name is not <localuser>_<task_id>.env")
    if (values.get("LOCALUSER", localuser), values.get("TASK_ID", task_id)) != (localuser, task_id):
        raise TaskFileError("LOCALUSER and TASK_ID do not match the file name")
    request: Json = {field_name: field.stored.read(values) for field_name, field in FIELDS.items()}
    made, refused = _judged(request | {"localuser": localuser, "task_id": task_id})
    if refused:
        names = sorted({one.field for each in refused for one in each.refusals})
        raise TaskFileError(f"missing or wrong: {', '.join(names)}")
    unknown = tuple((key, value) for key, value in values.items() if key not in KNOWN_KEYS)
    return Task(**made, unknown=unknown)  # type: ignore[arg-type]  # idem


def identity(name: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Give (localuser, task_id) of the file `name`: what stands in it, else what the name alone tells."""
    told = values.get("LOCALUSER", ""), values.get("TASK_ID", "")
    if "_".join(told) == name:
        return told
    localuser, _, task_id = name.rpartition("_")
    return (localuser, task_id) if localuser else (name, "")
