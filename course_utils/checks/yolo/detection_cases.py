"""The inputs of assignment 05's checks of detections and shapes, by their names."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.checks.yolo.shape_oracles import (
    Numbers,
    shape_overlap,
    slow_cluster_shapes,
)

Pair = tuple[int, int]
# Vector, image size, grid, (num_boxes, num_classes), (score_threshold, most).
Decode = tuple[Tensor, Pair, Pair, Pair, tuple[float, int]]
Shapes = tuple[Tensor, Tensor, int]  # shapes, start, steps


def decode_case(
    classes: list[list[float]],
    confidences: list[list[float]],
    boxes: list[list[list[float]]],
    sizes: tuple[Pair, Pair],
    limits: tuple[float, int],
) -> Decode:
    """A vector from its three parts, one row a cell; image size and grid."""
    parts = [torch.tensor(part).float() for part in (classes, confidences, boxes)]
    vector = torch.cat([part.flatten() for part in parts])
    counts = (len(confidences[0]), len(classes[0]) + 1)
    return vector, *sizes, counts, limits


def coded_case(
    image_size: Pair, grid: Pair, counts: Pair, limits: tuple[float, int]
) -> Decode:
    """Sixteenths that tell the numbers apart; many scores are equal."""
    cells, (num_boxes, num_classes) = grid[0] * grid[1], counts
    code = torch.arange(cells * (num_classes - 1))
    classes = (code * 7 % 19 - 2) / 16
    code = torch.arange(cells * num_boxes)
    confidences = (code * 5 % 17) / 16
    code = torch.arange(cells * num_boxes * 4)
    boxes = (code * 11 % 23) / 32 + 0.125
    return torch.cat([classes, confidences, boxes]), image_size, grid, counts, limits


MIDDLE = [0.5, 0.5, 0.5, 0.5]

DECODES: dict[str, Decode] = {
    "the example": decode_case(
        [[0.5, 1], [0.75, 0]],
        [[1, 0.25], [0.5, 1.5]],
        [
            [[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.5, 0.75]],
            [[0, 0.5, 0.25, 0.5], [0.5, 0.25, 0.75, -1]],
        ],
        ((32, 64), (1, 2)),
        (0.375, 3),
    ),
    "one cell, one box, one class": decode_case(
        [[0.5]], [[0.5]], [[[0.25, 0.75, 0.25, 0.5]]], ((40, 60), (1, 1)), (0.1, 9)
    ),
    "one box a cell": coded_case((40, 72), (2, 3), (1, 5), (0.25, 50)),
    "three boxes a cell": coded_case((60, 40), (3, 2), (3, 4), (0.25, 99)),
    "the numbers of VOC": coded_case((448, 448), (7, 7), (2, 21), (0.6, 40)),
    "more rows than columns": coded_case((96, 48), (6, 3), (2, 4), (0.4, 30)),
    "more columns than rows": coded_case((48, 96), (3, 6), (2, 4), (0.4, 30)),
    "nothing is above the threshold": coded_case((48, 96), (2, 3), (2, 4), (2, 30)),
    "a score of exactly the threshold": decode_case(
        [[0.5, 0.75], [0.25, 1]],
        [[0.5, 0.5], [1, 0.75]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.25, 9),
    ),
    "several classes of one box": decode_case(
        [[0.5, 0.75, 1]], [[1]], [[MIDDLE]], ((32, 64), (1, 1)), (0.25, 9)
    ),
    "more candidates than `most`": decode_case(
        [[0.5, 0.75, 1], [0.25, 0.875, 0.375]],
        [[1], [0.75]],
        [[MIDDLE], [[0.25, 0.75, 0.5, 0.25]]],
        ((32, 64), (2, 1)),
        (0.125, 2),
    ),
    "equal scores": decode_case(
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.5, 1], [1, 0.5]],
        [
            [[0.25, 0.5, 0.5, 0.5], [0.75, 0.5, 0.5, 0.5]],
            [[0.5, 0.25, 0.5, 0.5], [0.5, 0.75, 0.5, 0.5]],
        ],
        ((32, 64), (1, 2)),
        (0.125, 5),
    ),
    "values above 1": decode_case(
        [[1.5, 0.75], [0.5, 2]],
        [[0.5, 1.25], [4, 0.25]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.3, 9),
    ),
    "both factors are negative": decode_case(
        [[-1, 0.5], [0.75, -0.75]],
        [[-0.75, 0.5], [0.5, -1]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.125, 9),
    ),
    "boxes that cross the border": decode_case(
        [[1.0], [0.875]],
        [[0.75, 0.5], [1, 0.25]],
        [
            [[0, 0.5, 1, 0.5], [0.5, 1, 0.5, 0.75]],
            [[1, 0.25, 0.5, 1], [0.5, -1, 0.25, 0.5]],
        ],
        ((64, 32), (2, 1)),
        (0.125, 9),
    ),
    "boxes outside the image": decode_case(
        [[1.0], [0.5]],
        [[1, 0.75], [1, 0.75]],
        [
            [[-0.5, 0.5, 0.25, 0.5], [0.5, -1, 0.5, 0.5]],
            [[2, 0.25, 0.5, 0.5], [0.25, 1.5, 0.25, 0.5]],
        ],
        ((32, 64), (1, 2)),
        (0.125, 9),
    ),
    "a threshold below 0": decode_case(
        [[-1, 0.5], [0.75, -0.75]],
        [[-0.75, 0.5], [0.5, -1]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (-1, 9),
    ),
    "negative roots and a root of 0": decode_case(
        [[1.0]],
        [[0.5, 0.75, 1]],
        [[[0.5, 0.5, -0.5, 0.25], [0.25, 0.5, 0.5, -0.75], [0.5, 0.25, 0, 0.5]]],
        ((48, 80), (1, 1)),
        (0.125, 9),
    ),
}


def random_decode(i: int, generator: torch.Generator) -> Decode:
    """Sixteenths, so that products are exact and many of them equal."""
    grid, num_boxes, num_classes = (2 + i % 3, 4 - i % 2), 1 + i % 3, 3 + i
    cells = grid[0] * grid[1]
    count = cells * (num_classes - 1 + num_boxes)
    scores = torch.randint(-12, 20, (count,), generator=generator) / 16
    boxes = torch.rand(cells * num_boxes * 4, generator=generator) * 1.2 - 0.2
    limits = ((0.25, 25), (0.5, 999), (0.0, 9))[i % 3]
    vector = torch.cat([scores, boxes])
    return vector, (60 + 8 * i, 100), grid, (num_boxes, num_classes), limits


def shapes_case(
    shapes: Sequence[Numbers], start: Sequence[Numbers], steps: int
) -> Shapes:
    """Shapes and the start, each one row of width and height."""
    return (
        torch.tensor(shapes).float().reshape(-1, 2),
        torch.tensor(start).float(),
        steps,
    )


FAMILY = [[8, 8], [10, 8], [12, 9], [30, 30], [33, 40], [36, 30], [40, 36]]

SHAPES: dict[str, Shapes] = {
    "the example": shapes_case(
        [[4, 4], [4, 6], [6, 5], [20, 10], [24, 12]], [[20, 20], [4, 4]], 1
    ),
    "no steps": shapes_case(FAMILY, [[30, 30], [8, 8]], 0),
    "one step": shapes_case(FAMILY, [[30, 30], [12, 9]], 1),
    "until nothing moves": shapes_case(FAMILY, [[40, 36], [36, 30], [8, 8]], 20),
    "one shape": shapes_case([[20, 12]], [[8, 12], [30, 20]], 2),
    "one anchor": shapes_case(FAMILY, [[20, 20]], 3),
    "as many anchors as shapes": shapes_case(
        [[4, 9], [20, 8], [12, 30]], [[12, 30], [4, 9], [20, 8]], 4
    ),
    "an even number of shapes": shapes_case(
        [[10, 20], [12, 26], [16, 22], [18, 30]], [[14, 24]], 2
    ),
    "one far outlier": shapes_case(
        [[10, 11], [11, 10], [12, 12], [13, 13], [90, 80]], [[20, 20]], 2
    ),
    "widths and heights in other orders": shapes_case(
        [[10, 30], [20, 10], [30, 28]], [[20, 20]], 1
    ),
    "an anchor that gets no shape": shapes_case(
        FAMILY, [[30, 30], [200, 3], [10, 8]], 3
    ),
    "a shape between two anchors": shapes_case(
        [[4, 4], [2, 4.5], [4.5, 2]], [[2, 4], [4, 2]], 1
    ),
    "two anchors start alike": shapes_case(FAMILY, [[30, 30], [30, 30], [8, 9]], 2),
    "flat and high shapes": shapes_case(
        [[40, 10], [44, 8], [36, 11], [10, 40], [9, 42], [11, 38]],
        [[38, 12], [12, 38]],
        3,
    ),
    "large sides count no more than small ones": shapes_case(
        [[4, 4], [8, 9], [100, 100], [130, 140]], [[8, 8], [110, 110]], 2
    ),
    "the narrower anchor has the larger area": shapes_case(
        [[10, 40], [11, 44], [20, 8], [22, 9]], [[10, 42], [20, 9]], 2
    ),
    "the same shape many times": shapes_case(
        [[8, 12]] * 4 + [[20, 16]], [[8, 8], [18, 18]], 5
    ),
    "no shapes": shapes_case([], [[20, 16], [8, 12]], 3),
}


def random_shapes(i: int, generator: torch.Generator) -> Shapes:
    """Shapes around a few sizes; no shape lies between two anchors at any step."""
    count, steps = 24 + 8 * i, 2 + i % 3
    while True:
        size = torch.rand(count, 1, generator=generator) * 60 + 10
        ratio = (torch.randn(count, 1, generator=generator) * 0.5).exp()
        shapes = torch.cat([size * ratio, size / ratio], dim=1).round().clamp(min=2)
        start = shapes[torch.randperm(count, generator=generator)[: 3 + i % 3]]
        if is_clear(shapes, start, steps):
            return shapes, start, steps


def is_clear(shapes: Tensor, start: Tensor, steps: int) -> bool:
    """Whether each shape has one nearest anchor at every step, and areas differ."""
    for step in range(steps + 1):
        anchors, _ = slow_cluster_shapes(shapes, start, step)
        rows = anchors.tolist()
        for shape in shapes.tolist():
            *_, second, best = sorted(shape_overlap(shape, one) for one in rows)
            if best - second < 1e-4:
                return False
        areas = sorted(w * h for w, h in rows)
        if any(b - a < 1e-2 for a, b in pairwise(areas)):
            return False
    return True
