"""The text files that devnode writes, as Jinja2 templates."""

from __future__ import annotations

from pathlib import Path

import jinja2

FOLDER = Path(__file__).parent
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - configuration files for our own services, no HTML, no outside input
    keep_trailing_newline=True,
)


def render(template: str, target: Path, **values: object) -> Path:
    """Write the rendered template to target (folders made, mode 0644) and give the target back."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_ENVIRONMENT.get_template(template).render(**values))
    return target
