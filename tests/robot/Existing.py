"""Robot keywords about the state of the existing module: made on the runner, carried over as an archive."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import tempfile
from pathlib import Path

from robot.api.deco import keyword, library
from tests.module import existing


@library(scope="GLOBAL", auto_keywords=False)
class Existing:
    """One state directory: every combination of fields, odd ids, broken files."""

    def __init__(self) -> None:
        self._tasks: list[existing.Existing] = []

    @keyword("Existing state")
    def state(self, user: str, password: str, **changes: str) -> str:
        """Make the state with all tasks for one local user; give it as tar.gz in base64."""
        self._tasks = [
            # The remote servers of the suites speak TLS from the first byte on a port of its own.
            one._replace(values=one.values | {"SECURITY": "--tls1"}) if one.values["SECURITY"] else one
            for one in existing.tasks(user, **changes)
        ]
        packed = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=packed, mode="w:gz") as archive:
            existing.write(Path(folder), self._tasks, password)
            archive.add(folder, ".")
        return base64.b64encode(packed.getvalue()).decode()

    @keyword("Existing names")
    def names(self) -> list[str]:
        """Give <localuser>_<task_id> of the sound tasks."""
        return [one.name for one in self._tasks]

    @keyword("Existing requests")
    def requests(self, every: int, **changes: str) -> list[str]:
        """Give create-task's input of every n-th task and of those with odd ids, with changes, as JSON."""
        odd = self._tasks[-len(existing.ODD_IDS) :]
        return [json.dumps(existing.request(one) | changes) for one in [*self._tasks[::every], *odd]]

    @keyword("Existing problems")
    def problems(self, archive: str) -> list[str]:
        """Tell which `.env` files of a tar.gz in base64 the existing module could not read."""
        found = []
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive)), mode="r:gz") as files:
            for member in files:
                name = Path(member.name).name.removesuffix(".env")
                content = files.extractfile(member)
                if member.name.endswith(".env") and name not in existing.BROKEN and content:
                    found += [f"{name}: {one}" for one in existing.problems(content.read())]
        return found

    @keyword("Files of the administrator")
    def own(self) -> list[str]:
        """Give what is left when all tasks are deleted."""
        return sorted(existing.OWN)
