"""Servers that are hostile before the login: they flood, stall, strip TLS, inject."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.servers.hostile import Scripted

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.engine.hostile.conftest import Pair

from tests.engine.hostile.conftest import PASSWORD

pytestmark = [pytest.mark.servers, pytest.mark.slow]

FLOOD_BYTES = 400_000_000


def flood(prefix: bytes, block: bytes) -> Callable[[socket.socket], None]:
    """Say the prefix, then the block again and again, as fast as the client takes it."""

    def handler(connection: socket.socket) -> None:
        connection.sendall(prefix)
        big = block * (65_536 // len(block) + 1)
        for _ in range(FLOOD_BYTES // len(big)):
            connection.sendall(big)

    return handler


def say(words: bytes) -> Callable[[socket.socket], None]:
    """Say these words, then listen until the client leaves."""

    def handler(connection: socket.socket) -> None:
        connection.sendall(words)
        while connection.recv(65_536):
            pass

    return handler


def drip(connection: socket.socket) -> None:
    """Say a byte of an endless greeting every half second: never silent for the whole timeout."""
    connection.sendall(b"* OK ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.5)


SERVERS: dict[str, Callable[[socket.socket], None]] = {
    "greeting without end": flood(b"* OK ", b"A"),
    "lines without end": flood(b"", b"* OK still here\r\n"),
    "capability without end": flood(b"* OK hi\r\n* CAPABILITY", b" X-ANOTHER-ONE"),
    "literal of a terabyte": flood(b"* OK hi\r\n* LIST () {1099511627776}\r\n", b"z"),
    "literal of a negative size": say(b"* OK {-1}\r\n"),
    "parentheses without end": flood(b"* OK hi\r\n* LIST ", b"("),
    "nothing but zeros": flood(b"", b"\x00"),
    "http": say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>"),
    "smtp": say(b"220 mail.example.org ESMTP\r\n"),
    "silence": say(b""),
    "bye": say(b"* BYE <script>alert(1)</script> \x1b[31m go away\r\n"),
    "drip": drip,
}


@pytest.mark.parametrize("server", SERVERS, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("side", ["source", "destination"])
def test_ends_with_an_error(server: str, side: str, pair: Pair) -> None:
    with Scripted(SERVERS[server]) as liar:
        ran = pair.run(
            **({"source_port": liar.port} if side == "source" else {"destination_port": liar.port})
        )
    number = 1 if side == "source" else 2
    assert ran.exit_code in {10, 12, 16, 69, 100 + number, 160 + number}, ran.output[-2000:]
    assert ran.error_codes
    assert pair.missing() == 30


def talk(answers: dict[bytes, bytes], heard: list[bytes], greeting: bytes) -> Callable[[socket.socket], None]:
    """Answer each command by its verb (``@`` stands for the tag); remember all that was heard."""

    def handler(connection: socket.socket) -> None:
        connection.sendall(greeting)
        with connection.makefile("rb") as stream:
            while line := stream.readline():
                heard.append(line)
                words = line.split()
                verb = words[1].upper() if len(words) > 1 else b""
                connection.sendall(
                    answers.get(verb, b"@ BAD no\r\n").replace(b"@", words[0] if words else b"*")
                )

    return handler


GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR STARTTLS AUTH=PLAIN] ready\r\n"
#: What an attacker who sits on the wire answers to keep the client from encrypting.
STRIPPERS: dict[str, tuple[bytes, dict[bytes, bytes]]] = {
    "STARTTLS not announced": (
        b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n",
        {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n@ OK done\r\n"},
    ),
    "STARTTLS refused": (GREETING, {b"STARTTLS": b"@ NO not today\r\n"}),
    "STARTTLS is BAD": (GREETING, {b"STARTTLS": b"@ BAD what\r\n"}),
    "already logged in": (b"* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n", {}),
    "injected response": (
        GREETING,
        {b"STARTTLS": b"@ OK begin TLS\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na2 OK injected\r\n"},
    ),
    "injected bytes": (GREETING, {b"STARTTLS": b"@ OK begin TLS\r\nX"}),
    "no TLS after all": (GREETING, {b"STARTTLS": b"@ OK begin TLS\r\n"}),
}


@pytest.mark.parametrize("trick", STRIPPERS, ids=lambda name: name.replace(" ", "_"))
def test_password_is_never_sent_in_clear(trick: str, pair: Pair) -> None:
    greeting, answers = STRIPPERS[trick]
    heard: list[bytes] = []
    accept_all = {b"LOGIN": b"@ OK in\r\n", b"AUTHENTICATE": b"@ OK in\r\n", b"CAPABILITY": b"@ OK\r\n"}
    with Scripted(talk(accept_all | answers, heard, greeting)) as liar:
        ran = pair.run(source_port=liar.port, security="--tls{}")
    assert ran.exit_code in {12, 69, 101}, ran.output[-2000:]
    said = b"".join(heard)
    assert PASSWORD.encode() not in said
    assert b"LOGIN" not in said
    assert b"AUTHENTICATE" not in said


def test_words_of_a_refused_login_are_harmless(pair: Pair) -> None:
    answers = dict.fromkeys(
        (b"LOGIN", b"AUTHENTICATE"),
        b"@ NO [AUTHENTICATIONFAILED] <img src=x> \x1b]0;owned\x07 \xff\xfe\r\n",
    )
    with Scripted(talk(answers, [], b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")) as liar:
        ran = pair.run(source_port=liar.port)
    assert ran.exit_code == 161
    assert ran.error_codes == {"authentication"}
