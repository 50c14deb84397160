"""What the module can refuse, and how each refusal is told: key, field, exit code and a sentence."""

from __future__ import annotations

from typing import Final, NamedTuple

Json = dict[str, object]


class Kind(NamedTuple):
    """One kind of refusal: the action's exit code, the input member it is about, and what it means."""

    exit_code: int
    field: str
    text: str


#: Exit code of every refusal that the JSON schemas would have made.
INVALID_INPUT: Final = 10

#: Every error key of the module. The page and import-csv-tasks find their sentences by these keys.
ERRORS: Final[dict[str, Kind]] = {
    "validation_failed": Kind(
        1, "remotehostname", "the login check ended for a reason that has no name of its own"
    ),
    "state_not_writable": Kind(
        1, "task_id", "the disk is full, or the module's state directory cannot be written to"
    ),
    "task_still_running": Kind(1, "task_id", "the running sync did not end, so nothing was removed"),
    "task_unreadable": Kind(1, "task_id", "the task's files cannot be read, so it was not changed"),
    "task_changed": Kind(
        1,
        "task_id",
        "somebody changed user or server of the task while its login was tried: it stays as it is",
    ),
    "bad_user_credentials": Kind(2, "remotepassword", "the remote server refused the user or password"),
    "task_not_found": Kind(2, "task_id", "no such task"),
    "check_hostname_or_tcp_port": Kind(
        3,
        "remotehostname",
        "no IMAP server answers there (field remotehostname: unknown name; remoteport: no answer)",
    ),
    "host_not_allowed": Kind(
        3,
        "remotehostname",
        "the host lies inside the cluster, where only ports 143 and 993 are tried: an administrator can "
        "allow it (configure-module, allowed_hosts)",
    ),
    "mail_server_is_not_valid": Kind(3, "mail_server", "no Mail instance of the cluster has this UUID"),
    "ssl_encryption_error": Kind(4, "security", "the TLS handshake failed: this port does not speak IMAPS"),
    "starttls_not_allowed_use_imaps": Kind(
        4, "security", "the remote server does not offer STARTTLS on this port"
    ),
    "encryption_required": Kind(4, "security", "the remote server refuses logins without encryption"),
    "certificate_changed": Kind(5, "tls_trust", "the remote certificate is not the one remembered"),
    "certificate_untrusted": Kind(
        5, "tls_trust", "no known authority vouches for the remote certificate, or it is not the pinned one"
    ),
    "mailbox_not_found": Kind(6, "localuser", "the Mail instance has no mailbox for this local user"),
    "mail_server_unreachable": Kind(7, "localuser", "the Mail instance does not answer"),
    "master_password_refused": Kind(
        7, "localuser", "the Mail instance refused the master password, or it is not known"
    ),
    "not_configured": Kind(7, "localuser", "no mail server is set: run configure-module first"),
    "service_not_running": Kind(7, "localuser", "the imapsync service is not running"),
    "invalid_value": Kind(
        INVALID_INPUT, "", "the value has a form, length or character that this field cannot have"
    ),
    "invalid_exclude": Kind(INVALID_INPUT, "exclude", "one of the patterns is not a regular expression"),
    "invalid_schedule": Kind(INVALID_INPUT, "cron", "minutes go from 1m to 59m, hours from 1h to 23h"),
    "password_required": Kind(INVALID_INPUT, "remotepassword", "a new task needs a password"),
    "task_id_taken": Kind(
        INVALID_INPUT,
        "task_id",
        "local user and task id, joined by _, are the name of another task's files: choose another id",
    ),
    "report_not_found": Kind(2, "task_id", "no run of this task has told of itself yet"),
    "project_not_found": Kind(2, "project", "there is no project of this name, or its file is damaged"),
    "project_in_use": Kind(1, "project", "tasks belong to the project"),
    "selection_changed": Kind(1, "expected", "there are more or fewer such tasks by now: nothing was done"),
    "source_not_found": Kind(2, "source", "there is no source of this name, or its file is damaged"),
    "source_in_use": Kind(
        1, "source", "tasks use the source: they keep it, and their passwords stay with its server"
    ),
    "sign_in_not_needed": Kind(INVALID_INPUT, "source", "this source signs in by a password"),
    "value_required": Kind(INVALID_INPUT, "", "this way to sign in needs a value here"),
    "secret_required": Kind(
        INVALID_INPUT,
        "client_secret",
        "the secret has to be given: there is none, or the source would send it elsewhere than before",
    ),
    "token_unavailable": Kind(2, "source", "no access token could be had"),
    "token_endpoint_unreachable": Kind(
        3, "token_url", "the token endpoint does not answer, or its certificate is not trusted"
    ),
    "token_endpoint_not_allowed": Kind(
        3,
        "token_url",
        "the token endpoint lies inside the cluster, where none is asked: an administrator can allow it "
        "(configure-module, allowed_hosts)",
    ),
    "token_request_refused": Kind(2, "source", "the token endpoint refused, or its answer is none"),
    "client_secret_refused": Kind(
        2, "client_secret", "the secret or certificate is not the one of this application"
    ),
    "client_secret_expired": Kind(
        2, "client_secret", "the secret of the application has expired: make a new one there"
    ),
    "client_not_found": Kind(2, "client_id", "the application is not registered there, or was disabled"),
    "tenant_not_found": Kind(2, "tenant", "there is no such tenant"),
    "consent_missing": Kind(
        2, "scope", "an administrator there has to allow the application this scope first"
    ),
    "scope_refused": Kind(2, "scope", "the scope is not one that can be asked for there"),
    "clock_wrong": Kind(
        2, "source", "the clocks of this machine and of the server differ by more than five minutes"
    ),
    "key_unusable": Kind(
        INVALID_INPUT,
        "service_account_key",
        "the key cannot be read: damaged, incomplete, or with a passphrase",
    ),
    "mailbox_unknown": Kind(2, "remoteusername", "the provider knows no such user"),
    "sign_in_needed": Kind(
        2,
        "source",
        "somebody has to sign in: for the first time, or again because the consent has ended or was revoked",
    ),
    "sign_in_denied": Kind(2, "source", "the sign-in was refused by who was asked"),
    "sign_in_expired": Kind(2, "source", "nobody signed in in time: begin again"),
    "sign_in_answer_wrong": Kind(
        2, "response_secret", "this is not the address that this sign-in ended at: begin again"
    ),
    "refresh_token_missing": Kind(
        2, "scope", "the provider gave no lasting consent: the scope may lack offline_access"
    ),
    "token_refused": Kind(2, "source", "the mail server refused the access token"),
    "token_expired": Kind(
        2, "source", "the mail server says that the access token has expired or was revoked"
    ),
    "token_clock": Kind(
        2, "source", "the access token is not valid yet: the clock of this machine or of the server is wrong"
    ),
    "token_audience": Kind(2, "scope", "the access token is for another service than mail"),
    "token_scope": Kind(2, "scope", "the access token does not allow IMAP"),
    "mailbox_not_granted": Kind(2, "remoteusername", "the application was not granted this mailbox"),
    "not_connected": Kind(
        2,
        "remoteusername",
        "signed in, but the mailbox is not within reach: not granted, IMAP switched off, or disabled",
    ),
    "smarthost_missing": Kind(
        1, "addresses", "the cluster has no mail relay: set it in Settings, Email notifications"
    ),
    "mail_not_sent": Kind(1, "addresses", "the cluster's mail relay did not take the message"),
    "invalid_csv": Kind(INVALID_INPUT, "csv_secret", "the file is not a CSV file with the required columns"),
}


