"""The container image that is just the engine: it is built, says its version, and copies mail."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

from imapsync import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
NEEDS = [program for program in ("buildah", "podman", "mmdebstrap") if shutil.which(program) is None]
pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(NEEDS), reason=f"needs {', '.join(NEEDS)} (scripts/install)"),
]
MAX_IMAGE_MIB = 120
#: podman wants to raise limits for its containers, which not every machine lets root do.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Build it under a name of its own."""
    names = {"REPOBASE": "localhost/tests", "IMAGETAG": f"t{os.getpid()}"}
    done = subprocess.run(
        [str(ROOT / "scripts" / "engine-image")],
        env={**os.environ, **names}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    name = done.stdout.strip()
    assert name == f"localhost/tests/imapsync-engine:{names['IMAGETAG']}"
    yield name
    subprocess.run(["podman", "rmi", "--force", name], check=True, capture_output=True)


def in_container(
    image: str, folder: Path, *words: str, terminal: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the image as its page says: with a folder for what outlasts the run."""
    how = ["--rm", "--network=host", *LIMITS, f"--volume={folder}:/work", *["--tty"] * terminal]
    return subprocess.run(
        ["podman", "run", *how, image, *words], capture_output=True, text=True, check=False, timeout=200
    )


def test_the_image_does_not_copy_mail_or_is_large(image: str, tmp_path: Path) -> None:
    said = in_container(image, tmp_path, "--version")
    assert (said.returncode, said.stdout) == (0, f"{__version__}\n"), said.stderr
    assert "usage: imapsync [options]" in in_container(image, tmp_path).stdout
    with Dovecot() as old, Dovecot() as new:
        for server in (old, new):
            server.add_user("anna", "secret")
        old.fill(
            "anna",
            {
                "INBOX": [NewMessage(b"Subject: a\r\n\r\nx\r\n")],
                "Work": [NewMessage(b"Subject: b\r\n\r\ny\r\n")],
            },
        )
        (tmp_path / "password").write_text("secret\n")
        words = [
            word
            for number, server in ((1, old), (2, new))
            for word in (
                *(f"--host{number}", server.host, f"--port{number}", str(server.port)),
                *(f"--user{number}", "anna", f"--passfile{number}", "password", f"--tls{number}"),
            )
        ]
        first = in_container(image, tmp_path, *words, terminal=True)
        assert first.returncode == 0, first.stdout
        assert "\x1b[?25l" in first.stdout, "a terminal gets bars"
        assert new.snapshot("anna") == old.snapshot("anna")
        second = in_container(image, tmp_path, *words)
        assert second.returncode == 0, second.stdout
        assert "Messages transferred                              : 0" in second.stdout
    assert "it is remembered from now on" in "".join(first.stdout.split("\r\n"))
    assert "it is remembered from now on" not in second.stdout, (
        "the certificates are known beyond the container"
    )
    assert len(list((tmp_path / "LOG_imapsync").iterdir())) == 2
    size = subprocess.run(
        ["podman", "image", "inspect", "--format", "{{.Size}}", image],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(size.stdout) < MAX_IMAGE_MIB << 20
