"""The lines of the text log: one event in, its lines out."""

from __future__ import annotations

import functools
import time

from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.report.remedies import remedy_text
from imapsync.report.safe import human_bytes, printable
from imapsync.terms import Side

HOST = {Side.SOURCE: "Host1", Side.DESTINATION: "Host2"}
_ENCRYPTION = {"tls": "SSL", "starttls": "TLS (STARTTLS)", "none": "no encryption"}
_ACCEPTED = {
    "": "not accepted",
    "ca": "accepted: an authority vouches for it",
    "fingerprint": "accepted: it is the one that was asked for",
    "remembered": "accepted: it is the one seen before",
    "first_use": "accepted and remembered: it is the first one seen there, no authority vouches for it",
    "any": "accepted without a look: every certificate is",
}
_SKIP_WORDS = {
    Skip.PRESENT: "already on host2",
    Skip.DUPLICATE: "duplicate on host1",
    Skip.CROSS_DUPLICATE: "already copied in another folder",
    Skip.SIZE: "not of the wanted size",
    Skip.LINE_LENGTH: "has a line that is too long",
    Skip.PATTERN: "matches --skipmess",
    Skip.REMOVED_BY_USER: "was deleted on host2 by the user",
    Skip.VANISHED: "is no longer on host1",
    Skip.DRY: "would be copied without --dry",
}


@functools.singledispatch
def lines_of(event: object) -> list[str]:  # noqa: ARG001 - the rule for events that say nothing
    """Give the log lines of an event, without line ends."""
    return []


@lines_of.register(events.Connected)
def _(event: events.Connected) -> list[str]:
    host = HOST[event.side]
    protocol = f" {printable(event.protocol)}" if event.protocol else ""
    lines = [
        (
            f"{host}: connected to {printable(event.host)} port {event.port} "
            f"with {printable(_ENCRYPTION.get(event.encryption, event.encryption))}{protocol}"
        )
    ]
    if event.greeting:
        lines.append(f"{host} banner: {printable(event.greeting)}")
    if event.encryption == "none":
        lines.append(f"{host}: WARNING: this connection is not encrypted, others may read password and mail")
    return lines


@lines_of.register(events.CertificateSeen)
def _(event: events.CertificateSeen) -> list[str]:
    host = HOST[event.side]
    verdict = _ACCEPTED.get(event.note, event.note)
    return [
        (
            f"{host} certificate: {printable(event.subject)}, issued by {printable(event.issuer)}, "
            f"expires {printable(event.expires)}, sha256:{printable(event.fingerprint)} "
            f"({printable(verdict)})"
        )
    ]


@lines_of.register(events.LoggedIn)
def _(event: events.LoggedIn) -> list[str]:
    host = HOST[event.side]
    lines = [f"{host}: success login with user [{printable(event.user)}] auth [{printable(event.mechanism)}]"]
    if event.capabilities:
        lines.append(f"{host} capabilities: {printable(' '.join(event.capabilities))}")
    if event.server:
        lines.append(f"{host} says of itself: {printable(event.server)}")
    return lines


@lines_of.register(events.Reconnected)
def _(event: events.Reconnected) -> list[str]:
    return [f"{HOST[event.side]}: connected again after: {printable(event.cause)}"]


@lines_of.register(events.WaitBegan)
def _(event: events.WaitBegan) -> list[str]:
    host = "A server" if event.side is None else HOST[event.side]
    at = time.strftime("%H:%M:%S", time.localtime(event.until))
    return [f"{host} asks to wait: {printable(event.words)} (until {at}, {event.seconds:.0f} seconds)"]


@lines_of.register(events.WaitEnded)
def _(_event: events.WaitEnded) -> list[str]:
    return ["The wait is over, the work goes on"]


