"""Bars made of parts: where the time of a system goes."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from course_utils.draw.figure import new_figure, show
from course_utils.draw.style import look, mark

HATCHES = ("", "//", "..", "xx", "--")
Parts = Mapping[str, Mapping[str, float]]


def draw_parts(ax: Axes, bars: Parts, *, unit: str = "", title: str = "") -> None:
    """Draw a bar by name, each the sum of its named parts, with a key below.

    A part has one colour and one hatching in all bars; a bar may lack some parts.
    Raises ValueError if a part is below zero, since it would cover its neighbour.
    """
    low = {
        (bar, part): value
        for bar, parts in bars.items()
        for part, value in parts.items()
        if not value >= 0
    }
    if low:
        raise ValueError(f"parts are {low}, but 0 or more was expected of each")
    names = list(dict.fromkeys(part for parts in bars.values() for part in parts))
    left = dict.fromkeys(bars, 0.0)
    for index, name in enumerate(names):
        values = [parts.get(name, 0.0) for parts in bars.values()]
        ax.barh(
            list(bars),
            values,
            left=list(left.values()),
            color=mark(index)[0],
            hatch=HATCHES[index % len(HATCHES)],
            edgecolor="white",
            label=name,
            height=0.6,
        )
        left = {bar: left[bar] + parts.get(name, 0.0) for bar, parts in bars.items()}
    ax.invert_yaxis()  # the first bar on top, as it is read
    ax.grid(visible=False, axis="y")
    ax.set(xlabel=unit, title=title)
    if names:
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.3),
            ncols=min(len(names), 4),
        )


def show_parts(
    bars: Parts, *, alt: str, caption: str = "", unit: str = "", title: str = ""
) -> None:
    """Show a bar by name, each the sum of its named parts in `unit`."""
    fig, (ax,) = new_figure(width=6.6, height=1.3 + 0.45 * len(bars))
    with look():
        draw_parts(ax, bars, unit=unit, title=title)
    show(fig, alt=alt, caption=caption)
