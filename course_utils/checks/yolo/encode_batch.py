"""encode_batch: the targets of a grid for a batch of images with padding.

The oracle goes through the objects one at a time in Python numbers, so that it shares
no step with a good answer.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]  # rows or height first
Point = tuple[float, float]  # x or width first
Numbers = Sequence[float]
Objects = list[tuple[float, float, float, float, int]]  # x1, y1, x2, y2, label
NAN = float("nan")
MANY: Objects = [(17, 1, 31, 13, 3)]
NOTHING = (NAN, NAN, NAN, NAN, 0)


def case(
    images: list[Objects], image_size: Pair, grid: Pair, num_classes: int
) -> Inputs:
    """A batch of images, each filled up with rows of nan and label 0."""
    most = max(map(len, images), default=0)
    rows = [objects + [NOTHING] * (most - len(objects)) for objects in images]
    values = torch.tensor(rows, dtype=torch.float32).reshape(len(images), most, 5)
    labels = values[..., 4].to(torch.int64)
    boxes = values[..., :4].clone()
    return inputs(boxes, labels, image_size, grid=grid, num_classes=num_classes)


# Cells of 16 x 16 in an image of height 32 and width 64, if nothing else is said.
CASES = {
    "the example": case(
        [[(0, 0, 16, 24, 1), (4, 10, 20, 18, 3), NOTHING]], (32, 64), (2, 4), 4
    ),
    "one object": case([[(18, 6, 26, 24, 2)]], (32, 64), (2, 4), 4),
    "an object in each corner of the image": case(
        [[(1, 2, 5, 8, 1), (50, 3, 62, 9, 2), (2, 20, 10, 31, 3), (52, 22, 58, 30, 4)]],
        (32, 64),
        (2, 4),
        5,
    ),
    "cells that are not square": case(
        [[(21, 8, 39, 24, 1), (45, 50, 53, 56, 2)]], (60, 56), (3, 7), 3
    ),
    "an image that is higher than wide": case(
        [[(3, 50, 11, 60, 2), (18, 9, 30, 12, 1)]], (64, 32), (4, 2), 3
    ),
    "two images": case(
        [[(18, 6, 26, 24, 2)], [(34, 18, 46, 28, 1), (2, 3, 8, 9, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "two images with an object in the same cell": case(
        [[(20, 4, 28, 14, 1)], [(18, 2, 26, 6, 2)], [(17, 1, 31, 13, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "no objects in one image": case(
        [[], [(34, 18, 46, 28, 1)], []], (32, 64), (2, 4), 3
    ),
    "no objects at all": case([[NOTHING], [NOTHING]], (32, 64), (2, 4), 3),
    "no rows": case([[], []], (32, 64), (2, 4), 3),
    "padding before an object": case(
        [[NOTHING, (18, 6, 26, 24, 2), NOTHING, (50, 20, 58, 28, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "padding that looks like a box": case(
        [[(18, 6, 26, 24, 2), (36, 4, 44, 12, 0), (20, 6, 24, 10, 0)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "the smaller of two comes first": case(
        [[(2, 2, 8, 8, 1), (1, 1, 13, 13, 2)]], (32, 64), (2, 4), 3
    ),
    "the smaller of two comes last": case(
        [[(1, 1, 13, 13, 2), (2, 2, 8, 8, 1)]], (32, 64), (2, 4), 3
    ),
    "the smallest of three is in the middle": case(
        [[(2, 2, 12, 12, 1), (3, 6, 9, 10, 3), (1, 4, 9, 12, 2)]], (32, 64), (2, 4), 4
    ),
    "two of the same area in one cell": case(
        [[(20, 4, 28, 8, 2), (22, 3, 26, 11, 1), (17, 1, 31, 13, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "many of the same area in one cell": case(
        [MANY * 20 + [(20, 4, 28, 8, 2)] + [(22, 3, 26, 11, 1)] * 20],
        (32, 64),
        (2, 4),
        4,
    ),
    "the narrower one has the larger area": case(
        [[(4, 8, 12, 19, 1), (0, 10, 16, 15, 2)]], (32, 64), (2, 4), 3
    ),
    "a centre between two cells": case(
        [[(28, 2, 36, 8, 1), (2, 10, 8, 22, 2)]], (32, 64), (2, 4), 3
    ),
    "a centre on the right and on the bottom border": case(
        [[(60, 2, 68, 8, 1), (20, 28, 26, 36, 2)], [(56, 30, 72, 34, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "a centre on the left and on the top border": case(
        [[(-4, 18, 4, 24, 1), (40, -6, 44, 6, 2)]], (32, 64), (2, 4), 3
    ),
    "a box without width": case(
        [[(20, 4, 20, 10, 1), (36, 2, 46, 12, 2)]], (32, 64), (2, 4), 3
    ),
    "a line and an object in one cell": case(
        [[(18, 5, 30, 5, 1), (20, 2, 28, 12, 2), (24, 8, 24, 8, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "an object larger than the image": case(
        [[(-8, -10, 80, 50, 1)]], (32, 64), (2, 4), 2
    ),
    "a grid of one cell": case(
        [[(8, 2, 24, 10, 2), (30, 6, 50, 30, 1)]], (32, 64), (1, 1), 3
    ),
    "a single class": case([[(18, 6, 26, 24, 1)]], (32, 64), (2, 4), 2),
    "twenty classes": case(
        [[(18, 6, 26, 24, 20), (36, 6, 46, 24, 13)]], (32, 64), (2, 4), 21
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Many objects in few cells; areas are equal only where shapes are, too."""
    grid, count, batch = (2 + i % 2, 3 + i % 3), 7, 2 + i % 2
    image_size = (24 * grid[0], 20 * grid[1])
    widths, heights = torch.tensor([3.0, 5, 7, 11]), torch.tensor([17.0, 13, 19])
    # A centre lies at least half a pixel from any border between cells.
    x = torch.randint(0, image_size[1], (batch, count), generator=generator) + 0.5
    y = torch.randint(0, image_size[0], (batch, count), generator=generator) + 0.5
    w = widths[torch.randint(0, 4, (batch, count), generator=generator)]
    h = heights[torch.randint(0, 3, (batch, count), generator=generator)]
    boxes = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
    labels = torch.randint(0, 4, (batch, count), generator=generator)
    if i % 2:
        boxes[labels == 0] = NAN
    return inputs(boxes, labels, image_size, grid=grid, num_classes=4)


