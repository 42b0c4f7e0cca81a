"""cluster_shapes: anchors that move to the median of their shapes.

The oracle groups one shape at a time in Python lists, so that it shares no step with a
good answer.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Numbers = Sequence[float]


def case(shapes: Sequence[Numbers], start: Sequence[Numbers], steps: int) -> Inputs:
    """The inputs of one case: shapes and the start, rows of width and height."""
    rows = torch.tensor(shapes).float().reshape(-1, 2)
    return inputs(rows, torch.tensor(start).float(), steps=steps)


FAMILY = [[8, 8], [10, 8], [12, 9], [30, 30], [33, 40], [36, 30], [40, 36]]

CASES = {
    "the example": case(
        [[4, 4], [4, 6], [6, 5], [20, 10], [24, 12]], [[20, 20], [4, 4]], 1
    ),
    "no steps": case(FAMILY, [[30, 30], [8, 8]], 0),
    "one step": case(FAMILY, [[30, 30], [12, 9]], 1),
    "until nothing moves": case(FAMILY, [[40, 36], [36, 30], [8, 8]], 20),
    "one shape": case([[20, 12]], [[8, 12], [30, 20]], 2),
    "one anchor": case(FAMILY, [[20, 20]], 3),
    "as many anchors as shapes": case(
        [[4, 9], [20, 8], [12, 30]], [[12, 30], [4, 9], [20, 8]], 4
    ),
    "an even number of shapes": case(
        [[10, 20], [12, 26], [16, 22], [18, 30]], [[14, 24]], 2
    ),
    "one far outlier": case(
        [[10, 11], [11, 10], [12, 12], [13, 13], [90, 80]], [[20, 20]], 2
    ),
    "widths and heights in other orders": case(
        [[10, 30], [20, 10], [30, 28]], [[20, 20]], 1
    ),
    "an anchor that gets no shape": case(FAMILY, [[30, 30], [200, 3], [10, 8]], 3),
    "a shape between two anchors": case(
        [[4, 4], [2, 4.5], [4.5, 2]], [[2, 4], [4, 2]], 1
    ),
    "two anchors start alike": case(FAMILY, [[30, 30], [30, 30], [8, 9]], 2),
    "flat and high shapes": case(
        [[40, 10], [44, 8], [36, 11], [10, 40], [9, 42], [11, 38]],
        [[38, 12], [12, 38]],
        3,
    ),
    "large sides count no more than small ones": case(
        [[4, 4], [8, 9], [100, 100], [130, 140]], [[8, 8], [110, 110]], 2
    ),
    "the narrower anchor has the larger area": case(
        [[10, 40], [11, 44], [20, 8], [22, 9]], [[10, 42], [20, 9]], 2
    ),
    "the same shape many times": case(
        [[8, 12]] * 4 + [[20, 16]], [[8, 8], [18, 18]], 5
    ),
    "no shapes": case([], [[20, 16], [8, 12]], 3),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Shapes around a few sizes; no shape lies between two anchors at any step."""
    count, steps = 24 + 8 * i, 2 + i % 3
    while True:
        size = torch.rand(count, 1, generator=generator) * 60 + 10
        ratio = (torch.randn(count, 1, generator=generator) * 0.5).exp()
        shapes = torch.cat([size * ratio, size / ratio], dim=1).round().clamp(min=2)
        start = shapes[torch.randperm(count, generator=generator)[: 3 + i % 3]]
        if is_clear(shapes, start, steps):
            return inputs(shapes, start, steps=steps)


def is_clear(shapes: Tensor, start: Tensor, steps: int) -> bool:
    """Whether each shape has one nearest anchor at every step, and areas differ."""
    for step in range(steps + 1):
        anchors, _ = slow_cluster_shapes(shapes, start, steps=step)
        rows = anchors.tolist()
        for shape in shapes.tolist():
            *_, second, best = sorted(shape_overlap(shape, one) for one in rows)
            if best - second < 1e-4:
                return False
        areas = sorted(w * h for w, h in rows)
        if any(b - a < 1e-2 for a, b in pairwise(areas)):
            return False
    return True


# The steps of the oracle.


def shape_overlap(a: Numbers, b: Numbers) -> float:
    """IoU of two boxes about one centre."""
    both = min(a[0], b[0]) * min(a[1], b[1])
    return both / (a[0] * a[1] + b[0] * b[1] - both)


