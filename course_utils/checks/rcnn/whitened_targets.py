"""whitened_targets: what a box regressor learns, whitened for each class.

The oracle follows the formulas number by number, and takes Python's own statistics.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.tables import Box, rows_of

Numbers = Sequence[float]
Targets = tuple[Tensor, Tensor, Tensor]

# torchvision keeps the code of a box regressor outside torchvision.ops.
CODER = "torchvision.models.detection._utils"
CODERS = tuple(
    f"{CODER}.{name}"
    for name in (
        "encode_boxes",
        "BoxCoder.encode",
        "BoxCoder.encode_single",
        "BoxCoder.decode",
        "BoxCoder.decode_single",
    )
)


def case(rows: list[tuple[Box, Box, int]], num_classes: int) -> Inputs:
    """Proposals, objects and labels by hand."""
    labels = torch.tensor([label for _, _, label in rows], dtype=torch.int64)
    proposals = rows_of([proposal for proposal, _, _ in rows], 4)
    objects = rows_of([box for _, box, _ in rows], 4)
    return inputs(proposals, objects, labels, num_classes=num_classes)


CASES = {
    "the example": case(
        [
            ([0, 0, 40, 20], [10, 0, 50, 20], 2),
            ([0, 0, 40, 20], [0, 0, 40, 20], 2),
        ],
        3,
    ),
    "one example": case([([10, 20, 50, 80], [15, 25, 60, 75], 1)], 2),
    "no examples": case([], 4),
    "an object twice as wide": case([([0, 0, 10, 30], [-5, 0, 15, 30], 1)], 3),
    "an object half as high": case([([0, 0, 10, 30], [0, 5, 10, 20], 2)], 3),
    "the same shift at two scales": case(
        [
            ([0, 0, 30, 60], [3, 9, 33, 63], 1),
            ([70, 40, 75, 50], [70.5, 41.5, 75.5, 50.5], 1),
        ],
        2,
    ),
    "one class, three examples": case(
        [
            ([10, 20, 50, 80], [15, 25, 60, 75], 1),
            ([0, 0, 30, 10], [4, 1, 29, 13], 1),
            ([60, 5, 72, 45], [58, 9, 75, 41], 1),
        ],
        2,
    ),
    "two classes, one of them the last": case(
        [
            ([10, 20, 50, 80], [15, 25, 60, 75], 4),
            ([0, 0, 30, 10], [4, 1, 29, 13], 1),
            ([60, 5, 72, 45], [58, 9, 75, 41], 4),
            ([5, 5, 25, 35], [8, 1, 22, 39], 1),
            ([5, 5, 25, 35], [2, 9, 31, 28], 4),
        ],
        5,
    ),
    "deviations just above and just below 0.001": case(
        [
            ([0, 0, 64, 32], [0, 0, 64, 32], 1),
            ([0, 0, 64, 32], [0.25, 0.0625, 64.25, 32.0625], 1),
        ],
        2,
    ),
    "targets that differ by little": case(
        [
            ([0, 0, 80, 50], [1, 0, 81, 50], 1),
            ([0, 0, 80, 50], [2, 0, 82, 50], 1),
        ],
        2,
    ),
}


def near(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 4) boxes near others, with sides of at least a third of theirs."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + sides * (torch.rand(boxes.shape, generator=generator) - 0.5) * 0.6


def random_pairs(
    count: int, num_classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Proposals, objects near them, and labels of some of the classes."""
    proposals = random_boxes(count, generator=generator)
    labels = torch.randint(1, num_classes, (count,), generator=generator)
    return proposals, near(proposals, generator), labels


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """More examples and more classes from case to case."""
    return inputs(*random_pairs(7 + 4 * i, 3 + i, generator), num_classes=3 + i)


def centred(box: Box) -> Box:
    """Centre and size of a box."""
    x1, y1, x2, y2 = box
    return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


def cornered(box: Box) -> Box:
    """First corner and size of a box."""
    x1, y1, x2, y2 = box
    return [x1, y1, x2 - x1, y2 - y1]


def four_targets(
    proposal: Box,
    box: Box,
    *,
    form: Callable[[Box], Box] = centred,
    units: Callable[[Numbers, Numbers], Numbers] = lambda sides, of_object: sides,
    log: Callable[[float], float] = math.log,
) -> Box:
    """The targets of one pair; `units` are what a shift in x and one in y count."""
    px, py, *sides = form(proposal)
    gx, gy, *of_object = form(box)
    unit = units(sides, of_object)
    growth = [log(g / p) for g, p in zip(of_object, sides, strict=True)]
    return [(gx - px) / unit[0], (gy - py) / unit[1], *growth]


