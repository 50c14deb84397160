"""A mail domain's own word about its IMAP server, in the form that Thunderbird reads.

Source: Thunderbird's "Autoconfiguration" and "Config file format": config-v1.1.xml at autoconfig.<domain>,
or below /.well-known/autoconfig of the domain. Only HTTPS with a certificate of a known authority counts:
whoever can put another server into the answer gets the passwords.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import urllib3
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from imapsync_tasks import rules
from imapsync_tasks.errors import RefusedError
from syncctl import resolving
from syncctl.resolving import NothingFoundError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from imapsync_tasks.errors import Json
    from imapsync_tasks.reach import Reach

#: A real file has about 2 KiB.
MOST_BYTES: Final = 65536
MOST_REDIRECTS: Final = 3
#: Addresses of a host that are tried.
_MOST_ADDRESSES: Final = 2
_CONNECT_S: Final = 4.0
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"

#: The file's words in ours, the better protection first.
_SECURITY: Final = {"SSL": "ssl", "STARTTLS": "tls", "plain": ""}
_SIGN_IN: Final = {
    "OAuth2": "oauth2",
    "password-cleartext": "password",
    "password-encrypted": "password",
    "plain": "password",
    "secure": "password",
}


class Server(NamedTuple):
    """What the file says of an IMAP server. sign_in: "oauth2", "password", in its order."""

    title: str
    host: str
    port: int
    security: str
    sign_in: tuple[str, ...]


def places(domain: str, address: str) -> tuple[str, str]:
    """Give where the file may be; `address`: the mail address, as Thunderbird tells it, "" for none."""
    told = f"?emailaddress={quote(address)}" if address else ""
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml{told}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml{told}",
    )


def look(reach: Reach, place: str, domain: str, until: float) -> Server:
    """Read the file at a place and give its best IMAP server; `until`: when to give up (monotonic).

    NothingFoundError, besides those of `resolving`: not_allowed, not_trusted, not_there, unusable.
    """
    return best(_content(reach, place, until), domain)


def best(content: bytes, domain: str) -> Server:
    """Give the IMAP server of a file with the best protection, of several the first. NothingFoundError."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # the last two: its encoding
        raise NothingFoundError("unusable") from None
    title = (root.findtext("emailProvider/displayName") or "").strip()
    title = rules.printable(title.replace("%EMAILDOMAIN%", domain))[:200]
    rows = [_server(row, title, domain) for row in root.iterfind("emailProvider/incomingServer")]
    usable = [row for row in rows if row]
    if not usable:
        raise NothingFoundError("unusable")
    order = list(_SECURITY.values())
    return min(usable, key=lambda row: order.index(row.security))


def _server(row: Element, title: str, domain: str) -> Server | None:
    security = _SECURITY.get((row.findtext("socketType") or "").strip())
    if row.get("type") != "imap" or security is None:
        return None
    told: Json = {
        "host": (row.findtext("hostname") or "").strip().replace("%EMAILDOMAIN%", domain).lower(),
        "port": (row.findtext("port") or "").strip(),
    }
    try:
        host = rules.HOST.of(told, "host")
        port = rules.PORT.of({"port": int(str(told["port"]))}, "port")
    except (RefusedError, ValueError):
        return None
    ways = [_SIGN_IN.get((one.text or "").strip()) for one in row.iterfind("authentication")]
    return Server(title, host, port, security, tuple(dict.fromkeys(way for way in ways if way)))


def _content(reach: Reach, place: str, until: float) -> bytes:
    for _ in range(MOST_REDIRECTS + 1):
        found = _get(reach, place, until)
        if isinstance(found, bytes):
            return found
        try:
            place = urljoin(place, found)
        except ValueError:
            break
    raise NothingFoundError("unusable")


def _get(reach: Reach, place: str, until: float) -> bytes | str:
    """Give what is at a place, or where else to look."""
    try:
        parts = urlsplit(place)
        plain = parts.scheme == "https" and parts.port in (None, 443) and "@" not in parts.netloc
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:  # UnicodeError is one
        plain, host = False, ""
    if not plain or not rules.is_host(host):
        raise NothingFoundError("unusable")
    addresses = resolving.addresses(host)
    if reach.guards(host, addresses):
        raise NothingFoundError("not_allowed")
    outcome = "no_answer"
    for address in addresses[:_MOST_ADDRESSES]:
        try:
            return _asked(host, address, parts._replace(scheme="", netloc="", fragment="").geturl(), until)
        except urllib3.exceptions.SSLError:
            outcome = "not_trusted"
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            outcome = "no_answer"
    raise NothingFoundError(outcome)


def _asked(host: str, address: str, path: str, until: float) -> bytes | str:
    """Ask the server at an address that was judged, as `host`: its name is not looked up again."""
    left_s = until - time.monotonic()
    if left_s <= 0:
        raise NothingFoundError("no_answer")
    pool = urllib3.HTTPSConnectionPool(
        address,
        timeout=urllib3.Timeout(connect=min(_CONNECT_S, left_s), read=left_s),
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("SSL_CERT_FILE", _AUTHORITIES),
        server_hostname=host,
        assert_hostname=host,
    )
    headers = {"Host": host, "Accept": "text/xml, application/xml", "User-Agent": "imapsync"}
    with pool:
        answer = pool.request(
            "GET", path or "/", headers=headers, redirect=False, preload_content=False, decode_content=False
        )
        try:
            if answer.status in _REDIRECTS:
                return answer.headers.get("Location", "")
            if answer.status != 200:
                raise NothingFoundError("not_there")
            return _read(answer, until)
        finally:
            answer.close()


def _read(answer: urllib3.BaseHTTPResponse, until: float) -> bytes:
    content = b""
    while part := answer.read1(8192):
        content += part
        if len(content) > MOST_BYTES:
            raise NothingFoundError("unusable")
        if time.monotonic() > until:
            raise NothingFoundError("no_answer")
    return content
