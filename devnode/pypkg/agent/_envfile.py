"""Environment files: KEY=VALUE lines, no quoting, no escaping."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from .safeio import exclusive_file_lock, safe_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read_envfile(file_path: str | os.PathLike[str]) -> dict[str, str]:
    """Give the variables of a file; empty and `#` lines are skipped. FileNotFoundError when it is missing."""
    found: dict[str, str] = {}
    with Path(file_path).open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.rstrip("\n")
            if not text or text.startswith("#"):
                continue
            name, separator, value = text.partition("=")
            if not separator:
                warnings.warn(f"{file_path}:{number}: no KEY=VALUE line", stacklevel=2)
                continue
            found[name] = value
    return found


def write_envfile(file_path: str | os.PathLike[str], env: Mapping[str, object]) -> None:
    """Write the variables sorted by name, atomically; the mode of an existing file is kept."""
    with safe_open(file_path, "w", encoding="utf-8") as stream:
        for name in sorted(env):
            stream.write(f"{name}={env[name]!s}\n")


def set_env(name: str, value: object) -> None:
    """Store one variable of the agent; os.environ of this process stays as it is."""
    mset_env({name: value})


def mset_env(envdict: Mapping[str, object]) -> None:
    """Store several variables of the agent at once."""
    with exclusive_file_lock(_agent_file()):
        write_envfile(_agent_file(), {**_stored(), **envdict})


def unset_env(name: str) -> None:
    """Remove one variable of the agent; a missing one is fine."""
    munset_env([name])


def munset_env(names: Iterable[str]) -> None:
    """Remove several variables of the agent at once."""
    gone = set(names)
    with exclusive_file_lock(_agent_file()):
        write_envfile(_agent_file(), {name: value for name, value in _stored().items() if name not in gone})


def dump_env() -> None:
    """Do nothing: kept for old modules."""


def _agent_file() -> Path:
    return Path(os.environ["AGENT_STATE_DIR"]) / "environment"


def _stored() -> dict[str, str]:
    try:
        return read_envfile(_agent_file())
    except FileNotFoundError:
        return {}
