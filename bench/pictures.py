"""Pictures of the curves, for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from bench.curves import Point

FIRST = ("first", "wall_s", "first sync: seconds")
AGAIN = ("again", "wall_s", "nothing changed: seconds")
MEMORY = ("first", "peak_mib", "first sync: peak memory, MiB")


def draw(points: Sequence[Point], folder: Path) -> None:
    """Draw performance-size.png and performance-trip.png; points that are not exact are left out."""
    good = [point for point in points if not point.problems]
    _picture(folder / "performance-size.png", good, "size", "messages in one folder", (FIRST, AGAIN, MEMORY))
    _picture(folder / "performance-trip.png", good, "trip", "round trip to the source, ms", (FIRST, AGAIN))


def _picture(
    path: Path, points: list[Point], curve: str, axis: str, panels: tuple[tuple[str, str, str], ...]
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels), 4))
    engines = dict.fromkeys(point.engine for point in points)
    for place, (kind, member, title) in zip(axes, panels, strict=True):
        for engine in engines:
            mine = [point for point in points if point.engine == engine and point.curve == f"{curve}-{kind}"]
            values = [getattr(point, member) for point in mine]
            place.plot([point.x for point in mine], values, "o-", markersize=4, label=engine)
        place.set_title(title)
        place.set_xlabel(axis)
        place.grid(visible=True, which="major", alpha=0.3)
        if curve == "size":
            _logarithmic(place)
        else:
            place.set_ylim(bottom=0)
    axes[0].legend()
    figure.tight_layout()
    # Without the program's version in it, the same points give the same file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _logarithmic(place: Axes) -> None:
    """Make both axes logarithmic, with plain numbers at powers of ten and at 2 and 5 times these."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    place.set_xscale("log")
    place.set_yscale("log")
    for side, ticks in ((place.xaxis, (1.0,)), (place.yaxis, (1.0, 2.0, 5.0))):
        side.set_major_locator(LogLocator(subs=ticks))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        side.set_minor_formatter(NullFormatter())
