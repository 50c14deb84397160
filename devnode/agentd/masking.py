"""Hide secrets in what is stored of a task."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

ENDINGS = ("password", "secret", "token", "key", "pass")
MASK = "XXX"


def masked(value: Json) -> Json:
    """Give a copy where every member whose lower-cased name ends like a secret's is `XXX`."""
    if isinstance(value, dict):
        return {
            name: MASK if name.lower().endswith(ENDINGS) else masked(member) for name, member in value.items()
        }
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
