"""The instance's settings and its service: configure-module and its kin."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from imapsync_tasks import instance, mailserver, reach, rules, steps
from imapsync_tasks.errors import Json, Refusal, RefusedError

_SERVICE: Final = "imapsync.service"
#: How long a starting service waits for Mail's master password; Mail starts at the same time when a node
#: boots.
_SECRET_WAIT_S: Final = 30.0
_SECRET_STEP_S: Final = 3.0
_PAUSE: Final = (instance.PAUSED_VARIABLE, instance.PAUSED_BY_VARIABLE)


def read(_request: Json) -> Json:
    """Give the answer of get-configuration."""
    settings = steps.settings()
    return {
        "mail_server": settings.mail_server,
        "mail_host": settings.mail_host,
        "max_parallel": settings.max_parallel,
        "allowed_hosts": list(settings.allowed_hosts),
        "lmtp_port": settings.lmtp_port,
        "schedules_paused": settings.schedules_paused,
        "mail_server_URL": [
            {
                "name": one.module_id,
                "label": f"{one.module_id} ({one.mail_hostname})",
                "value": f"{one.uuid},{one.host}",
            }
            for one in mailserver.providers()
        ],
    }


def validate(request: Json) -> None:
    """Refuse a Mail instance that the cluster does not have, and an address that is not its own."""
    uuid = str(request.get("mail_server", ""))
    found = mailserver.find(uuid)
    if found is None:
        raise RefusedError(Refusal("mail_server_is_not_valid", "mail_server", uuid))
    host = rules.HOST.of(request, "mail_host")
    announced = {found.host.casefold(), found.mail_hostname.casefold()}
    # Its master password goes there: to no name but its own, and to no address outside the cluster.
    if host.casefold() not in announced and not reach.is_inside(host, _known_network()):
        raise rules.refused("mail_host", host)
    for one in _allowed(request):
        if not rules.HOST.takes(one) and not reach.is_entry(one):
            raise RefusedError(Refusal("invalid_value", "allowed_hosts", one))


def save(request: Json) -> None:
    """Store the settings. An admin has seen the instance now: schedules need not wait any longer."""
    values = {"MAIL_SERVER": str(request["mail_server"]), "MAIL_HOST": str(request["mail_host"])}
    if "max_parallel" in request:
        values["MAX_PARALLEL"] = str(rules.PARALLEL.of(request, "max_parallel"))
    if "lmtp_port" in request:
        values[instance.LMTP_VARIABLE] = str(rules.PORT.of(request, "lmtp_port"))
    if "allowed_hosts" in request:
        values[instance.ALLOWED_VARIABLE] = ",".join(_allowed(request))
    steps.set_environment(values, unset=_PAUSE)


def _allowed(request: Json) -> list[str]:
    given = request.get("allowed_hosts", [])
    return [str(one) for one in given] if isinstance(given, list) else []


def expand(settings: instance.Settings) -> instance.Settings:
    """Hand the settings to the container and make every schedule anew; give what was handed over before."""
    store = steps.store()
    with store.locked():
        before = instance.published(store.paths)
        store.expand(settings._replace(cluster_network=_known_network()))
    return before


def _known_network() -> str:
    """Give the network of the cluster's nodes, that of before while it cannot be asked for."""
    return _cluster_network() or instance.published(steps.store().paths).cluster_network


def _cluster_network() -> str:
    """Give the network of the cluster's nodes; nothing when it cannot be asked for now."""
    import agent

    try:
        return str(agent.redis_connect(use_replica=True).get("cluster/network") or "")
    except Exception as error:  # noqa: BLE001  # however the platform fails, the network known before counts
        sys.stderr.write(f"cluster/network: {type(error).__name__}\n")
        return ""


def apply(_request: Json) -> Json:
    """Bring the settings into force; give the answer of configure-module.

    Runs under way survive when only things change that the container reads again by itself.
    """
    settings = steps.settings()
    before = expand(settings)
    unchanged = (before.mail_server, before.mail_host) == (settings.mail_server, settings.mail_host)
    active = steps.helper("systemctl", "--user", "--quiet", "is-active", _SERVICE) == 0
    if unchanged and active:
        mailserver.fetch_master_password(steps.store(), settings)
    else:
        enable_service(restart=True)
    return {
        "mail_server": settings.mail_server,
        "mail_host": settings.mail_host,
        "max_parallel": settings.max_parallel,
        "allowed_hosts": list(settings.allowed_hosts),
        "lmtp_port": settings.lmtp_port,
    }


def pause(_request: Json) -> Json:
    """Let no schedule begin a run; who runs or waits goes on.

    A copy that waits for its administrator stays one: it begins nothing that its original had begun.
    """
    paused = steps.settings().schedules_paused
    if not paused:
        values = dict(zip(_PAUSE, ("1", instance.PAUSED_BY_ADMIN), strict=True))
        steps.set_environment(values)
        expand(instance.from_environment({**os.environ, **values}))
    return {"paused": not paused}


def resume(_request: Json) -> Json:
    """End the pause, whoever began it."""
    paused = steps.settings().schedules_paused
    steps.set_environment({}, unset=_PAUSE)
    environ = {name: value for name, value in os.environ.items() if name not in _PAUSE}
    expand(instance.from_environment(environ))
    return {"resumed": paused}


def enable_service(*, restart: bool = False) -> int:
    """Enable and start the service; give the exit code."""
    enabled = steps.helper("systemctl", "--user", "enable", _SERVICE)
    started = steps.helper("systemctl", "--user", "restart" if restart else "start", _SERVICE)
    if restart and (enabled or started):
        raise RuntimeError("the service does not start")
    return enabled or started


def disable_service() -> int:
    """Stop the service for good; give the exit code."""
    return steps.helper("systemctl", "--user", "disable", "--now", _SERVICE)


def restart_service() -> int:
    """Restart the service when it runs; give the exit code."""
    return steps.helper("systemctl", "--user", "try-restart", _SERVICE)


def reveal_master_secret(patience_s: float = _SECRET_WAIT_S) -> int:
    """Fetch the master password, waiting a little for Mail; 0 when there is one, be it an older one."""
    settings = steps.settings()
    store = steps.store()
    if not settings.mail_server:
        return 0
    end = time.monotonic() + patience_s
    while not mailserver.fetch_master_password(store, settings):
        if time.monotonic() + _SECRET_STEP_S >= end:
            return 0 if store.paths.master_password.exists() else 1
        time.sleep(_SECRET_STEP_S)
    return 0
