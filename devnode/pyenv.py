"""The Python environment of module steps: what a node's has, and nothing else of this repository's.

A virtual environment whose site-packages is made of links to the few distributions that NS8 ships too. A
module that needs another package has to carry it, here as on a node. A rootless node has copies instead, and
one of this package: the modules' users need not be able to read the repository.
"""

from __future__ import annotations

import re
import shutil
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from . import machine

if TYPE_CHECKING:
    from .settings import Node

DISTRIBUTIONS = (
    "redis",
    "aiohttp",
    "jsonschema",
    "Jinja2",
    "requests",
    "PyYAML",
    "psutil",
    "cryptography",
    "semver",
)
"""Distributions of NS8's environment that are linked when this interpreter has them."""


def create(node: Node) -> None:
    """Make the environment with the `agent` package on its path, unless it is there as it should be."""
    if node.rootless:
        _copy_code(node)
    found = sorted(str(item) for item in _top_level(_closure(DISTRIBUTIONS)))
    wanted = "\n".join([sys.version, node.repo, *found])
    mark = node.pyenv / "contents"
    if mark.exists() and mark.read_text() == wanted:
        return
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = node.pyenv / "lib" / version / "site-packages"
    if node.rootless:
        _create_readable(node.pyenv, site_packages)
    else:
        venv.EnvBuilder(symlinks=True, with_pip=False, clear=True).create(node.pyenv)
    for item in map(Path, found):
        target = site_packages / item.name
        if not node.rootless:
            if not target.exists():
                target.symlink_to(item)
        elif item.is_dir():
            shutil.copytree(item, target, dirs_exist_ok=True)
        else:
            shutil.copy(item, target)
    (site_packages / "agent.pth").write_text(f"{node.code}/devnode/pypkg\n")
    mark.write_text(wanted)


def _create_readable(folder: Path, site_packages: Path) -> None:
    """Make a virtual environment of a Python that every user can run."""
    python = machine.interpreter()
    shutil.rmtree(folder, ignore_errors=True)
    site_packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(python)


def _copy_code(node: Node) -> None:
    target = node.code / "devnode"
    shutil.rmtree(target, ignore_errors=True)
    skipped = shutil.ignore_patterns("__pycache__", "node_modules", "cluster_admin", "containers")
    shutil.copytree(Path(node.repo) / "devnode", target, ignore=skipped)


def _closure(names: tuple[str, ...]) -> list[metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        needed = [item for item in found[name].requires or [] if "extra ==" not in item]
        waiting += [re.split(r"[^A-Za-z0-9._-]", item, maxsplit=1)[0] for item in needed]
    return list(found.values())


def _top_level(distributions: list[metadata.Distribution]) -> set[Path]:
    items: set[Path] = set()
    for distribution in distributions:
        for file in distribution.files or []:
            first = file.parts[0]
            if first not in {"..", "__pycache__"}:
                items.add(Path(str(distribution.locate_file(first))))
    return items
