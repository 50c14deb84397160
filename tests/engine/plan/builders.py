"""Short ways to folders, accounts and message indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.folders import Folder, FolderTree, Layout
from imapsync.plan.header import split_message
from imapsync.plan.identity import CONTENT_PREFIX_BYTES
from imapsync.plan.index import MessageIndex
from imapsync.plan.mapping import destination_layout, name_all, source_layout
from imapsync.plan.rules import FolderRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.identity import Identity
    from imapsync.plan.index import FlagTable

#: A message as an index sees it: digest and size.
Message = tuple[int, int]


def folder(name: str, *attributes: str, separator: str = "/", subscribed: bool = False) -> Folder:
    return Folder(name, name, frozenset(attributes), separator, subscribed)


def account(
    *names: str | Folder, prefix: str = "", separator: str = "/", foreign: tuple[str, ...] = ()
) -> FolderTree:
    folders = [folder(name, separator=separator) if isinstance(name, str) else name for name in names]
    return FolderTree(folders, Layout(prefix, separator, foreign))


def names_of(source: FolderTree, destination: FolderTree, rules: FolderRules | None = None) -> dict[str, str]:
    """Give source name -> destination name, with the rules' own prefixes and separators applied."""
    rules = rules or FolderRules()
    named = name_all(
        FolderTree(source.folders, source_layout(rules, source.layout)),
        FolderTree(destination.folders, destination_layout(rules, destination.layout)),
        rules,
    )
    return {name: each.name for name, each in named.items()}


def digest_of(identity: Identity, message: bytes) -> int:
    """Give the digest of a whole message, as a reader finds it by one or two questions."""
    header, _ = split_message(message)
    return identity.of_header(header) or identity.of_content(message[:CONTENT_PREFIX_BYTES])


def index_of(messages: Iterable[Message], table: FlagTable | None = None) -> MessageIndex:
    """Give an index whose UIDs count from 1."""
    index = MessageIndex(table)
    for uid, (digest, size) in enumerate(messages, 1):
        index.uids.append(uid)
        index.digests.append(digest)
        index.sizes.append(size)
    return index
