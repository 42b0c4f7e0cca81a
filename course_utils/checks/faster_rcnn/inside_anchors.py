"""inside_anchors: the anchors of one level that do not cross the image's border.

The oracle makes them one at a time in Python numbers, so that it shares no step with a
good answer.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]
Point = tuple[float, float]  # x or width first
Box = list[float]


def case(
    image_size: Pair,
    map_size: Pair,
    side: float,
    ratios: Sequence[float],
    strides: Pair,
) -> Inputs:
    """The inputs of one case."""
    return inputs(image_size, map_size, side=side, ratios=ratios, strides=strides)


CASES = {
    "the example": case((16, 48), (1, 3), 16, [1, 4], (16, 16)),
    "one square anchor a position": case((24, 40), (3, 5), 8, [1], (8, 8)),
    "one wide anchor a position": case((30, 70), (3, 7), 8, [4], (10, 10)),
    "one high anchor a position": case((70, 30), (7, 3), 8, [0.25], (10, 10)),
    "other strides down than to the right": case(
        (60, 36), (5, 6), 9, [2, 0.5], (12, 6)
    ),
    "anchors of odd sides, not rounded": case(
        (45, 66), (4, 6), 11, [0.5, 1, 2], (11, 11)
    ),
    "ratios in no order": case((48, 80), (3, 5), 20, [2, 0.5, 1], (16, 16)),
    "anchors larger than their cells": case((64, 104), (8, 13), 32, [1, 2], (8, 8)),
    "a map that reaches beyond the image": case((30, 45), (4, 6), 8, [1, 0.25], (8, 8)),
    "a map that ends before the image does": case(
        (35, 52), (2, 4), 8, [1, 4], (10, 10)
    ),
    "a map of one position": case((16, 20), (1, 1), 12, [1, 0.5], (16, 20)),
    "a map of one column": case((50, 10), (5, 1), 8, [1, 0.5], (10, 10)),
    "every anchor crosses the border": case(
        (20, 30), (2, 3), 64, [0.5, 1, 2], (10, 10)
    ),
    "the same ratio twice": case((24, 40), (3, 5), 10, [2, 2], (8, 8)),
    "high anchors leave above, wide ones do not": case(
        (16, 64), (2, 8), 16, [0.25, 4], (8, 8)
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """A map, its image, and a few ratios, whose roots are exact or irrational."""
    drawn = torch.randint(0, 1000, (8,), generator=generator).tolist()
    rows, columns = 2 + drawn[0] % 4, 6 + drawn[1] % 5
    strides = (4 + drawn[2] % 6, 10 + drawn[3] % 7)
    size = (rows * strides[0] - drawn[4] % 3, columns * strides[1] - drawn[5] % 3)
    ratios = [0.25, 0.5, 1.0, 2.0, 4.0]
    shift = drawn[6] % 5
    chosen = (ratios[shift:] + ratios[:shift])[: 1 + (i + 1) % 3]
    return case(size, (rows, columns), 6 + drawn[7] % 20, chosen, strides)


# The steps of the oracle.


def cell_middle(row: int, column: int, strides: Pair) -> Point:
    """Where an anchor has its centre."""
    return (column + 0.5) * strides[1], (row + 0.5) * strides[0]


def width_over_height(side: float, ratio: float) -> Point:
    """Width and height of an anchor."""
    return side * math.sqrt(ratio), side / math.sqrt(ratio)


def by_position(row: int, column: int, anchor: int) -> tuple[int, int, int]:
    """By what anchors are sorted: row, column, number of the ratio."""
    return row, column, anchor


def unchanged(box: Box, image_size: Pair) -> Box:
    """The anchor as it is returned."""
    return box


def clip(box: Box, image_size: Pair) -> Box:
    """The part of an anchor inside the image."""
    limits = (image_size[1], image_size[0]) * 2
    return [min(max(value, 0.0), end) for value, end in zip(box, limits, strict=True)]


def inside(box: Box, image_size: Pair) -> bool:
    """Whether no side of an anchor crosses the border."""
    x1, y1, x2, y2 = box
    return x1 >= 0 and y1 >= 0 and x2 <= image_size[1] and y2 <= image_size[0]


def strictly_inside(box: Box, image_size: Pair) -> bool:
    """Whether no side of an anchor even touches the border."""
    x1, y1, x2, y2 = box
    return x1 > 0 and y1 > 0 and x2 < image_size[1] and y2 < image_size[0]


def slow_inside_anchors(
    image_size: Pair,
    map_size: Pair,
    *,
    side: float,
    ratios: Sequence[float],
    strides: Pair,
    centre: Callable[[int, int, Pair], Point] = cell_middle,
    shape: Callable[[float, float], Point] = width_over_height,
    order: Callable[[int, int, int], tuple[int, int, int]] = by_position,
    form: Callable[[Box, Pair], Box] = unchanged,
    stays: Callable[[Box, Pair], bool] = inside,
) -> tuple[Tensor, Tensor]:
    """(K, 4) anchors inside the image and their (K,) places among all of them."""
    places = [
        (row, column, anchor)
        for row in range(map_size[0])
        for column in range(map_size[1])
        for anchor in range(len(ratios))
    ]
    boxes: list[Box] = []
    numbers: list[int] = []
    for number, place in enumerate(sorted(places, key=lambda place: order(*place))):
        x, y = centre(place[0], place[1], strides)
        w, h = shape(side, ratios[place[2]])
        box = form([x - w / 2, y - h / 2, x + w / 2, y + h / 2], image_size)
        if stays(box, image_size):
            boxes.append(box)
            numbers.append(number)
    anchors = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return anchors, torch.tensor(numbers, dtype=torch.int64)


MISTAKES: Mistakes = {
    "an anchor stands about the middle of its cell, not about its corner": {
        "centre": lambda row, column, strides: (column * strides[1], row * strides[0])
    },
    "the middle of a cell is half a stride from its corner, not half a pixel": {
        "centre": lambda row, column, strides: (
            column * strides[1] + 0.5,
            row * strides[0] + 0.5,
        )
    },
    "x and y are swapped: columns move an anchor along x, rows along y": {
        "centre": lambda row, column, strides: cell_middle(column, row, strides)
    },
    "`strides` is (down, right): y has the first, x the second": {
        "centre": lambda row, column, strides: cell_middle(row, column, strides[::-1])
    },
    "the ratio is width over height here": {
        "shape": lambda side, ratio: width_over_height(side, ratio)[::-1]
    },
    "the area stays side^2: take the square root of the ratio": {
        "shape": lambda side, ratio: (side * ratio, side / ratio)
    },
    "width and height both change with the ratio, and the area stays side^2": {
        "shape": lambda side, ratio: (side * ratio, side)
    },
    "width and height both change with the ratio; the area is side^2": {
        "shape": lambda side, ratio: (side, side / ratio)
    },
    "half a side lies on either side of the centre": {
        "shape": lambda side, ratio: width_over_height(2 * side, ratio)
    },
    "go row by row: rows outside, columns inside": {
        "order": lambda row, column, anchor: (column, row, anchor)
    },
    "all ratios of one position come before the next position": {
        "order": lambda row, column, anchor: (anchor, row, column)
    },
    "the ratios stay in the order in which they were given": (
        lambda right, *sizes, ratios, **settings: slow_inside_anchors(
            *sizes, ratios=sorted(ratios), **settings
        )
    ),
    "an anchor that touches the border does not cross it": {"stays": strictly_inside},
    "anchors that cross the border go": {"stays": lambda box, size: True},
    "an anchor that crosses the border goes; it is not clipped": {"form": clip},
    "anchors cross the borders at the right and below, too": {
        "stays": lambda box, size: min(box[:2]) >= 0
    },
    "anchors cross the borders at the left and above, too": {
        "stays": lambda box, size: box[2] <= size[1] and box[3] <= size[0]
    },
    "anchors cross the borders above and below, too": {
        "stays": lambda box, size: box[0] >= 0 and box[2] <= size[1]
    },
    "image_size is (height, width): x ends at the width": {
        "stays": lambda box, size: inside(box, size[::-1])
    },
    "the index counts all anchors, also those that go": (
        lambda right, *sizes, **settings: (right[0], torch.arange(len(right[0])))
    ),
    "anchors are not rounded here": {
        "form": lambda box, size: [float(round(value)) for value in box]
    },
    "a box is (x1, y1, x2, y2): x comes first": (
        lambda right, *sizes, **settings: (right[0][:, [1, 0, 3, 2]], right[1])
    ),
    "the anchors come first, their numbers second": (
        lambda right, *sizes, **settings: right[::-1]
    ),
}

check_inside_anchors = compare_with(
    slow_inside_anchors,
    "inside_anchors",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection.anchor_utils.AnchorGenerator.grid_anchors",),
)
