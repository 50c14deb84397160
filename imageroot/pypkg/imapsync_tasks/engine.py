"""The words that the engine is called with. Always `--name=value`: a value may begin with a dash."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import rules
from imapsync_tasks.queue import UNRELEASED, Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.errors import Json
    from imapsync_tasks.instance import Settings
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.sources import Source
    from imapsync_tasks.task import Task

_GMAIL_HOST: Final = "imap.gmail.com"
_MASTER_USER: Final = "vmail"
_SECURITY: Final = {"": ["--nossl1"], "tls": ["--tls1"], "ssl": ["--ssl1"]}


class Remote(NamedTuple):
    """A remote account, as far as a login needs it."""

    remotehostname: str
    remoteport: int
    remoteusername: str
    security: str
    tls_trust: str

    @classmethod
    def asked(cls, request: Json) -> Remote:
        """Read a request that names an account (test-remote, list-remote-folders)."""
        return cls(
            rules.HOST.of(request, "remotehostname"),
            rules.PORT.of(request, "remoteport"),
            rules.REMOTE_USER.of(request, "remoteusername"),
            rules.SECURITY.of(request, "security"),
            rules.TRUST.of(request, "tls_trust", "tofu"),
        )

    @classmethod
    def of(cls, task: Task) -> Remote:
        """Give the remote account of a task."""
        return cls(task.remotehostname, task.remoteport, task.remoteusername, task.security, task.tls_trust)

    @classmethod
    def of_source(cls, signs: Source, user: str) -> Remote:
        """Give a user's account at the server of a source."""
        return cls(signs.remotehostname, signs.remoteport, user, signs.security, signs.tls_trust)


def password_login(user: str, passfile: str) -> list[str]:
    """Give the words of a login with the user's own password."""
    return [f"--user1={user}", f"--passfile1={passfile}"]


def source_login(signs: Source, user: str, passfile: str, paths: Paths) -> list[str]:
    """Give the words of a login as a source wants it; `passfile`: the user's own password."""
    if signs.auth == "password":
        return password_login(user, passfile)
    if signs.auth == "master":
        return password_login(f"{user}*{signs.master_user}", str(paths.source_password(signs.source)))
    if signs.auth == "authorization":
        return [
            f"--user1={user}",
            f"--authuser1={signs.master_user}",
            "--authmech1=PLAIN",
            f"--passfile1={paths.source_password(signs.source)}",
        ]
    asked = ["syncctl", "token", signs.source, user, signs.remotehostname, str(signs.remoteport)]
    return [f"--user1={user}", f"--tokencommand1={shlex.join(asked)}"]


def source(remote: Remote, login: list[str], truststore: str) -> list[str]:
    """Give the words for the remote account; `login` are those of who logs in, and how.

    Without required encryption STARTTLS is used when offered, with any certificate: it can only be better
    than the clear text that was asked for.
    """
    return [
        f"--host1={remote.remotehostname}",
        f"--port1={remote.remoteport}",
        *login,
        *_SECURITY[remote.security],
        f"--trust1={remote.tls_trust if remote.security else 'any'}",
        f"--truststore1={truststore}",
    ]


def destination(localuser: str, settings: Settings, paths: Paths, port: int) -> list[str]:
    """Give the words for the local mailbox: the master user in the user's name, STARTTLS compulsory."""
    return [
        f"--host2={settings.mail_host}",
        f"--port2={port}",
        f"--user2={localuser}*{_MASTER_USER}",
        f"--passfile2={paths.master_password}",
        "--tls2",
        f"--trust2={settings.mail_trust}",
        f"--truststore2={paths.mail_trust}",
    ]


def selection(task: Task) -> list[str]:
    """Give the words that choose the folders.

    Other users' and public folders are left out by their namespace, not by their name: a user's own folder
    may be called Public.
    """
    words = ["--personal1"]
    words += [f"--exclude={pattern}" for pattern in task.exclude_patterns]
    if task.foldersynchronization == "inbox":
        words.append("--folder=INBOX")
    return words


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


#: What a comparison finds is what it is for: it goes to its end.
_EXCEPTIONS: Final = 1_000_000_000
#: Words of a run about its files, which nobody else has to know.
_FILES: Final = ("--pidfile=", "--logfile=", "--state=", "--statehost2=", "--progress=", "--report=")


def for_people(words: Sequence[str]) -> list[str]:
    """Give those words of `run` that say what it does."""
    return [word for word in words if not word.startswith(_FILES)]


def run(
    task: Task,
    settings: Settings,
    paths: Paths,
    release: Release = UNRELEASED,
    further: Sequence[str] = (),
) -> list[str]:
    """Give the words of a sync besides the two accounts, `further` ones among them.

    Mode inbox never deletes local mail: what is not unseen on the remote side is not missing there.
    """
    inbox = task.foldersynchronization == "inbox"
    words = [*selection(task), *further, "--syncduplicates", "--nofoldersizes", "--nofoldersizesatend"]
    if release.verify:
        words += [f"--verify={release.verify}", f"--errorsmax={_EXCEPTIONS}"]
    elif inbox:
        words += ["--search1=UNSEEN", "--setflag1=\\Seen", "--noresyncflags"]
        if task.delivery == "lmtp":
            words += [f"--lmtp2={_bracketed(settings.mail_host)}:{settings.lmtp_port}"]
            words += [f"--lmtpuser2={task.localuser}"]
        elif task.sieve_enabled:
            words.append("--sievedelivery2")
    elif task.delete_local:
        words += ["--delete2", "--delete2folders"]
        if release.deleted:
            words.append(f"--maxdelete2={release.deleted}")
    if task.delete_remote and not release.verify:
        older = task.delete_remote_older
        words += [f"--delete1older={older}" if older else "--delete1", "--noexpungeaftereach"]
        if release.vanished:
            words.append(f"--maxvanished2={release.vanished}")
    if release.retry:
        words.append(f"--retryfailed={paths.failures(task.name)}")
    if task.remotehostname.lower() == _GMAIL_HOST:
        words.append("--gmail1")
    return [
        *words,
        # Other tasks and the user's own programs share what the servers allow an address or an account.
        "--connections=2",
        f"--pidfile={paths.pidfile(task.name)}",
        f"--logfile={paths.log(task.name)}",
        f"--state={paths.journal(task.name)}",
        # Mail may move to another node: its mailboxes, and what is remembered of them, stay the same.
        f"--statehost2={settings.mail_server}",
        f"--progress={paths.progress(task.name)}",
        f"--report={paths.report(task.name)}",
    ]
