"""The map of a system: its parts as boxes, and arrows with the shapes that flow there.

The shapes are those of a real call: parts of a model are watched by hooks, functions by
wrappers that stand in their place for the time of the call. So shapes cannot disagree
with the code, and a part that no longer runs is an error. The arrows are the author's.
"""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from unittest import mock

from matplotlib import patches
from matplotlib.axes import Axes
from torch import Tensor, nn

from course_utils.draw.figure import new_figure, show
from course_utils.draw.style import ORANGE, SKY, look

# A value that goes in, a part of a model, or a function: where it is looked up, and its
# name there, such as (course_utils.models.fast_rcnn, "roi_pool").
Part = Tensor | nn.Module | tuple[Any, str]
Arrow = tuple[str, str]
WIDTH, HEIGHT, GAP = 2.3, 0.36, 0.4  # inches: of a box, and between two rows
MARGIN = 1.2  # beside and between columns, for arrows that pass boxes, and for shapes
STEP = (WIDTH + 2 * MARGIN, HEIGHT + GAP)


def show_system(
    call: Callable[[], Any],
    parts: Mapping[str, Part],
    arrows: Sequence[Arrow],
    *,
    names: Mapping[str, Sequence[str]] | None = None,
    new: Collection[str] = (),
    caption: str = "",
) -> None:
    """Draw the map of a system, from top to bottom.

    Args:
        call: runs the system once, as `lambda: model.predict(images)`.
        parts: name -> what is watched while it runs.
        arrows: (from, to) by name. What flows is what the first one returned.
        names: part -> what the tensors that it returns are called, in their order.
        new: parts that the system before did not have, in another colour.
        caption: a sentence under the map.

    Raises ValueError for an arrow between unknown parts, for arrows in a circle, for a
    part that was not called, and for another number of names than of values.
    """
    shapes = watch(call, parts, names or {})
    unknown = {name for arrow in arrows for name in arrow} - shapes.keys()
    if unknown:
        raise ValueError(f"arrows name {sorted(unknown)}, but parts are {[*parts]}")
    places = place_parts([*parts], arrows)
    width = (max(x for x, _ in places.values()) + 1) * STEP[0]
    height = (max(y for _, y in places.values()) + 1) * STEP[1]
    fig, (ax,) = new_figure(width=width, height=height)
    fig.set_layout_engine("none")  # one unit of the axes is one inch
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    with look():
        draw_map(ax, places, shapes, arrows, new)
    show(fig, alt=" ".join(in_words(shapes, arrows, new)), caption=caption)


def watch(
    call: Callable[[], Any],
    parts: Mapping[str, Part],
    names: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """What each part returned at its first call, as text; of a tensor, its shape."""
    shapes: dict[str, str] = {}

    def note(name: str, value: Any) -> None:
        if name in names:
            values = [value] if isinstance(value, Tensor) else value
            if len(values) != len(names[name]):
                raise ValueError(
                    f"{name} returned {len(values)} values, but names gives it "
                    f"{[*names[name]]}: give one name for each"
                )
            value = dict(zip(names[name], values, strict=True))
        shapes.setdefault(name, shape_text(value))

    def wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def noted(*arguments: Any, **settings: Any) -> Any:
            value = function(*arguments, **settings)
            note(name, value)
            return value

        return noted

    with ExitStack() as stack:
        for name, part in parts.items():
            if isinstance(part, Tensor):
                note(name, part)
            elif isinstance(part, nn.Module):
                hook = functools.partial(lambda name, *seen: note(name, seen[-1]), name)
                stack.callback(part.register_forward_hook(hook).remove)
            else:
                owner, function = part
                stand_in = wrapped(name, getattr(owner, function))
                stack.enter_context(mock.patch.object(owner, function, stand_in))
        call()
    missing = [name for name in parts if name not in shapes]
    if missing:
        raise ValueError(
            f"{missing} never ran, but a map shows what ran: name its part"
        )
    return {name: shapes[name] for name in parts}


def shape_text(value: Any) -> str:
    """The shapes of tensors, with their names where they have some."""
    if isinstance(value, Tensor):
        return " × ".join(map(str, value.shape)) or "scalar"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shape_text(each)}" for name, each in value.items())
    if hasattr(value, "_asdict"):
        return shape_text(value._asdict())
    if isinstance(value, list) and value and not isinstance(value[0], Tensor):
        return f"{shape_text(value[0])} per image"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shape_text, value))
    return str(value)


def place_parts(
    names: Sequence[str], arrows: Sequence[Arrow]
) -> dict[str, tuple[int, int]]:
    """(column, row) of each part: below all that leads to it."""
    rows = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in arrows:
            rows[target] = max(rows[target], rows[source] + 1)
    if any(rows[target] <= rows[source] for source, target in arrows):
        raise ValueError(
            "the arrows go in a circle, but a map leads from top to bottom"
        )
    columns: dict[int, int] = {}
    places = {}
    for name in names:
        column = columns.get(rows[name], 0)
        places[name] = (column, rows[name])
        columns[rows[name]] = column + 1
    return places


def draw_map(
    ax: Axes,
    places: Mapping[str, tuple[int, int]],
    shapes: Mapping[str, str],
    arrows: Sequence[Arrow],
    new: Collection[str],
) -> None:
    """Boxes, and arrows with the shapes of what flows, in inches from the top left."""
    corners = {
        name: (x * STEP[0] + MARGIN, y * STEP[1] + 0.05)
        for name, (x, y) in places.items()
    }
    for name, (x, y) in corners.items():
        color = ORANGE if name in new else SKY
        box = patches.Rectangle((x, y), WIDTH, HEIGHT)
        box.set(facecolor=f"{color}55", edgecolor=color)
        ax.add_patch(box)
        middle = (x + WIDTH / 2, y + HEIGHT / 2)
        ax.text(*middle, name, ha="center", va="center", weight="bold")
    for source, target in arrows:
        (x, y), (to_x, to_y) = corners[source], corners[target]
        if places[target][1] - places[source][1] == 1:
            begin, end = (x + WIDTH / 2, y + HEIGHT), (to_x + WIDTH / 2, to_y)
            bend = 0.0
        else:  # around the boxes between, on their left
            begin, end = (x, y + HEIGHT / 2), (to_x, to_y + HEIGHT / 2)
            bend = 0.5
        style: dict[str, Any] = {"arrowstyle": "->", "lw": 1.5, "shrinkA": 0}
        style |= {"shrinkB": 0, "connectionstyle": f"arc3,rad={bend}"}
        ax.annotate("", end, begin, arrowprops=style)
    for name, (x, y) in corners.items():
        ax.text(x + WIDTH / 2 + 0.1, y + HEIGHT + GAP / 2, shapes[name], va="center")


def in_words(
    shapes: Mapping[str, str], arrows: Sequence[Arrow], new: Collection[str]
) -> Iterator[str]:
    """The map as sentences."""
    yield "A map from top to bottom."
    for source, target in arrows:
        yield f"{source} gives {shapes[source]} to {target}."
    sources = {source for source, _ in arrows}
    for last in shapes:
        if last not in sources:
            yield f"{last} gives {shapes[last]}."
    if new:
        yield f"New: {', '.join(new)}."
