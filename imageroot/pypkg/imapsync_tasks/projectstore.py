"""The projects on disk: one small file each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imapsync_tasks import files, projects, rules
from imapsync_tasks.errors import Refusal, RefusedError

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.projects import Project
    from imapsync_tasks.store import Store


def load(paths: Paths, name: str) -> Project | None:
    """Read one project; None: there is none of this name, or its file is damaged."""
    found = files.read_json(paths.project(name)) if rules.SOURCE.takes(name) else None
    if found is None:
        return None
    try:
        return projects.from_request({**found, "project": name})
    except RefusedError:
        return None


def needed(paths: Paths, name: str) -> Project:
    """Read the project that a request names; refused when there is none."""
    found = load(paths, name)
    if found is None:
        raise RefusedError(Refusal("project_not_found", "project", name))
    return found


def save(paths: Paths, project: Project) -> None:
    """Create or change a project."""
    files.make_directory(paths.projects)
    content = {name: value for name, value in project._asdict().items() if name != "project"}
    files.replace(paths.project(project.project), json.dumps(content))
    files.sync_directory(paths.projects)


def remove(paths: Paths, name: str) -> None:
    """Remove a project that no task names."""
    files.remove(paths.project(name))


def members(store: Store, name: str) -> list[str]:
    """Give the names of the tasks of a project, sorted."""
    return [task for task in store.names() if store.project_of(task) == name]
