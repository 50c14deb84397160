"""What the user asked for, as values: which folders, which messages, what to change, what to delete.

The command line turns its options into these; nothing here knows option names beyond mentioning them, and
nothing here touches a server. Regular expressions arrive as ready callables, because their dialect belongs to
the command line.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync.plan.retry import Retry

#: Fields that came later: while they have their defaults they do not change what a state file was written
#: under (`selection.fingerprint`).
LATER_FIELDS = frozenset({"skip", "any_domain", "by_sent_day", "retry"})

DEFAULT_IDENTITY_HEADERS = ("Message-Id", "Received")


class FolderRules(NamedTuple):
    """Which source folders are taken, in which order, and what they are called on the destination.

    Names are decoded (`str`), in the source's own spelling with the source's separator.
    """

    only: tuple[str, ...] = ()  # --folder
    only_recursive: tuple[str, ...] = ()  # --folderrec
    first: tuple[str, ...] = ()  # --folderfirst
    last: tuple[str, ...] = ()  # --folderlast
    include: tuple[Callable[[str], bool], ...] = ()  # --include: any match selects
    exclude: tuple[Callable[[str], bool], ...] = ()  # --exclude: any match deselects
    subscribed_only: bool = False  # --subscribed
    personal_only: bool = False  # --personal1: not other users' and shared folders
    skip_empty: bool = False  # --skipemptyfolders
    mix_case: bool = True  # --nomixfolders makes it False
    automap: bool = False  # --automap
    forced: Mapping[str, str] = MappingProxyType({})  # --f1f2
    rename: tuple[Callable[[str, str, str], str], ...] = ()  # --regextrans2, in order: f(name, prefix2, sep2)
    source_subfolder: str | None = None  # --subfolder1
    destination_subfolder: str | None = None  # --subfolder2
    source_prefix: str | None = None  # --prefix1, None: by NAMESPACE
    destination_prefix: str | None = None  # --prefix2
    source_separator: str | None = None  # --sep1, None: by the server
    destination_separator: str | None = None  # --sep2
    acls: bool = False  # --syncacls
    subscribe: bool = True  # --subscribe: what is subscribed on the source
    subscribe_all: bool = False  # --subscribeall


class SelectionRules(NamedTuple):
    """Which source messages are wanted. Sizes in bytes, ages in days before now.

    by_sent_day: whether ages count by the day of the Date: header, as SEARCH SENTSINCE and SENTBEFORE do, on
    the source and on the destination; otherwise by internal date, to the second.
    """

    source_search: str | None = None  # --search1 (or --search)
    destination_search: str | None = None  # --search2 (or --search)
    max_size_bytes: int | None = None  # --maxsize: this size or larger is skipped
    min_size_bytes: int | None = None  # --minsize: this size or smaller is skipped
    max_age_days: float | None = None  # --maxage: older is skipped
    min_age_days: float | None = None  # --minage: newer is skipped
    by_sent_day: tuple[bool, bool] = (False, False)  # --noabletosearch1 and 2 make them False
    skip_content: tuple[Callable[[bytes], bool], ...] = ()  # --skipmess
    max_line_bytes: int | None = None  # --maxlinelength
    skip_cross_duplicates: bool = False  # --skipcrossduplicates
    retry: Retry | None = None  # --retryfailed: these messages and no others


class IdentityRules(NamedTuple):
    """How a message is recognised on both sides."""

    headers: tuple[str, ...] = DEFAULT_IDENTITY_HEADERS  # --useheader
    sync_duplicates: bool = False  # --syncduplicates
    skip: tuple[Callable[[bytes], bool], ...] = ()  # --skipheader
    any_domain: bool = False  # --messageidnodomain


class ContentRules(NamedTuple):
    """Changes to the bytes of a message on its way."""

    rewrite: tuple[Callable[[bytes], bytes], ...] = ()  # --regexmess, in order
    pipe: tuple[str, ...] = ()  # --pipemess, in order, each a shell command line
    shorten: tuple[int, str] | None = None  # --maxlinelength and --maxlinelengthcmd, which shortens the lines
    truncate_bytes: int | None = None  # --truncmess
    disarm_receipts: bool = False  # --disarmreadreceipts
    add_header: bool = False  # --addheader
    dates_from_header: bool = False  # --idatefromheader
    keep_dates: bool = True  # --syncinternaldates

    @property
    def changes(self) -> bool:
        """Whether the copy may have other bytes than the original."""
        return bool(
            self.rewrite
            or self.pipe
            or self.shorten
            or self.truncate_bytes
            or self.disarm_receipts
            or self.add_header
        )

    @property
    def alters_headers(self) -> bool:
        """Whether the copy may have other identifying headers than the original."""
        return bool(self.rewrite or self.pipe or self.shorten or self.add_header)


class FlagRules(NamedTuple):
    """What happens to flags."""

    resync: bool = True  # --resyncflags
    rewrite: tuple[Callable[[str], str], ...] = ()  # --regexflag, on the space separated list
    filter_buggy: bool = False  # --filterbuggyflags
    skip_deleted: bool = False  # \Deleted on the source may be our own doing, and is nobody's wish
    set_on_source: tuple[str, ...] = ()  # --setflag1, after the copy is proven


class LabelRules(NamedTuple):
    """Which messages on the destination get the Gmail labels of their originals."""

    copied: bool = False  # --synclabels: those that this run copies
    present: bool = False  # --resynclabels: those that were there


class DeletionRules(NamedTuple):
    """What may be removed, on which side, and the brakes."""

    source: bool = False  # --delete1
    source_older_days: float | None = None  # --delete1older
    source_expunge: bool | None = None  # --expunge1 / --noexpunge1; None: only what we deleted
    source_empty_folders: bool = False  # --delete1emptyfolders
    destination: bool = False  # --delete2
    destination_expunge: bool = True  # --noexpunge2 makes it False
    destination_uid_expunge: bool = True  # --nouidexpunge2 makes it False
    destination_expunge_first: bool = False  # --expunge2: expunge host2 folders before the comparison
    destination_duplicates: bool = False  # --delete2duplicates
    destination_folders: bool = False  # --delete2folders
    destination_folders_only: tuple[Callable[[str], bool], ...] = ()  # --delete2foldersonly
    destination_folders_but_not: tuple[Callable[[str], bool], ...] = ()  # --delete2foldersbutnot
    max_destination: int | None = None  # --maxdelete2: this many messages may go; overrides the brakes
    max_vanished: int | None = None  # --maxvanished2: so many copies may be gone from host2
    recopy_deleted: bool = False  # --recopydeleted: copy again what the user removed on the destination

    @property
    def empties_source(self) -> bool:
        """Whether the source loses messages by our hand.

        Then their absence there means nothing, and what is only on the destination is never deleted: it may
        be the last copy.
        """
        return self.source or self.source_older_days is not None
