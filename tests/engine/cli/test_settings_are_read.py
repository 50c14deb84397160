"""Each setting that an option fills is read by something; one that is not is a promise nobody keeps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import imapsync
from imapsync.plan import rules
from imapsync.session.credentials import Credentials
from imapsync.session.endpoint import Endpoint
from imapsync.transfer import settings

SOURCES = [
    path
    for path in Path(imapsync.__path__[0]).rglob("*.py")
    # Those make settings from options, or options from a program's arguments.
    if path.name != "library.py" and path.parts[-2:] not in (("cli", "settings.py"), ("cli", "sides.py"))
]
READ = {
    node.attr
    for path in SOURCES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
}
KINDS = [
    rules.ContentRules,
    rules.DeletionRules,
    rules.FlagRules,
    rules.FolderRules,
    rules.IdentityRules,
    rules.SelectionRules,
    settings.Limits,
    settings.Settings,
    Endpoint,
    Credentials,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_setting_is_read(kind: type) -> None:
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    assert [field for field in fields if field not in READ] == []
