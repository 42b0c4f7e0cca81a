"""bins_in_image: the pixels of the image under each bin of RoI max-pooling.

The oracle works on Python numbers, side by side. Its rules for one side serve the other
two tasks on pooling, too.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]


def case(
    corners: list[float], strides: Pair, output_size: Pair, map_size: Pair
) -> Inputs:
    """The inputs of one case."""
    return inputs(
        torch.tensor(corners),
        strides=strides,
        output_size=output_size,
        map_size=map_size,
    )


CASES = {
    "the example": case([10, 9, 30, 40], (8, 4), (2, 3), (6, 8)),
    "ends on the grid, no bins overlap": case(
        [32, 8, 112, 40], (4, 8), (3, 11), (12, 16)
    ),
    "halves of even and odd cells": case([10, 12, 22, 68], (8, 4), (3, 2), (11, 7)),
    "a half left of and above the image": case(
        [-12, -10, 41, 30], (4, 8), (2, 4), (9, 7)
    ),
    "a part of a cell outside": case([-6, -3, 41, 30], (4, 8), (2, 4), (9, 7)),
    "just beside a half": case([3.9, 2.1, 51.9, 18.1], (4, 8), (3, 2), (8, 9)),
    "a shift that is rounded away": case(
        [10.3, 9.3, 30.3, 40.3], (8, 4), (2, 3), (6, 9)
    ),
    "one bin": case([10, 3, 37, 22], (2, 4), (1, 1), (13, 11)),
    "more bins than cells": case([9, 17, 20, 18], (4, 8), (3, 5), (6, 7)),
    "a RoI smaller than a cell": case([33, 18, 34, 19], (8, 16), (2, 3), (4, 6)),
    "a RoI without area": case([24, 40, 24, 40], (8, 4), (2, 1), (7, 9)),
    "x2 below x1": case([60, 10, 20, 50], (4, 8), (2, 3), (15, 10)),
    "y2 above y1": case([10, 60, 50, 20], (8, 4), (3, 2), (10, 15)),
    "over the right border": case([30, 5, 200, 41], (16, 8), (2, 5), (4, 7)),
    "over the lower border": case([5, 30, 41, 200], (8, 16), (5, 2), (7, 4)),
    "over the upper left corner": case([-70, -55, 20, 30], (8, 16), (4, 3), (9, 5)),
    "wholly outside": case([200, -90, 260, -30], (8, 4), (2, 3), (6, 9)),
    "a stride of 1": case([2.5, 1.5, 7.5, 3.5], (1, 2), (2, 4), (6, 10)),
}


def random_case(number: int, generator: torch.Generator) -> Inputs:
    """A RoI with many halves, in an unequal grid of bins, on a map of unequal sides."""
    strides = ((2, 4), (4, 2), (8, 16), (4, 16))[number % 4]
    sides = torch.randint(3, 12, (2,), generator=generator).tolist()
    sizes = torch.randint(1, 7, (2,), generator=generator).tolist()
    ends = torch.rand(4, generator=generator) * 1.5 - 0.25
    ends = ends * torch.tensor([sides[1], sides[0], sides[1], sides[0]])
    ends = (ends * 2).round() / 2  # every end on a cell's border or middle
    if number % 3 == 2:
        ends = ends + torch.rand(4, generator=generator)
    ends = ends * torch.tensor([strides[1], strides[0], strides[1], strides[0]])
    x1, y1, x2, y2 = ends.tolist()
    roi = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    return case(roi, strides, (sizes[0], sizes[1]), (sides[0], sides[1] + 9))


# The steps of the oracle.


def away_from_zero(place: float) -> int:
    """The nearest whole number, halves away from zero."""
    whole = math.floor(abs(place) + 0.5)
    return whole if place >= 0 else -whole


def both_ends(first: int, last: int) -> int:
    """How many cells there are from the first to the last."""
    return max(last - first + 1, 1)


def overlapping(low: int, high: int, place: int, bins: int) -> range:
    """The cells of one bin along a side from `low` to `high`, which is outside."""
    size = high - low
    return range(low + place * size // bins, low - (-(place + 1) * size // bins))


def apart(low: int, high: int, place: int, bins: int) -> range:
    """The cells of one bin whose end is rounded down."""
    size = high - low
    return range(low + place * size // bins, low + (place + 1) * size // bins)


def of_one_size(low: int, high: int, place: int, bins: int) -> range:
    """The cells of one bin that is as long as all others."""
    size = (high - low) // bins
    return range(low + place * size, low + (place + 1) * size)


def at_the_corner(low: int, high: int, place: int, bins: int) -> range:
    """The cells of one bin, counted from the corner of the RoI."""
    return overlapping(0, high - low, place, bins)


def clip(cell: int, length: int) -> int:
    """A start or an end of a bin, clipped to the map."""
    return min(max(cell, 0), length)


def side_bins(
    low: float,
    high: float,
    stride: int,
    bins: int,
    length: int,
    *,
    nearest: Callable[[float], int] = away_from_zero,
    size: Callable[[int, int], int] = both_ends,
    cells: Callable[[int, int, int, int], range] = overlapping,
    clipped: Callable[[int, int], int] = clip,
) -> list[Pair]:
    """First cell, and the one after the last, of each bin along one side."""
    first, last = nearest(low / stride), nearest(high / stride)
    end = first + size(first, last)
    found = [cells(first, end, place, bins) for place in range(bins)]
    return [(clipped(c.start, length), clipped(c.stop, length)) for c in found]


def slow_bins_in_image(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair, **steps: Any
) -> Tensor:
    """(rows, columns, 4) the pixels under each bin; `steps` as in `side_bins`."""
    x1, y1, x2, y2 = roi.tolist()
    down, right = strides
    rows = side_bins(y1, y2, down, output_size[0], map_size[0], **steps)
    columns = side_bins(x1, x2, right, output_size[1], map_size[1], **steps)
    boxes = [
        [(x[0] * right, y[0] * down, x[1] * right, y[1] * down) for x in columns]
        for y in rows
    ]
    return torch.tensor(boxes, dtype=torch.float32)


MISTAKES: Mistakes = {
    "a half was rounded to the even neighbour; it goes away from zero": {
        "nearest": round
    },
    "a half below 0 goes away from zero, too: -2.5 goes to -3": {
        "nearest": lambda place: math.floor(place + 0.5)
    },
    "the ends are rounded to the nearest cell, not down": {"nearest": math.floor},
    "the ends are rounded to the nearest cell, not up": {"nearest": math.ceil},
    "both ends' cells belong to the RoI: its size is last - first + 1": {
        "size": lambda first, last: max(last - first, 1)
    },
    "a RoI has at least one cell along each side": {
        "size": lambda first, last: last - first + 1
    },
    "the end of a bin is rounded up: bins may overlap": {"cells": apart},
    "bins are not all of one size: multiply by i before you divide": {
        "cells": of_one_size
    },
    "the bins start at the corner of the RoI, not of the map": {"cells": at_the_corner},
    "x and y of the RoI are swapped": lambda right, roi, **settings: slow_bins_in_image(
        roi[[1, 0, 3, 2]], **settings
    ),
    "bins are clipped to the map": {"clipped": lambda cell, length: cell},
    "bins are clipped at the far border, too": {
        "clipped": lambda cell, length: max(cell, 0)
    },
    "the last cell is lost: clip to the width, not to the width - 1": {
        "clipped": lambda cell, length: clip(cell, length - 1)
    },
    "`strides` is (down, right): y has the first, x the second": (
        lambda right, roi, *, strides, **settings: slow_bins_in_image(
            roi, strides=strides[::-1], **settings
        )
    ),
    "clip columns to the width of the map, rows to its height": (
        lambda right, roi, *, map_size, **settings: slow_bins_in_image(
            roi, map_size=map_size[::-1], **settings
        )
    ),
    "these are cells; multiply by the strides to get pixels": (
        lambda right, roi, *, strides, **settings: (
            right / torch.tensor([strides[1], strides[0]] * 2)
        )
    ),
    "output_size is (rows, columns), not (columns, rows)": (
        lambda right, roi, *, output_size, **settings: slow_bins_in_image(
            roi, output_size=output_size[::-1], **settings
        )
    ),
    "the first dimension is the rows, the second the columns": (
        lambda right, *arguments, **settings: right.transpose(0, 1)
    ),
    "a box is (x1, y1, x2, y2): x comes first": (
        lambda right, *arguments, **settings: right[..., [1, 0, 3, 2]]
    ),
}

check_bins_in_image = compare_with(
    slow_bins_in_image,
    "bins_in_image",
    cases=CASES,
    draw=random_case,
    draws=12,
    mistakes=MISTAKES,
)