def whiten(target: float, mean: float, deviation: float) -> float:
    """A target with the mean 0 and the deviation 1 in its class."""
    return (target - mean) / deviation


def slow_whitened_targets(
    proposals: Tensor,
    objects: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    target: Callable[[Box, Box], Box] = four_targets,
    spread: Callable[[Numbers], float] = statistics.pstdev,
    white: Callable[[float, float, float], float] = whiten,
) -> Targets:
    """Whitened targets, means and deviations, class by class."""
    targets = list(map(target, proposals.tolist(), objects.tolist()))
    means = [[0.0] * 4 for _ in range(num_classes)]
    deviations = [[1.0] * 4 for _ in range(num_classes)]
    for label in range(num_classes):
        rows = [t for t, c in zip(targets, labels.tolist(), strict=True) if c == label]
        for i, column in enumerate(zip(*rows, strict=True)):
            means[label][i] = statistics.fmean(column)
            deviation = spread(column)
            deviations[label][i] = deviation if deviation >= 0.001 else 1.0
    rows = [
        list(map(white, row, means[label], deviations[label]))
        for row, label in zip(targets, labels.tolist(), strict=True)
    ]
    whitened, *both = (
        torch.tensor(v).reshape(-1, 4) for v in (rows, means, deviations)
    )
    return whitened, both[0], both[1]


def whitened_together(
    proposals: Tensor, objects: Tensor, labels: Tensor, *, num_classes: int
) -> Targets:
    """What comes back if all examples are of one class."""
    whitened, *both = slow_whitened_targets(
        proposals, objects, torch.zeros_like(labels), num_classes=1
    )
    means, deviations = (rows.repeat(num_classes, 1) for rows in both)
    return whitened, means, deviations


# A mistake in the targets alone comes before those that change a deviation, and these
# before those that change a mean, which shows first.
MISTAKES: Mistakes = {
    "these are not whitened": {"white": lambda t, mean, deviation: t},
    "divide by the deviation": {"white": lambda t, mean, deviation: t - mean},
    "take the mean away": {"white": lambda t, mean, deviation: t / deviation},
    "divide by the deviation, do not multiply": {
        "white": lambda t, mean, deviation: (t - mean) * deviation
    },
    "take the mean away first, then divide": {
        "white": lambda t, mean, deviation: t / deviation - mean
    },
    "divide by the deviation, not by its square": {
        "white": lambda t, mean, deviation: (t - mean) / deviation**2
    },
    "divide by n, not by n - 1": {
        "spread": lambda column: statistics.stdev(column) if len(column) > 1 else 0.0
    },
    "the deviation is the root of this": {"spread": statistics.pvariance},
    "each class has its own deviation": lambda right, *pairs, num_classes: (
        *right[:2],
        whitened_together(*pairs, num_classes=num_classes)[2],
    ),
    "the first two targets compare centres, not corners": {
        "target": partial(four_targets, form=cornered)
    },
    "the object is measured from the proposal, not the other way round": {
        "target": lambda proposal, box: four_targets(box, proposal)
    },
    "divide by the size of the proposal, not of the object": {
        "target": partial(four_targets, units=lambda sides, of_object: of_object)
    },
    "x is divided by the width, y by the height": {
        "target": partial(four_targets, units=lambda sides, of_object: sides[::-1])
    },
    "the shift is in widths and heights of the proposal, not in pixels": {
        "target": partial(four_targets, units=lambda sides, of_object: (1, 1))
    },
    "the logarithm is the natural one": {
        "target": partial(four_targets, log=math.log10)
    },
    "the last two targets are logarithms": {
        "target": partial(four_targets, log=lambda ratio: ratio)
    },
    "each class has its own mean": (
        lambda right, *pairs, num_classes: whitened_together(
            *pairs, num_classes=num_classes
        )
    ),
    "row c belongs to class c: the background has row 0": (
        lambda right, *pairs, **settings: (
            right[0],
            right[1].roll(-1, dims=0),
            right[2].roll(-1, dims=0),
        )
    ),
}

check_whitened_targets = compare_with(
    slow_whitened_targets,
    "whitened_targets",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    forbids=CODERS,
    tolerance=1e-4,
    parts=("targets", "means", "deviations"),
    # A slip in the formulas shows in the means, where it can still be named.
    compare_first=("means", "deviations"),
)
