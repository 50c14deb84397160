"""The settings of an instance: from the agent's environment, handed to the container in one small file."""

from __future__ import annotations

import ipaddress
import json
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import files, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync_tasks.paths import Paths

#: Set in `environment` while schedules are paused: after restore and clone, or by an administrator.
PAUSED_VARIABLE: Final = "SCHEDULES_PAUSED"
#: Set beside it when it was an administrator.
PAUSED_BY_VARIABLE: Final = "SCHEDULES_PAUSED_BY"
PAUSED_BY_ADMIN: Final = "admin"
#: Host names, addresses and networks, separated by commas.
ALLOWED_VARIABLE: Final = "ALLOWED_HOSTS"
#: Where the Mail instance's LMTP listens, when it does.
LMTP_VARIABLE: Final = "MAIL_LMTP_PORT"
LMTP_PORT: Final = 24
_PER_CPU: Final = 2
_FEWEST, _MOST = 2, 16


class Settings(NamedTuple):
    """What the instance works with; texts are empty when it is not configured."""

    mail_server: str = ""
    mail_host: str = ""
    max_parallel: int = _FEWEST
    schedules_paused: bool = False
    #: An administrator paused them: unlike a copy, the instance goes on with what it had begun.
    paused_by_admin: bool = False
    #: The cluster's own network, as `10.5.4.0/24`, and hosts that an administrator allowed in spite of it.
    cluster_network: str = ""
    allowed_hosts: tuple[str, ...] = ()
    #: At the Mail instance's address.
    lmtp_port: int = LMTP_PORT

    @property
    def mail_trust(self) -> str:
        """Give the certificate rule for the Mail instance.

        Its certificate is for its public name, never for this address, and is renewed every few weeks. At a
        private address the cluster's VPN (or this machine) has authenticated it already: any certificate
        does, but TLS stays compulsory. A public address is not protected so: the certificate is remembered.
        """
        try:
            address = ipaddress.ip_address(self.mail_host)
        except ValueError:
            return "tofu"
        return "any" if address.is_private or address.is_loopback else "tofu"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings from the variables of a step or helper."""
    return Settings(
        mail_server=environ.get("MAIL_SERVER", ""),
        mail_host=environ.get("MAIL_HOST", ""),
        max_parallel=_parallel(environ.get("MAX_PARALLEL", "")),
        schedules_paused=environ.get(PAUSED_VARIABLE, "") == "1",
        paused_by_admin=environ.get(PAUSED_BY_VARIABLE, "") == PAUSED_BY_ADMIN,
        allowed_hosts=tuple(one for one in environ.get(ALLOWED_VARIABLE, "").split(",") if one),
        lmtp_port=_lmtp_port(environ.get(LMTP_VARIABLE, "")),
    )


def default_parallel() -> int:
    """Give how many tasks run at once unless the admin decides: syncs mostly wait for the network."""
    return max(_FEWEST, min(_MOST, _PER_CPU * (os.cpu_count() or 1)))


def publish(paths: Paths, settings: Settings) -> None:
    """Tell the container; the caller holds the instance lock."""
    files.replace(paths.settings, json.dumps(settings._asdict()))


def published(paths: Paths) -> Settings:
    """Read what was published last; defaults when nothing was."""
    values = files.read_json(paths.settings) or {}
    allowed = values.get("allowed_hosts")
    return Settings(
        mail_server=str(values.get("mail_server", "")),
        mail_host=str(values.get("mail_host", "")),
        max_parallel=_parallel(str(values.get("max_parallel", ""))),
        schedules_paused=values.get("schedules_paused") is True,
        paused_by_admin=values.get("paused_by_admin") is True,
        cluster_network=str(values.get("cluster_network", "")),
        allowed_hosts=tuple(str(one) for one in allowed) if isinstance(allowed, list) else (),
        lmtp_port=_lmtp_port(str(values.get("lmtp_port", ""))),
    )


def _parallel(text: str) -> int:
    return _number(text, rules.PARALLEL) or default_parallel()


def _lmtp_port(text: str) -> int:
    return _number(text, rules.PORT) or LMTP_PORT


def _number(text: str, rule: rules.Number) -> int | None:
    within = text.isascii() and text.isdigit() and rule.low <= int(text) <= rule.high
    return int(text) if within else None
