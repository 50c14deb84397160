"""Unpack a folder of a module image: imageroot into the instance, ui for the web server."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from .podman import podman

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING = ".imageroot.lst"
PROTECTED = "CACHEDIR.TAG"
"""A folder that holds this file is not touched: it protects state/."""


def unpack_imageroot(url: str, target: Path, inside: str = "imageroot") -> list[str]:
    """Unpack the image's folder over target, delete what only the previous image had; give the entries."""
    listing = target / LISTING
    before = set(listing.read_text().split("\n")) - {""} if listing.exists() else set()
    names = _unpack(url, target, inside)
    for name in sorted(before - set(names), reverse=True):
        _delete(target / name)
    listing.write_text("".join(f"{name}\n" for name in sorted(names)))
    return names


def unpack_fresh(url: str, target: Path, inside: str) -> None:
    """Replace target by the image's folder; an image without that folder gives an empty one."""
    shutil.rmtree(target, ignore_errors=True)
    _unpack(url, target, inside)


def _unpack(url: str, target: Path, inside: str) -> list[str]:
    target.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    with _exported(url) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = _below(member.name, inside)
            if name is None or PurePosixPath(name).name == ".gitignore" or _is_protected(target, name):
                continue
            _extract(archive, member, target / name)
            names.append(name)
    return names


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        path.mkdir(exist_ok=True)
        return
    if path.is_symlink() or path.exists():
        path.unlink()
    if member.issym():
        path.symlink_to(member.linkname)
    elif (content := archive.extractfile(member)) is not None:
        with path.open("wb") as target:
            shutil.copyfileobj(content, target)
        path.chmod(member.mode & 0o777)


@contextlib.contextmanager
def _exported(url: str) -> Iterator[IO[bytes]]:
    container = podman("create", url, "/").strip()
    try:
        with subprocess.Popen(["podman", "export", container], stdout=subprocess.PIPE) as process:
            if process.stdout is None:
                raise AssertionError
            yield process.stdout
            process.stdout.read()
    finally:
        podman("rm", container)


def _below(name: str, inside: str) -> str | None:
    parts = PurePosixPath(name).parts
    if parts[:1] != (inside,) or len(parts) < 2 or ".." in parts:
        return None
    return str(PurePosixPath(*parts[1:]))


def _is_protected(target: Path, name: str) -> bool:
    return any(
        (target / parent / PROTECTED).exists() for parent in PurePosixPath(name).parents if str(parent) != "."
    )


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            path.rmdir()
    else:
        path.unlink(missing_ok=True)