def area(shape: Numbers) -> float:
    """Width times height."""
    return shape[0] * shape[1]


def lower_median(values: Sequence[float]) -> float:
    """The value in the middle, or the lower of two."""
    return sorted(values)[(len(values) - 1) // 2]


def by_axis(
    group: list[Numbers], middle: Callable[[Numbers], float] = lower_median
) -> Numbers:
    """The shape in the middle of a group: one of the widths, one of the heights."""
    return [middle(axis) for axis in zip(*group, strict=True)]


def slow_cluster_shapes(
    shapes: Tensor,
    start: Tensor,
    *,
    steps: int,
    near: Callable[[Numbers, Numbers], float] = shape_overlap,
    best_of: Callable[[list[float]], int] = lambda values: values.index(max(values)),
    middle: Callable[[list[Numbers]], Numbers] = by_axis,
    alone: Callable[[Numbers], Numbers] = lambda anchor: anchor,
    order: Callable[[Numbers], float] = area,
    judged: Callable[..., list[Numbers]] = lambda first, before, last: last,
) -> tuple[Tensor, Tensor]:
    """(k, 2) anchors and their mean best IoU, shape by shape."""
    points: list[Numbers] = shapes.double().tolist()
    first: list[Numbers] = start.double().tolist()
    before = anchors = first
    for _ in range(steps):
        groups: list[list[Numbers]] = [[] for _ in anchors]
        for point in points:
            groups[best_of([near(point, anchor) for anchor in anchors])].append(point)
        before = anchors
        anchors = [
            middle(group) if group else alone(anchor)
            for group, anchor in zip(groups, anchors, strict=True)
        ]
    by = judged(first, before, anchors)
    highest = [max(shape_overlap(point, anchor) for anchor in by) for point in points]
    mean = sum(highest) / max(len(highest), 1)
    rows = torch.tensor(sorted(anchors, key=order)).float().reshape(-1, 2)
    return rows, torch.tensor(mean).float()


MISTAKES: Mistakes = {
    "the distance is 1 - IoU, not a difference of sides": {
        "near": lambda shape, anchor: -math.dist(shape, anchor)
    },
    "the distance is 1 - IoU, not a difference of areas": {
        "near": lambda shape, anchor: -abs(area(shape) - area(anchor))
    },
    "a shape belongs to the anchor of the highest IoU": {
        "near": lambda shape, anchor: -shape_overlap(shape, anchor)
    },
    "an anchor moves to the median, not to the mean": {
        "middle": lambda group: by_axis(group, lambda axis: sum(axis) / len(axis))
    },
    "of an even number of values, the median is the lower middle one": {
        "middle": lambda group: by_axis(
            group, lambda axis: sorted(axis)[len(axis) // 2]
        )
    },
    "of two values in the middle, take the lower one, not their mean": {
        "middle": lambda group: by_axis(group, statistics.median)
    },
    "widths and heights have a median each": {
        "middle": lambda group: sorted(group, key=area)[(len(group) - 1) // 2]
    },
    "an anchor without shapes stays": {"alone": lambda anchor: (0.0, 0.0)},
    "of anchors with the same IoU, the first gets the shape": {
        "best_of": lambda values: len(values) - 1 - values[::-1].index(max(values))
    },
    "the anchors are sorted by area": {"order": lambda anchor: 0},
    "the anchors are sorted by area, not by width": {"order": lambda anchor: anchor[0]},
    "the smallest anchor comes first": {"order": lambda anchor: -area(anchor)},
    "the mean IoU is that with the anchors that come back": {
        "judged": lambda first, before, last: before
    },
    "the mean IoU is that with the last anchors, not with the start": {
        "judged": lambda first, before, last: first
    },
    "this is the mean distance; the mean IoU was asked for": (
        lambda right, shapes, start, steps: (
            right[0],
            1 - right[1] if len(shapes) else right[1],
        )
    ),
    "that is one step too few": (
        lambda right, shapes, start, steps: slow_cluster_shapes(
            shapes, start, steps=steps - 1
        )
    ),
    "that is one step too many": (
        lambda right, shapes, start, steps: slow_cluster_shapes(
            shapes, start, steps=steps + 1
        )
    ),
    "the anchors come first, their mean IoU second": (
        lambda right, shapes, start, steps: right[::-1]
    ),
}

check_cluster_shapes = compare_with(
    slow_cluster_shapes,
    "cluster_shapes",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
