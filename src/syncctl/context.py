"""Where syncctl works: the directories, the engine's command, the mail server's port."""

from __future__ import annotations

import os
from typing import NamedTuple

from imapsync_tasks import instance
from imapsync_tasks.paths import Paths
from imapsync_tasks.store import Store

#: Where the instance is, and which authorities vouch for token endpoints, where it is not the usual.
_HANDED_ON = ("SYNCCTL_DIRECTORY", "SYNCCTL_CRON_DIRECTORY", "SSL_CERT_FILE")


class Context(NamedTuple):
    """What the commands share. Tests point the environment variables elsewhere.

    resident: the descriptor of a loaded engine (resident.Resident) that runs are made with, None without one.
    """

    paths: Paths
    store: Store
    engine: str
    mail_port: int
    resident: int | None = None

    @classmethod
    def from_environment(cls) -> Context:
        """Read SYNCCTL_DIRECTORY, SYNCCTL_CRON_DIRECTORY, SYNCCTL_ENGINE and SYNCCTL_MAIL_PORT."""
        paths = Paths.in_container()
        return cls(
            paths,
            Store(paths),
            os.environ.get("SYNCCTL_ENGINE", "imapsync"),
            int(os.environ.get("SYNCCTL_MAIL_PORT", "143")),
        )

    def settings(self) -> instance.Settings:
        """Give the instance's settings as last published."""
        return instance.published(self.paths)


def engine_environment() -> dict[str, str]:
    """Give the engine's whole environment, which `syncctl token` has from it: nothing secret."""
    ours = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return {**ours, "PATH": os.environ.get("PATH", os.defpath), "HOME": "/root", "LANG": "C.UTF-8"}
