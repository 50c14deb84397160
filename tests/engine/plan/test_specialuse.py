"""What folders are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.plan.builders import account, folder

from imapsync.plan.folders import Layout
from imapsync.plan.specialuse import WELL_KNOWN_NAMES, is_bin, is_for_drafts, special_use, uses_of

if TYPE_CHECKING:
    from imapsync.plan.folders import Folder, FolderTree


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        pytest.param(account(folder("x", "\\sent")), {"\\sent": "x"}, id="by attribute"),
        pytest.param(account("Sent"), {"\\sent": "Sent"}, id="by name"),
        pytest.param(account(folder("x", "\\sent"), "Sent"), {"\\sent": "x"}, id="attribute before name"),
        pytest.param(
            account("Sent", folder("x", "\\sent")), {"\\sent": "x"}, id="attribute before name, later"
        ),
        pytest.param(
            account(folder("x", "\\sent"), folder("y", "\\sent")), {"\\sent": "x"}, id="one folder a use"
        ),
        pytest.param(account("Gesendet", "Sent"), {"\\sent": "Sent"}, id="the most usual name"),
        pytest.param(account("Sent", "Gesendet"), {"\\sent": "Sent"}, id="the most usual name, earlier"),
        pytest.param(
            account(folder("Trash", "\\junk")), {"\\junk": "Trash"}, id="a name does not beat its attribute"
        ),
        pytest.param(
            account("INBOX.Sent", prefix="INBOX.", separator="."),
            {"\\sent": "INBOX.Sent"},
            id="below the prefix",
        ),
        pytest.param(account("INBOX/Sent"), {"\\sent": "INBOX/Sent"}, id="below INBOX"),
        pytest.param(account("[Gmail]/Spam"), {"\\junk": "[Gmail]/Spam"}, id="Gmail"),
        pytest.param(account("work/Sent"), {}, id="not below another folder"),
        pytest.param(account(folder("Sent", "\\noselect")), {}, id="not without messages"),
        pytest.param(account("Public/Sent", "Public", foreign=("Public/",)), {}, id="not of others"),
        pytest.param(
            account(folder("Drafts", "\\sent", "\\trash")),
            {"\\sent": "Drafts", "\\trash": "Drafts"},
            id="two",
        ),
        pytest.param(account("ENTWÜRFE"), {"\\drafts": "ENTWÜRFE"}, id="any case, not ASCII"),
    ],
)
def test_uses(side: FolderTree, expected: dict[str, str]) -> None:
    assert uses_of(side.folders, side.layout) == expected


def test_no_name_stands_for_two_uses() -> None:
    names = [name for known in WELL_KNOWN_NAMES.values() for name in known]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("one", "use"),
    [
        (folder("x", "\\hasnochildren", "\\drafts"), "\\Drafts"),
        (folder("x", "\\all"), "\\All"),
        (folder("Sent"), ""),
    ],
)
def test_special_use_as_announced(one: Folder, use: str) -> None:
    assert special_use(one) == use


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (folder("Anything", "\\drafts"), True),
        (folder("Drafts"), True),
        (folder("Work/Drafts"), False),
        (folder("Sent", "\\sent"), False),
    ],
)
def test_which_folders_hold_drafts(given: Folder, *, expected: bool) -> None:
    assert is_for_drafts(given, Layout("", "/")) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (folder("Anything", "\\trash"), True),
        (folder("Anything", "\\junk"), True),
        (folder("Papierkorb"), True),
        (folder("[Gmail]/Spam"), True),
        (folder("Work/Trash"), False),
        (folder("INBOX"), False),
        (folder("Sent", "\\sent"), False),
    ],
)
def test_which_folders_people_empty(given: Folder, *, expected: bool) -> None:
    assert is_bin(given, Layout("", "/")) is expected
