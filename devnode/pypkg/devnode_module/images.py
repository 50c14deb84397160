"""Steps about images: create-module/05pullimages and update-module."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import agent

from .imageroot import unpack_imageroot
from .podman import inspect_image, pull

LOCK = ".update-module.lock"
OWN = ("IMAGE_URL", "IMAGE_ID", "IMAGE_DIGEST", "IMAGE_REOPODIGEST")


def variable_name(url: str) -> str:
    """Give `X_IMAGE` for an image URL: last path component, upper case, `-`, `.`, `+`, space as `_`."""
    name = re.sub(r"[-.+ ]", "_", agent.get_image_name_from_url(url)).upper()
    return f"{'I' if name[0].isdigit() else ''}{name}_IMAGE"


def demanded(url: str) -> list[str]:
    """Give the image URLs that the label of a module image asks for."""
    return str((inspect_image(url).get("Labels") or {}).get("org.nethserver.images", "")).split()


def own_variables(url: str) -> dict[str, str]:
    """Give the variables that describe the module image itself."""
    found = inspect_image(url)
    digests = found.get("RepoDigests") or [""]
    return dict(zip(OWN, (url, str(found["Id"]), str(found.get("Digest", "")), str(digests[0])), strict=True))


def create() -> None:
    """Step create-module/05pullimages: store the image variables, see that each image is in a store."""
    request = json.load(sys.stdin)
    images = list(request.get("images", []))
    agent.mset_env({variable_name(image): image for image in images})
    for image in images:
        pull(image)


def update() -> None:
    """Step update-module/05pullimages: unpack the new imageroot, write new and PREV_ variables.

    Refuses with exit code 2 while another update runs; does nothing when the URL is installed and not forced.
    """
    request: dict[str, Any] = json.load(sys.stdin)
    url = str(request["module_url"])
    lock = Path(LOCK).open("w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        agent.set_status("validation-failed")
        fault = {
            "field": "module_url",
            "parameter": "module_url",
            "value": url,
            "error": "action_already_running",
        }
        json.dump([fault], sys.stdout)
        sys.exit(2)
    pull(url)
    before = agent.read_envfile(Path(os.environ["AGENT_STATE_DIR"]) / "environment")
    if (
        before.get("IMAGE_ID") == inspect_image(url)["Id"]
        and before["IMAGE_URL"] == url
        and not request.get("force")
    ):
        print(f"<6>{url} is installed already", file=sys.stderr)
        return
    images = demanded(url)
    new = own_variables(url) | {variable_name(image): image for image in images}
    for image in images:
        pull(image)
    unpack_imageroot(url, Path(os.environ["AGENT_INSTALL_DIR"]))
    subprocess.run(["systemctl", "--user", "daemon-reload"], check=True)
    previous = {
        f"PREV_{name}": value for name, value in before.items() if name in OWN or name.endswith("_IMAGE")
    }
    agent.mset_env(
        {name: value for name, value in previous.items() if not name.startswith("PREV_PREV_")} | new
    )


def run_scripts() -> None:
    """Step update-module/50run_scriptdir: run update-module.d in order; a script that fails only warns."""
    folder = Path(os.environ["AGENT_INSTALL_DIR"]) / "update-module.d"
    scripts = sorted(path for path in folder.glob("*") if path.is_file() and os.access(path, os.X_OK))
    for script in scripts:
        code = agent.run_helper(str(script)).returncode
        if code:
            print(f"<4>{script.name}: exit code {code}", file=sys.stderr)


def selfadm() -> None:
    """Step create-module/10selfadm_role: a module may call its own configure-module."""
    if (Path(os.environ["AGENT_INSTALL_DIR"]) / "actions/configure-module").is_dir():
        with agent.redis_connect(privileged=True) as rdb:
            rdb.sadd(f"{os.environ['AGENT_ID']}/roles/selfadm", "configure-module")
