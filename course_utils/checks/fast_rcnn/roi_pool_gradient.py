"""roi_pool_gradient: the way back through RoI max-pooling.

The oracle searches for the maximum of each bin, cell by cell.
"""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.fast_rcnn.bins_in_image import side_bins
from course_utils.checks.fast_rcnn.position_sensitive_pool import eighths

Cell = tuple[int, int]  # row first
Values = dict[Cell, float]

BY_HAND = ("torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward")


def case(
    features: Tensor,
    rois: list[tuple[int, list[float]]],
    output_size: tuple[int, int],
    draw: torch.Generator,
) -> Inputs:
    """The bins of these (image, RoI in cells), and a random gradient for each."""
    height, width = features.shape[2:]
    bins = [
        [
            [(left, top, right, below) for left, right in columns]
            for top, below in side_bins(y1, y2, 1, output_size[0], height)
        ]
        for _, (x1, y1, x2, y2) in rois
        for columns in [side_bins(x1, x2, 1, output_size[1], width)]
    ]
    images = torch.tensor([image for image, _ in rois], dtype=torch.int64)
    boxes = torch.tensor(bins, dtype=torch.int64).reshape(-1, *output_size, 4)
    upstream = eighths(len(rois), features.shape[1], *output_size, generator=draw)
    return inputs(features, images, boxes, upstream)


def named_cases(draw: torch.Generator) -> dict[str, Inputs]:
    """Features, images of the RoIs, bins in cells, and the upstream gradient."""
    plain = torch.randperm(54, generator=draw).reshape(1, 1, 6, 9) / 4
    fives = torch.tensor([[1.0, 5, 2], [5, 5, 3]])[None, None]
    two_bins = torch.tensor([[[[0, 0, 2, 2], [1, 0, 3, 2]]]])
    upstream = torch.tensor([[[[10.0, 1.0]]]])
    one = torch.tensor([0])
    return {
        "the example": inputs(fives, one, two_bins, upstream),
        "one bin of many cells": case(plain, [(0, [2, 1, 6, 4])], (1, 1), draw),
        "bins that overlap": case(plain, [(0, [1, 0, 7, 4])], (3, 4), draw),
        "RoIs that overlap": case(
            plain,
            [(0, [1, 1, 5, 4]), (0, [2, 0, 6, 5]), (0, [1, 1, 5, 4])],
            (2, 2),
            draw,
        ),
        "negative features": case(-plain - 1, [(0, [1, 1, 7, 5])], (2, 3), draw),
        "each channel has its own maximum": case(
            eighths(1, 4, 5, 7, generator=draw), [(0, [1, 0, 6, 4])], (2, 3), draw
        ),
        "a flat map: all cells are equal": case(
            torch.full((1, 2, 5, 6), 0.5), [(0, [1, 1, 4, 3])], (2, 3), draw
        ),
        "equal maxima": case(
            eighths(1, 3, 6, 8, lowest=0, highest=3, generator=draw),
            [(0, [0, 0, 7, 5]), (0, [2, 1, 6, 4])],
            (2, 2),
            draw,
        ),
        "the second image": case(
            eighths(3, 2, 5, 7, generator=draw), [(1, [0, 1, 5, 4])], (2, 3), draw
        ),
        "empty bins": case(plain, [(0, [5, -4, 13, 2])], (4, 3), draw),
        "a bin of no width, and one of no height": inputs(
            fives,
            one,
            torch.tensor([[[[2, 0, 2, 2]], [[0, 1, 3, 1]], [[2, 0, 3, 2]]]]),
            torch.tensor([[[[4.0], [2.0], [1.0]]]]),
        ),
        "no RoIs": case(eighths(2, 3, 4, 5, generator=draw), [], (2, 3), draw),
        "a gradient of 0 and negative ones": inputs(
            fives, one, two_bins, torch.tensor([[[[-3.0, 0.0]]]])
        ),
    }


