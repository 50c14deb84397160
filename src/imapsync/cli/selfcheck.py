"""``--tests``: does this installation work, without any server? One line a check."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def run(write: Callable[[str], None]) -> bool:
    """Do all checks, write ``ok N - what`` or ``not ok N - what: why``; tell whether all went well."""
    good = True
    number = 0
    for number, (what, check) in enumerate(_checks(), 1):
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever a check meets is its result
            good = False
            write(f"not ok {number} - {what}: {error}\n")
        else:
            write(f"ok {number} - {what}\n")
    write(f"1..{number}\n")
    return good


def _checks() -> Iterator[tuple[str, Callable[[], None]]]:
    yield "options are read as documented", _options
    yield "Perl expressions are understood", _expressions
    yield "folder names travel through modified UTF-7", _names
    yield "encryption is there and knows certificate authorities", _encryption
    yield "files are replaced as a whole", _files
    yield "SQLite keeps a journal", _sqlite
    yield "the event loop runs", _loop


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{found!r} in place of {wanted!r}")


def _options() -> None:
    from imapsync.cli.getopt import Parser
    from imapsync.cli.options import TABLE

    parsed, problems = Parser(TABLE).read(["-HOST1=a", "--nossl1", "--folder", "x", "--folder", "--y"])
    _expect(problems, [])
    _expect(parsed.text("host1"), "a")
    _expect(parsed.flag("ssl1", default=True), False)
    _expect(parsed.texts("folder"), ("x", "--y"))


def _expressions() -> None:
    from imapsync.cli.perlre import operations

    _expect(operations(r"s{^INBOX\.(\w+)}{\U$1}").on_text()("INBOX.sent"), "SENT")
    _expect(operations(r"tr/\000//d").on_bytes()(b"a\0b"), b"ab")


def _names() -> None:
    from imapsync.wire.mailbox import decode_mailbox, encode_mailbox

    _expect(encode_mailbox("Envoyés & 台北"), b"Envoy&AOk-s &- &U,BTFw-")
    _expect(decode_mailbox(b"Envoy&AOk-s &- &U,BTFw-"), "Envoyés & 台北")


def _encryption() -> None:
    import ssl

    if not ssl.create_default_context().get_ca_certs():
        paths = ssl.get_default_verify_paths()
        if not any(path and os.path.exists(path) for path in (paths.cafile, paths.capath)):
            raise ValueError("no certificate authorities are installed (package ca-certificates)")


def _files() -> None:
    from imapsync.report.files import replace_file

    with tempfile.TemporaryDirectory(prefix="imapsync-") as folder:
        path = os.path.join(folder, "file")
        for content in (b"one", b"two"):
            replace_file(path, content)
            with open(path, "rb") as file:
                _expect(file.read(), content)
        _expect(os.listdir(folder), ["file"])
        _expect(os.stat(path).st_mode & 0o777, 0o600)


def _sqlite() -> None:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    try:
        _expect(connection.execute("select 6 * 7").fetchone(), (42,))
    finally:
        connection.close()


def _loop() -> None:
    import asyncio

    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    _expect(asyncio.run(answer()), 42)
