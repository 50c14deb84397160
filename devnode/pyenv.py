"""The Python environment of module steps: what a node's has, and nothing else of this repository's.

A virtual environment whose site-packages is made of links to the few distributions that NS8 ships too. A
module that needs another package has to carry it, here as on a node.
"""

from __future__ import annotations

import re
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

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
    found = sorted(str(item) for item in _top_level(_closure(DISTRIBUTIONS)))
    wanted = "\n".join([sys.version, node.repo, *found])
    mark = node.pyenv / "contents"
    if mark.exists() and mark.read_text() == wanted:
        return
    venv.EnvBuilder(symlinks=True, with_pip=False, clear=True).create(node.pyenv)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = node.pyenv / "lib" / version / "site-packages"
    for item in map(Path, found):
        link = site_packages / item.name
        if not link.exists():
            link.symlink_to(item)
    (site_packages / "agent.pth").write_text(f"{node.repo}/devnode/pypkg\n")
    mark.write_text(wanted)


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