def random_case(number: int, draw: torch.Generator) -> Inputs:
    """Some RoIs of three images, on maps with equal cells."""
    height, width = 5 + number, 9 - number
    features = eighths(
        3, 2 + number, height, width, lowest=-6, highest=9, generator=draw
    )
    ends = torch.rand(5, 4, generator=draw) * 1.4 - 0.2
    ends = ends * torch.tensor([width, height, width, height])
    images = torch.randint(0, 3, (5,), generator=draw).tolist()
    rois = [(image, roi) for image, roi in zip(images, ends.tolist(), strict=True)]
    return case(features, rois, (3, 2 + number % 3), draw)


# The steps of the oracle: from the values of a bin's cells, in reading order, to the
# share of the gradient for those that get some.


def maxima(values: Values) -> list[Cell]:
    """The cells that hold the maximum."""
    best = max(values.values())
    return [cell for cell, value in values.items() if value == best]


def to_the_first(values: Values) -> Values:
    """All for the first maximum."""
    return {maxima(values)[0]: 1.0}


def slow_roi_pool_gradient(
    features: Tensor,
    images: Tensor,
    bins: Tensor,
    upstream: Tensor,
    *,
    shares: Callable[[Values], Values] = to_the_first,
    add: Callable[[Any, float], Any] = operator.add,
) -> Tensor:
    """(B, C, H, W) gradient, bin by bin; cells outside the map are left out."""
    gradient = features.new_zeros(features.shape)
    height, width = features.shape[2:]
    for r, c, i, j in product(*map(range, upstream.shape)):
        b, (x1, y1, x2, y2) = int(images[r]), bins[r, i, j].tolist()
        seen = features[b, c].tolist()
        rows, columns = range(y1, min(y2, height)), range(x1, min(x2, width))
        values = {(y, x): seen[y][x] for y in rows for x in columns}
        for (y, x), share in shares(values).items() if values else ():
            more = share * float(upstream[r, c, i, j])
            gradient[b, c, y, x] = add(gradient[b, c, y, x], more)
    return gradient


MISTAKES: Mistakes = {
    "a cell that wins several bins gets the sum of their gradients": {
        "add": lambda before, more: more
    },
    "only the maximum gets the gradient, not every cell of the bin": {
        "shares": lambda values: dict.fromkeys(values, 1 / len(values))
    },
    "of equal maxima the first gets all; the gradient is not shared": {
        "shares": lambda values: dict.fromkeys(maxima(values), 1 / len(maxima(values)))
    },
    "of equal maxima only the first gets the gradient": {
        "shares": lambda values: dict.fromkeys(maxima(values), 1.0)
    },
    "of equal maxima the first gets the gradient, not the last": {
        "shares": lambda values: {maxima(values)[-1]: 1.0}
    },
    "the first in reading order: row by row, not column by column": {
        "shares": lambda values: {min(maxima(values), key=lambda cell: cell[::-1]): 1.0}
    },
    "the slope of a maximum is 1, whatever its value": {
        "shares": lambda values: {maxima(values)[0]: max(values.values())}
    },
    "a RoI sends its gradient to the image that it belongs to": (
        lambda right, features, images, bins, upstream: slow_roi_pool_gradient(
            features, images * 0, bins, upstream
        )
    ),
    "each channel has a maximum of its own": (
        lambda right, features, images, bins, upstream: slow_roi_pool_gradient(
            features[:, :1].expand_as(features), images, bins, upstream
        )
    ),
    "x and y of the bins are swapped": (
        lambda right, features, images, bins, upstream: slow_roi_pool_gradient(
            features, images, bins[..., [1, 0, 3, 2]], upstream
        )
    ),
    "this is minus the gradient: keep the sign of `upstream`": (
        lambda right, *arguments: -right
    ),
}

check_roi_pool_gradient = compare_with(
    slow_roi_pool_gradient,
    "roi_pool_gradient",
    cases=named_cases,
    draw=random_case,
    draws=3,
    mistakes=MISTAKES,
    forbids=BY_HAND,
)