@lines_of.register(events.FoldersListed)
def _(event: events.FoldersListed) -> list[str]:
    host = HOST[event.side]
    chosen = [folder for folder in event.folders if folder.selected]
    measured = any(folder.messages is not None for folder in chosen)
    lines = [f"++++ {host} folders{' at the end' if event.at_end else ''}"]
    if not event.at_end:
        lines.append(f"{host}: separator [{printable(event.separator)}] prefix [{printable(event.prefix)}]")
    total = len(chosen)
    for number, folder in enumerate(chosen, 1):
        lines.append(_folder_line(host, number, total, folder))
    left_out = len(event.folders) - total
    if left_out and not event.at_end:
        lines.append(f"{host}: {left_out} other folders are not part of this run")
    lines.append(f"{host} Nb folders:      {total:>10} folders")
    if measured or not chosen:
        messages = sum(folder.messages or 0 for folder in chosen)
        lines.append(f"{host} Nb messages:     {messages:>10} messages")
    if not chosen or any(folder.size_bytes is not None for folder in chosen):
        size = sum(folder.size_bytes or 0 for folder in chosen)
        lines.append(f"{host} Total size:      {size:>10} bytes ({human_bytes(size)})")
    return lines


def _folder_line(host: str, number: int, total: int, folder: events.FolderTotals) -> str:
    name = f"[{printable(folder.name)}]"
    mapped = f" -> [{printable(folder.mapped_to)}]" if folder.mapped_to else ""
    size = "" if folder.size_bytes is None else f" Size: {folder.size_bytes:>10}"
    messages = "" if folder.messages is None else f" Messages: {folder.messages:>6}"
    return f"{host} folder {number:>5}/{total} {name + mapped:<40}{size}{messages}"


@lines_of.register(events.FolderStarted)
def _(event: events.FolderStarted) -> list[str]:
    position = f"{event.position}/{event.total}"
    return [f"Folder {position:>9} {f'[{printable(event.source)}]':<35} -> [{printable(event.destination)}]"]


@lines_of.register(events.Foreseen)
def _(event: events.Foreseen) -> list[str]:
    lines = [
        f"Folder [{printable(source)}] of host1 will be called [{printable(destination)}] on host2"
        for source, destination in event.renamed
    ]
    if event.too_large:
        lines.append(
            f"Messages larger than the {event.limit_bytes} bytes that host2 takes: {event.too_large}"
        )
    return lines


@lines_of.register(events.FolderCompared)
def _(event: events.FolderCompared) -> list[str]:
    name = printable(event.source)
    if event.unchanged:
        return [f"Host1: folder [{name}] is as it was after the last run: {event.source_messages} messages"]
    lines = [
        f"Host1: folder [{name}] considering {event.source_messages} messages",
        f"Host2: folder [{printable(event.destination)}] considering {event.destination_messages} messages",
        (
            f"Host1: folder [{name}] {event.to_copy} messages to copy, {event.missing_source} on host2 only, "
            f"{event.source_duplicates} duplicates"
        ),
    ]
    if event.unidentified:
        lines.append(
            f"Host1: folder [{name}] {event.unidentified} messages without the headers that identify"
        )
    return lines


@lines_of.register(events.MessagesCopied)
def _(event: events.MessagesCopied) -> list[str]:
    source, destination = printable(event.source), printable(event.destination)
    pairs = zip(event.source_uids, event.sizes, strict=True)
    if not event.destination_uids:
        return [f"msg {source}/{uid} {{{size}}} copied to {destination}/" for uid, size in pairs]
    return [
        f"msg {source}/{uid} {{{size}}} copied to {destination}/{copy}"
        for (uid, size), copy in zip(pairs, event.destination_uids, strict=True)
    ]


@lines_of.register(events.CopyLost)
def _(event: events.CopyLost) -> list[str]:
    return [
        f"msg {printable(event.source)}/{event.uid} {{{event.size_bytes}}} is not counted as copied any more"
    ]


@lines_of.register(events.MessagesSkipped)
def _(event: events.MessagesSkipped) -> list[str]:
    source, why = printable(event.source), _SKIP_WORDS[event.why]
    if event.uids:
        return [f"msg {source}/{uid} skipped: {why}" for uid in event.uids]
    return [f"Host1: folder [{source}] {event.count} messages skipped: {why}"] if event.count else []


