"""All folders of a side with their numbers, by as few round trips as the server allows.

With LIST-EXTENDED and LIST-STATUS one LIST tells everything; otherwise LIST, LSUB and one STATUS a folder,
all sent at once. NAMESPACE travels with them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imapsync.plan.folders import INBOX, Account, Folder, Layout
from imapsync.session.errors import CommandRefused
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.session.pending import Pending
    from imapsync.session.session import Session
    from imapsync.wire.responses import ListEntry, Namespaces, StatusItems

T = TypeVar("T")
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
    """All folders of a side; notes: what the server refused and was done without."""

    folders: tuple[FolderView, ...]
    layout: Layout
    notes: tuple[str, ...] = ()
    subscriptions_known: bool = True

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
    session's errors; what is refused beyond a plain LIST is done without, and told in the view's notes.
    """
    items = status_items(session, sizes=sizes) if numbers else ()
    namespaces_answer = session.namespaces() if session.has("NAMESPACE") else None
    listing = _ask_for_list(session, items)
    notes: list[str] = []
    namespaces = await _optional(namespaces_answer, "NAMESPACE", notes)
    try:
        entries = await listing.folders
    except CommandRefused:
        if not listing.extended:
            raise
        notes.append("it lists folders by a plain LIST only")
        listing = _ask_plainly(session)
        entries = await listing.folders
    subscribed = await _optional(listing.subscribed, "LSUB", notes)
    names = {entry.name.raw for entry in subscribed or ()}
    views = _told_apart([_view(entry, names) for entry in entries])
    told = any(view.status for view in views)
    if not any(view.folder.name == INBOX and view.folder.selectable for view in views):
        views = await _with_inbox(session, views, items)
    if items and not told:
        views = await _with_status(session, views, items)
    known = listing.subscribed is None or subscribed is not None
    return AccountView(tuple(views), layout_of(views, namespaces), tuple(notes), subscriptions_known=known)


class _Listing(NamedTuple):
    """The questions under way; subscribed: None where the answer to `folders` tells that, too."""

    folders: Pending[list[ListEntry]]
    subscribed: Pending[list[ListEntry]] | None
    extended: bool


def _ask_for_list(session: Session, items: Sequence[str]) -> _Listing:
    if not session.has("LIST-EXTENDED"):
        return _ask_plainly(session)
    returns = ["SUBSCRIBED", "CHILDREN"] + (["SPECIAL-USE"] if session.has("SPECIAL-USE") else [])
    status = items if session.has("LIST-STATUS") else ()
    return _Listing(session.list_folders(returns=returns, status=status), None, extended=True)


def _ask_plainly(session: Session) -> _Listing:
    return _Listing(session.list_folders(), session.list_subscribed(), extended=False)


async def _optional(answer: Pending[T] | None, what: str, notes: list[str]) -> T | None:
    """Wait for what can be done without; None when it was not asked for, or is refused, which is noted."""
    if answer is None:
        return None
    try:
        return await answer
    except CommandRefused as error:
        notes.append(f"{what} is refused: {error.server_text}")
        return None


async def _with_inbox(session: Session, views: list[FolderView], items: Sequence[str]) -> list[FolderView]:
    r"""Add INBOX where the server does not list it, or as \Noselect, and opens it (RFC 3501 §5.1)."""
    mailbox = MailboxName.from_text(INBOX)
    try:
        status = await session.status(mailbox, items or ("MESSAGES",))
    except CommandRefused:
        return views
    others = [view for view in views if view.folder.name != INBOX]
    separator = next((view.folder.separator for view in views if view.folder.separator), "")
    return [FolderView(Folder(INBOX, INBOX, separator=separator), mailbox, status), *others]


async def refresh(session: Session, views: Sequence[FolderView], *, sizes: bool) -> list[FolderView]:
    """Give the same folders with new numbers, all STATUS commands in flight at once."""
    return await _with_status(session, views, status_items(session, sizes=sizes))


def layout_of(views: Sequence[FolderView], namespaces: Namespaces | None) -> Layout:
    """Give how a side names folders, from NAMESPACE or, without it, from the folders themselves."""
    separator = next((view.folder.separator for view in views if view.folder.name == INBOX), "")
    foreign: tuple[str, ...] = ()
    if namespaces is not None:
        foreign = tuple(entry.prefix.text for entry in (*namespaces.other_users, *namespaces.shared))
        own = tuple(entry.prefix.text for entry in namespaces.personal)
        if own:
            return Layout(own[0], namespaces.personal[0].separator or separator, foreign, own[1:] and own)
    names = [view.folder.name for view in views if view.folder.name != INBOX]
    if not separator:
        separator = next((view.folder.separator for view in views if view.folder.separator), "")
    if not separator:
        counts = Counter(char for name in names for char in name if char in _USUAL_SEPARATORS)
        separator = counts.most_common(1)[0][0] if counts else "/"
    prefix = INBOX + separator
    below = bool(names) and all(name.upper().startswith(prefix) for name in names)
    return Layout(prefix if below else "", separator, foreign)


def _view(entry: ListEntry, subscribed: set[bytes]) -> FolderView:
    attributes = frozenset(
        "\\" + attribute.decode("latin-1").lower().lstrip("\\") for attribute in entry.attributes
    )
    folder = Folder(
        name=entry.name.text,
        wire_name=entry.name.raw.decode("latin-1"),
        attributes=attributes,
        separator=entry.separator if entry.separator and len(entry.separator) == 1 else "",
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
        asked = [
            session.status(view.mailbox, items)
            if view.folder.selectable and view.mailbox.is_sendable
            else None
            for view in window
        ]
        for view, answer in zip(window, asked, strict=True):
            status = None
            if answer is not None:
                try:
                    status = await answer
                except CommandRefused:
                    status = None
            renewed.append(FolderView(view.folder, view.mailbox, status))
    return renewed
