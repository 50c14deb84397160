"""``--testslive``: the tutorial's first step works without the author's servers."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("option", ["--testslive", "--testslive6"])
def test_the_tutorial_stops_at_its_live_test(option: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imapsync", option, "--nolog", "--pidfile", str(tmp_path / "pid")],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The sync looks good, all 7 identified messages in host1 are on host2." in done.stdout
    assert "between two Dovecot servers on this machine" in done.stdout
    ports = re.findall(r"connected to \S+ port (\d+)", done.stdout)
    assert len(ports) == 2
    host = "::1" if option.endswith("6") else "127.0.0.1"
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)
