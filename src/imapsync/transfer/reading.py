"""How this run reads folders: which columns, which selection, under which fingerprint of the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.account.index import UIDS_PER_FETCH, IndexReader
from imapsync.plan.index import FlagTable, MessageIndex
from imapsync.plan.retry import narrowed
from imapsync.plan.rules import SelectionRules
from imapsync.plan.selection import Selector, fingerprint
from imapsync.transfer.content import added_header
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Collection

    from imapsync.account import OpenFolder
    from imapsync.transfer.context import Run


class Reading:
    """Made once a run from the settings."""

    def __init__(self, run: Run) -> None:
        settings = run.settings
        rules = settings.selection
        self.selector = Selector(rules, run.started_at, by_sent_day=rules.by_sent_day[0])
        ages = SelectionRules(max_age_days=rules.max_age_days, min_age_days=rules.min_age_days)
        #: Which destination messages --maxage and --minage are about, when it comes to deleting.
        self.destination_ages = Selector(ages, run.started_at, by_sent_day=rules.by_sent_day[1])
        self.sync_duplicates = settings.identity.sync_duplicates
        # Who searches the source alone has not said what of the destination may go.
        one_sided = bool(settings.selection.source_search) and not settings.selection.destination_search
        deletion = settings.deletion
        self.mirrors = deletion.destination and not deletion.empties_source and not one_sided
        self.resync = settings.flags.resync
        self._source_search = settings.selection.source_search or ""
        self._retried = run.retried
        #: Whether a search chooses the source messages.
        self.searches = bool(self._source_search) or self._retried is not None
        #: Whether what a search does not name is looked at: it is left out by rule, overlooked, or kept back.
        self.checks_searches = bool(self._source_search) and self._retried is None
        #: Whether a folder is listed besides for that.
        self.counts_besides = self.checks_searches and not self.mirrors
        self.destination_search = settings.selection.destination_search or ""
        self.rules = fingerprint(
            settings.selection,
            settings.identity,
            settings.flags,
            settings.deletion,
            settings.sieve_delivery,
        )
        self.table = FlagTable()
        #: Who was met in this run, and at which pair's position first (--skipcrossduplicates).
        self.cross_duplicates: dict[int, int] | None = (
            {} if settings.selection.skip_cross_duplicates else None
        )
        self.identity = run.identity
        self._added_field = added_header if settings.content.add_header else None
        self.alters = settings.content.changes
        self._flags = self.resync or run.journal is not None

    @property
    def selects(self) -> bool:
        """Whether some source messages may be left out by selection."""
        return self.selector.active or self.searches

    def source_search(self, folder: str) -> str:
        """Give the search that chooses the messages of a source folder, "" for all."""
        if self._retried is None:
            return self._source_search
        return narrowed(self._source_search, self._retried[folder].ranges)

    def source(self, *, identity: bool, flags: bool) -> IndexReader:
        """Give the reader for a source folder.

        When deleting on the destination, unselected messages are read too.
        """
        return IndexReader(
            self.identity if identity or self.mirrors or self.cross_duplicates is not None else None,
            flags=flags and self._flags,
            selector=self.selector if self.selector.active else None,
            keep_unselected=self.mirrors,
            added_field=self._added_field,
        )

    def source_plain(self) -> IndexReader:
        """Give a reader of source identities and flags without any selection."""
        return IndexReader(self.identity, flags=True, added_field=self._added_field)

    def plain(self) -> IndexReader:
        """Give a reader of destination identities without any selection."""
        return IndexReader(self.identity, flags=False)

    async def identified(
        self, folder: OpenFolder, uids: Collection[int], reader: IndexReader
    ) -> MessageIndex:
        """Read who some messages of a folder are."""
        index = self.new_index()
        for some in UidSet.of(uids).split(UIDS_PER_FETCH):
            await reader.read(reader.ask(folder, some), self.table, into=index)
        if uids:
            await reader.complete(folder, index)
        return index

    def verifier(self, *, selected: bool) -> IndexReader:
        """Give a reader of everything that --verify compares.

        `selected` applies the selection by size and age.
        """
        selector = self.selector if selected and self.selector.active else None
        added = self._added_field if selected else None
        return IndexReader(self.identity, flags=True, selector=selector, dates=True, added_field=added)

    def ages_there(self) -> IndexReader:
        """Give a reader of those destination messages whose age fits the selection."""
        return IndexReader(None, flags=False, selector=self.destination_ages)

    def new_index(self) -> MessageIndex:
        """Give an empty index that shares this run's table of flags."""
        return MessageIndex(self.table)

    def destination(self) -> IndexReader:
        """Give the reader for a destination folder."""
        return IndexReader(self.identity, flags=self.resync)
