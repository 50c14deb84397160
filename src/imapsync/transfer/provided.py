"""What the facts of a provider mean for a run: connections, first waits, folders with a ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.providers import found, named
from imapsync.report import events
from imapsync.terms import Reason, Side

if TYPE_CHECKING:
    from imapsync.providers import Provider
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob


def provider_of(run: Run, side: Side) -> Provider | None:
    """Give whose server a side is: named by --provider (host1), else known by its host or name (ID)."""
    wanted = run.settings.provider
    if wanted == "none":
        return None
    if wanted != "auto" and side is Side.SOURCE:
        return named(wanted)
    account = run.source if side is Side.SOURCE else run.destination
    endpoint = run.settings.source if side is Side.SOURCE else run.settings.destination
    if endpoint is None:
        return None
    return found(endpoint.host, account.server.server_id.get("name", "") if account.connected else "")


def most_connections(run: Run) -> int:
    """Give how many connections a side may have: as --connections says, and as both providers bear."""
    both = [provider_of(run, side) for side in Side]
    borne = [one.connections for one in both if one is not None and one.connections]
    return min([run.settings.limits.connections, *borne])


def check_ceiling(run: Run, job: FolderJob) -> None:
    """Report a source folder that shows as many messages as its provider shows of any: there may be more.

    Nothing is concluded from what it lacks.
    """
    provider = provider_of(run, Side.SOURCE)
    if provider is None:
        return
    cap, shown = provider.cap_at(run.settings.source.host), job.source.numbers.messages
    if not cap or shown < cap:
        return
    job.trouble = True
    run.incomplete_listing = True
    text = f"folder {job.name} shows {shown} messages; {provider.title} shows at most {cap} of a folder here"
    fuller = [host for host in provider.fuller_hosts if provider.cap_at(host) > cap]
    if fuller:
        text += f" ({provider.fuller_cap} at {' or '.join(fuller)})"
    run.sink(events.WorkPlanned(1, 0))  # at least one may never arrive
    text += ": there may be more"
    details = {"shown": str(shown)}
    run.sink(events.Problem(Reason.SOURCE_INCOMPLETE, text, Side.SOURCE, job.name, details))
    run.count_error()
