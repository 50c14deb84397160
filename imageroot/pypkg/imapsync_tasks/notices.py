"""What somebody is told by mail, and when: settings, what is found, what is due. Pure.

Each notice has a subject, and items that it is about. An item is told once as long as it stays; a subject is
told at most once an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition, projects, rules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from imapsync_tasks.errors import Json

#: Subjects: runs that fail again, a task without a success, a source without a sign-in, a wave that is done.
FAILING: Final = "failing"
NO_SUCCESS: Final = "no_success"
SIGN_IN: Final = "sign_in"
WAVE_DONE: Final = "wave_done"
SUBJECTS: Final = (FAILING, NO_SUCCESS, SIGN_IN, WAVE_DONE)
#: At most one mail about a subject in this time.
PAUSE_S: Final = 3600.0
#: So many runs in a row have to fail: one alone may be a server that was away for a moment.
REPEATED: Final = 2
MAX_ADDRESSES: Final = 20
LANGUAGES: Final = ("en", "it")
#: What an HTML form takes for an address, ASCII alone: it goes to every SMTP server.
ADDRESS: Final = rules.Text("[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*", 254)
#: Hours of the node's clock, as those of a schedule: from 20-06 on, before 06:00.
HOURS: Final = rules.Text("((?:[01][0-9]|2[0-3])-(?:[01][0-9]|2[0-3]))?", 5)
_NO_ADDRESS_OR_ONE: Final = rules.Text(f"({ADDRESS.pattern})?", 254)
#: Ends of a run that are no failure of their own: it goes on by itself; the source is told of.
_TOLD_OTHERWISE: Final = (condition.PARKED, "sign_in_needed")


class Settings(NamedTuple):
    """Who is told; nobody while there are no addresses."""

    addresses: tuple[str, ...] = ()
    sender: str = ""
    language: str = "en"
    hours: str = ""
    no_success_hours: int = 0

    def as_json(self) -> Json:
        """Give the settings as they are stored and told."""
        return self._asdict() | {"addresses": list(self.addresses)}


class Told(NamedTuple):
    """What was told of a subject, and when the last mail about it went."""

    items: frozenset[str] = frozenset()
    at: float = 0.0


def from_request(request: Json, before: Settings | None = None) -> Settings:
    """Give the settings that a request makes; what it does not name stays. RefusedError."""
    old = before or Settings()
    given = request.get("addresses", list(old.addresses))
    if not isinstance(given, list) or len(given) > MAX_ADDRESSES:
        raise rules.refused("addresses", given)
    return Settings(
        tuple(dict.fromkeys(ADDRESS.of({"addresses": one}, "addresses") for one in given)),
        _NO_ADDRESS_OR_ONE.of(request, "sender", old.sender),
        rules.Choice(LANGUAGES).of(request, "language", old.language),
        HOURS.of(request, "hours", old.hours),
        rules.Number(0, 8760).of(request, "no_success_hours", old.no_success_hours),
    )


def is_hour(hours: str, hour: int) -> bool:
    """Tell whether mail may be sent in this hour of the day."""
    if not hours:
        return True
    first, end = (int(part) for part in hours.split("-"))
    return first <= hour < end if first < end else hour >= first or hour < end


def repeated_failure(runs: Sequence[Json]) -> str | None:
    """Give why a task's last runs failed, each of them; None: one of them did not."""
    ended = [run for run in runs if run["error"] not in _TOLD_OTHERWISE][-REPEATED:]
    if len(ended) < REPEATED or not all(run["exit_code"] or run["messages_failed"] for run in ended):
        return None
    return str(ended[-1]["error"] or "messages_failed")


def is_overdue(runs: Sequence[Json], hours: int, now: float) -> bool:
    """Tell whether no run has succeeded for so many hours (0: never asked), since the first known one."""
    if not hours or not runs:
        return False
    since = max(
        (float(str(run["ended_at"])) for run in runs if run["exit_code"] == 0),
        default=float(str(runs[0]["started_at"])),
    )
    return now - since > hours * 3600


def is_wave_done(facts: Json) -> bool:
    """Tell whether every mailbox of a project, as get-project gives it, has been through its stage."""
    project, mailboxes = facts["project"], facts["mailboxes"]
    stage = project["stage"] if isinstance(project, dict) else None
    if stage in (projects.PREPARED, projects.CLOSED) or not isinstance(mailboxes, list) or not mailboxes:
        return False
    through = all(one["result"] is not None and one["result"]["stage"] == stage for one in mailboxes)
    return through and facts["mailboxes_complete"] == facts["mailboxes_total"]


def due(found: Mapping[str, Collection[str]], told: Mapping[str, Told], now: float) -> dict[str, list[str]]:
    """Give the subjects to tell of now, each with the items that are new, sorted."""
    answer = {}
    for subject, items in found.items():
        known = told.get(subject, Told())
        new = sorted(set(items) - known.items)
        # A moment in the future was written by a clock that was wrong.
        if new and not 0 <= now - known.at < PAUSE_S:
            answer[subject] = new
    return answer


def still_told(told: Mapping[str, Told], standing: Mapping[str, Collection[str]]) -> dict[str, Told]:
    """Forget what is over: it is told again when it comes again."""
    return {
        subject: known._replace(items=known.items & set(standing.get(subject, ())))
        for subject, known in told.items()
    }


def told_from_json(found: Json) -> dict[str, Told]:
    """Read what was told; what makes no sense was not."""
    answer = {}
    for subject in SUBJECTS:
        one = found.get(subject)
        items, at = (one.get("items"), one.get("at")) if isinstance(one, dict) else (None, None)
        if isinstance(items, list) and isinstance(at, int | float) and all(isinstance(i, str) for i in items):
            answer[subject] = Told(frozenset(items), float(at))
    return answer


def told_as_json(told: Mapping[str, Told]) -> Json:
    """Give what was told as it is stored."""
    return {subject: {"items": sorted(known.items), "at": known.at} for subject, known in told.items()}
