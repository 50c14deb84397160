"""The wire layer touches nothing outside itself."""

from __future__ import annotations

import ast
from pathlib import Path

import imapsync.wire

ALLOWED = {"__future__", "binascii", "bisect", "collections", "enum", "itertools", "re", "typing"}


def test_wire_imports_no_socket_clock_file_or_asyncio() -> None:
    for path in Path(imapsync.wire.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.startswith("imapsync.wire.") or name.split(".")[0] in ALLOWED, (
                    f"{path.name}: {name}"
                )
