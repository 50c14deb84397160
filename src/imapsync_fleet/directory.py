"""What a fleet keeps: ``DIRECTORY/accounts/NAME/`` with state, log, report and result of each account.

A round is one way through all accounts. Its number stands in ``COMMAND.round`` until it has ended; a run that
was cut off is found by it, and goes on with the accounts that have no result of that round.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imapsync.cli.errors import OutputError, PidFileError
from imapsync.report.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync_fleet.accounts import Account

PROGRESS: Final = "progress.json"
_BYTES: Final = "bytes.json"


class Job(NamedTuple):
    """What a worker needs for one account. words hold secrets, commands print them.

    bytes_left: what host1 gives today, None when no limit is known.
    """

    name: str
    shown: str
    command: str
    round: int
    fingerprint: str
    words: tuple[str, ...]
    commands: tuple[str, str] = ("", "")
    bytes_left: int | None = None


class Result(NamedTuple):
    """How one account's run ended; the file NAME/COMMAND.json holds its members.

    shown: the accounts, for people. text: the first thing that went wrong. reasons: how often what went
    wrong. run_again_at: when a server that asked to wait may be asked again (UTC, RFC 3339).
    """

    name: str
    shown: str
    command: str
    round: int
    fingerprint: str
    exit_code: int
    exit_name: str
    began_at: float
    ended_at: float
    messages: int = 0
    copied: int = 0
    copied_bytes: int = 0
    failed: int = 0
    missing: int = 0
    text: str = ""
    reasons: dict[str, int] = {}  # noqa: RUF012 - never changed
    run_again_at: str | None = None


class Directory:
    """The files of a fleet. One process at a time holds it for work; anyone may read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock: int | None = None

    def hold(self) -> None:
        """Make the directory and keep others from it. OutputError; PidFileError when it is taken."""
        try:
            os.makedirs(os.path.join(self.path, "accounts"), mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(os.path.join(self.path, "lock"), flags, 0o600)
        except OSError as error:
            raise OutputError(
                f"The directory '{self.path}' cannot be used: {error.strerror or error}."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PidFileError(f"Another imapsync-fleet works in the directory '{self.path}'.") from None

    def is_held(self) -> bool:
        """Tell whether a process works in it."""
        try:
            handle = os.open(os.path.join(self.path, "lock"), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def folder(self, name: str) -> str:
        """Give the folder of an account, made when it is not there. OutputError."""
        path = os.path.join(self.path, "accounts", name)
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The directory '{path}' cannot be made: {error.strerror or error}.") from None
        return path

    def begin_round(self, command: str) -> int:
        """Give the number of the round that was cut off, else begin the next one."""
        found = self._read(f"{command}.round")
        number = int(found.get("number", 0)) if isinstance(found.get("number"), int) else 0
        if not found.get("open"):
            number += 1
            self.write(f"{command}.round", {"number": number, "open": True})
        return number

    def end_round(self, command: str, number: int) -> None:
        """Note that all accounts of a round were done."""
        self.write(f"{command}.round", {"number": number, "open": False})

    def result(self, name: str, command: str) -> Result | None:
        """Give an account's last result; None without a readable one."""
        found = self._read(os.path.join("accounts", name, f"{command}.json"))
        try:
            return Result(**found)
        except TypeError:
            return None

    def keep(self, result: Result) -> None:
        """Write an account's result. OutputError."""
        folder = self.folder(result.name)
        self.write(os.path.join(folder, f"{result.command}.json"), result._asdict())

    def results(self, command: str) -> Iterator[Result]:
        """Give all results, by name."""
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(os.path.join(self.path, "accounts"))):
                result = self.result(name, command)
                if result is not None:
                    yield result

    def is_done(self, account: Account, command: str, number: int) -> bool:
        """Tell whether an account as it stands in the file was done in a round."""
        result = self.result(account.name, command)
        return (
            result is not None
            and result.round == number
            and result.fingerprint == account.fingerprint
            and result.exit_name != "EXIT_BY_SIGNAL"
        )

    def spent(self, day: str) -> dict[str, int]:
        """Give the bytes read on a day, by login."""
        found = self._read(_BYTES)
        return found["spent"] if found.get("day") == day and isinstance(found.get("spent"), dict) else {}

    def spend(self, day: str, spent: dict[str, int]) -> None:
        """Keep them."""
        self.write(_BYTES, {"day": day, "spent": spent})

    def progress(self) -> dict[str, Any]:
        """Give what the process that works here wrote last."""
        return self._read(PROGRESS)

    def write(self, name: str, value: object) -> None:
        """Replace a file by a JSON value. OutputError."""
        path = os.path.join(self.path, name)
        try:
            replace_file(path, json.dumps(value).encode() + b"\n")
        except OSError as error:
            raise OutputError(f"The file '{path}' cannot be written: {error.strerror or error}.") from None

    def _read(self, name: str) -> dict[str, Any]:
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                found = json.load(file)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
