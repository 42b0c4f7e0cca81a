"""refined_boxes: from whitened targets back to boxes.

The oracle solves the formulas number by number.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.tables import Box
from course_utils.checks.rcnn.whitened_targets import CODERS, Numbers, centred


def case(
    proposal: Box, output: Box, mean: Box, deviation: Box, *, label: int = 1
) -> Inputs:
    """One proposal, two classes, an image of 60 x 100; the other class says no."""
    outputs = torch.tensor([[[-1.0, 0.5, 0.25, -0.5]] * 2])
    outputs[0, label] = torch.tensor(output)
    means, deviations = torch.full((2, 4), 0.125), torch.full((2, 4), 3.0)
    means[label], deviations[label] = torch.tensor(mean), torch.tensor(deviation)
    proposals, labels = torch.tensor([proposal]), torch.tensor([label])
    return inputs(proposals, outputs, labels, means, deviations, height=60, width=100)


ONES, ZEROS = [1.0] * 4, [0.0] * 4

CASES = {
    "the example": case(
        [10.0, 20, 30, 30], [0.5, 0, 0, 0], [0.1, 0, 0, 0], [0.5, 1, 1, 1]
    ),
    "nothing to do": case([10.0, 20, 30, 30], ZEROS, ZEROS, ONES),
    "the mean alone": case([10.0, 20, 30, 50], ZEROS, [0.25, -0.5, 0.125, -0.25], ONES),
    "a shift in y": case([10.0, 20, 30, 30], [0.0, 0.5, 0, 0], ZEROS, ONES),
    "wider and less high": case([30.0, 20, 50, 50], [0.0, 0, 0.5, -0.25], ZEROS, ONES),
    "all at once": case(
        [30.0, 20, 54, 38],
        [0.5, -1, 1.5, 0.75],
        [0.01, 0.02, -0.125, 0.25],
        [0.1, 0.15, 0.2, 0.25],
    ),
    "a box that leaves at the left and at the top": case(
        [0.0, 5, 20, 25], [-0.4, -0.7, 0, 0.5], ZEROS, ONES
    ),
    "a box that leaves at the right and below": case(
        [70.0, 40, 95, 58], [0.5, 0.75, 0.25, 0], ZEROS, ONES
    ),
    "a box that ends up left of the image and above it": case(
        [5.0, 2, 25, 42], [-2.0, -1.5, 0, 0], ZEROS, ONES
    ),
    "a box that ends up right of the image and below it": case(
        [80.0, 30, 95, 50], [2.0, 2.5, 0, 0], ZEROS, ONES
    ),
    "class 0": case(
        [10.0, 20, 30, 40], [1.0, 0, 0.5, 0], [0.125, 0, 0, 0], [0.5] * 4, label=0
    ),
    "no proposals": inputs(
        torch.zeros(0, 4),
        torch.zeros(0, 3, 4),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(3, 4),
        torch.ones(3, 4),
        height=60,
        width=100,
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Outputs of all classes that are wide apart, and their whitening."""
    count, classes = 4 + i, 3 + i % 2
    return inputs(
        random_boxes(count, generator=generator),
        torch.randn(count, classes, 4, generator=generator),
        torch.randint(0, classes, (count,), generator=generator),
        torch.randn(classes, 4, generator=generator) * 0.05,
        0.1 + torch.rand(classes, 4, generator=generator) * 0.2,
        height=85,
        width=130,
    )


def unwhiten(output: float, mean: float, deviation: float) -> float:
    """A target from what a regressor says."""
    return output * deviation + mean


def moved(
    proposal: Box,
    target: Numbers,
    *,
    units: Callable[[float, float], Numbers] = lambda w, h: (w, h),
    exp: Callable[[float], float] = math.exp,
) -> Box:
    """Centre and size of a box after regression; `units` are what a shift counts."""
    x, y, w, h = centred(proposal)
    unit = units(w, h)
    grown = [w * exp(target[2]), h * exp(target[3])]
    return [x + unit[0] * target[0], y + unit[1] * target[1], *grown]