@lines_of.register(events.MessageFailed)
def _(event: events.MessageFailed) -> list[str]:
    size = "" if event.size_bytes is None else f" {{{event.size_bytes}}}"
    words = f": {printable(event.server_text)}" if event.server_text else ""
    return [f"Err msg {printable(event.folder)}/{event.uid}{size} not copied, {event.reason.value}{words}"]


@lines_of.register(events.FlagsChanged)
def _(event: events.FlagsChanged) -> list[str]:
    return [f"{HOST[event.side]}: folder [{printable(event.folder)}] flags set on {event.count} messages"]


@lines_of.register(events.MessagesDeleted)
def _(event: events.MessagesDeleted) -> list[str]:
    how = "deleted" if event.expunged else "marked deleted"
    what = "duplicates" if event.duplicates else "messages"
    return [f"{HOST[event.side]}: folder [{printable(event.folder)}] {event.count} {what} {how}"]


@lines_of.register(events.CopiesDoubted)
def _(event: events.CopiesDoubted) -> list[str]:
    return [f"Host2: {event.count} copies have vanished together: nobody knows whether that was on purpose"]


@lines_of.register(events.FolderCreated)
def _(event: events.FolderCreated) -> list[str]:
    return [f"Host2: folder [{printable(event.name)}] created"]


@lines_of.register(events.FolderDeleted)
def _(event: events.FolderDeleted) -> list[str]:
    return [f"{HOST[event.side]}: folder [{printable(event.name)}] deleted"]


@lines_of.register(events.FolderSubscribed)
def _(event: events.FolderSubscribed) -> list[str]:
    return [f"Host2: folder [{printable(event.name)}] subscribed"]


@lines_of.register(events.FilterRan)
def _(event: events.FilterRan) -> list[str]:
    return [
        (
            f"Host2: folder [{printable(event.folder)}] FILTER SIEVE DELIVERY UID: {event.count} messages, "
            f"{event.moved} left the folder"
        )
    ]


@lines_of.register(events.Problem)
def _(event: events.Problem) -> list[str]:
    host = f"{HOST[event.side]} " if event.side is not None else ""
    folder = f" folder [{printable(event.folder)}]" if event.folder else ""
    details = "".join(f", {printable(key)} {printable(value)}" for key, value in event.details.items())
    return [
        f"{host}failure:{folder} {printable(event.text)}{details}",
        f"  What to do: {remedy_text(event.reason)}",
    ]


@lines_of.register(events.Warned)
def _(event: events.Warned) -> list[str]:
    host = f"{HOST[event.side]}: " if event.side is not None else ""
    return [f"{host}WARNING: {printable(event.text)}"]


@lines_of.register(events.Noted)
def _(event: events.Noted) -> list[str]:
    host = f"{HOST[event.side]}: " if event.side is not None else ""
    return [host + printable(event.text)]


@lines_of.register(events.VerifyMismatch)
def _(event: events.VerifyMismatch) -> list[str]:
    detail = ""
    if event.expected or event.found:
        detail = f": host1 has [{printable(event.expected)}], host2 has [{printable(event.found)}]"
    return [f"Verify: msg {printable(event.folder)}/{event.uid} {printable(event.kind)}{detail}"]


@lines_of.register(events.ContentsRead)
def _(event: events.ContentsRead) -> list[str]:
    return [
        (
            f"Verify: folder [{printable(event.folder)}] {event.messages} messages "
            f"({human_bytes(event.size_bytes)}) were read on both sides"
        )
    ]


@lines_of.register(events.Verified)
def _(event: events.Verified) -> list[str]:
    if event.refused:
        return [
            (
                f"Verify: folder [{printable(event.source)}] cannot be verified, {event.unproven} messages "
                "are not proven"
            )
        ]
    return [
        (
            f"Verify: folder [{printable(event.source)}] {event.equal} of {event.checked} "
            f"messages are equal on host2"
        )
    ]
