r"""Answers that no rule has and no public report tells of, thought up: each costs one thing, or nothing.

The most telling ones are part of the usual test run, the others of the full one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.test_bent import ARRIVED, Bent, check, hang_up, replaced
from tests.servers.memory import BARE, RICH, MemoryServer

if TYPE_CHECKING:
    import re
    from pathlib import Path

pytestmark = pytest.mark.servers

GREETING = rb"\A\* OK \[CAPABILITY.* ready\r\n"
LISTED = rb"\A(\* LIST \([^)]*\))"
SEEN = rb"FLAGS \(\\Seen\)"
HEADER = rb"HEADER\.FIELDS \(MESSAGE-ID RECEIVED\)"


def odd(pattern: bytes, becomes: object, missing: int | None = 0, *exit_codes: int) -> Bent:
    return Bent("thought up", pattern, becomes, missing, exit_codes or (0,))  # type: ignore[arg-type]


def small(found: re.Match[bytes]) -> bytes:
    return found[0].lower()


def line_each(found: re.Match[bytes]) -> bytes:
    return b"".join(b"* SEARCH %s\r\n" % number for number in found[1].split())


def date(shown: bytes) -> Bent:
    return odd(ARRIVED, b"INTERNALDATE " + shown)


#: Bent before the client as the source, in the usual run.
TELLING: dict[str, Bent] = {
    "two blanks in all answers": odd(rb"\A(\S+) (OK|\d+ FETCH) ", rb"\1  \2  "),
    "LIST with NIL for attributes": odd(LISTED, b"* LIST NIL"),
}
#: Bent before the client as the source.
SOURCE: dict[str, Bent] = {
    "a greeting without words": odd(GREETING, b"* OK\r\n"),
    "a greeting with 8-bit, NUL and escapes": odd(GREETING, b"* OK gr\xfc\xdf \x00 \x1b[31m\r\n"),
    "a greeting of several lines": odd(rb"(%s)" % GREETING, rb"\1* OK [ALERT] more\r\n* NOTICE what\r\n"),
    "CAPABILITY with blanks and a tab": odd(rb"CAPABILITY IMAP4rev1", b"CAPABILITY  IMAP4rev1\t"),
    "CAPABILITY in small letters": odd(rb"CAPABILITY [^\]\r]*", small),
    "CAPABILITY of nothing": odd(rb"CAPABILITY [^\]\r]*", b"CAPABILITY"),
    "CAPABILITY of 20,000 words": odd(
        rb"CAPABILITY IMAP4rev1", b"CAPABILITY IMAP4rev1" + b"".join(b" X%d" % n for n in range(20_000))
    ),
    "CAPABILITY without IMAP4rev1": odd(rb"CAPABILITY IMAP4rev1", b"CAPABILITY IMAP4"),
    "a tagged OK without words": odd(rb"\A(a\d+ OK).*", rb"\1\r\n"),
    "a tagged ok in small letters": odd(rb"\A(a\d+) OK", rb"\1 ok"),
    "a separator without quotes": odd(LISTED + rb' "/"', rb"\1 /"),
    "an empty separator": odd(LISTED + rb' "/"', rb'\1 ""'),
    "separators that differ": odd(LISTED + rb' "/" "Sent"', rb'\1 "." "Sent"'),
    "a name as a literal": odd(rb'"Work"\r\n\Z', b"{4}\r\nWork\r\n"),
    "a name without quotes": odd(rb'\A(\* LIST .*)"Work"\r\n', rb"\1Work\r\n"),
    "LIST with extended data": odd(rb'\A(\* LIST .*"Work")', rb'\1 ("CHILDINFO" ("SUBSCRIBED"))'),
    "a folder listed three times": odd(rb'\A(\* LIST .*"Work"\r\n)', rb"\1\1\1"),
    "attributes that contradict": odd(rb"\\HasNoChildren", rb"\\NoInferiors \\HasNoChildren \\HasChildren"),
    "LIST in small letters": odd(rb"\A\* LIST", b"* list"),
    "a name with a separator at its end": odd(rb'\A(\* LIST .*)"Work"', rb'\1"Work/"', 20, 117),
    "no UIDVALIDITY": odd(rb"\A\* OK \[UIDVALIDITY.*", b""),
    "a UIDVALIDITY beyond 32 bits": odd(rb"UIDVALIDITY 7", b"UIDVALIDITY 99999999999"),
    "a UIDVALIDITY in quotes": odd(rb"UIDVALIDITY 7", b'UIDVALIDITY "7"'),
    "no UIDNEXT": odd(rb"\A\* OK \[UIDNEXT.*", b""),
    "no FLAGS": odd(rb"\A\* FLAGS.*", b""),
    "EXISTS twice": odd(rb"\A(\* \d+ EXISTS\r\n)", rb"* 0 EXISTS\r\n\1"),
    "items that nobody asked for": odd(
        rb"FETCH \(UID", b'FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS ("a b" {3}\r\nx y) UID'
    ),
    "message number 0": odd(rb"\A\* \d+ FETCH", b"* 0 FETCH"),
    "message numbers beyond EXISTS": odd(rb"\A\* (\d+) FETCH", rb"* 99\1 FETCH"),
    "flags NIL": odd(SEEN, b"FLAGS NIL"),
    "flags in several spellings": odd(SEEN, rb"FLAGS (\\Seen \\SEEN \\Recent \\XFuture \\*)"),
    "flags in quotes": odd(SEEN, rb'FLAGS ("\\Seen" "x y")'),
    "flags with brackets": odd(SEEN, rb"FLAGS ([Gmail]/All ]x {y} $Fwd:1 \\Seen)"),
    "a flag of 20,000 letters": odd(SEEN, b"FLAGS (\\\\Seen " + b"k" * 20_000 + b")"),
    "500 flags": odd(SEEN, b"FLAGS (\\\\Seen" + b"".join(b" k%d" % number for number in range(500)) + b")"),
    "a list among flags": odd(SEEN, rb"FLAGS ((\\Seen) (a))"),
    "a body as a literal of 8 bits": odd(rb"BODY\[\] \{", b"BODY[] ~{"),
    "a body under the name RFC822": odd(rb"BODY\[\] \{", b"RFC822 {"),
    "a size with zeros before it": odd(rb"BODY\[\] \{(\d+)\}", rb"BODY[] {000\1}"),
    "header fields in quotes": odd(HEADER, b'HEADER.FIELDS ("Message-Id" "Received")'),
    "header fields in another order": odd(HEADER, b"HEADER.FIELDS (RECEIVED MESSAGE-ID)"),
    "a year of two digits": date(b'"01-Jan-24 00:00:00 +0000"'),
    "the year 9999": date(b'"31-Dec-9999 23:59:59 -1200"'),
    "the year 1": date(b'"01-Jan-0001 00:00:00 +1400"'),
    "a second before 1970": date(b'"31-Dec-1969 23:59:59 +0000"'),
    "a zone with a colon": date(b'"01-Jan-2024 00:00:00 +00:00"'),
    "a date of ISO 8601": date(b'"2024-01-01T00:00:00Z"'),
    "a leap second": date(b'"30-Jun-2015 23:59:60 +0000"'),
    "a day that its month has not": date(b'"29-Feb-2023 00:00:00 +0000"'),
    "a month in French": date(b'"01-janv.-2024 00:00:00 +0000"'),
    "a zone of 99 hours": date(b'"01-Jan-2024 00:00:00 +9999"'),
    "a date as a number": date(b"1704067200"),
    "a date as a literal": date(b"{26}\r\n01-Jan-2024 00:00:00 +0000"),
    "a size in quotes": odd(rb"RFC822\.SIZE (\d+)", rb'RFC822.SIZE "\1"'),
    "STATUS of nothing": odd(rb'\A\* STATUS "(\w+)" .*', rb'* STATUS "\1" ()' + b"\r\n"),
    "a number a line": odd(rb"\A\* SEARCH (.*)\r\n", line_each),
    "SEARCH with a MODSEQ": odd(rb"\A(\* SEARCH.*)\r\n", rb"\1 (MODSEQ 917162500)\r\n"),
    "ESEARCH without a tag": odd(rb'\A\* ESEARCH \(TAG "[^"]*"\)', b"* ESEARCH"),
    "a response code that does not end": odd(rb"\A(\* OK) \[UIDNEXT \d+\]", rb"\1 [UIDNEXT 21"),
    "no good-bye": odd(rb"\A\* BYE good bye", hang_up),
}  # fmt: skip
#: Bent before the client as the destination, in the usual run.
TELLING_AT_THE_END: dict[str, Bent] = {
    "APPENDUID of a star": odd(rb"APPENDUID (\d+) \S+\]", rb"APPENDUID \1 *]"),
    "APPENDUID of zeros": odd(rb"APPENDUID \d+ \S+\]", rb"APPENDUID 0 0]"),
}
#: Bent before the client as the destination.
DESTINATION: dict[str, Bent] = {
    "APPENDUID in small letters": odd(rb"APPENDUID", b"appenduid"),
    "APPENDUID of many": odd(rb"APPENDUID (\d+) \d+\]", rb"APPENDUID \1 1:99]"),
    "APPENDUID of words": odd(rb"APPENDUID \d+ \S+\]", b"APPENDUID one two]"),
    "APPENDUID backwards": odd(rb"APPENDUID (\d+) (\d+):(\d+)\]", rb"APPENDUID \1 \3:\2]"),
    "APPENDUID of the same one": odd(rb"APPENDUID (\d+) \S+\]", rb"APPENDUID \1 1]"),
    "a continuation without words": odd(rb"\A\+ go on", b"+"),
    "a continuation without a blank": odd(rb"\A\+ go on", b"+OK"),
    "news before a continuation": odd(rb"\A\+ go on", b"* 3 EXISTS\r\n* OK still here\r\n+ go on"),
    "CAPABILITY in each answer": odd(rb"\A(a\d+ OK) ", rb"\1 [CAPABILITY IMAP4rev1] "),
    "no UIDVALIDITY": odd(rb"\A\* OK \[UIDVALIDITY.*", b""),
    "a folder that shows nothing": odd(rb"\A\* \d+ EXISTS", b"* 0 EXISTS"),
    "a folder that is read-only": odd(rb"\[READ-WRITE\]", b"[READ-ONLY]"),
    "no good-bye": odd(rb"\A\* BYE good bye", hang_up),
}  # fmt: skip


def each(telling: dict[str, Bent], others: dict[str, Bent]) -> list[object]:
    """Give kinds as parameters; the telling ones are part of the usual run."""
    parameters: list[object] = [pytest.param(telling[kind], id=kind.replace(" ", "_")) for kind in telling]
    slow = pytest.mark.slow
    return parameters + [pytest.param(others[kind], id=kind.replace(" ", "_"), marks=slow) for kind in others]


@pytest.mark.parametrize("rich", [RICH, BARE], ids=["rich", "bare"])
@pytest.mark.parametrize("bent", each(TELLING, SOURCE))
def test_an_odd_source(bent: Bent, rich: bytes, tmp_path: Path) -> None:
    with MemoryServer(rich, replaced(bent)) as source, MemoryServer() as destination:
        check(bent, source, destination, tmp_path)


@pytest.mark.parametrize("rich", [RICH, BARE], ids=["rich", "bare"])
@pytest.mark.parametrize("bent", each(TELLING_AT_THE_END, DESTINATION))
def test_an_odd_destination(bent: Bent, rich: bytes, tmp_path: Path) -> None:
    with MemoryServer() as source, MemoryServer(rich, replaced(bent)) as destination:
        check(bent, source, destination, tmp_path)
