"""A small map as a grid of numbers, and the bins of a pooling over it."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from course_utils.draw.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION

BINS = (BLUE, ORANGE, GREEN, PURPLE)  # neighbours differ
Span = tuple[Sequence[int], Sequence[int]]  # first cell of each bin, first after it


def draw_cells(ax: Axes, values: Tensor, *, title: str = "", size: float = 11) -> None:
    """Draw an (h, w) map as numbers in a grid, with its cells numbered at the edge."""
    height, width = values.shape
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=title)
    ax.set_xticks(range(width + 1))
    ax.set_yticks(range(height + 1))
    ax.tick_params(labelsize=8, length=0)
    for y, row in enumerate(values.tolist()):
        for x, value in enumerate(row):
            place = (x + 0.5, y + 0.5)
            ax.text(*place, f"{value:g}", ha="center", va="center", fontsize=size)


def draw_bins(
    ax: Axes, values: Tensor, rows: Span, columns: Span, *, size: float = 11
) -> None:
    """Tint the bins over a map of `draw_cells`, and frame the maximum of each.

    Where two bins share cells, both tints are seen.
    """
    for i, (top, bottom) in enumerate(zip(*rows, strict=True)):
        for j, (left, right) in enumerate(zip(*columns, strict=True)):
            gap = 0.05 + 0.06 * ((i + j) % 2)  # so that shared edges stay apart
            color = BINS[(2 * (i % 2) + j) % len(BINS)]
            sides = (right - left - 2 * gap, bottom - top - 2 * gap)
            box = Rectangle((left + gap, top + gap), *sides, lw=2)
            box.set(facecolor=f"{color}33", edgecolor=color)
            ax.add_patch(box)
            if sides[0] > 0 and sides[1] > 0:
                cells = values[top:bottom, left:right]
                y, x = divmod(int(cells.argmax()), cells.shape[1])
                write_maximum(ax, left + x, top + y, f"{cells[y, x]:g}", size)


def write_maximum(ax: Axes, x: float, y: float, text: str, size: float) -> None:
    """Write a number boldly on white, in the cell whose corner is (x, y)."""
    ax.text(
        x + 0.5,
        y + 0.5,
        text,
        ha="center",
        va="center",
        fontsize=size,
        fontweight="bold",
        color=VERMILION,
        bbox={"facecolor": "white", "linewidth": 0, "pad": 1.5},
    )
