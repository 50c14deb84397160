r"""Which Gmail labels a copy gets, and loses: X-GM-LABELS of both sides in, changes out. Pure.

Each folder of Gmail is a label of its messages, INBOX is `\Inbox`, the sent mail `\Sent`
(developers.google.com/gmail/imap/imap-extensions). So a label is called on the destination what the folder of
that name is called there. The label of the folder that a message was found in says nothing: Gmail does not
show it there, others do. It is never set, for the copy is there, and never taken away, for it has to stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.folders import INBOX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imapsync.plan.folders import Folder

_INBOX_LABEL, _SENT_LABEL = "\\Inbox", "\\Sent"
#: Google's own labels that mean a property and no place, by their names in small letters. \Starred and \Draft
#: are what flags say; \Trash, \Spam and \Junk would take the message from where it is.
_PROPERTIES = {"\\important": "\\Important", "\\muted": "\\Muted"}
#: Folders of Gmail that are no label, or none that may be set.
_UNLABELLED = frozenset({"\\all", "\\trash", "\\junk", "\\drafts", "\\flagged", "\\important"})


class LabelChange(NamedTuple):
    """Labels to add to a copy, and to remove from it."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class LabelNames:
    """What labels of the source are called on the destination.

    names: source folder -> its name on the destination, of all folders of the source.
    """

    def __init__(
        self, source: Iterable[Folder], destination: Iterable[Folder], names: Mapping[str, str]
    ) -> None:
        there = {folder.name: folder_label(folder) for folder in destination}
        self._folders = there
        self._table = {
            label.casefold(): there.get(name, _INBOX_LABEL if name == INBOX else name)
            for folder in source
            if (label := folder_label(folder)) and (name := names.get(folder.name))
        }

    def translate(self, labels: Iterable[str]) -> dict[str, str]:
        """Give what the copy should have: the label in small letters -> as it is written.

        Gmail does not tell labels apart by capitals. What is no label that may be set is left out.
        """
        wanted = {}
        for label in labels:
            key = label.casefold()
            name = self._table.get(key, _PROPERTIES.get(key, "" if label.startswith("\\") else label))
            if name:
                wanted[name.casefold()] = name
        return wanted

    def change(
        self, source: Iterable[str], copy: Iterable[str], folder: str, *, only_add: bool
    ) -> LabelChange:
        """Give what makes the labels of a copy in this destination folder those of its original."""
        own = (self._folders.get(folder, _INBOX_LABEL if folder == INBOX else folder) or "").casefold()
        wanted = self.translate(source)
        present = {label.casefold(): label for label in copy}
        add = tuple(sorted(name for key, name in wanted.items() if key not in present and key != own))
        if only_add:
            return LabelChange(add)
        extra = {key for key in present if key not in wanted and key != own and is_settable(key)}
        return LabelChange(add, tuple(sorted(present[key] for key in extra)))


def folder_label(folder: Folder) -> str:
    r"""Give the label that messages have by lying in a folder, "" when there is none that may be set."""
    if folder.name == INBOX:
        return _INBOX_LABEL
    if folder.attributes & _UNLABELLED or not folder.selectable:
        return ""
    return _SENT_LABEL if "\\sent" in folder.attributes else folder.name


def is_settable(label: str) -> bool:
    """Tell whether a client sets and removes a label, given in small letters, without moving the message."""
    return not label.startswith("\\") or label in {_INBOX_LABEL.lower(), _SENT_LABEL.lower(), *_PROPERTIES}
