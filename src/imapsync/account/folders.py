"""All folders of a side with their numbers, by as few round trips as the server allows.

With LIST-EXTENDED and LIST-STATUS one LIST tells everything; otherwise LIST, LSUB and one STATUS a folder,
all sent at once. NAMESPACE travels with them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imapsync.plan.folders import INBOX, Folder, FolderTree, Layout
from imapsync.plan.specialuse import is_bin
from imapsync.session.errors import CommandRefused
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.session.folders import FolderCommands
    from imapsync.session.pending import Pending
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


class Told:
    """What a server has told of its folders by now.

    whole: the list came to its end. namespaces: whose folders are whose, as it told now or before.
    """

    def __init__(self, namespaces: Namespaces | None = None) -> None:
        self.entries: dict[bytes, ListEntry] = {}
        self.whole = False
        self.namespaces = namespaces


class Listing(NamedTuple):
    """All folders of a side.

    notes: what the server refused and was done without. cut: it hung up in the middle of its folder list, so
    that there may be more.
    """

    folders: tuple[FolderView, ...]
    layout: Layout
    notes: tuple[str, ...] = ()
    subscriptions_known: bool = True
    cut: bool = False

    @property
    def tree(self) -> FolderTree:
        """What planning needs of it."""
        return FolderTree([view.folder for view in self.folders], self.layout)

    @property
    def bins(self) -> frozenset[str]:
        """The names of Trash and Junk."""
        return frozenset(view.folder.name for view in self.folders if is_bin(view.folder, self.layout))

    def by_name(self) -> dict[str, FolderView]:
        """Give the folders by their readable names."""
        return {view.folder.name: view for view in self.folders}


def status_items(server: FolderCommands, *, sizes: bool) -> tuple[str, ...]:
    """Give the STATUS items worth asking this server for."""
    items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
    if server.has("CONDSTORE") or server.has("QRESYNC"):
        items.append("HIGHESTMODSEQ")
    if sizes and server.has("STATUS=SIZE"):
        items.append("SIZE")
    return tuple(items)


async def discover(
    server: FolderCommands,
    told: Told | None = None,
    *,
    sizes: bool = False,
    numbers: bool = True,
    plainly: bool = False,
    cut: Told | None = None,
) -> Listing:
    """List a side.

    `told`: gets what is told, also when the connection ends; `numbers`: with STATUS of each folder; `sizes`:
    with their bytes where the server tells them; `plainly`: without NAMESPACE, LSUB and the extensions of
    LIST; `cut`: a list that broke off and is not asked for again. Raises the session's errors; what is
    refused beyond a plain LIST is done without, and told in the view's notes.
    """
    told = told or Told()
    items = status_items(server, sizes=sizes) if numbers else ()
    notes: list[str] = []
    if cut is not None:
        entries, names, namespaces, known = list(cut.entries.values()), set[bytes](), told.namespaces, False
    else:
        entries, names, namespaces, known = await _listed(server, told, items, notes, plainly=plainly)
    told.whole = True
    views = _told_apart([_view(entry, names) for entry in entries])
    numbered = any(view.status for view in views)
    if not any(view.folder.name == INBOX and view.folder.selectable for view in views):
        views = await _with_inbox(server, views, items)
    if items and not numbered:
        views = await _with_status(server, views, items)
    return Listing(tuple(views), layout_of(views, namespaces), tuple(notes), known, cut=cut is not None)


async def _listed(
    server: FolderCommands, told: Told, items: Sequence[str], notes: list[str], *, plainly: bool
) -> tuple[list[ListEntry], set[bytes], Namespaces | None, bool]:
    """Ask for the list; give it, the subscribed names, the namespaces, whether subscriptions are known."""
    namespaces_answer = server.namespaces() if server.has("NAMESPACE") and not plainly else None
    strange_before = server.strange
    extended = server.has("LIST-EXTENDED") and not plainly
    listing = _ask_for_list(server, items, told, extended=extended, subscribed=not plainly)
    if plainly:
        notes.append("it hung up while folders were listed; they are listed by a plain LIST only")
    namespaces = await _optional(namespaces_answer, "NAMESPACE", notes)
    told.namespaces = namespaces = namespaces or told.namespaces
    try:
        entries = await listing.folders
    except CommandRefused:
        if not listing.extended:
            raise
        notes.append("it lists folders by a plain LIST only")
        listing = _ask_for_list(server, items, told, extended=False, subscribed=True)
        entries = await listing.folders
    if server.strange != strange_before:
        again = _ask_for_list(server, items, Told(), extended=listing.extended, subscribed=False)
        entries = _joined(entries, await again.folders)
    subscribed = await _optional(listing.subscribed, "LSUB", notes)
    names = {entry.name.raw for entry in subscribed or ()}
    return entries, names, namespaces, listing.extended or subscribed is not None


class _Asked(NamedTuple):
    """The questions under way; subscribed: None where `folders` tells that, too, or nobody asks."""

    folders: Pending[list[ListEntry]]
    subscribed: Pending[list[ListEntry]] | None
    extended: bool


def _ask_for_list(
    server: FolderCommands, items: Sequence[str], told: Told, *, extended: bool, subscribed: bool
) -> _Asked:
    if not extended:
        folders = server.list_folders(told=told.entries)
        return _Asked(folders, server.list_subscribed() if subscribed else None, extended=False)
    returns = ["SUBSCRIBED", "CHILDREN"] + (["SPECIAL-USE"] if server.has("SPECIAL-USE") else [])
    status = items if server.has("LIST-STATUS") else ()
    folders = server.list_folders(returns=returns, status=status, told=told.entries)
    return _Asked(folders, None, extended=True)


def _joined(entries: list[ListEntry], again: list[ListEntry]) -> list[ListEntry]:
    """Add what only a second listing told: something in the first was no word of IMAP."""
    known = {entry.name.raw for entry in entries}
    return [*entries, *(entry for entry in again if entry.name.raw not in known)]


async def _optional(answer: Pending[T] | None, what: str, notes: list[str]) -> T | None:
    """Wait for what can be done without; None when it was not asked for, or is refused, which is noted."""
    if answer is None:
        return None
    try:
        return await answer
    except CommandRefused as error:
        notes.append(f"{what} is refused: {error.server_text}")
        return None


async def _with_inbox(
    server: FolderCommands, views: list[FolderView], items: Sequence[str]
) -> list[FolderView]:
    r"""Add INBOX where the server does not list it, or as \Noselect, and opens it (RFC 3501 §5.1)."""
    mailbox = MailboxName.from_text(INBOX)
    try:
        status = await server.status(mailbox, items or ("MESSAGES",))
    except CommandRefused:
        return views
    others = [view for view in views if view.folder.name != INBOX]
    separator = next((view.folder.separator for view in views if view.folder.separator), "")
    return [FolderView(Folder(INBOX, INBOX, separator=separator), mailbox, status), *others]


async def refresh(server: FolderCommands, views: Sequence[FolderView], *, sizes: bool) -> list[FolderView]:
    """Give the same folders with new numbers, all STATUS commands in flight at once."""
    return await _with_status(server, views, status_items(server, sizes=sizes))


def layout_of(views: Sequence[FolderView], namespaces: Namespaces | None) -> Layout:
    """Give how a side names folders, from NAMESPACE or, without it, from the folders themselves."""
    separator = next((view.folder.separator for view in views if view.folder.name == INBOX), "")
    foreign: tuple[str, ...] = ()
    if namespaces is not None:
        foreign = tuple(entry.prefix.text for entry in (*namespaces.other_users, *namespaces.shared))
        own = tuple(entry.prefix.text for entry in namespaces.personal)
        if own:
            parts = namespaces.personal[0].separator or separator
            # What does not end where a name would begin is no prefix (RFC 2342 §5): the answer is garbled.
            prefix = own[0] if own[0].endswith(parts) else ""
            return Layout(prefix, parts, foreign, own[1:] and own)
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
    server: FolderCommands, views: Sequence[FolderView], items: Sequence[str]
) -> list[FolderView]:
    renewed: list[FolderView] = []
    for start in range(0, len(views), STATUS_WINDOW):
        window = views[start : start + STATUS_WINDOW]
        asked = [
            server.status(view.mailbox, items)
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