# The steps of the oracle.


def is_object(box: Numbers, label: int, image_size: Pair) -> bool:
    """Whether a row is an object, neither padding nor flat."""
    return label != 0 and has_sides(box)


def has_sides(box: Numbers) -> bool:
    """Whether a box has a width and a height; one of nan has none."""
    return box[2] > box[0] and box[3] > box[1]


def centre(box: Numbers) -> Point:
    """The middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def begins_before(position: float, count: int) -> int:
    """The number of the cell, along one axis, that owns a position in cells."""
    return min(max(math.floor(position), 0), count - 1)


def smallest_first(sides: Point, number: int) -> tuple[float, ...]:
    """By what rivals are compared: the lowest keeps the cell."""
    return sides[0] * sides[1], number


def in_cell(position: Point, place: Pair, image_size: Pair, grid: Pair) -> Point:
    """x and y as they are returned."""
    return position[0] - place[1], position[1] - place[0]


def roots_of_shares(sides: Point, image_size: Pair, grid: Pair) -> Point:
    """Width and height as they are returned."""
    return math.sqrt(sides[0] / image_size[1]), math.sqrt(sides[1] / image_size[0])


def slow_encode_batch(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_classes: int,
    counts: Callable[[Numbers, int, Pair], bool] = is_object,
    point: Callable[[Numbers], Numbers] = centre,
    cell: Callable[[float, int], int] = begins_before,
    rival_by: Callable[[int, Pair], Hashable] = lambda image, place: (image, place),
    rank: Callable[[Point, int], tuple[float, ...]] = smallest_first,
    at: Callable[[Pair, Pair], Pair] = lambda place, grid: place,
    offset: Callable[[Point, Pair, Pair, Pair], Point] = in_cell,
    extent: Callable[[Point, Pair, Pair], Point] = roots_of_shares,
    classes: Callable[[list[int]], list[int]] = lambda labels: labels[:1],
) -> Tensor:
    """(B, 4 + num_classes, rows, columns) targets, object by object."""
    rivals: dict[Hashable, list[Any]] = {}
    for number, (image, n) in enumerate(product(*map(range, labels.shape))):
        box, label = boxes[image, n].tolist(), int(labels[image, n])
        if not counts(box, label, image_size):
            continue
        x, y = point(box)
        position = (x / image_size[1] * grid[1], y / image_size[0] * grid[0])
        place = cell(position[1], grid[0]), cell(position[0], grid[1])
        sides = (box[2] - box[0], box[3] - box[1])
        numbers = (
            *offset(position, place, image_size, grid),
            *extent(sides, image_size, grid),
        )
        one = (rank(sides, number), label, image, place, numbers)
        rivals.setdefault(rival_by(image, place), []).append(one)
    target = torch.zeros(len(boxes), 4 + num_classes, *grid)
    for group in rivals.values():
        _, _, image, place, numbers = min(group)
        row, column = at(place, grid)
        values = torch.zeros(4 + num_classes)
        for label in classes([label for _, label, *_ in sorted(group)]):
            values[4 + label] = 1
        values[:5] = torch.tensor([1, *numbers])
        target[image, :, row, column] = values
    return target


def channels(right: Tensor, *order: int | slice) -> Tensor:
    """The channels in another order."""
    parts = [right[:, n : n + 1] if isinstance(n, int) else right[:, n] for n in order]
    return torch.cat(parts, dim=1)


MISTAKES: Mistakes = {
    "of objects in one cell, the smallest keeps it": {
        "rank": lambda sides, number: (-sides[0] * sides[1], number)
    },
    "the smallest object keeps its cell, not the first": {
        "rank": lambda sides, number: (number,)
    },
    "the smallest object keeps its cell, not the last": {
        "rank": lambda sides, number: (-number,)
    },
    "of two objects of the same area, the first keeps the cell": {
        "rank": lambda sides, number: (sides[0] * sides[1], -number)
    },
    "the smallest is the one with the smallest area": {
        "rank": lambda sides, number: (sides[0], number)
    },
    "a cell has one object, so one class alone is 1": {
        "classes": lambda labels: labels
    },
    "x decides about the column, y about the row": {
        "at": lambda at, grid: (min(at[1], grid[0] - 1), min(at[0], grid[1] - 1))
    },
    "image_size is (height, width): divide x by the width": (
        lambda right, boxes, labels, size, **settings: slow_encode_batch(
            boxes, labels, size[::-1], **settings
        )
    ),
    "the cell is that of the centre, not of the box's corner": {
        "point": lambda box: box[:2]
    },
    "round down: column j begins at j cells and ends before j + 1": {
        "cell": lambda position, count: begins_before(position + 0.5, count)
    },
    "a centre between two cells belongs to the right or lower one": {
        "cell": lambda position, count: begins_before(math.ceil(position) - 1, count)
    },
    "a centre on the right or bottom border of the image counts, too": {
        "counts": lambda box, label, size: (
            is_object(box, label, size)
            and centre(box)[0] < size[1]
            and centre(box)[1] < size[0]
        )
    },
    "x and y run from 0 to 1 in the cell, not in the image": {
        "offset": lambda at, place, size, grid: (at[0] / grid[1], at[1] / grid[0])
    },
    "x and y are 0 at the cell's left and top, not in its middle": {
        "offset": lambda at, place, size, grid: (
            at[0] - place[1] - 0.5,
            at[1] - place[0] - 0.5,
        )
    },
    "x and y count cells, not pixels": {
        "offset": lambda at, place, size, grid: (
            (at[0] - place[1]) * size[1] / grid[1],
            (at[1] - place[0]) * size[0] / grid[0],
        )
    },
    "take the roots of width and height": {
        "extent": lambda sides, size, grid: (sides[0] / size[1], sides[1] / size[0])
    },
    "width and height are shares of the image, not of the cell": {
        "extent": lambda sides, size, grid: (
            math.sqrt(sides[0] / size[1] * grid[1]),
            math.sqrt(sides[1] / size[0] * grid[0]),
        )
    },
    "width and height are shares of the image, not pixels": {
        "extent": lambda sides, size, grid: (math.sqrt(sides[0]), math.sqrt(sides[1]))
    },
    "label 0 is padding: no object": {
        "counts": lambda box, label, size: has_sides(box)
    },
    "a box without width or height is no object": {
        "counts": lambda box, label, size: label != 0
    },
    "label 1 has the first of the class channels": (
        lambda right, *tensors, **settings: torch.cat(
            [right[:, :5], 0 * right[:, :1], right[:, 5:-1]], dim=1
        )
    ),
    "each image has its own cells": {"rival_by": lambda image, place: place},
    "x comes before y, and width before height": (
        lambda right, *tensors, **settings: channels(
            right, 0, 2, 1, 4, 3, slice(5, None)
        )
    ),
    "channel 0 says whether there is an object; the box follows": (
        lambda right, *tensors, **settings: channels(
            right, 1, 2, 3, 4, 0, slice(5, None)
        )
    ),
    "the class channels come last": (
        lambda right, *tensors, **settings: channels(right, slice(5, None), slice(0, 5))
    ),
}

check_encode_batch = compare_with(
    slow_encode_batch,
    "encode_batch",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
