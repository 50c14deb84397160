"""What `pip install .` brings: the engine, and nothing of the module."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("project", "packages", "commands"),
    [
        (
            ".",
            {"imapsync", "imapsync_fleet"},
            ["imapsync = imapsync.cli.main:entry", "imapsync-fleet = imapsync_fleet.command:entry"],
        ),
        ("runtime", {"syncctl", "imapsync_tasks"}, ["syncctl = syncctl.main:entry"]),
    ],
)
def test_a_distribution_brings_what_its_users_need(
    tmp_path: Path, project: str, packages: set[str], commands: list[str]
) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*build, str(ROOT / project)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        lines = archive.read(entry_points).decode().split("\n")
    brought = [name for name in names if ".dist-info/" not in name and ".data/data/share/" not in name]
    assert {name.split("/")[0] for name in brought} == packages
    assert [line for line in lines if " = " in line] == commands
    assert {f"{package}/py.typed" for package in packages} & set(names)
