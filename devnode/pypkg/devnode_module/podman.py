"""podman, as the module's steps use it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class PodmanError(Exception):
    """podman failed; the text is what it said."""


def podman(*arguments: str) -> str:
    """Run podman and give its standard output; PodmanError when it fails."""
    done = subprocess.run(["podman", *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise PodmanError(done.stderr.strip() or f"podman {arguments[0]}: exit code {done.returncode}")
    return done.stdout


def pull(url: str) -> None:
    """Bring an image into the own store: a rootless module has no other. PodmanError when nobody has it."""
    registry = os.environ.get("DEVNODE_REGISTRY")
    if registry is None:
        inspect_image(url)
        return
    entry = Path(registry) / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
    if not entry.exists():
        raise PodmanError(f"image {url} is in no local store: build it with ./build-images.sh")
    image_id = json.loads(entry.read_text())["id"]
    present = podman("images", "--quiet", "--no-trunc").split()
    if f"sha256:{image_id}" not in present:
        podman("load", "--quiet", "--input", str(Path(registry) / f"{image_id}.tar"))
    podman("tag", image_id, url)


def in_own_namespace(*command: str) -> list[str]:
    """Give the command as it sees the files of the module's containers under the owners that these see."""
    return list(command) if os.geteuid() == 0 else ["podman", "unshare", *command]


def enter_user_namespace() -> None:
    """Start this program again in the user namespace of the module's containers, if it has one."""
    if os.geteuid() != 0:
        command = in_own_namespace(sys.executable, *sys.orig_argv[1:])
        os.execvp(command[0], command)  # noqa: S606 - the same program once more


def inspect_image(url: str) -> dict[str, Any]:
    """Give what podman knows of an image; PodmanError when it is in no store: nothing is pulled."""
    try:
        found: list[dict[str, Any]] = json.loads(podman("image", "inspect", url))
    except PodmanError as error:
        raise PodmanError(
            f"image {url} is in no local store: build it with ./build-images.sh ({error})"
        ) from error
    return found[0]


def labels(url: str) -> dict[str, str]:
    """Give the labels of an image."""
    return dict(inspect_image(url).get("Labels") or {})
