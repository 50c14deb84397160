"""A state directory as the existing module leaves it: every combination of fields, odd ids, broken files.

Its form is written down in the module's contract: the keys and words of the `.env` files, the cron lines, the
files beside them. `problems` says where a file is no longer in that form, so that a downgrade would lose it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEYS: Final = (
    *("TASK_ID", "LOCALUSER", "REMOTEUSERNAME", "REMOTEHOSTNAME", "REMOTEPORT", "SECURITY"),
    *("DELETE_LOCAL", "DELETEFOLDER", "EXCLUDE", "DELETE_REMOTE", "SIEVE_ENABLED", "EXPUNGE_REMOTE"),
    *("CRON", "FOLDER_INBOX", "FOLDERSYNCHRONIZATION"),
)
#: What its create-task took for a task id: any text. Only that it is a file's name is sure.
ODD_IDS: Final = (
    *("public_shared_test", "ABC", "a-b", "a.b", "_", "x_", "-v", "a.env", "a.state", "a.log.1", "x" * 64),
    *("with space", "50%", "it's", "ü", "a+b", "a,b", "#1", "$HOME", "`id`", "*", "", "y" * 100),
)
#: Names of tasks whose file is no task, with the file's content.
BROKEN: Final = {
    "broken_empty1": b"",
    "broken_noport": b"\nTASK_ID=noport\nLOCALUSER=broken\nREMOTEUSERNAME=u\nREMOTEHOSTNAME=h.example\n",
    "broken_bytes1": b"\nTASK_ID=bytes1\nLOCALUSER=broken\nREMOTEUSERNAME=\xff\xfe\n",
    "broken_other1": b"\nTASK_ID=else\nLOCALUSER=somebody\nREMOTEUSERNAME=u\n",
    "broken_BAD_id": b"\nTASK_ID=BAD_id\nLOCALUSER=broken\nREMOTEPORT=many\n",
}
#: Files of the administrator.
OWN: Final = {
    "cron/own.custom": b"1 */1 * * *  root /etc/imapsync/script.custom\n",
    "imapsync/script.custom": b"#!/bin/sh\nimapsync --version\n",
    "imapsync/notes_of_mine.log": b"mine\n",
    "imapsync/foo_b.txt": b"mine\n",
}


class Existing(NamedTuple):
    """One task: who it is and the other keys of its file."""

    localuser: str
    task_id: str
    values: dict[str, str]

    @property
    def name(self) -> str:
        """Give the beginning of its files' names."""
        return f"{self.localuser}_{self.task_id}"

    @property
    def content(self) -> str:
        """Give its `.env`."""
        values = {"TASK_ID": self.task_id, "LOCALUSER": self.localuser, **self.values}
        return "\n" + "".join(f"{key}={values[key]}\n" for key in KEYS)


def tasks(user: str = "foo", **changes: str) -> list[Existing]:
    """Give one task for each combination of fields and for each odd id; `changes` are of every file."""
    found = [
        Existing(user, f"t{number:05}", _values(choice, number) | changes)
        for number, choice in enumerate(_combinations())
    ]
    plain = _values(("--tls1", "", "", "all", ""), 1) | changes
    return found + [Existing(user, odd, plain) for odd in ODD_IDS]


def write(state: Path, made: list[Existing], password: str) -> None:
    """Write the files of these tasks as the existing module does when they have run, and what lies beside."""
    for folder in ("imapsync", "cron"):
        (state / folder).mkdir(exist_ok=True)
    for one in made:
        files = {
            f"imapsync/{one.name}.env": one.content,
            f"imapsync/{one.name}.pwd": password,
            f"imapsync/{one.name}.log": "++++ Statistics\n",
            f"imapsync/{one.name}.status": "1700000000\n0\n",
            f"imapsync/{one.name}.timestamp": one.values["FOLDERSYNCHRONIZATION"] + "\n",
            f"imapsync/{one.name}.pid": "123\n",
            f"imapsync/{one.name}.lock": "",
            f"imapsync/{one.name}.rollback": password,
        }
        cron = one.values["CRON"]
        if cron:
            files[f"cron/{one.name}.cron"] = _cron(one.name, cron)
        for name, content in files.items():
            _put(state / name, content.encode())
    for name, text in BROKEN.items():
        _put(state / "imapsync" / f"{name}.env", text)
        _put(state / "imapsync" / f"{name}.pwd", password.encode())
    for name, text in OWN.items():
        _put(state / name, text)


