"""distance_iou: IoU less the squared distance of centres over the squared diagonal.

The oracle goes pair by pair, in Python numbers.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Box = Sequence[float]


def case(a: Sequence[Box], b: Sequence[Box]) -> Inputs:
    """Boxes from rows, also from no rows."""
    return inputs(*(torch.tensor(rows).float().reshape(-1, 4) for rows in (a, b)))


CASES = {
    "apart in x, sharing rows": case([[0, 0, 2, 9]], [[5, 1, 8, 7]]),
    "the example: side by side": case([[0, 0, 2, 2]], [[2, 0, 4, 2]]),
    "the same box": case([[3, 1, 8, 5]], [[3, 1, 8, 5]]),
    "far apart": case([[0, 0, 2, 3]], [[10, 20, 14, 21], [30, 2, 37, 4]]),
    "one inside the other": case([[0, 0, 10, 6]], [[7, 1, 9, 5], [4, 2, 6, 4]]),
    "the same top left corner": case([[2, 3, 10, 9]], [[2, 3, 5, 19]]),
    "three boxes and two": case(
        [[0, 0, 4, 3], [1, 1, 9, 4], [2, 5, 3, 12]],
        [[0, 1, 5, 4], [2, 0, 3, 11]],
    ),
    "no boxes in `a`": case([], [[0, 0, 4, 3], [1, 2, 3, 4]]),
    "no boxes in `b`": case([[0, 0, 4, 3], [1, 2, 3, 4]], []),
    "boxes smaller than a pixel": case([[0, 0, 0.5, 0.2]], [[0.3, 0.1, 0.6, 0.4]]),
    "a box without area": case([[2, 2, 2, 5]], [[0, 0, 4, 6], [2, 2, 2, 5]]),
    "twice the same point": case([[3, 4, 3, 4]], [[3, 4, 3, 4]]),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Some boxes, and others."""
    return inputs(*(random_boxes(n, generator=generator) for n in (2 * i + 1, 6 - i)))


def share(part: float, whole: float) -> float:
    """A part of the whole; 0 of nothing."""
    return part / whole if whole > 0 else 0.0


def differences(a: Box, b: Box) -> list[float]:
    """From the larger start to the smaller end in x and y; negative where apart."""
    return [min(a[2 + i], b[2 + i]) - max(a[i], b[i]) for i in (0, 1)]


def shared_sides(a: Box, b: Box) -> list[float]:
    """The sides of the overlap."""
    return [max(side, 0.0) for side in differences(a, b)]


def hull_sides(a: Box, b: Box) -> list[float]:
    """The sides of the smallest box around both."""
    return [max(a[2 + i], b[2 + i]) - min(a[i], b[i]) for i in (0, 1)]


def squared_gap(a: Box, b: Box) -> float:
    """The squared distance of the centres."""
    return sum(((a[i] + a[2 + i] - b[i] - b[2 + i]) / 2) ** 2 for i in (0, 1))


def squared_diagonal(a: Box, b: Box) -> float:
    """The squared diagonal of the smallest box around both."""
    return sum(side**2 for side in hull_sides(a, b))


def squared_distance(a: Box, b: Box, union: float) -> float:
    """What is taken away from the IoU."""
    return share(squared_gap(a, b), squared_diagonal(a, b))


def slow_distance_iou(
    a: Tensor,
    b: Tensor,
    *,
    sides: Callable[[Box, Box], list[float]] = shared_sides,
    penalty: Callable[[Box, Box, float], float] = squared_distance,
) -> Tensor:
    """(N, M) distance-IoU, pair by pair."""

    def of_pair(one: Box, two: Box) -> float:
        overlap = math.prod(sides(one, two))
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
        union = sum(areas) - overlap
        return share(overlap, union) - penalty(one, two, union)

    values = [[of_pair(one, two) for two in b.tolist()] for one in a.tolist()]
    return torch.tensor(values, dtype=torch.float32).reshape(len(a), len(b))


ENDS = torch.tensor([0.0, 0, 1, 1])
MISTAKES: Mistakes = {
    "this is the IoU alone; boxes apart get less than 0": {
        "penalty": lambda a, b, union: 0.0
    },
    "an overlap has no negative sides: clamp them at 0": {"sides": differences},
    "both distances are squared": {
        "penalty": lambda a, b, union: math.sqrt(squared_distance(a, b, union))
    },
    "divide by the squared diagonal, not by the area": {
        "penalty": lambda a, b, union: share(
            squared_gap(a, b), math.prod(hull_sides(a, b))
        )
    },
    "the distance is between centres, not corners": {
        "penalty": lambda a, b, union: share(
            math.dist(a[:2], b[:2]) ** 2, squared_diagonal(a, b)
        )
    },
    "this is the generalised IoU": {
        "penalty": lambda a, b, union: share(
            math.prod(hull_sides(a, b)) - union, math.prod(hull_sides(a, b))
        )
    },
    "this is the loss, 1 - DIoU": lambda right, a, b: 1 - right,
    "a side is x2 - x1, without + 1": lambda right, a, b: slow_distance_iou(
        a + ENDS, b + ENDS
    ),
    "the penalty is taken away, not added": {
        "penalty": lambda a, b, union: -squared_distance(a, b, union)
    },
}

check_distance_iou = compare_with(
    slow_distance_iou,
    "distance_iou",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
)
