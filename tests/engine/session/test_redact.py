"""What a server repeats of a login, in any coding, is not told."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.session.errors import AuthenticationFailed
from imapsync.session.redact import Redactor
from imapsync.wire.mailbox import encode_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'pä"ss\\w<ord&17/x'
PLAIN = b"\0anna\0" + SECRET.encode()
CODINGS: dict[str, Callable[[], str]] = {
    "plain": lambda: f"LOGIN anna {SECRET}",
    "quoted": lambda: 'LOGIN "anna" "' + SECRET.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "base64": lambda: base64.b64encode(PLAIN).decode(),
    "base64 of the line": lambda: base64.b64encode(b"a1 LOGIN anna " + SECRET.encode() + b" x").decode(),
    "base64 for urls": lambda: base64.urlsafe_b64encode(PLAIN).decode(),
    "hex": PLAIN.hex,
    "HEX": lambda: PLAIN.hex().upper(),
    "hex with colons": lambda: PLAIN.hex(":"),
    "url": lambda: urllib.parse.quote(SECRET, safe=""),
    "url form": lambda: urllib.parse.quote_plus(SECRET),
    "html": lambda: html.escape(SECRET),
    "repr": lambda: repr(SECRET),
    "url of base64": lambda: urllib.parse.quote(base64.b64encode(SECRET.encode()).decode(), safe=""),
    "base32": lambda: base64.b32encode(PLAIN).decode(),
    "quoted-printable of all": lambda: "".join(f"={octet:02X}" for octet in SECRET.encode()),
    "numbers of HTML": lambda: "".join(f"&#{ord(char)};" for char in SECRET),
    "hex numbers of HTML": lambda: "".join(f"&#x{ord(char):X};" for char in SECRET),
    "octal": lambda: "".join(f"\\{octet:03o}" for octet in PLAIN),
    "json": lambda: json.dumps(SECRET),
    "escapes of json": lambda: "".join(f"\\u{ord(char):04x}" for char in SECRET),
    "a list of numbers": lambda: str(list(PLAIN)),
    "a dump": lambda: ", ".join(f"0x{octet:02x}" for octet in PLAIN),
    "hex with dashes": lambda: PLAIN.hex("-"),
    "a folder's name": lambda: encode_mailbox(SECRET).decode(),
    "cut": lambda: base64.b64encode(PLAIN).decode()[:-6],
}


@pytest.mark.parametrize("coding", CODINGS)
def test_each_coding_is_masked(coding: str) -> None:
    redactor = Redactor()
    redactor.hide(SECRET, base64.b64encode(PLAIN).decode())
    said = CODINGS[coding]()
    told = redactor.clean(f"BAD what is {said}?")
    assert told.startswith("BAD what is ")
    assert "***" in told
    for length in (9, len(said)):
        assert said[-length:] not in told or coding == "cut"


def test_words_stay_where_there_is_no_secret() -> None:
    redactor = Redactor()
    assert redactor.clean("Invalid password") == "Invalid password"
    redactor.hide("password1234", "abc", "")
    assert redactor.clean("Invalid password, abc") == "Invalid password, abc"


@pytest.mark.parametrize("coding", [b"%b", b'"%b"', b"[%b]"])
async def test_what_a_server_repeats_of_a_login_is_in_no_error_and_no_trace(coding: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi")
        line = await peer.expect("AUTHENTICATE PLAIN .*")
        said = coding % line[0].encode()
        await peer.send(b"* 5 " + said + b" (", b"* OK " + said, b"* BYE " + said)
        await peer.answer(b"NO " + said + b" secret word " + b"secret word".hex().encode())

    async with ScriptedServer(script) as server:
        with pytest.raises(AuthenticationFailed) as caught:
            await open_scripted(server)
    told = f"{caught.value} {caught.value.server_text}"
    assert "secret word" not in told
    assert base64.b64encode(b"\0anna\0secret word").decode() not in told
    assert b"secret word".hex() not in told
