"""Requests to the endpoints of a source, under the judgement that remote mail servers are under.

An endpoint's address was typed by whoever edits sources: inside the cluster none is asked, unless an
administrator allowed its host, so that nothing is learned of the ports there. A name is looked up once: what
was judged is what is connected to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from imapsync_tasks.reach import Reach

#: Addresses of a host that are tried.
_MOST_ADDRESSES: Final = 4


class NotAllowedError(requests.RequestException):
    """The endpoint is inside the cluster. Nothing was sent."""


class Judged(HTTPAdapter):
    """What a session's requests go through: it connects to addresses that `reach` has judged."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._address = ""
        super().__init__()

    def send(self, request: PreparedRequest, *words: Any, **more: Any) -> Response:  # noqa: ANN401  # requests'
        """Send to the first address that accepts; requests' own exceptions, NotAllowedError."""
        host = urlsplit(str(request.url)).hostname or ""
        addresses = self._reach.addresses(host)
        if self._reach.guards(host, addresses):
            raise NotAllowedError(host)
        last = requests.ConnectionError("the name has no address")
        for address in addresses[:_MOST_ADDRESSES]:
            self._address = address
            try:
                return super().send(request, *words, **more)
            except requests.ConnectionError as error:
                if not _is_unconnected(error):  # it may have been heard, and must not be said twice
                    raise
                last = error
        raise last

    def add_headers(self, request: PreparedRequest, **_more: object) -> None:
        """Name the host that is meant: it is connected to by its address."""
        request.headers["Host"] = urlsplit(str(request.url)).netloc.rpartition("@")[2]

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: bool | str,
        cert: str | tuple[str, str] | None = None,
    ) -> tuple[Any, Any]:
        """Put the judged address in the host's place; the certificate has to be the host's."""
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        return {**where, "host": self._address}, {**how, "server_hostname": where["host"]}


def _is_unconnected(error: requests.ConnectionError) -> bool:
    """Tell whether there was no connection that anything could have been sent over."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)
