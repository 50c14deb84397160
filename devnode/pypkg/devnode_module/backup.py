"""Backup and restore of a module as a tar file: stands for restic, with the same lists."""

from __future__ import annotations

import copy
import fnmatch
import glob
import json
import os
import secrets
import subprocess
import sys
import tarfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import agent

from . import faults, volumes
from .podman import enter_user_namespace, podman

if TYPE_CHECKING:
    from collections.abc import Iterator

ALWAYS = "state/environment"
METADATA = "metadata.json"


def snapshot_folder(repository: str, path: str) -> Path:
    """Give the folder of a module's snapshots; path is `<image>/<uuid>`. ValueError for anything else."""
    parts = PurePosixPath(path).parts
    if len(parts) != 2 or ".." in parts or not repository.isalnum():
        raise ValueError(f"{repository}:{path} names no backup")
    return Path(os.environ["DEVNODE_BACKUPS"]) / repository / path


def snapshots(repository: str, path: str) -> list[dict[str, Any]]:
    """Give the snapshots of a module, the oldest first."""
    files = sorted(snapshot_folder(repository, path).glob("*.tar"), key=lambda file: file.stat().st_mtime_ns)
    return [{"id": file.stem, "timestamp": int(file.stat().st_mtime)} for file in files]


def back_up(backup_id: str) -> dict[str, Any]:
    """Write one snapshot and give its figures; raises CalledProcessError when module-dump-state fails."""
    install = Path(os.environ["AGENT_INSTALL_DIR"])
    started = time.time()
    _hook(install / "bin/module-dump-state", backup_id)
    try:
        image = agent.get_image_name_from_url(os.environ["IMAGE_URL"])
        folder = snapshot_folder(backup_id, f"{image}/{os.environ['MODULE_UUID']}")
        os.umask(0o007)  # the repository belongs to the group of all modules
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{secrets.token_hex(4)}.tar"
        target.touch(mode=0o660)
        names = _write(target, install)
        (folder / METADATA).write_text(json.dumps(_metadata()))
    finally:
        _hook(install / "bin/module-cleanup-state", backup_id)
    return {
        "success": True,
        "start": int(started),
        "end": int(time.time()),
        "snapshot": target.stem,
        "total_size": target.stat().st_size,
        "total_file_count": names,
        "snapshots_count": len(list(folder.glob("*.tar"))),
    }


def restore() -> None:
    """Step restore-module/10restore: bring back state/ and the volumes, without `environment`."""
    enter_user_namespace()
    request = json.load(sys.stdin)
    folder = snapshot_folder(str(request["repository"]), str(request["path"]))
    name = str(request.get("snapshot") or "latest")
    found = [item["id"] for item in snapshots(str(request["repository"]), str(request["path"]))]
    wanted = found[-1] if name == "latest" and found else name
    if wanted not in found:
        sys.exit(f"snapshot {name} is not there")
    with tarfile.open(folder / f"{wanted}.tar") as archive:
        archive.extraction_filter = lambda member, _path: (
            member
        )  # our own archive: owners and modes come back
        members = archive.getmembers()
        for position, member in enumerate(members):
            if position == len(members) // 2:
                faults.strike("restore-module")
            if member.name != ALWAYS:
                _restore_one(archive, member)


def restore_text(key: str) -> None:
    """Run restore-module/20label and 20note: bring back a text of the backup's metadata."""
    request = json.load(sys.stdin)
    folder = snapshot_folder(str(request["repository"]), str(request["path"]))
    metadata = json.loads((folder / METADATA).read_text())
    if text := metadata.get(key):
        with agent.redis_connect(privileged=True) as rdb:
            rdb.set(f"{os.environ['AGENT_ID']}/{key}", text)


def environment_of(repository: str, path: str, snapshot: str) -> dict[str, str]:
    """Give state/environment as the snapshot has it."""
    with tarfile.open(snapshot_folder(repository, path) / f"{snapshot}.tar") as archive:
        content = archive.extractfile(ALWAYS)
        text = content.read().decode() if content else ""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def excluded(name: str, patterns: list[str]) -> bool:
    """Tell whether a path, or a folder above it, matches one of restic's exclude patterns.

    A pattern without a leading slash matches any run of path components; `*` stays within one component.
    """
    parts = PurePosixPath(name).parts
    for pattern in patterns:
        wanted = PurePosixPath(pattern.strip("/")).parts
        for start in range(len(parts) - len(wanted) + 1):
            pairs = zip(parts[start : start + len(wanted)], wanted, strict=True)
            if all(fnmatch.fnmatchcase(part, piece) for part, piece in pairs):
                return True
    return False


def _write(target: Path, install: Path) -> int:
    exclude = list(_lines(install / "etc/state-exclude.conf"))
    names: set[str] = set()
    with tarfile.open(target, "w") as archive:
        for pattern in [ALWAYS, *_lines(install / "etc/state-include.conf")]:
            for name, path in _matching(pattern):
                for inner_name, inner_path in _tree(name, path):
                    if inner_name in names or (inner_name != ALWAYS and excluded(inner_name, exclude)):
                        continue
                    names.add(inner_name)
                    archive.add(inner_path, inner_name, recursive=False)
    return len(names)


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        for line in path.read_text().splitlines():
            if (text := line.strip()) and not text.startswith("#"):
                yield text


def _matching(pattern: str) -> Iterator[tuple[str, Path]]:
    """Give (name in the archive, path) of what a pattern `state/…` or `volumes/<name>…` finds."""
    first, _, rest = pattern.strip("/").partition("/")
    if first == "state":
        yield from _found(Path(os.environ["AGENT_STATE_DIR"]), rest, "state")
    elif first == "volumes":
        volume, _, inside = rest.partition("/")
        for name in fnmatch.filter(podman("volume", "ls", "--format", "{{.Name}}").split(), volume):
            yield from _found(_volume(name), inside, f"volumes/{name}")


def _found(root: Path, pattern: str, prefix: str) -> Iterator[tuple[str, Path]]:
    if not pattern:
        yield prefix, root
        return
    for name in sorted(glob.glob(pattern, root_dir=root, include_hidden=True)):
        yield f"{prefix}/{name.rstrip('/')}", root / name


def _tree(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    yield name, path
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            yield from _tree(f"{name}/{inner.name}", inner)


def _restore_one(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    first, _, rest = member.name.partition("/")
    root = Path(os.environ["AGENT_STATE_DIR"])
    if first == "volumes":
        volume, _, rest = rest.partition("/")
        volumes.ensure([volume])
        root = _volume(volume)
    if not rest:
        return
    inner = copy.copy(member)
    inner.name = rest
    archive.extract(inner, root, numeric_owner=True)


def _volume(name: str) -> Path:
    return Path(podman("volume", "inspect", "--format", "{{.Mountpoint}}", name).strip())


def _metadata() -> dict[str, str]:
    module_id = os.environ["MODULE_ID"]
    with agent.redis_connect() as rdb:
        texts = {key: rdb.get(f"module/{module_id}/{key}") or "" for key in ("ui_name", "ui_note")}
    return {"module_id": module_id, "image_url": os.environ["IMAGE_URL"], **texts}


def _hook(program: Path, backup_id: str) -> None:
    if os.access(program, os.X_OK):
        subprocess.run([str(program), backup_id], check=True, stdout=sys.stderr)
