"""Options of one side as the engine's Endpoint and Credentials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imapsync.cli.errors import UsageError
from imapsync.cli.secrets import find_password, read_first_line
from imapsync.cli.tokencommand import token_command

if TYPE_CHECKING:
    from imapsync.cli.getopt import Parsed
    from imapsync.session.credentials import Credentials
    from imapsync.session.endpoint import Endpoint, Security
    from imapsync.session.networks import Network

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "COMMAND")
#: What --sslargs1 SSL_version=NAME means for the lowest version that is accepted. SSLv23 is IO::Socket::SSL's
#: word for "any"; the SSL versions themselves are in no library any more.
_MINIMUM_TLS = {
    "SSLV2": "1.0",
    "SSLV3": "1.0",
    "SSLV23": "1.0",
    "SSLV2/3": "1.0",
    "TLSV1": "1.0",
    "TLSV1_0": "1.0",
    "TLSV1_1": "1.1",
    "TLSV1_2": "1.2",
    "TLSV1_3": "1.3",
    "TLSV12": "1.2",
    "TLSV13": "1.3",
}


def endpoint(options: Parsed, side: int, home: str) -> Endpoint:
    """Give where and how to connect. UsageError names the option at fault."""
    from imapsync.session.endpoint import DEFAULT_TIMEOUT_S, Endpoint, Trust

    port = options.integer(f"port{side}")
    if port is not None and not 1 <= port <= 65_535:
        raise UsageError(
            f"Option --port{side}: {port} is not a TCP port, those go from 1 to 65535.", option=f"port{side}"
        )
    trust = options.text(f"trust{side}") or "tofu"
    ca_file: str | None = None
    minimum = "1.2"
    ciphers = ""
    version = options.text(f"ssl{side}_ssl_version")
    for argument in (*([f"SSL_version={version}"] if version else []), *options.texts(f"sslargs{side}")):
        name, _, value = argument.partition("=")
        if name == "SSL_verify_mode" and value in ("0", "1"):
            trust = options.text(f"trust{side}") or ("any" if value == "0" else "ca")
        elif name == "SSL_version" and (lowest := _lowest_version(value)):
            minimum = lowest
        elif name in ("SSL_verifycn_scheme", "SSL_verifycn_name"):
            continue  # names are checked as --trust says, which is never less than what these ask for
        elif name == "SSL_ca_file":
            ca_file = value
        elif name == "SSL_cipher_list":
            ciphers = value
        else:
            raise UsageError(
                f"Option --sslargs{side}: '{name}={value}' is not supported; SSL_verify_mode=0 or 1, "
                "SSL_version=TLSv1_2, SSL_cipher_list=LIST and SSL_ca_file=FILE are.",
                option=f"sslargs{side}",
            )
    try:
        accepted = Trust.parse(trust)
    except ValueError as error:
        raise UsageError(f"Option --trust{side}: {error}.", option=f"trust{side}") from None
    timeout = options.number(f"timeout{side}")
    timeout = DEFAULT_TIMEOUT_S if timeout is None else timeout
    if timeout < 0:
        raise UsageError(f"Option --timeout{side}: a negative time makes no sense.", option=f"timeout{side}")
    host = options.text(f"host{side}") or ""
    if not host or any(char.isspace() or not char.isprintable() for char in host):
        raise UsageError(f"Option --host{side}: '{host}' is no host name.", option=f"host{side}")
    made = Endpoint(
        host=host,
        port=port or 0,
        security=_security(options, side, port),
        trust=accepted,
        tofu_path=_trust_store(options, side, home),
        ca_file=ca_file,
        timeout_s=timeout,
        keepalive=options.flag(f"keepalive{side}", default=True),
        tls_minimum=minimum,
        tls_ciphers=ciphers,
        addresses=_addresses(options, side),
        avoided=_networks(options, f"avoid{side}"),
        discreet=_networks(options, f"discreet{side}"),
    )
    return made if not timeout else made._replace(connect_timeout_s=min(made.connect_timeout_s, timeout))


def _addresses(options: Parsed, side: int) -> tuple[str, ...] | None:
    """Give where to connect in place of the host's addresses; None where nothing else was asked for."""
    given = options.texts(f"via{side}")
    if not given:
        return None
    if given == ("none",):
        return ()
    import ipaddress

    for address in given:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            message = f"Option --via{side}: '{address}' is no IP address."
            raise UsageError(message, option=f"via{side}") from None
    return given