#: What the existing module calls the refusals that it has, always about a field `createTask`.
EXISTING_SPELLING: Final[dict[str, str]] = {
    "bad_user_credentials": "bad_user_credentials",
    "check_hostname_or_tcp_port": "Check_hostname_or_tcp_port",
    "host_not_allowed": "Check_hostname_or_tcp_port",
    "ssl_encryption_error": "SSL_encryption_error",
    "starttls_not_allowed_use_imaps": "STARTTLS_not_allowed_use_IMAPS",
    "validation_failed": "validation_failed",
}


class Refusal(NamedTuple):
    """One reason, about one field.

    `value` is what was given, never a password; `details` go into the answer as they are.
    """

    error: str
    field: str = ""
    value: object = ""
    details: Json = {}  # noqa: RUF012  # never changed

    def as_json(self) -> Json:
        """Give the element of the validation answer."""
        name = self.field or ERRORS[self.error].field
        value = "" if is_secret(name) else self.value
        return {"field": name, "parameter": name, "value": value, "error": self.error, **self.details}


class RefusedError(Exception):
    """The request is refused and nothing was changed."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(
            ", ".join(f"{one.field or ERRORS[one.error].field}: {one.error}" for one in refusals)
        )
        self.refusals = refusals

    def in_both_spellings(self) -> RefusedError:
        """Add, as last element, what scripts written for the existing module look for."""
        spelling = EXISTING_SPELLING.get(self.refusals[0].error)
        more = [Refusal(spelling, "createTask", "error")] if spelling else []
        return RefusedError(*self.refusals, *more)

    @property
    def exit_code(self) -> int:
        """Give the exit code of the action: that of the first reason."""
        return ERRORS[self.refusals[0].error].exit_code

    def as_json(self) -> list[Json]:
        """Give the validation answer of the action."""
        return [one.as_json() for one in self.refusals]


class TaskFileError(Exception):
    """A task's files cannot be read as a task; `args[0]` says why."""


class NoSuchTaskError(Exception):
    """There is no task of this name."""


class NameTakenError(Exception):
    """The files that a task would have are another task's: `foo_a` + `b` and `foo` + `a_b` share a name."""


class TaskBusyError(Exception):
    """A sync of this task holds its lock."""


def is_secret(member: str) -> bool:
    """Tell whether NS8 masks a member of this name."""
    return member.lower().endswith(("password", "secret", "token", "key", "pass"))
