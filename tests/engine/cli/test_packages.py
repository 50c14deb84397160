"""The packages that people install: a wheel and a Debian package, with all that belongs to the command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.servers.cache import made_once

from imapsync import __version__

ROOT = Path(__file__).parents[3]
PAGES = ("share/man/man1/imapsync.1", "share/bash-completion/completions/imapsync")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of what is under version control, as it is in this tree."""
    folder = tmp_path_factory.mktemp("package") / "ns8-imapsync"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--",
         "src", "share", "docs", "examples", "debian", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def test_the_versions_differ() -> None:
    changelog = (ROOT / "debian" / "changelog").read_text()
    assert re.match(r"ns8-imapsync \(([^)]*)\)", changelog)[1] == __version__  # type: ignore[index]


def test_the_wheel_lacks_the_command_or_its_pages(tree: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*words, "--wheel-dir", str(tmp_path), str(tree)], check=True, timeout=110)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "imapsync/cli/main.py" in names
    for page in PAGES:
        assert any(name.endswith(f".data/data/{page}") for name in names)


@pytest.mark.slow
def test_the_site_has_warnings(tmp_path: Path) -> None:
    site = made_once("mkdocs-1.6.1", _install_mkdocs)
    words = [
        str(site / "bin" / "python"),
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "options" / "index.html").is_file()


def _install_mkdocs(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    words = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*words, "mkdocs==1.6.1"], check=True, stdin=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("dpkg-buildpackage") is None, reason="dpkg-dev is not installed")
def test_the_debian_package_does_not_run(tree: Path, tmp_path: Path) -> None:
    build = ["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps"]
    done = subprocess.run(build, cwd=tree, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (package,) = tree.parent.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(tmp_path)], check=True)
    for page in ("share/man/man1/imapsync.1.gz", PAGES[1]):
        assert (tmp_path / "usr" / page).is_file()
    for command, words in (("imapsync", ["--version"]), ("imapsync-fleet", ["--help"])):
        ran = subprocess.run(
            ["/usr/bin/python3", str(tmp_path / "usr/bin" / command), *words],
            capture_output=True, text=True, check=False,
            env={
                "PYTHONPATH": str(tmp_path / "usr/lib/python3/dist-packages"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith(__version__ if words == ["--version"] else "usage: imapsync-fleet")
