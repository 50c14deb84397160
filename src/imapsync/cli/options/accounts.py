"""Options that say which two accounts, how to log in, and how the connections are protected."""

from __future__ import annotations

from imapsync.cli.options.model import COMMAND_LINE, Kind, Option, Status, both

CREDENTIALS = "Accounts"
ENCRYPTION = "Encryption"
AUTHENTICATION = "Authentication"
PRESETS = "Providers"

ROWS: tuple[Option, ...] = (
    *both("host", Kind.TEXT, CREDENTIALS, "Name or address of the {role} IMAP server.", fills="{role}.host"),
    *both(
        "port",
        Kind.INT,
        CREDENTIALS,
        "TCP port of host{n}.",
        default="993 with SSL, else 143",
        fills="{role}.port",
    ),
    *both(
        "via",
        Kind.TEXT,
        CREDENTIALS,
        "Connect to this address, whatever the name of host{n} resolves to; certificates are still checked "
        "for that name. May be repeated: the first that accepts is taken. 'none': the name has no "
        "address and is not looked up.",
        repeat=True,
        ours=True,
        fills="{role}.addresses",
    ),
    *both(
        "avoid",
        Kind.TEXT,
        CREDENTIALS,
        "Never connect to this address or network (as 10.0.0.0/8), whatever the name of host{n} resolves to "
        "at the moment, and however the address is written. May be repeated.",
        repeat=True,
        ours=True,
        fills="{role}.avoided",
    ),
    *both(
        "discreet",
        Kind.TEXT,
        CREDENTIALS,
        "At this address or network (as 10.0.0.0/8) tell nothing of a port of host{n} that does not greet as "
        "IMAP servers do: closed or another service's, it is given up as a silent one, in the same time and "
        "words. May be repeated.",
        repeat=True,
        ours=True,
        fills="{role}.discreet",
    ),
    *both("user", Kind.TEXT, CREDENTIALS, "Whose mailbox on host{n}.", fills="{role}_credentials.user"),
    *both(
        "password",
        Kind.TEXT,
        CREDENTIALS,
        "Password of user{n}. Other users of the machine may see it in the process list; "
        "prefer --passfile{n}.",
        secret=True,
        note="blanked in the process list and in /proc right after the start, as far as the system allows",
        fills="{role}_credentials.password",
    ),
    *both(
        "passfile",
        Kind.TEXT,
        CREDENTIALS,
        "File whose first line is the password of user{n}. Pipes work, for example /dev/fd/3. Without it and "
        "--password{n}, the environment variable IMAPSYNC_PASSWORD{n} counts, then the terminal is asked.",
        fills="{role}_credentials.password",
    ),
    Option(
        "showpasswords",
        Kind.FLAG,
        CREDENTIALS,
        "Would show passwords where MASKED stands.",
        negatable=True,
        status=Status.NO_EFFECT,
        note="passwords are never shown, in no log and at no debug level",
    ),
    *both(
        "ssl",
        Kind.FLAG,
        ENCRYPTION,
        "Encrypt the connection to host{n} from its first byte (imaps).",
        negatable=True,
        fills="{role}.security",
    ),
    *both(
        "tls",
        Kind.FLAG,
        ENCRYPTION,
        "Connect to host{n} in clear and encrypt by STARTTLS before anything else.",
        negatable=True,
        note="when the server does not offer STARTTLS the run ends with EXIT_TLS_FAILURE",
        fills="{role}.security",
    ),
    Option(
        "ssl",
        Kind.FLAG,
        ENCRYPTION,
        "Both --ssl1 and --ssl2.",
        negatable=True,
        ours=True,
        fills="source.security destination.security",
    ),
    Option(
        "tls",
        Kind.FLAG,
        ENCRYPTION,
        "Both --tls1 and --tls2.",
        negatable=True,
        ours=True,
        fills="source.security destination.security",
    ),
    *both(
        "trust",
        Kind.TEXT,
        ENCRYPTION,
        "Which certificate of host{n} is accepted: 'ca' (signed by a known authority for this name), "
        "'sha256:FINGERPRINT' (this one only), 'tofu' (by an authority, else the one "
        "seen first, as ssh does) or 'any'.",
        default="tofu",
        ours=True,
        fills="{role}.trust",
    ),
    *both(
        "truststore",
        Kind.TEXT,
        ENCRYPTION,
        "File that remembers the certificates of host{n} seen by 'tofu'.",
        default="beside the --state file (FILE.trust), else ~/.local/state/imapsync/trust.json",
        ours=True,
        fills="{role}.tofu_path",
    ),
    *both(
        "sslargs",
        Kind.PAIR,
        ENCRYPTION,
        "A TLS detail for host{n}: SSL_verify_mode=0 (any certificate) or 1 (known "
        "authorities), SSL_version=TLSv1_2 "
        "(the lowest accepted), SSL_cipher_list=LIST, SSL_ca_file=FILE.",
        repeat=True,
        note="other names are refused: they have no meaning for this engine",
        fills="{role}.trust {role}.tls_minimum {role}.tls_ciphers {role}.ca_file",
    ),
    Option(
        "debugssl",
        Kind.INT,
        ENCRYPTION,
        "Level of detail of the TLS debugging, 0 to 4.",
        status=Status.NO_EFFECT,
        note="protocol, cipher and certificate are always in the log",
    ),
    *both(
        "authmech",
        Kind.TEXT,
        AUTHENTICATION,
        "SASL mechanism for host{n}: PLAIN, LOGIN, CRAM-MD5, XOAUTH2 or OAUTHBEARER; "
        "COMMAND is the LOGIN command.",
        default="the best one that the server offers",
        note="NTLM, X-MASTERAUTH, DIGEST-MD5, GSSAPI and the like are refused: no kept library speaks them",
        fills="{role}_credentials.mechanism",
    ),
    *both(
        "authuser",
        Kind.TEXT,
        AUTHENTICATION,
        "Who authenticates for user{n} on host{n} (an administrator), with SASL PLAIN.",
        fills="{role}_credentials.authuser",
    ),
    *both(
        "proxyauth",
        Kind.FLAG,
        AUTHENTICATION,
        "Log in as --authuser{n}, then take user{n} by the PROXYAUTH command (Sun, iPlanet, Netscape).",
        negatable=True,
        fills="{role}_credentials.proxy_auth",
    ),
    *both(
        "authmd5",
        Kind.FLAG,
        AUTHENTICATION,
        "Use CRAM-MD5 on host{n}.",
        negatable=True,
        fills="{role}_credentials.mechanism",
    ),
    Option(
        "authmd5",
        Kind.FLAG,
        AUTHENTICATION,
        "Use CRAM-MD5 on both hosts.",
        negatable=True,
        note="--noauthmd5 has no effect: CRAM-MD5 is only used when asked for",
        fills="source_credentials.mechanism destination_credentials.mechanism",
    ),
    *both(
        "domain",
        Kind.TEXT,
        AUTHENTICATION,
        "Windows domain for NTLM on host{n}.",
        status=Status.NO_EFFECT,
        note="only NTLM has one; --authmech{n} NTLM is refused: log in with PLAIN under TLS, or with OAuth",
    ),
    *both(
        "oauthaccesstoken",
        Kind.TEXT,
        AUTHENTICATION,
        "OAuth 2 access token for user{n}, or a file whose first line is one (read again at each login).",
        secret=True,
        note="no password is needed beside it",
        fills="{role}_credentials.token {role}_credentials.token_file",
    ),
    *both(
        "oauthdirect",
        Kind.TEXT,
        AUTHENTICATION,
        "The complete XOAUTH2 answer for host{n}, as base64, or a file whose first line is one.",
        secret=True,
        note="no password is needed beside it",
        fills="{role}_credentials.oauth_direct",
    ),
    *both(
        "tokencommand",
        Kind.COMMAND,
        AUTHENTICATION,
        "Command whose first line of output is the OAuth 2 access token for user{n}; it is run, "
        "without a shell, at each login, and once more when the server refuses the token.",
        secret=True,
        note="no password is needed beside it; not together with --oauthaccesstoken{n} or --oauthdirect{n}",
        ours=True,
        fills="{role}_credentials.token",
    ),
    *both(
        "gmail",
        Kind.FLAG,
        PRESETS,
        "host{n} is Gmail: server, TLS, folders and limits that suit it.",
        fills=COMMAND_LINE,
    ),
    *both(
        "office",
        Kind.FLAG,
        PRESETS,
        "host{n} is Microsoft 365: server, TLS and limits that suit it.",
        fills=COMMAND_LINE,
    ),
    *both(
        "exchange",
        Kind.FLAG,
        PRESETS,
        "host{n} is an Exchange server: limits and flags that suit it.",
        fills=COMMAND_LINE,
    ),
    *both(
        "domino",
        Kind.FLAG,
        PRESETS,
        "host{n} is a Domino server: separator and prefix that suit it.",
        fills=COMMAND_LINE,
    ),
)
