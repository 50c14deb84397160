"""All folders of a side with their numbers, by as few round trips as the server allows.

With LIST-EXTENDED and LIST-STATUS one LIST tells everything; otherwise LIST, LSUB and one STATUS a folder,
all sent at once. NAMESPACE travels with them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.folders import INBOX, Folder, Layout
from imapsync.plan.mapping import Account
from imapsync.session.errors import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imapsync.session.session import Session
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import ListEntry, Namespaces, StatusItems

#: Separators that a server without NAMESPACE may use, most usual first.
_USUAL_SEPARATORS = ("/", ".", "\\")
#: STATUS commands in flight at once: some servers open each folder for it.
STATUS_WINDOW = 100


class FolderView(NamedTuple):
    """A folder, the name its server knows it by, and its numbers, None when there are none."""

    folder: Folder
    mailbox: MailboxName
    status: StatusItems | None = None


class AccountView(NamedTuple):
    """All folders of a side."""

    folders: tuple[FolderView, ...]
    layout: Layout

    @property
    def account(self) -> Account:
        """What planning needs of it."""
        return Account([view.folder for view in self.folders], self.layout)

    def by_name(self) -> dict[str, FolderView]:
        """Give the folders by their readable names."""
        return {view.folder.name: view for view in self.folders}


def status_items(session: Session, *, sizes: bool) -> tuple[str, ...]:
    """Give the STATUS items worth asking this server for."""
    items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
    if session.has("CONDSTORE") or session.has("QRESYNC"):
        items.append("HIGHESTMODSEQ")
    if sizes and session.has("STATUS=SIZE"):
        items.append("SIZE")
    return tuple(items)


async def discover(session: Session, *, sizes: bool = False, numbers: bool = True) -> AccountView:
    """List a side.

    `numbers`: with STATUS of each folder; `sizes`: with their bytes where the server tells them. Raises the
    session's errors; a STATUS refused for one folder leaves that folder without numbers.
    """
    items = status_items(session, sizes=sizes) if numbers else ()
    namespaces_answer = session.namespaces() if session.has("NAMESPACE") else None
    extended = session.has("LIST-EXTENDED")
    at_once = extended and session.has("LIST-STATUS")
    if extended:
        returns = ["SUBSCRIBED", "CHILDREN"] + (["SPECIAL-USE"] if session.has("SPECIAL-USE") else [])
        list_answer = session.list_folders(returns=returns, status=items if at_once else ())
        subscribed_answer = None
    else:
        list_answer = session.list_folders(returns=(), status=())
        subscribed_answer = session.list_subscribed()
    namespaces = await namespaces_answer if namespaces_answer is not None else None
    entries = await list_answer
    subscribed = (
        {entry.name.raw for entry in await subscribed_answer} if subscribed_answer is not None else set()
    )
    views = _told_apart([_view(entry, subscribed) for entry in _each_once(entries)])
    if items and not (at_once and any(view.status for view in views)):
        views = await _with_status(session, views, items)
    return AccountView(tuple(views), layout_of(views, namespaces))


async def refresh(session: Session, views: Sequence[FolderView], *, sizes: bool) -> list[FolderView]:
    """Give the same folders with new numbers, all STATUS commands in flight at once."""
    return await _with_status(session, views, status_items(session, sizes=sizes))


def layout_of(views: Sequence[FolderView], namespaces: Namespaces | None) -> Layout:
    """Give how a side names folders, from NAMESPACE or, without it, from the folders themselves."""
    separator = next((view.folder.separator for view in views if view.folder.name == INBOX), "")
    if namespaces is not None and namespaces.personal:
        personal = namespaces.personal[0]
        foreign = tuple(entry.prefix.text for entry in (*namespaces.other_users, *namespaces.shared))
        return Layout(personal.prefix.text, personal.separator or separator, foreign)
    names = [view.folder.name for view in views if view.folder.name != INBOX]
    if not separator:
        separator = next((view.folder.separator for view in views if view.folder.separator), "")
    if not separator:
        counts = Counter(char for name in names for char in name if char in _USUAL_SEPARATORS)
        separator = counts.most_common(1)[0][0] if counts else "/"
    prefix = INBOX + separator
    below = bool(names) and all(name.upper().startswith(prefix) for name in names)
    return Layout(prefix if below else "", separator)


def _each_once(entries: Iterable[ListEntry]) -> list[ListEntry]:
    """Drop repeated answers for one name: some servers list INBOX once a namespace."""
    seen: dict[bytes, ListEntry] = {}
    for entry in entries:
        known = seen.get(entry.name.raw)
        if known is None or (known.status is None and entry.status is not None):
            seen[entry.name.raw] = entry
    return list(seen.values())


def _view(entry: ListEntry, subscribed: set[bytes]) -> FolderView:
    attributes = frozenset(attribute.decode("latin-1").lower() for attribute in entry.attributes)
    folder = Folder(
        name=entry.name.text,
        wire_name=entry.name.raw.decode("latin-1"),
        attributes=attributes,
        separator=entry.separator or "",
        subscribed="\\subscribed" in attributes or entry.name.raw in subscribed,
    )
    return FolderView(folder, entry.name, entry.status)


def _told_apart(views: list[FolderView]) -> list[FolderView]:
    """Give each folder a readable name of its own.

    Two names of a server may read alike (raw UTF-8 and modified UTF-7 of one text); the later is called as
    the wire shows it.
    """
    apart: dict[str, FolderView] = {}
    for view in views:
        name = view.folder.name
        if name in apart:
            name = view.folder.wire_name
            while name in apart:
                name += "_"
        apart[name] = view._replace(folder=view.folder._replace(name=name))
    return list(apart.values())


async def _with_status(
    session: Session, views: Sequence[FolderView], items: Sequence[str]
) -> list[FolderView]:
    renewed: list[FolderView] = []
    for start in range(0, len(views), STATUS_WINDOW):
        window = views[start : start + STATUS_WINDOW]
        asked = [session.status(view.mailbox, items) if view.folder.selectable else None for view in window]
        for view, answer in zip(window, asked, strict=True):
            status = None
            if answer is not None:
                try:
                    status = await answer
                except CommandRefused:
                    status = None
            renewed.append(FolderView(view.folder, view.mailbox, status))
    return renewed
