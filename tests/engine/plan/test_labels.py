"""Which Gmail labels a copy gets and loses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from imapsync.plan.folders import Folder
from imapsync.plan.labels import LabelChange, LabelNames, folder_label

if TYPE_CHECKING:
    from collections.abc import Mapping

SENT = Folder("[Gmail]/Sent Mail", attributes=frozenset({"\\sent"}))
TRASH = Folder("[Gmail]/Trash", attributes=frozenset({"\\trash"}))
ALL = Folder("[Gmail]/All Mail", attributes=frozenset({"\\all"}))
SOURCE = (Folder("INBOX"), Folder("Work"), Folder("Work/2024"), SENT, TRASH, ALL)


def names(
    renamed: Mapping[str, str] = MappingProxyType({}), destination: tuple[Folder, ...] = SOURCE
) -> LabelNames:
    """Give the names when each folder keeps its own but for these."""
    return LabelNames(SOURCE, destination, {folder.name: folder.name for folder in SOURCE} | dict(renamed))


@pytest.mark.parametrize(
    ("here", "there", "folder", "add", "remove"),
    [
        (["Work"], [], "INBOX", ["Work"], []),
        (["Work"], ["Work"], "INBOX", [], []),
        (["work"], ["Work"], "INBOX", [], []),  # Gmail does not tell capitals apart
        ([], ["Private"], "INBOX", [], ["Private"]),
        # The folder itself: shown by some, by others not.
        (["\\Inbox", "Work"], ["Work"], "INBOX", [], []),
        (["Work"], ["\\Inbox"], "INBOX", ["Work"], []),
        (["\\Inbox"], ["Work"], "Work", ["\\Inbox"], []),
        ([], ["\\Inbox"], "Work", [], ["\\Inbox"]),
        # Google's own: a place, a property, a flag, what would move the message.
        (["\\Sent", "\\Important"], [], "Work", ["\\Important", "\\Sent"], []),
        (["\\Starred", "\\Draft", "\\Trash", "\\Spam", "\\Junk"], [], "Work", [], []),
        ([], ["\\Starred", "\\Draft", "\\Trash", "\\Spam", "\\Junk", "\\New"], "Work", [], []),
        (["\\NEW"], [], "Work", [], []),
        (["\\INBOX"], ["\\inbox"], "Work", [], []),
        (["not a folder"], [], "Work", ["not a folder"], []),
    ],
)  # fmt: skip
def test_labels_are_made_equal(
    here: list[str], there: list[str], folder: str, add: list[str], remove: list[str]
) -> None:
    assert names().change(here, there, folder, only_add=False) == LabelChange(tuple(add), tuple(remove))
    assert names().change(here, there, folder, only_add=True) == LabelChange(tuple(add))


def test_a_label_is_called_as_its_folder_is_called_on_the_destination() -> None:
    renamed = names({"Work": "Arbeit", "INBOX": "Old/INBOX", SENT.name: "Sent"})
    here = ["Work", "Work/2024", "\\Inbox", "\\Sent"]
    assert renamed.change(here, [], "Other", only_add=False).add == (
        "Arbeit", "Old/INBOX", "Sent", "Work/2024",
    )  # fmt: skip
    assert renamed.change(["Work"], ["Arbeit"], "INBOX", only_add=False) == LabelChange()
    assert renamed.change([], ["Arbeit"], "Arbeit", only_add=False) == LabelChange()


@pytest.mark.parametrize("there", ["[Gmail]/Trash", "[Gmail]/All Mail"])
def test_a_label_whose_folder_goes_where_no_label_leads_is_left_out(there: str) -> None:
    assert names({"Work": there}).change(["Work"], [], "INBOX", only_add=False) == LabelChange()


def test_a_folder_of_another_name_for_the_sent_mail_is_its_label() -> None:
    there = (Folder("INBOX"), Folder("[Gmail]/Gesendet", attributes=frozenset({"\\sent"})))
    renamed = names({SENT.name: "[Gmail]/Gesendet"}, there)
    assert renamed.change(["\\Sent"], [], "INBOX", only_add=False).add == ("\\Sent",)
    assert renamed.change([], ["\\Sent"], "[Gmail]/Gesendet", only_add=False) == LabelChange()


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        (Folder("INBOX"), "\\Inbox"), (SENT, "\\Sent"), (TRASH, ""), (ALL, ""), (Folder("Work"), "Work"),
        (Folder("[Gmail]", attributes=frozenset({"\\noselect"})), ""),
    ],
)  # fmt: skip
def test_the_label_of_a_folder(folder: Folder, label: str) -> None:
    assert folder_label(folder) == label