def moved_corner(proposal: Box, target: Numbers) -> Box:
    """As `moved`, but the shift is that of the first corner."""
    *_, w, h = moved(proposal, target)
    x1, y1, x2, y2 = proposal
    left, top = x1 + target[0] * (x2 - x1), y1 + target[1] * (y2 - y1)
    return [left + w / 2, top + h / 2, w, h]


def corners(x: float, y: float, w: float, h: float) -> Box:
    """A box as it is returned."""
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def slow_refined_boxes(
    proposals: Tensor,
    outputs: Tensor,
    labels: Tensor,
    means: Tensor,
    deviations: Tensor,
    *,
    height: int,
    width: int,
    undo: Callable[[float, float, float], float] = unwhiten,
    move: Callable[[Box, Numbers], Box] = moved,
    form: Callable[[float, float, float, float], Box] = corners,
    clip: Callable[[float, int], float] = lambda edge, end: min(max(edge, 0.0), end),
) -> Tensor:
    """(N, 4) boxes after regression, one number at a time."""
    rows = []
    for n, (box, label) in enumerate(
        zip(proposals.tolist(), labels.tolist(), strict=True)
    ):
        said = (outputs[n, label], means[label], deviations[label])
        target = list(map(undo, *(values.tolist() for values in said)))
        edges = form(*move(box, target))
        rows.append(list(map(clip, edges, (width, height, width, height))))
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


MISTAKES: Mistakes = {
    "the output of the proposal's own class counts, not class 0's": (
        lambda right, proposals, outputs, *given, **image: slow_refined_boxes(
            proposals, outputs[:, :1].expand_as(outputs), *given, **image
        )
    ),
    "the output of the proposal's own class counts, not the last one": (
        lambda right, proposals, outputs, *given, **image: slow_refined_boxes(
            proposals, outputs[:, -1:].expand_as(outputs), *given, **image
        )
    ),
    "the whitening is not undone": {"undo": lambda output, mean, deviation: output},
    "the mean is missing": {"undo": lambda output, mean, deviation: output * deviation},
    "the deviation is missing": {"undo": lambda output, mean, deviation: output + mean},
    "undo the whitening: multiply, then add": {
        "undo": lambda output, mean, deviation: (output - mean) / deviation
    },
    "multiply by the deviation first, then add the mean": {
        "undo": lambda output, mean, deviation: (output + mean) * deviation
    },
    "multiply by the deviation; whitening divided by it": {
        "undo": lambda output, mean, deviation: output / deviation + mean
    },
    "the first two targets move the centre, not a corner": {"move": moved_corner},
    "x moves by widths, y by heights": {
        "move": partial(moved, units=lambda w, h: (h, w))
    },
    "the shift is in widths and heights of the proposal, not in pixels": {
        "move": partial(moved, units=lambda w, h: (1, 1))
    },
    "the inverse of the logarithm is exp": {"move": partial(moved, exp=lambda t: t)},
    "the inverse of the logarithm is exp(t), not 1 + t": {
        "move": partial(moved, exp=lambda t: 1 + t)
    },
    "the inverse of the natural logarithm is exp, not a power of 10": {
        "move": partial(moved, exp=lambda t: 10**t)
    },
    "a box is two corners, not a centre and a size": {
        "form": lambda x, y, w, h: [x, y, w, h]
    },
    "a box ends at the edges of the image": {"clip": lambda edge, end: edge},
    "x ends at the width of the image, y at its height": (
        lambda right, *given, height, width: slow_refined_boxes(
            *given, height=width, width=height
        )
    ),
}

check_refined_boxes = compare_with(
    slow_refined_boxes,
    "refined_boxes",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    forbids=CODERS,
    tolerance=1e-4,
)
