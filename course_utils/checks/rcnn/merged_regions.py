"""merged_regions: histograms, sizes and boxes of regions that become one.

The oracle sums over the members of each group, one number at a time.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.group_similarities import area_around, histograms
from course_utils.checks.rcnn.tables import Box, Rows, columns_of, rows_of

Merged = tuple[Tensor, Tensor, Tensor]


def case(
    bins: Rows, sizes: list[int], boxes: Rows, groups: list[int], num_groups: int
) -> Inputs:
    """Regions of two bins and their groups."""
    counts, names = (torch.tensor(v, dtype=torch.int64) for v in (sizes, groups))
    return inputs(
        rows_of(bins, 2), counts, rows_of(boxes, 4), names, num_groups=num_groups
    )


THREE: tuple[Rows, list[int], Rows] = (
    [[1.0, 0], [0.2, 0.8], [0.5, 0.5]],
    [30, 10, 60],
    [[0.0, 2, 9, 8], [7, 0, 12, 3], [3, 4, 14, 11]],
)

CASES = {
    "the example": case(*THREE, [0, 0, 1], 2),
    "all in one group": case(*THREE, [0, 0, 0], 1),
    "every region for itself": case(*THREE, [0, 1, 2], 3),
    "every region for itself, in another order": case(*THREE, [2, 0, 1], 3),
    "groups that are not next to each other": case(*THREE, [1, 0, 1], 2),
    "no regions, no groups": case([], [], [], [], 0),
    "a small region inside a large one": case(
        [[0.25, 0.75], [1, 0]], [5000, 4], [[1, 2, 90, 80], [5, 7, 7, 9]], [0, 0], 1
    ),
    "one pixel each": case(
        [[1, 0], [0, 1]], [1, 1], [[3, 5, 4, 6], [4, 5, 5, 6]], [0, 0], 1
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Regions of six bins, and groups each of which has a member."""
    count, num_groups = 5 + 2 * i, 2 + i
    rest = torch.randint(0, num_groups, (count - num_groups,), generator=generator)
    groups = torch.cat([torch.arange(num_groups), rest])
    groups = groups[torch.randperm(count, generator=generator)]
    sizes = torch.randint(1, 400, (count,), generator=generator)
    bins = histograms(count, 6, generator)
    boxes = random_boxes(count, generator=generator)
    return inputs(bins, sizes, boxes, groups, num_groups=num_groups)


def pixels(size: int, box: Box) -> float:
    """What a histogram is weighted by."""
    return size


def total_weight(weights: Sequence[float], sizes: Sequence[int]) -> float:
    """What a sum of weighted histograms is divided by."""
    return sum(weights)


def box_around(boxes: Sequence[Box]) -> Box:
    """The smallest box around others."""
    x1, y1, x2, y2 = columns_of(boxes)
    return [min(x1), min(y1), max(x2), max(y2)]


def box_shared(boxes: Sequence[Box]) -> Box:
    """What boxes share, with the corners in the wrong order where it is nothing."""
    x1, y1, x2, y2 = columns_of(boxes)
    return [max(x1), max(y1), min(x2), min(y2)]


def slow_merged_regions(
    histograms: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    groups: Tensor,
    *,
    num_groups: int,
    weight: Callable[[int, Box], float] = pixels,
    divisor: Callable[[Sequence[float], Sequence[int]], float] = total_weight,
    size: Callable[[Sequence[int], Box], float] = lambda sizes, box: sum(sizes),
    around: Callable[[Sequence[Box]], Box] = box_around,
) -> Merged:
    """Histograms, sizes and boxes of the groups, one number at a time."""
    rows, counts, hulls = [], [], []
    for group in range(num_groups):
        members = [r for r, g in enumerate(groups.tolist()) if g == group]
        bins, corners = (
            [values[r].tolist() for r in members] for values in (histograms, boxes)
        )
        numbers = [int(sizes[r]) for r in members]
        weights = list(map(weight, numbers, corners))
        share = [w / divisor(weights, numbers) for w in weights]
        rows.append(
            [
                sum(s * b for s, b in zip(share, column, strict=True))
                for column in columns_of(bins)
            ]
        )
        counts.append(int(size(numbers, box_around(corners))))
        hulls.append(around(corners))
    return (
        torch.tensor(rows).reshape(num_groups, histograms.shape[1]),
        torch.tensor(counts, dtype=torch.int64),
        torch.tensor(hulls).reshape(num_groups, 4),
    )


MISTAKES: Mistakes = {
    "a large region counts more: weight by the sizes": {"weight": lambda size, box: 1},
    "weight by the pixels of the regions, not by their boxes": {
        "weight": lambda size, box: area_around([box])
    },
    "a histogram has the sum 1: divide by the size of the group": {
        "divisor": lambda weights, sizes: 1
    },
    "a sum of histograms has to be weighted and divided": {
        "weight": lambda size, box: 1,
        "divisor": lambda weights, sizes: 1,
    },
    "divide by the pixels of the group, not by the number of regions": {
        "divisor": lambda weights, sizes: len(sizes)
    },
    "the sizes of the members add up; this counts the members": {
        "size": lambda sizes, box: len(sizes)
    },
    "regions do not overlap: their pixels add up": {
        "size": lambda sizes, box: area_around([box])
    },
    "the box is around all members: smallest x1, largest x2": {"around": box_shared},
    "the box is around all members, not between them": {
        "around": lambda boxes: [sum(v) / len(v) for v in columns_of(boxes)]
    },
    "the box is around all members; this is the first one's": {
        "around": lambda boxes: boxes[0]
    },
    "the second corner is the largest one": {
        "around": lambda boxes: list(map(min, columns_of(boxes)))
    },
}

check_merged_regions = compare_with(
    slow_merged_regions,
    "merged_regions",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    parts=("histograms", "sizes", "boxes"),
)
