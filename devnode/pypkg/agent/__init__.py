"""The `agent` package of a node, as far as modules use it: same names, results and failures.

Parts that need services which this stand-in has not (Traefik routes and certificates, LDAP, port allocation,
restic) are absent: importing them fails at once instead of pretending.
"""

from __future__ import annotations

from ._control import (
    assert_exp,
    get_progress_callback,
    run_helper,
    set_progress,
    set_status,
    set_weight,
)
from ._envfile import (
    dump_env,
    mset_env,
    munset_env,
    read_envfile,
    set_env,
    unset_env,
    write_envfile,
)
from ._names import (
    get_hostname,
    get_image_name_from_url,
    resolve_agent_id,
    slurp_file,
    tcp_port_in_use,
)
from ._redis import (
    get_bound_domain_list,
    get_smarthost_settings,
    list_service_providers,
    redis_connect,
)
from .volumes import get_existing_volume_args, get_state_volume_args

SD_EMERG = "<0>"
SD_ALERT = "<1>"
SD_CRIT = "<2>"
SD_ERR = "<3>"
SD_WARNING = "<4>"
SD_NOTICE = "<5>"
SD_INFO = "<6>"
SD_DEBUG = "<7>"

__all__ = [
    "SD_ALERT",
    "SD_CRIT",
    "SD_DEBUG",
    "SD_EMERG",
    "SD_ERR",
    "SD_INFO",
    "SD_NOTICE",
    "SD_WARNING",
    "assert_exp",
    "dump_env",
    "get_bound_domain_list",
    "get_existing_volume_args",
    "get_hostname",
    "get_image_name_from_url",
    "get_progress_callback",
    "get_smarthost_settings",
    "get_state_volume_args",
    "list_service_providers",
    "mset_env",
    "munset_env",
    "read_envfile",
    "redis_connect",
    "resolve_agent_id",
    "run_helper",
    "set_env",
    "set_progress",
    "set_status",
    "set_weight",
    "slurp_file",
    "tcp_port_in_use",
    "unset_env",
    "write_envfile",
]
