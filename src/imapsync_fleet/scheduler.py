"""Where the cluster is, and how its connections are encrypted."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import NamedTuple

from imapsync.cli.errors import InputError, UsageError


class Scheduler(NamedTuple):
    """Address of a Dask scheduler; files of authority, own certificate and its key, "" without TLS."""

    address: str
    authority: str = ""
    certificate: str = ""
    key: str = ""

    @classmethod
    def checked(cls, address: str, authority: str, certificate: str, key: str) -> Scheduler:
        """Give it if passwords may go there. UsageError, InputError for a file that is not there."""
        scheme, _, place = address.partition("://")
        files = (authority, certificate, key)
        if scheme not in ("tls", "tcp") or not place:
            raise UsageError(f"--scheduler: '{address}' is no address as tls://host:8786.")
        if scheme == "tcp" and not _is_local(place.rpartition(":")[0]):
            raise UsageError("--scheduler: passwords go to a scheduler elsewhere by tls:// only.")
        if (scheme == "tls" or any(files)) and not all(files):
            raise UsageError("--scheduler: TLS needs --tlsca, --tlscert and --tlskey.")
        for path in filter(None, files):
            if not os.path.isfile(path):
                raise InputError(f"The file '{path}' is not there.")
        return cls(address, *files)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
