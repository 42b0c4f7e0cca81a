"""filled_parts: the part of each crop that shows the image.

The oracle finds the place of each edge of the image, one at a time.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.tables import Rows, rows_of


def case(boxes: Rows, height: int, width: int, size: int, context: int) -> Inputs:
    """Boxes, the image, and the crops."""
    return inputs(
        rows_of(boxes, 4), height=height, width=width, size=size, context=context
    )


CASES = {
    "the example": case([[1, 50, 41, 70]], 60, 100, 28, 4),
    "two boxes": case([[10, 10, 50, 30], [1, 50, 41, 70]], 60, 100, 28, 4),
    "no boxes": case([], 60, 100, 28, 4),
    "a box far from the edges": case([[40, 20, 60, 40]], 60, 100, 24, 2),
    "a box in the first corner": case([[0, 0, 20, 10]], 60, 100, 32, 6),
    "a box in the last corner": case([[80, 50, 100, 60]], 60, 100, 32, 6),
    "a wide box near the left and lower edges": case([[3, 52, 63, 58]], 60, 100, 36, 6),
    "no context": case([[0, 0, 20, 10], [5, 5, 25, 35]], 40, 30, 16, 0),
    "a box that sticks out": case(
        [[-10, 20, 30, 50], [70, -8, 120, 72]], 60, 100, 28, 4
    ),
    "boxes outside the image": case(
        [[200, 10, 220, 30], [-90, 5, -60, 35], [20, 300, 30, 320]], 60, 100, 28, 4
    ),
    "the whole image": case([[0, 0, 100, 60]], 60, 100, 227, 16),
    "a crop larger than the image": case([[2, 1, 7, 5]], 6, 9, 227, 16),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Boxes of which many are near an edge of their image."""
    boxes = random_boxes(4 + i, generator=generator)
    size = 20 + int(torch.randint(0, 40, (), generator=generator))
    shifted = boxes - torch.tensor([9.0, 6.0, 9.0, 6.0])
    return inputs(shifted, height=70, width=120, size=size, context=size // 7)


def place_in_crop(distance: float, side: float, size: int, context: int) -> float:
    """Where a point falls that lies this far behind the first edge of the box."""
    return context + distance * (size - 2 * context) / side


def slow_filled_parts(
    boxes: Tensor,
    *,
    height: int,
    width: int,
    size: int,
    context: int,
    sides: Callable[[float, float], tuple[float, float]] = lambda w, h: (w, h),
    place: Callable[[float, float, int, int], float] = place_in_crop,
    clip: Callable[[float, int], float] = lambda edge, size: min(max(edge, 0.0), size),
) -> Tensor:
    """(N, 4) parts of the crops that show the image, edge by edge."""
    rows = []
    for x1, y1, x2, y2 in boxes.tolist():
        w, h = sides(x2 - x1, y2 - y1)
        edges = [(-x1, w), (-y1, h), (width - x1, w), (height - y1, h)]
        rows.append([clip(place(*edge, size, context), size) for edge in edges])
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


MISTAKES: Mistakes = {
    "there is context on both sides: size - 2 * context": {
        "place": lambda distance, side, size, context: (
            context + distance * (size - context) / side
        )
    },
    "the box does not fill the crop: there is context around it": {
        "place": lambda distance, side, size, context: distance * size / side
    },
    "the box begins at `context` in the crop, not at 0": {
        "place": lambda distance, side, size, context: (
            distance * (size - 2 * context) / side
        )
    },
    "the box fills size - 2 * context pixels, not all": {
        "place": lambda distance, side, size, context: context + distance * size / side
    },
    "`context` counts pixels of the crop, not of the image": {
        "place": lambda distance, side, size, context: (
            (distance + context) * size / (side + 2 * context)
        )
    },
    "x and y have scales of their own": {"sides": lambda w, h: (max(w, h), max(w, h))},
    "the scale is pixels of the crop for one of the image": {
        "place": lambda distance, side, size, context: (
            context + distance * side / (size - 2 * context)
        )
    },
    "x ends at the width of the image, y at its height": (
        lambda right, boxes, *, height, width, **crop: slow_filled_parts(
            boxes, height=width, width=height, **crop
        )
    ),
    "a crop begins at 0 and ends at `size`": {"clip": lambda edge, size: edge},
    "x comes first in a rectangle": lambda right, *given, **crop: right[
        :, [1, 0, 3, 2]
    ],
    "a rectangle is two corners, not a corner and a size": (
        lambda right, *given, **crop: torch.cat(
            [right[:, :2], right[:, 2:] - right[:, :2]], dim=1
        )
    ),
}

check_filled_parts = compare_with(
    slow_filled_parts,
    "filled_parts",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    tolerance=1e-4,
)
