"""position_sensitive_pool: the mean of each bin in a channel of its own.

The oracle takes the means of Python lists, bin by bin.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.fast_rcnn.bins_in_image import (
    apart,
    at_the_corner,
    of_one_size,
    overlapping,
)


def eighths(
    *shape: int, generator: torch.Generator, lowest: int = -90, highest: int = 160
) -> Tensor:
    """Random eighths in this shape, whose sums float32 holds exactly."""
    return torch.randint(lowest, highest, shape, generator=generator).float() / 8


def case(
    shape: tuple[int, int, int, int],
    rois: list[list[int]],
    bins: int,
    generator: torch.Generator,
) -> Inputs:
    """(B, classes, H, W) for the features, with one map a class and bin."""
    count, classes, height, width = shape
    features = eighths(count, classes * bins**2, height, width, generator=generator)
    rows = torch.tensor(rois, dtype=torch.int64).reshape(-1, 5)
    return inputs(features, rows, bins=bins)


def named_cases(draw: torch.Generator) -> dict[str, Inputs]:
    """Features, RoIs in cells, and the bins along a side."""
    tens = torch.arange(4)[:, None, None] * 10
    example = (torch.tensor([[1.0, 2, 3], [4, 5, 6]]) + tens)[None]
    whole = torch.tensor([[0, 0, 0, 3, 2]])
    return {
        "the example": inputs(example, whole, bins=2),
        "no RoIs": case((2, 3, 5, 7), [], 2, draw),
        "one bin": case((1, 3, 5, 7), [[0, 1, 2, 6, 4]], 1, draw),
        "two classes": case((1, 2, 4, 6), [[0, 0, 0, 6, 4]], 2, draw),
        "three bins a side": case((1, 2, 7, 8), [[0, 1, 0, 7, 6]], 3, draw),
        "a RoI away from the corner": case((1, 2, 9, 8), [[0, 3, 4, 7, 8]], 2, draw),
        "bins overlap": case((1, 3, 8, 9), [[0, 2, 1, 7, 8]], 3, draw),
        "one cell": case((1, 2, 5, 4), [[0, 3, 2, 4, 3]], 2, draw),
        "fewer cells than bins": case((1, 2, 5, 7), [[0, 2, 1, 7, 3]], 3, draw),
        "at the last row and column": case((1, 2, 6, 9), [[0, 5, 2, 9, 6]], 2, draw),
        "two images": case(
            (2, 3, 5, 6), [[1, 1, 0, 5, 4], [0, 1, 0, 5, 4], [1, 2, 2, 6, 5]], 2, draw
        ),
        "negative features": inputs(-example - 1, whole, bins=2),
    }


def random_case(number: int, draw: torch.Generator) -> Inputs:
    """Five RoIs of three images, on a map of unequal sides."""
    height, width, bins = 6 + number, 11 - number, 2 + number % 2
    x, y = (distinct_ends(5, side, draw) for side in (width, height))
    image = torch.randint(0, 3, (5,), generator=draw)
    rois = torch.stack([image, x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)
    return case((3, 2 + number % 3, height, width), rois.tolist(), bins, draw)


def distinct_ends(count: int, length: int, generator: torch.Generator) -> Tensor:
    """(count, 2) int64, rising, between 0 and `length`."""
    start = torch.randint(0, length, (count,), generator=generator)
    room = (torch.rand(count, generator=generator) * (length - start)).long()
    return torch.stack([start, start + 1 + room], dim=1)


# The steps of the oracle.


def class_first(c: int, i: int, j: int, classes: int, bins: int) -> int:
    """The channel for this class, row and column of bins."""
    return (c * bins + i) * bins + j


def mean(values: list[float]) -> float:
    """The mean of the cells of a bin, 0 where there are none."""
    return math.fsum(values) / (len(values) or 1)


def slow_position_sensitive_pool(
    features: Tensor,
    rois: Tensor,
    *,
    bins: int,
    channel: Callable[[int, int, int, int, int], int] = class_first,
    cells: Callable[[int, int, int, int], range] = overlapping,
    pooled: Callable[[list[float]], float] = mean,
) -> Tensor:
    """(R, C, k, k) means, bin by bin; cells outside the map are left out."""
    height, width = features.shape[2:]
    classes = features.shape[1] // bins**2
    answer = torch.zeros(len(rois), classes, bins, bins)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        maps = features[image].tolist()
        for c in range(classes):
            for i in range(bins):
                for j in range(bins):
                    seen = maps[channel(c, i, j, classes, bins)]
                    rows = [y for y in cells(y1, y2, i, bins) if y < height]
                    columns = [x for x in cells(x1, x2, j, bins) if x < width]
                    answer[r, c, i, j] = pooled(
                        [seen[y][x] for y in rows for x in columns]
                    )
    return answer


MISTAKES: Mistakes = {
    "x and y of the RoIs are swapped": (
        lambda right, features, rois, *, bins: slow_position_sensitive_pool(
            features, rois[:, [0, 2, 1, 4, 3]], bins=bins
        )
    ),
    "this is the maximum, the mean was asked for": {
        "pooled": lambda values: max(values, default=0.0)
    },
    "this is the sum, the mean was asked for": {"pooled": math.fsum},
    "the channel is (c * k + i) * k + j: the class comes first": {
        "channel": lambda c, i, j, classes, bins: (i * bins + j) * classes + c
    },
    "row i comes before column j in the channel": {
        "channel": lambda c, i, j, classes, bins: (c * bins + j) * bins + i
    },
    "each bin has a channel of its own": {"channel": lambda c, i, j, classes, bins: c},
    "a RoI is pooled from the image that it belongs to": (
        lambda right, features, rois, *, bins: slow_position_sensitive_pool(
            features, rois * torch.tensor([0, 1, 1, 1, 1]), bins=bins
        )
    ),
    "the end of a bin is rounded up: bins may overlap": {"cells": apart},
    "bins are not all of one size: multiply before you divide": {"cells": of_one_size},
    "a RoI is half-open here: its width is x2 - x1, without + 1": {
        "cells": lambda low, high, place, bins: overlapping(low, high + 1, place, bins)
    },
    "the bins start at the corner of the RoI, not of the map": {"cells": at_the_corner},
    "rows of bins come before columns": (
        lambda right, *arguments, **settings: right.transpose(2, 3)
    ),
}

check_position_sensitive_pool = compare_with(
    slow_position_sensitive_pool,
    "position_sensitive_pool",
    cases=named_cases,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
)
