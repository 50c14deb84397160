"""Copies of this checkout, in which files may be changed, and how tests are run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.mutants.targets import LEFT_OUT

ROOT = Path(__file__).parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-m", LEFT_OUT, "-p", "no:cacheprovider")
#: Nothing that a test of the targets reads.
_LEFT_OUT = ("ui/node_modules/", "bench/results/")


def copy(folder: Path) -> None:
    """Make a folder a checkout with all files as they are now."""
    names = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, names.decode().split("\0")):
        if not name.startswith(_LEFT_OUT) and (ROOT / name).exists():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)


def environment_of(folder: Path) -> dict[str, str]:
    """Give an environment in which our packages come from a checkout."""
    packages = ("", "src", "imageroot/pypkg", "devnode/pypkg")
    path = os.pathsep.join(str(folder / package) for package in packages)
    return {**os.environ, "PYTHONPATH": path, "HYPOTHESIS_DATABASE_FILE": os.devnull}
