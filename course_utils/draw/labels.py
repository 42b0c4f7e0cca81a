"""Names beside points, so that none covers another name, a point, or the border."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

Point = tuple[float, float]

CLOSE, FAR = 7.0, (18.0, 30.0, 44.0)  # points from a marker to its name
MARKER = 5.0  # half the side of a marker's own place


def place_labels(ax: Axes, points: Sequence[Point], names: Sequence[str]) -> None:
    """Write each name at its point, moved as little as keeps all of them readable.

    Names that had to move far get a thin line. Call it when the limits and scales of
    the axes are set. Raises ValueError unless there is a name a point.
    """
    if len(points) != len(names):
        raise ValueError(
            f"there are {len(points)} points and {len(names)} names, but as many of "
            "each were expected"
        )
    figure = ax.get_figure(root=True)
    if figure is None or not points:
        return
    figure.draw_without_rendering()
    per_point = figure.dpi / 72  # pixels
    centres = [ax.transData.transform(point) for point in points]
    taken = [square(x, y, MARKER * per_point) for x, y in centres]
    for point, name in zip(points, names, strict=True):
        taken.append(text_box(write_clearly(ax, point, name, taken)))


def offsets() -> list[Point]:
    """Where a name may stand, in points from its marker, the best place first."""
    sides = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
    return [(CLOSE * x, CLOSE * y) for x, y in sides] + [
        (distance * x, distance * y) for distance in FAR for x, y in sides
    ]


def write(ax: Axes, point: Point, name: str, offset: Point) -> Annotation:
    """The name at an offset from its point, with a line to it if that is far."""
    x, y = offset
    is_far = max(abs(x), abs(y)) > CLOSE
    return ax.annotate(
        name,
        point,
        offset,
        textcoords="offset points",
        ha={-1: "right", 0: "center", 1: "left"}[sign(x)],
        va={-1: "top", 0: "center", 1: "bottom"}[sign(y)],
        arrowprops={"arrowstyle": "-", "linewidth": 0.6} if is_far else None,
    )


def write_clearly(
    ax: Axes, point: Point, name: str, taken: Sequence[Bbox]
) -> Annotation:
    """The name where it first covers nothing, or covers least if that is nowhere."""
    covers: list[tuple[float, int, Point]] = []
    for offset in offsets():
        label = write(ax, point, name, offset)
        cover = hidden_area(text_box(label), ax, taken)
        if cover == 0:
            return label
        label.remove()
        covers.append((cover, len(covers), offset))  # of several, the first
    return write(ax, point, name, min(covers)[2])


def hidden_area(text: Bbox, ax: Axes, taken: Sequence[Bbox]) -> float:
    """How much of a text lies on what is taken, or outside of the axes, in pixels."""
    outside = text.width * text.height - area(text, ax.get_window_extent())
    # Rounded, so that nothing is exactly nothing.
    return float(round(outside + sum(area(text, other) for other in taken), 3))


def text_box(label: Annotation) -> Bbox:
    """Where the letters stand; an annotation's own answer would hold its line, too."""
    label.get_window_extent()  # puts the letters in their place
    return Text.get_window_extent(label)


def sign(value: float) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def square(x: float, y: float, half: float) -> Bbox:
    """A square about (x, y)."""
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def area(a: Bbox, b: Bbox) -> float:
    """The area that two boxes share."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(max(width, 0.0) * max(height, 0.0))
