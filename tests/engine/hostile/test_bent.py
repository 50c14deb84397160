"""What servers were seen to do, done by a server in memory: each kind of oddity costs one thing, or nothing.

Each case names where it was seen: a server that tests run, a public report, or the rule that it touches.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.command import Ran, imapsync, side
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, RICH, Folder, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

FOLDERS = (b"INBOX", b"Sent", b"Work")
MESSAGES = 20
TIMEOUTS = ("--timeout1", "20", "--timeout2", "20")


class Bent(NamedTuple):
    """A kind: where it was seen, which responses are bent and how, what may be missing then, and is told.

    seen: a server of tests/servers, or a public report. missing: None where any may be missing that are told.
    once: only the first response that matches is bent.
    """

    seen: str
    pattern: bytes
    becomes: bytes | Callable[[re.Match[bytes]], bytes]
    missing: int | None = 0
    exit_codes: tuple[int, ...] = (0,)
    folder: bytes = b""
    once: bool = False


def replaced(bent: Bent) -> Callable[[Said], bytes]:
    """Give what bends every response that matches, or the first."""
    pattern = re.compile(bent.pattern, re.DOTALL)
    done = False

    def bend(said: Said) -> bytes:
        nonlocal done
        if (done and bent.once) or (bent.folder and said.folder != bent.folder):
            return said.response
        done = done or pattern.search(said.response) is not None
        return pattern.sub(bent.becomes, said.response, count=1)

    return bend


def hang_up(_: re.Match[bytes]) -> bytes:
    raise Drop


def shorter(found: re.Match[bytes]) -> bytes:
    return b"%s{%d}" % (found[1], int(found[2]) - 2)


def next_tag(found: re.Match[bytes]) -> bytes:
    return b"a%d%s" % (int(found[1]) + 1, found[2])


FIFTH = rb"\A(\* 5 FETCH )"
ARRIVED = rb'INTERNALDATE "[^"]*"'
#: Bent before the client as the source.
SOURCE: dict[str, Bent] = {
    "a keyword that is no atom": Bent("Dovecot", rb"FLAGS \(\\Seen\)", rb"FLAGS (50%off \\Seen)"),
    "an 8-bit keyword": Bent("Dovecot", rb"FLAGS \(\\Seen\)", b"FLAGS (gr\xfcn \\\\Seen)"),
    "NAMESPACE answered by CAPABILITY": Bent("MailKit #2006", rb"\A\* NAMESPACE ", b"* CAPABILITY "),
    "NAMESPACE announced and refused": Bent(
        "mailcore2 #1471", rb"\A\* NAMESPACE .*", b"* BAD command syntax error\r\n"
    ),
    "NAMESPACE at which the server hangs up": Bent("RFC 2342", rb"\A\* NAMESPACE .*", hang_up),
    "LSUB at which the server hangs up": Bent("RFC 3501 §6.3.9", rb"\A\* LSUB .*", hang_up),
    "STATUS of a name with blanks and no quotes": Bent(
        "GNU imap4d; gromox #5", rb'\A\* STATUS "Work" .*', b"* STATUS Work of mine (MESSAGES 20)\r\n"
    ),
    "a blank at the end of STATUS": Bent("modern-email/defects #9", rb"\A(\* STATUS .*)\r\n", rb"\1 \r\n"),
    "a blank before the last parenthesis": Bent("mail-api #209", rb"\)\r\n\Z", b" )\r\n"),
    "a blank before an untagged OK": Bent("emailjs-imap-client #77", rb"\A\* OK \[UID", b" * OK [UID"),
    "a response code without text": Bent("node-imap #197", rb"\A(\* OK \[UID[^]]*\]).*", rb"\1\r\n"),
    "a response nobody knows": Bent("net-imap #2", FIFTH, rb"* NOOP\r\n\1"),
    "an empty line before each response": Bent("RFC 3501 has none", rb"\A\* ", b"\r\n* "),
    "a bare LF at the end of lines": Bent("GNU imap4d", rb"\A([^{]*)\r\n\Z", rb"\1\n"),
    "a continuation out of turn": Bent("RFC 3501 §7.5", FIFTH, rb"+ go on\r\n\1"),
    "INTERNALDATE NIL": Bent("RFC 3501 has none", ARRIVED, b"INTERNALDATE NIL"),
    "no INTERNALDATE": Bent("imap2maildir #28", rb' INTERNALDATE "[^"]*"', b""),
    "a date that is none": Bent("MailKit #1236", ARRIVED, b'INTERNALDATE "00-Jan-0000 00:00:00 +0000"'),
    "a date with a zone name": Bent("RFC 3501 has none", ARRIVED, b'INTERNALDATE "01-Jan-2024 00:00:00 GMT"'),
    "a date in the form of RFC 2822": Bent(
        "asimap #458", ARRIVED, b'INTERNALDATE "Mon, 1 Jan 2024 00:00:00 +0000"'
    ),
    "a day of one digit": Bent("RFC 3501 §9", ARRIVED, b'INTERNALDATE "1-Jan-2024 00:00:00 +0000"'),
    "no RFC822.SIZE": Bent("RFC 3501 §6.4.5", rb"RFC822\.SIZE \d+ ", b""),
    "RFC822.SIZE NIL": Bent("RFC 3501 §9", rb"RFC822\.SIZE \d+", b"RFC822.SIZE NIL"),
    "items in two responses": Bent(
        "RFC 3501 §7.4.2",
        rb"\A\* (\d+) FETCH \((UID \d+) RFC822\.SIZE (\d+)",
        rb"* \1 FETCH (\2 RFC822.SIZE \3)\r\n* \1 FETCH (\2",
    ),
    "all that ever was has vanished": Bent("RFC 7162", FIFTH, rb"* VANISHED (EARLIER) 1:4294967295\r\n\1"),
    "EXISTS that shrinks and grows": Bent("RFC 3501 §7.3.1", FIFTH, rb"* 3 EXISTS\r\n* 20 EXISTS\r\n\1"),
    "flags of a message that is not there": Bent(
        "MailKit #1926", FIFTH, rb"* 1 FETCH (FLAGS (\\Deleted) UID 4000000000)\r\n\1"
    ),
    "ESEARCH of all numbers": Bent(
        "RFC 4731", rb"\A\* ESEARCH .*", b'* ESEARCH (TAG "x") UID ALL 1:4294967295\r\n'
    ),
    "one UID twice, another never": Bent(
        "the fuzz", rb"\A\* 5 FETCH \(UID 5 RFC", b"* 5 FETCH (UID 6 RFC", 1, (115,), folder=b"Work"
    ),
    "one message is never shown": Bent(
        "go-imap; Yahoo's limited view", rb"\A\* 5 FETCH .*", b"", 1, (111, 115), folder=b"Work"
    ),
    "one message is announced and not given": Bent(
        "MailKit #358", rb"\A\* 5 FETCH .*BODY\[\] .*", b"", 1, (111, 115), folder=b"Work"
    ),
    "a body is announced two octets too short": Bent(
        "the fuzz", rb"(\A\* 5 FETCH .*BODY\[\] )\{(\d+)\}", shorter, 1, (115,), folder=b"Work"
    ),
    "a message whose listing makes the server hang up": Bent(
        "go-imap", rb"\A\* 5 FETCH .*", hang_up, 1, (101, 111, 115), folder=b"Work"
    ),
    "EXISTS beyond belief": Bent(
        "the fuzz", rb"\A\* 20 EXISTS", b"* 4294967295 EXISTS", 20, (117,), folder=b"Work"
    ),
    "EXISTS beyond belief, once": Bent(
        "the fuzz", rb"\A\* 20 EXISTS", b"* 4294967295 EXISTS", folder=b"Work", once=True
    ),
    "an answer with a wrong tag": Bent(
        "the fuzz", rb"\A(a\d+) OK done", rb"\g<1>9 OK done", folder=b"Sent", once=True
    ),
    "one UID given twice among bodies": Bent(
        "the fuzz", rb"\A\* 5 FETCH \(UID 5 (.*BODY\[\] )", rb"* 5 FETCH (UID 6 \1", folder=b"Work", once=True
    ),
    "a stray line end that shifts a body": Bent(
        "the fuzz", rb"\A(\* 5 FETCH .*BODY\[\] \{\d+\}\r\n)", rb"\1\r\n", folder=b"Work", once=True
    ),
    "a folder listed by a word that nobody knows, once": Bent(
        "the fuzz", rb'\A\* LIST (.*"Work"\r\n)', rb"* twice twice \1", once=True
    ),
    "a folder listed as NIL": Bent("the fuzz", rb'\A(\* LIST .*)"Work"\r\n', rb"\1NIL\r\n", 20, (117,)),
    "a folder that cannot be opened": Bent(
        "RFC 3501 §6.3.1", rb"\A(\S+) OK \[READ-\w+\] selected", rb"\1 NO cannot", 20, (117,), folder=b"Work"
    ),
}

#: Bent before the client as the destination.
DESTINATION: dict[str, Bent] = {
    "APPENDUID of another folder": Bent("RFC 4315 §3", rb"APPENDUID 1 ", b"APPENDUID 99 "),
    "APPENDUID of nobody": Bent("RFC 4315 §3", rb"APPENDUID (\d+) \S+\]", rb"APPENDUID \1 4000000000]"),
    "PERMANENTFLAGS of a star alone": Bent("go-imap", rb"PERMANENTFLAGS \([^)]*\)", rb"PERMANENTFLAGS (\\*)"),
    "PERMANENTFLAGS NIL": Bent("RFC 3501 §7.1", rb"PERMANENTFLAGS \([^)]*\)", b"PERMANENTFLAGS NIL"),
    "a garbled NAMESPACE": Bent("the fuzz", rb'\A\* NAMESPACE \(\(""', b"* NAMESPACE ((\xe4\xff\x80"),
    "FLAGS NIL": Bent("RFC 3501 §7.2.6", rb"\A\* FLAGS .*", b"* FLAGS NIL\r\n"),
    "EXISTS before the answer to APPEND": Bent(
        "RFC 3501 §6.3.11", rb"\A(\S+ OK \[APPENDUID)", rb"* 7 EXISTS\r\n\1"
    ),
    "EXISTS beyond belief, once": Bent(
        "the fuzz", rb"\A\* \d+ EXISTS", b"* 4294967295 EXISTS", None, folder=b"INBOX", once=True
    ),
    "APPEND confirmed before its mail was sent": Bent(
        "the fuzz", rb"\Aa(\d+)( OK (?:\[APPENDUID|stored))", next_tag, once=True
    ),
    "CREATE says that the folder exists": Bent(
        "hoodiecrow", rb"\A(\S+) OK made", rb"\1 NO Mailbox already exists"
    ),
    "an empty line before each response": Bent("RFC 3501 has none", rb"\A\* ", b"\r\n* "),
    "a bare LF at the end of lines": Bent("GNU imap4d", rb"\r\n\Z", b"\n"),
}


def kinds(table: dict[str, Bent]) -> list[object]:
    """Give the names of a table as parameters."""
    return [pytest.param(kind, id=kind.replace(" ", "_")) for kind in table]


@pytest.mark.parametrize("rich", [RICH, BARE], ids=["rich", "bare"])
@pytest.mark.parametrize("kind", kinds(SOURCE))
def test_a_source_that_does_so(kind: str, rich: bytes, tmp_path: Path) -> None:
    with MemoryServer(rich, replaced(SOURCE[kind])) as source, MemoryServer() as destination:
        check(SOURCE[kind], source, destination, tmp_path)


@pytest.mark.parametrize("rich", [RICH, BARE], ids=["rich", "bare"])
@pytest.mark.parametrize("kind", kinds(DESTINATION))
def test_a_destination_that_does_so(kind: str, rich: bytes, tmp_path: Path) -> None:
    with MemoryServer() as source, MemoryServer(rich, replaced(DESTINATION[kind])) as destination:
        check(DESTINATION[kind], source, destination, tmp_path)


@pytest.mark.parametrize("rich", [RICH, BARE], ids=["rich", "bare"])
@pytest.mark.parametrize(
    "becomes",
    [
        b"",
        b'* ESEARCH (TAG "x") UID ALL 1:4294967295\r\n',
        b"* ESEARCH UID ALL 1:many\r\n",
        b"* SEARCH many\r\n",
    ],
    ids=["gone", "strange", "garbled", "no number"],
)
def test_a_search_whose_result_does_not_come_is_made_once_more(
    becomes: bytes, rich: bytes, tmp_path: Path
) -> None:
    """OK without a result is what some servers say for "nothing": a run was over with nothing to do."""
    lost = Bent("the fuzz", rb"\A\* E?SEARCH.*", becomes, folder=b"Work", once=True)
    with MemoryServer(rich, replaced(lost)) as source, MemoryServer() as destination:
        source.folders = accounts()
        ran = copied(source, destination, tmp_path, "--search1", "ALL")
        assert ran.exit_code == 0, ran.output[-3000:]
        assert lost_and_doubled(source, destination) == (0, 0)


def test_a_received_line_that_the_destination_adds_makes_no_other_message(tmp_path: Path) -> None:
    """Some servers note how a message came in, also by APPEND: without a journal each run copied it again."""
    with MemoryServer() as source, MemoryServer() as destination:
        source.folders = accounts()
        assert copied(source, destination, tmp_path).exit_code == 0
        for folder in destination.folders.values():
            for mail in folder.mails:
                mail.content = b"Received: from imap by mx;\r\n Mon, 1 Jan 2024\r\n" + mail.content
        again = copied(source, destination, tmp_path)
        assert again.exit_code == 0, again.output[-3000:]
        assert again.report["messages_transferred"] == 0


def accounts() -> dict[bytes, Folder]:
    folders = {}
    for name in FOLDERS:
        folder = folders[name] = Folder(7)
        for number in range(MESSAGES):
            head = b"Message-Id: <%s.%d@example.org>\r\nReceived: by %d\r\n" % (name, number, number)
            folder.add(head + b"Subject: %d\r\n\r\nmail\r\n" % number, [b"\\Seen"] if number % 2 else [])
    return folders


def copied(source: MemoryServer, destination: MemoryServer, folder: Path, *options: str) -> Ran:
    password = folder / "password"
    password.write_text("secret\n")
    sides = [
        side(number, server.host, server.port, "anna", password, "--notls{}", "--nossl{}")
        for number, server in ((1, source), (2, destination))
    ]
    return imapsync(folder, *sides[0], *sides[1], *TIMEOUTS, *options, limit_s=100)


def check(bent: Bent, source: MemoryServer, destination: MemoryServer, folder: Path) -> None:
    source.folders = accounts()
    ran = copied(source, destination, folder)
    assert "Traceback" not in ran.output, ran.output[-4000:]
    missing, doubled = lost_and_doubled(source, destination)
    assert not doubled
    if bent.missing is None:
        assert not missing or ran.exit_code, ran.output[-3000:]
        return
    assert missing == bent.missing, ran.output[-3000:]
    assert ran.report["messages_missing"] <= missing, ran.output[-3000:]
    assert ran.exit_code in bent.exit_codes, ran.output[-3000:]


def lost_and_doubled(source: MemoryServer, destination: MemoryServer) -> tuple[int, int]:
    """Give how many messages are missing on the destination, and how many are there too often or changed."""
    missing, doubled = 0, 0
    found = destination.contents()
    for name, contents in source.contents().items():
        there = Counter(found.get(name, []))
        missing += sum((Counter(contents) - there).values())
        doubled += sum((there - Counter(contents)).values())
    return missing, doubled
