"""Names beside boxes, put where they hide each other least."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

FONT_SIZE = 8
Extent = tuple[float, float, float, float]


def write_names(
    ax: Axes, boxes: Tensor, names: Sequence[str], colors: Sequence[str]
) -> None:
    """Write a name at each of the (N, 4) boxes; empty names are left out."""
    taken: list[Extent] = []
    for box, name, color in zip(boxes.tolist(), names, colors, strict=True):
        if not name:
            continue
        spot = best_spot(box, text_size(ax, name), limits(ax), taken)
        taken.append(spot)
        frame = {
            "boxstyle": "square,pad=0.15",
            "facecolor": "white",
            "edgecolor": color,
            "alpha": 0.9,
        }
        x, y = spot[0], (spot[1] + spot[3]) / 2
        ax.text(
            x,
            y,
            name,
            fontsize=FONT_SIZE,
            color="black",
            va="center_baseline",
            bbox=frame,
            clip_on=True,
        )


def limits(ax: Axes) -> Extent:
    """The part of the plane that the axes show: x1, y1, x2, y2 with y downward."""
    (x1, x2), (y2, y1) = ax.get_xlim(), ax.get_ylim()
    return x1, y1, x2, y2


def is_inside(box: Extent, whole: Extent) -> bool:
    """Whether no part of the box lies outside."""
    return (
        box[0] >= whole[0]
        and box[1] >= whole[1]
        and box[2] <= whole[2]
        and box[3] <= whole[3]
    )


def text_size(ax: Axes, text: str) -> tuple[float, float]:
    """Width and height of the text with its frame, estimated in pixels of the image."""
    ax.apply_aspect()
    corner = ax.transData.transform([(0, 0), (1, 1)])
    dots = float(np.abs(corner[1] - corner[0]).max())  # screen dots a pixel
    point = ax.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    em = FONT_SIZE * point / dots
    return (0.6 * len(text) + 0.3) * em, 1.5 * em


def best_spot(
    box: Sequence[float], size: tuple[float, float], inside: Extent, taken: list[Extent]
) -> Extent:
    """The first place at the box that hides no other name, or the one that hides least.

    Tried: above the box, inside its top, below it, inside its bottom; left, then right.
    """
    (x1, y1, x2, y2), (width, height) = box, size
    best, least = (x1, y1, x1 + width, y1 + height), float("inf")
    right = max(inside[0], inside[2] - width)
    places = itertools.product((y1 - height, y1, y2, y2 - height), (x1, x2 - width))
    for y, left in places:
        x = min(max(left, inside[0]), right)
        spot = (x, y, x + width, y + height)
        outside = max(inside[1] - y, 0) + max(y + height - inside[3], 0)
        hidden = outside * width + sum(shared_area(spot, other) for other in taken)
        if hidden < least:
            best, least = spot, hidden
    return best


def shared_area(a: Extent, b: Extent) -> float:
    """The area that two rectangles share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