def request(one: Existing) -> dict[str, object]:
    """Give create-task's input that changes nothing of a task."""
    values = one.values
    remote = values["DELETE_REMOTE"]
    return {
        "task_id": one.task_id,
        "localuser": one.localuser,
        "remoteusername": values["REMOTEUSERNAME"],
        "remotehostname": values["REMOTEHOSTNAME"],
        "remotepassword": "",
        "remoteport": int(values["REMOTEPORT"]),
        "security": {"": "", "--tls1": "tls", "--ssl1": "ssl"}[values["SECURITY"]],
        "delete_local": bool(values["DELETE_LOCAL"]),
        "delete_remote": bool(remote),
        "delete_remote_older": int(remote.partition("=")[2] or 0),
        "exclude": values["EXCLUDE"].removeprefix(","),
        "cron": values["CRON"],
        "foldersynchronization": values["FOLDERSYNCHRONIZATION"],
        "sieve_enabled": bool(values["SIEVE_ENABLED"]),
    }


def problems(content: bytes) -> list[str]:
    """Tell what of a task's file the existing module could not read."""
    values = _read(content)
    missing = [f"{key} is missing" for key in KEYS if key not in values]
    if missing:
        return missing
    older = values["DELETE_REMOTE"].removeprefix("--delete1older=")
    inbox = values["FOLDERSYNCHRONIZATION"] == "inbox"
    truths = {
        "SECURITY": values["SECURITY"] in ("", "--tls1", "--ssl1"),
        "REMOTEPORT": values["REMOTEPORT"].isdigit(),
        "DELETE_LOCAL": values["DELETE_LOCAL"] in ("", "--delete2"),
        "DELETEFOLDER": values["DELETEFOLDER"] == ("--delete2folders" if values["DELETE_LOCAL"] else ""),
        "EXCLUDE": not values["EXCLUDE"] or values["EXCLUDE"].startswith(","),
        "DELETE_REMOTE": values["DELETE_REMOTE"] in ("", "--delete1") or older.isdigit(),
        "SIEVE_ENABLED": values["SIEVE_ENABLED"] in ("", "1"),
        "EXPUNGE_REMOTE": values["EXPUNGE_REMOTE"]
        == ("--noexpungeaftereach" if values["DELETE_REMOTE"] else ""),
        "FOLDER_INBOX": values["FOLDER_INBOX"] == ("--folder\\ 'INBOX'" if inbox else ""),
        "FOLDERSYNCHRONIZATION": values["FOLDERSYNCHRONIZATION"] in ("all", "inbox", "exclusion"),
    }
    return [f"{key}={values[key]!r}" for key, true in truths.items() if not true]


def _read(content: bytes) -> Mapping[str, str]:
    """Read a file as NS8's agent library does: no quoting, split at the first "="."""
    lines = (line for line in content.decode().split("\n") if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def _combinations() -> Iterator[tuple[str, str, str, str, str]]:
    return itertools.product(
        ("--tls1", "--ssl1", ""),
        ("", "--delete2"),
        ("", "--delete1", "--delete1older=15"),
        ("all", "inbox", "exclusion"),
        ("", "1"),
    )


def _values(choice: tuple[str, ...], number: int) -> dict[str, str]:
    security, local, remote, mode, sieve = choice
    return {
        "REMOTEUSERNAME": f"user{number}@example.org",
        "REMOTEHOSTNAME": "imap.example.org",
        "REMOTEPORT": "143",
        "SECURITY": security,
        "DELETE_LOCAL": local,
        "DELETEFOLDER": "--delete2folders" if local else "",
        "EXCLUDE": ",folder1,^folder 2$" if mode == "exclusion" or number % 7 == 3 else "",
        "DELETE_REMOTE": remote,
        "SIEVE_ENABLED": sieve,
        "EXPUNGE_REMOTE": "--noexpungeaftereach" if remote else "",
        "CRON": ("", "5m", "1h", "60m", "59m", "23h")[number % 6],
        "FOLDER_INBOX": "--folder\\ 'INBOX'" if mode == "inbox" else "",
        "FOLDERSYNCHRONIZATION": mode,
    }


def _cron(name: str, cron: str) -> str:
    number, unit = cron[:-1], cron[-1]
    when = f"*/{number} * * * *" if unit == "m" else f"1 */{number} * * * "
    return f"MAIL_HOST=10.5.4.1\n{when} root /usr/local/bin/syncctl start {name}\n"


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
