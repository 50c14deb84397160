"""Keeps secrets out of what a server says: some echo the login command, plain or coded."""

from __future__ import annotations

import base64
import binascii
import html
import json
import string
import urllib.parse

from imapsync.wire.mailbox import encode_mailbox

MASK = "***"
#: What stands before each octet in hex, and between two of them.
_HEX_MARKS = (("\\x", ""), ("%", ""), ("=", ""), ("0x", " "), ("0x", ","), ("0x", ", "))
#: Keeps each character at its place, which lower() does not.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
#: A secret shorter than this is not searched for in server texts: it would match by chance.
LEAST_SECRET = 4
#: Servers cut what they repeat: so much of a form gives it away, too, and of a long one (base64) so many
#: characters.
TELLING_SHARE = 0.75
LONG_FORM = 24
TELLING = 12


class Redactor:
    """Takes secrets out of texts, in every coding that a server may repeat them in."""

    def __init__(self) -> None:
        self._secrets: list[str] = []
        self._forms: tuple[str, ...] | None = None
        self._beginnings: frozenset[str] = frozenset()

    def hide(self, *secrets: str) -> None:
        """Mask these texts from now on."""
        self._secrets += [secret for secret in secrets if len(secret) >= LEAST_SECRET]
        self._forms = None

    def clean(self, text: str) -> str:
        """Give the text without secrets."""
        if not self._secrets or not text:
            return text
        if self._forms is None:
            # What was coded once may be coded once more, such as the answer of AUTHENTICATE in a URL.
            once = {form for secret in self._secrets for form in _forms(secret)}
            twice = {form for secret in once for form in _forms(secret)}
            self._forms = tuple(sorted(once | twice, key=len, reverse=True))
            self._beginnings = frozenset(form[:LEAST_SECRET].translate(_LOWER) for form in self._forms)
        lower, beginnings = text.translate(_LOWER), self._beginnings
        for at in range(len(lower) - LEAST_SECRET + 1):
            if lower[at : at + LEAST_SECRET] in beginnings:
                break
        else:
            return text  # as nearly all are: each answer of a server goes through here
        # Whole ones first: the beginning of one form may lie within another.
        for form in self._forms:
            text = _masked(text, form, len(form))
        for form in self._forms:
            text = _masked(text, form, _least(form))
        return text


def _masked(text: str, form: str, least: int) -> str:
    """Mask what begins with `least` characters of a form, in any case, as far as it goes on like it."""
    lower, form = text.translate(_LOWER), form.translate(_LOWER)
    while (at := lower.find(form[:least])) >= 0:
        end = at + least
        while end - at < len(form) and end < len(text) and lower[end] == form[end - at]:
            end += 1
        text = text[:at] + MASK + text[end:]
        lower = text.translate(_LOWER)
    return text


def _least(form: str) -> int:
    """Give how many characters of the beginning of a form give it away."""
    length = len(form)
    return TELLING if length > LONG_FORM else max(LEAST_SECRET, min(length, 8), int(length * TELLING_SHARE))


def _forms(secret: str) -> set[str]:
    """Give how a text may look when it is repeated: plain, quoted, hex, by URL, HTML, base64 and the like."""
    raw = secret.encode("utf-8", "surrogatepass")
    in_hex = raw.hex(" ").split(" ")
    decimal = [str(octet) for octet in raw]
    forms = {secret, _by_character(secret, "&#{};", "d"), _by_character(secret, "&#x{};", "x")}
    forms |= {between.join(in_hex) for between in ("", " ", ":", "-", ",")}
    forms |= {between.join(decimal) for between in (" ", ",", ", ")}
    forms |= {mark + (after + mark).join(in_hex) for mark, after in _HEX_MARKS}
    forms |= {"".join(f"\\{octet:03o}" for octet in raw), _by_character(secret, "\\u{}", "04x")}
    if not (secret.isascii() and secret.isalnum()):  # of others there is nothing to quote
        forms |= {
            secret.replace("\\", "\\\\").replace('"', '\\"'),
            repr(secret)[1:-1],
            urllib.parse.quote(secret, safe="", errors="replace"),
            urllib.parse.quote(secret, errors="replace"),
            urllib.parse.quote_plus(secret, errors="replace"),
            html.escape(secret),
            binascii.b2a_qp(raw, quotetabs=True).decode("ascii").replace("=\n", ""),
            json.dumps(secret)[1:-1],
            encode_mailbox(secret).decode("ascii"),
        }
    for shift in range(3):
        # Base64 of a longer text that holds this one: what the neighbours change is left out.
        coded = base64.b64encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
        whole = coded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        forms |= {whole, whole.replace("+", "-").replace("/", "_")}
    for shift in range(5):
        coded = base64.b32encode(b"\0" * shift + raw).decode("ascii")
        forms.add(coded[(shift * 8 + 4) // 5 : (shift + len(raw)) * 8 // 5])
    return {form for form in forms if len(form) >= LEAST_SECRET and form.strip("*")}


def _by_character(text: str, form: str, base: str) -> str:
    """Write each character by its number."""
    return "".join(form.format(format(ord(char), base)) for char in text)
