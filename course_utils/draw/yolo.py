"""Pictures of YOLO's grid: its cells, what one cell predicts, and all its boxes."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch, Rectangle
from torch import Tensor

from course_utils.draw.boxes import draw_boxes
from course_utils.draw.figure import new_figure, show
from course_utils.draw.images import draw_image
from course_utils.draw.style import OKABE_ITO, ORANGE, SKY, look, mark
from course_utils.ops.boxes import xyxy_to_cxcywh
from course_utils.ops.yolo_grid import BOX, owner_cells

NUMBERS = ("x", "y", "√w", "√h", "conf.")


def draw_grid(ax: Axes, side: int, grid: int) -> None:
    """Draw the lines of a grid over a square image."""
    for line in torch.linspace(0, side, grid + 1).tolist():
        ax.plot([0, side], [line, line], color="white", linewidth=0.8)
        ax.plot([line, line], [0, side], color="white", linewidth=0.8)


def draw_owners(ax: Axes, boxes: Tensor, side: int, grid: int) -> None:
    """Draw the grid, boxes with their centres, and the cells that own one."""
    draw_grid(ax, side, grid)
    cell = side / grid
    cells = owner_cells(boxes, (side, side), grid).tolist()
    for row, column in sorted({(row, column) for row, column in cells}):
        corner = (column * cell, row * cell)
        ax.add_patch(Rectangle(corner, cell, cell, color=OKABE_ITO[4], alpha=0.6))
    draw_boxes(ax, boxes, linewidth=1.2)
    centres = xyxy_to_cxcywh(boxes)[:, :2].T
    ax.plot(*centres, "o", color="white", markeredgecolor="black")


def draw_class_cells(ax: Axes, confidence: Tensor, labels: Tensor, side: int) -> None:
    """Tint each cell in the colour of its class, the stronger the more confident.

    (S, S) confidence in [0, 1] and (S, S) labels.
    """
    grid = len(confidence)
    cell = side / grid
    for row in range(grid):
        for column in range(grid):
            color, _ = mark(int(labels[row, column]))
            alpha = 0.75 * confidence[row, column].clamp(0, 1).item()
            corner = (column * cell, row * cell)
            ax.add_patch(Rectangle(corner, cell, cell, color=color, alpha=alpha, lw=0))
    draw_grid(ax, side, grid)


def draw_all_boxes(ax: Axes, boxes: Tensor, scores: Tensor) -> None:
    """Draw (K, 4) boxes in the colour of their best class; the thicker, the surer.

    (K, C) scores. Boxes whose scores are all 0 are left out.
    """
    best, column = scores.max(dim=1)
    for i in best.argsort().tolist():  # the surest on top
        x1, y1, x2, y2 = boxes[i].tolist()
        score = min(float(best[i]), 1.0)
        if score > 0:
            color, style = mark(int(column[i]))
            box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False)
            box.set(edgecolor=color, linestyle=style)
            box.set(linewidth=0.7 + 2.5 * score, alpha=0.4 + 0.6 * score)
            ax.add_patch(box)


def show_cell_numbers(
    image: Tensor,
    cell: tuple[int, int],
    numbers: Tensor,
    class_names: Sequence[str],
    *,
    grid: int,
    num_boxes: int = 2,
    alt: str,
    caption: str = "",
) -> None:
    """Show where a cell stands in a square image, and what each of its numbers is.

    Args:
        image: (3, H, H).
        cell: row and column.
        numbers: (5 * num_boxes + C,) as the cell predicts them.
        class_names: C names, without background.
        grid: S, the cells a side.
        num_boxes: B.
        alt: what the figure shows, for those who cannot see it.
        caption: a sentence below the figure.
    """
    fig, (ax, table) = new_figure(1, 2, width=8.4, height=3.2)
    side = image.shape[-1]
    with look():
        draw_image(ax, image, ticks=False)
        draw_grid(ax, side, grid)
        step = side / grid
        x, y = cell[1] * step, cell[0] * step
        ax.add_patch(Rectangle((x, y), step, step, fill=False, lw=3, ec=ORANGE))
        write_numbers(table, numbers.tolist(), class_names, num_boxes)
        rows = num_boxes + 1
        for corner, end in (((x + step, y), 0.45), ((x + step, y + step), rows)):
            line = ConnectionPatch(
                corner, (0, end), "data", "data", axesA=ax, axesB=table, color=ORANGE
            )
            fig.add_artist(line)
    show(fig, alt=alt, caption=caption)


def write_numbers(
    ax: Axes, numbers: Sequence[float], class_names: Sequence[str], num_boxes: int
) -> None:
    """A row of squares for each predictor, and one for the classes, with values."""
    names = [NUMBERS] * num_boxes + [tuple(class_names)]
    heads = [f"predictor {j + 1}" for j in range(num_boxes)] + ["the cell: C classes"]
    for row, (head, words) in enumerate(zip(heads, names, strict=True)):
        ax.text(0.05, row + 0.28, head, weight="bold", size=9)
        start = BOX * row
        for place, word in enumerate(words):
            color = ORANGE if row == num_boxes else SKY
            box = Rectangle((place, row + 0.45), 0.94, 0.5)
            box.set(facecolor=f"{color}55", edgecolor=color)
            ax.add_patch(box)
            middle = place + 0.47
            value = f"{numbers[start + place]:.2f}"
            ax.text(middle, row + 0.62, word, ha="center", va="center", size=7.5)
            ax.text(middle, row + 0.82, value, ha="center", va="center", size=9)
    widest = max(len(class_names), BOX)
    ax.set(xlim=(-0.1, widest), ylim=(num_boxes + 1.05, 0))
    ax.axis("off")
