"""podman, as the module's steps use it."""

from __future__ import annotations

import json
import subprocess
from typing import Any


class PodmanError(Exception):
    """podman failed; the text is what it said."""


def podman(*arguments: str) -> str:
    """Run podman and give its standard output; PodmanError when it fails."""
    done = subprocess.run(["podman", *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise PodmanError(done.stderr.strip() or f"podman {arguments[0]}: exit code {done.returncode}")
    return done.stdout


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