def _networks(options: Parsed, name: str) -> tuple[Network, ...]:
    """Give the networks of an option. UsageError: it has something else."""
    given = options.texts(name)
    if not given:
        return ()
    import ipaddress

    found = []
    for word in given:
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError:
            message = f"Option --{name}: '{word}' is no IP address or network."
            raise UsageError(message, option=name) from None
    return tuple(found)


def _lowest_version(words: str) -> str:
    """Give the lowest TLS version that ``SSLv23:!SSLv3:!TLSv1`` and the like accept, "" for an odd one."""
    first, *excluded = (word.strip().upper() for word in words.split(":"))
    if first not in _MINIMUM_TLS or not all(
        word[:1] == "!" and word[1:] in _MINIMUM_TLS for word in excluded
    ):
        return ""
    versions = ["1.0", "1.1", "1.2", "1.3"]
    without = {_MINIMUM_TLS[word[1:]] for word in excluded if word.startswith("!TLS")}
    left = [version for version in versions if version >= _MINIMUM_TLS[first] and version not in without]
    return left[0] if left else ""


def _security(options: Parsed, side: int, port: int | None) -> Security:
    from imapsync.session.endpoint import IMAPS_PORT, Security

    ssl = options.values.get(f"ssl{side}")
    tls = options.values.get(f"tls{side}")
    if ssl is True and tls is True:
        raise UsageError(
            f"--ssl{side} and --tls{side} exclude each other: encryption begins either at "
            f"once or by STARTTLS.",
            option=f"tls{side}",
        )
    if ssl is True:
        return Security.TLS
    if tls is True:
        return Security.STARTTLS
    if ssl is False:
        return Security.NONE if tls is False else Security.STARTTLS_IF_OFFERED
    if tls is False:
        return Security.TLS if port in (None, IMAPS_PORT) else Security.NONE
    return Security.AUTO


def _trust_store(options: Parsed, side: int, home: str) -> str:
    chosen = options.text(f"truststore{side}")
    if chosen:
        return chosen
    state = options.text("state")
    if state:
        return f"{state}.trust"
    return os.path.join(home, ".local", "state", "imapsync", "trust.json")


def credentials(options: Parsed, side: int, environment: dict[str, str]) -> Credentials:
    """Give who logs in. UsageError or InputError when a part is missing."""
    from imapsync.session.credentials import Credentials, Secret

    user = options.text(f"user{side}") or ""
    mechanism = (options.text(f"authmech{side}") or "").upper()
    if mechanism and mechanism not in MECHANISMS:
        raise UsageError(
            f"Option --authmech{side}: '{mechanism}' is not supported; {', '.join(MECHANISMS)} are.",
            option=f"authmech{side}",
        )
    if options.flag(f"authmd5{side}") and not mechanism:
        mechanism = "CRAM-MD5"
    authuser = options.text(f"authuser{side}") or ""
    proxy = options.flag(f"proxyauth{side}")
    if proxy and not authuser:
        raise UsageError(
            f"--proxyauth{side} needs --authuser{side}: who logs in first?", option=f"proxyauth{side}"
        )
    token = options.text(f"oauthaccesstoken{side}")
    direct = options.text(f"oauthdirect{side}")
    command = options.text(f"tokencommand{side}")
    made = Credentials(user=user, authuser=authuser, mechanism=mechanism, proxy_auth=proxy)
    if command is not None:
        if token is not None or direct is not None:
            raise UsageError(
                f"--tokencommand{side} excludes --oauthaccesstoken{side} and --oauthdirect{side}: "
                "one of them gives the token.",
                option=f"tokencommand{side}",
            )
        return made._replace(token=Secret(token_command(command, f"tokencommand{side}")))
    if direct is not None:
        text = read_first_line(direct, f"oauthdirect{side}") if os.path.isfile(direct) else direct
        return made._replace(oauth_direct=Secret(text))
    if token is not None:
        if os.path.isfile(token):
            read_first_line(token, f"oauthaccesstoken{side}")  # says now what is wrong with it
            return made._replace(token_file=token)
        return made._replace(token=Secret(token))
    return made._replace(password=Secret(find_password(options, side, environment, user)))
