from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import Module, build_image, tool

from devnode import lifecycle, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devnode.settings import Node

IMAGE = "localhost/probe:1"
UNIT = """\
[Unit]
Description=probe
[Service]
EnvironmentFile=%E/state/environment
WorkingDirectory=%E/state
ExecStartPre=runagent write-mark
ExecStart=/bin/sleep 1000
[Install]
WantedBy=default.target
"""
FILES = {
    "imageroot/bin/write-mark": ('#!/bin/sh\necho "$MODULE_ID" > mark\n', 0o755),
    "imageroot/systemd/user/probe.service": (UNIT, 0o644),
    "imageroot/actions/create-module/20touch": ("#!/bin/sh\ntouch created\n", 0o755),
    "imageroot/actions/configure-module/20start": (
        "#!/bin/sh\nexec 1>&2\nsystemctl --user enable --now probe.service\n",
        0o755,
    ),
    "imageroot/update-module.d/20mark": ("#!/bin/sh\necho out\ntouch updated\n", 0o755),
    "imageroot/update-module.d/30broken": ("#!/bin/sh\nexit 3\n", 0o755),
    "imageroot/etc/state-include.conf": ("# kept\nstate/data\n", 0o644),
    "imageroot/etc/state-exclude.conf": ("*.log\n", 0o644),
    "imageroot/only-in-one": ("1\n", 0o644),
    "imageroot/.gitignore": ("x\n", 0o644),
    "imageroot/state/evil": ("never\n", 0o644),
    "ui/index.html": ("<h1>probe</h1>\n", 0o644),
    "ui/metadata.json": ("{}\n", 0o644),
}
LABELS = {
    "org.nethserver.authorizations": "probe@any:reader cluster:owner *:x",
    "org.nethserver.rootfull": "0",
}


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """Bring up a node for this test run; what an interrupted run left is taken away first.

    It is rootless where the machine allows it, unless DEVNODE_TEST_MODE is `as-root`.
    """
    if os.geteuid() != 0:
        pytest.skip("a devnode needs root")
    for path in settings.BASE.glob("pytest-*"):
        owner = int(re.sub(r"\D", "", path.name) or 0)
        if not os.path.exists(f"/proc/{owner}"):
            lifecycle.down(path.name, lambda _line: None)
    name = f"pytest-{os.getpid()}"
    as_root = os.environ.get("DEVNODE_TEST_MODE") == "as-root"
    found = lifecycle.up(name, None, lambda _line: None, rootless=False if as_root else None)
    build_image(found, IMAGE, FILES, LABELS)
    yield found
    lifecycle.down(name, lambda _line: None)
    assert not found.state.exists()


@pytest.fixture(scope="session")
def installed(node: Node) -> dict[str, str]:
    """Give the answer of add-module, as it prints it."""
    answer: dict[str, str] = ast.literal_eval(tool(node, "add-module", IMAGE).stdout)
    return answer


@pytest.fixture(scope="session")
def probe(node: Node, installed: dict[str, str]) -> Module:
    """Give the tiny module, one for all tests: each test uses action names of its own."""
    return Module(node, installed["module_id"])
