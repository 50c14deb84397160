"""The sources on disk: one file each, settings and secrets together, so that they always belong together.

Beside it, made by signing in and lost without harm but for one more sign-in: the tokens. Everything is 0600.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from imapsync_tasks import files, places, rules, sources
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync_tasks.paths import Paths
    from imapsync_tasks.sources import Source
    from imapsync_tasks.store import Store


class Stored(NamedTuple):
    """A source and its secrets. Its repr tells no secret."""

    source: Source
    secrets: dict[str, str]

    def __repr__(self) -> str:
        return f"Stored({self.source!r}, {sorted(self.secrets)})"


def load(paths: Paths, name: str) -> Stored:
    """Read one source. TaskFileError: there is none of this name, or its file is damaged."""
    found = files.read_json(paths.source(name)) if rules.SOURCE.takes(name) else None
    if found is None:
        raise TaskFileError(f"there is no source {name}")
    secrets = found.pop("secrets", {})
    try:
        made = sources.from_request({**found, "source": name})
    except RefusedError as refused:
        raise TaskFileError(f"source {name}: {refused}") from None
    if not isinstance(secrets, dict) or not all(isinstance(one, str) for one in secrets.values()):
        raise TaskFileError(f"source {name}: secrets")
    return Stored(made, {key: value for key, value in secrets.items() if key in sources.SECRETS})


def needed(paths: Paths, name: str) -> Stored:
    """Read the source that a request names; refused when there is none."""
    try:
        return load(paths, name)
    except TaskFileError as error:
        raise RefusedError(Refusal("source_not_found", "source", name, {"text": str(error)})) from None


def save(store: Store, source: Source, given: dict[str, str]) -> bool:
    """Create or change a source; True when it is new. The caller holds the instance lock.

    Refused when a stored secret or password would be sent elsewhere than it was entered for, and when the
    source has none that it needs.
    """
    paths = store.paths
    try:
        old: Stored | None = load(paths, source.source)
    except TaskFileError:
        old = None
    kept = old is not None and sources.keeps_secrets(old.source, source)
    if not kept:
        _bound(store, source, is_known=old is not None)
    secrets = _secrets(source, old.secrets if old and kept else {}, given)
    files.make_directory(paths.sources)
    # Whatever ends this here leaves no secret beside settings that are not its own.
    files.remove(paths.source_password(source.source))
    if not kept or given:
        with files.locked(paths.source_lock(source.source)):
            files.remove(paths.source_tokens(source.source))
    content = {name: value for name, value in source._asdict().items() if name != "source"}
    files.replace(paths.source(source.source), json.dumps({**content, "secrets": secrets}))
    if "master_password" in secrets:
        files.replace(paths.source_password(source.source), secrets["master_password"])
    files.sync_directory(paths.sources)
    return old is None


def _bound(store: Store, source: Source, *, is_known: bool) -> None:
    """Refuse what would take stored passwords of tasks to another server than they were entered for.

    is_known: the source was there and has changed. One that is damaged or missing does not tell its server:
    the tasks' own memory of it does, and only the best protection is certainly not weaker than before.
    """
    paths = store.paths
    for name in users(store, source.source):
        place = places.recorded(paths, name)
        same = place is not None and place[:2] == (source.remotehostname.casefold(), source.remoteport)
        if paths.pwd(name).exists() and (is_known or not same or not sources.is_strongest(source)):
            raise RefusedError(Refusal("source_in_use", "source", source.source))


def _secrets(source: Source, known: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Give what is to be stored: of alternatives the one that was given last."""
    wanted = source.kind.secrets
    replaced = [name for name in wanted if name in given]
    if wanted and not replaced and not any(name in known for name in wanted):
        raise RefusedError(Refusal("secret_required", wanted[0]))
    secrets = {name: value for name, value in known.items() if not (replaced and name in wanted)}
    secrets |= {name: given[name] for name in replaced[:1]}
    if source.by_token and "client_secret" in given:  # beside a person's consent the client may have one
        secrets["client_secret"] = given["client_secret"]
    return secrets


def users(store: Store, name: str) -> list[str]:
    """Give the names of the tasks that use a source."""
    return [task for task in store.names() if store.source_of(task) == name]


def remove(store: Store, name: str) -> None:
    """Remove a source. Refused while a task uses it. The caller holds the instance lock."""
    used = users(store, name)
    if used:
        raise RefusedError(Refusal("source_in_use", "source", name, {"tasks": used[:100]}))
    paths = store.paths
    for path in (
        *(paths.source(name), paths.source_password(name)),
        *(paths.source_tokens(name), paths.source_lock(name)),
    ):
        files.remove(path)


def tokens(paths: Paths, stored: Stored) -> Json:
    """Give what signing in to a source has given so far; the caller holds `renewing` to change it.

    What was got for the place that the source had before is none of it: it may have been on its way when the
    source was changed, or deleted and made anew.
    """
    found = files.read_json(paths.source_tokens(stored.source.source)) or {}
    place = found.pop("place", None)
    return found if place is None or sources.is_of(place, stored.source) else {}


@contextmanager
def renewing(paths: Paths, name: str) -> Iterator[None]:
    """Hold the lock of a source's tokens: one refresh at a time."""
    if not paths.source(name).exists():
        raise NoSuchTaskError(name)
    with files.locked(paths.source_lock(name)):
        yield


def keep_tokens(paths: Paths, stored: Stored, content: Json) -> None:
    """Write the tokens of a source; what was known before stays until they are on the disk."""
    text = json.dumps({**content, "place": sources.place(stored.source)})
    files.replace(paths.source_tokens(stored.source.source), text)
    files.sync_directory(paths.sources)
