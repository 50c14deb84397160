"""Being told by mail: get-notices, set-notices, and the look that a timer takes every five minutes."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from imapsync_tasks import (
    files,
    letters,
    notices,
    projectactions,
    projectstore,
    runtime,
    smarthost,
    sourceactions,
    steps,
)
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError
from imapsync_tasks.notices import Settings, Told

if TYPE_CHECKING:
    from imapsync_tasks.letters import Letter
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.store import Store


def get_notices(_request: Json) -> Json:
    """Give the settings, and whether the cluster has a mail relay."""
    return _settings(steps.store().paths).as_json() | {"smarthost": _has_smarthost()}


def set_notices(request: Json) -> Json:
    """Change the settings; with `test` a mail goes out first, and nothing changes where it cannot."""
    paths = steps.store().paths
    changed = notices.from_request(request, _settings(paths))
    if request.get("test") is True:
        if not changed.addresses:
            raise RefusedError(Refusal("value_required", "addresses"))
        letter = letters.test_letter(_module(), changed.language)
        smarthost.send(letter, changed.addresses, changed.sender)
    files.make_directory(paths.imapsync)
    files.replace(paths.notices, json.dumps(changed.as_json()))
    files.sync_directory(paths.imapsync)
    return changed.as_json()


def send_due() -> int:
    """Tell what is new; give the exit code: 1 where a mail could not be sent, which is tried again."""
    store, now = steps.store(), time.time()
    settings = _settings(store.paths)
    if not settings.addresses or not notices.is_hour(settings.hours, time.localtime(now).tm_hour):
        return 0
    try:
        return _send_due(store, settings, now)
    except OSError as error:
        if error.errno not in files.UNWRITABLE:
            raise
        sys.stderr.write(f"<4>no mail: what is told cannot be noted: {error.strerror}\n")
        return 1


def _send_due(store: Store, settings: Settings, now: float) -> int:
    found, stages = look(store, settings, now)
    before = notices.told_from_json(files.read_json(store.paths.notices_told) or {})
    told = notices.still_told(before, found | {notices.WAVE_DONE: stages})
    failed = 0
    for subject, new in notices.due(found, told, now).items():
        known = told.get(subject, Told())
        letter = letters.letter(subject, new, len(known.items), module=_module(), language=settings.language)
        # The hour in which none follows begins on the disk before the mail goes: where this process dies in
        # between, or nothing can be written, nobody gets the same mail every five minutes.
        _remember(store.paths, told | {subject: known._replace(at=now)})
        sent = _send(settings, subject, letter)
        told[subject] = Told(known.items | set(new), now) if sent else known
        _remember(store.paths, told)
        failed |= not sent
    if told != before:
        _remember(store.paths, told)
    return failed


def _send(settings: Settings, subject: str, letter: Letter) -> bool:
    """Send one mail; tell whether it went."""
    try:
        smarthost.send(letter, settings.addresses, settings.sender)
    except RefusedError as refused:
        reasons = [f"{one.error} {one.details.get('text', '')}".strip() for one in refused.refusals]
        sys.stderr.write(f"<4>no mail about {subject}: {', '.join(reasons)}\n")
        return False
    return True


def look(store: Store, settings: Settings, now: float) -> tuple[dict[str, set[str]], set[str]]:
    """Give what is to be told, subject by subject, and the stages of all projects, done or not."""
    found: dict[str, set[str]] = {subject: set() for subject in notices.SUBJECTS}
    with store.locked():
        for task in store.names():
            runs = runtime.history(store.paths, task)
            reason = notices.repeated_failure(runs)
            if reason:
                found[notices.FAILING].add(f"{_shown(task)}: {reason}")
            if notices.is_overdue(runs, settings.no_success_hours, now) and _is_scheduled(store, task):
                found[notices.NO_SUCCESS].add(_shown(task))
    found[notices.SIGN_IN] = {
        str(row["source"])
        for row in sourceactions.rows(store)
        if row["error"] is None and row["state"] == "sign_in" and row["tasks"]
    }
    stages: set[str] = set()
    for name in store.paths.project_names():
        with suppress(RefusedError):  # removed a moment ago, or its file is damaged
            facts = projectactions.whole(name)
            project = facts["project"]
            item = f"{name}: {project['stage']}" if isinstance(project, dict) else name
            stages.add(item)
            if notices.is_wave_done(facts):
                found[notices.WAVE_DONE].add(item)
    return found, stages


def _is_scheduled(store: Store, task: str) -> bool:
    """Tell whether a task starts by itself; none does while schedules are paused."""
    if steps.settings().schedules_paused:
        return False
    try:
        cron = store.load(task).cron
    except (TaskFileError, NoSuchTaskError):
        return False
    name = store.project_of(task)
    project = projectstore.load(store.paths, name) if name else None
    return bool(project.schedule if project else cron and not name)


def _settings(paths: Paths) -> Settings:
    """Read the settings; a damaged file tells nobody."""
    try:
        return notices.from_request(files.read_json(paths.notices) or {})
    except RefusedError:
        return Settings()


def _remember(paths: Paths, told: dict[str, Told]) -> None:
    files.replace(paths.notices_told, json.dumps(notices.told_as_json(told)))


def _has_smarthost() -> bool:
    try:
        smarthost.settings()
    except Exception:  # noqa: BLE001  # however the platform fails: mail cannot be sent now
        return False
    return True


def _module() -> str:
    return os.environ.get("MODULE_ID", "imapsync")


def _shown(task: str) -> str:
    return task.encode("utf-8", "replace").decode()
