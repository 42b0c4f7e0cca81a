"""decode_and_keep: the best detections out of the vector of darknet.

The oracle picks numbers from the vector for one box at a time, so that it shares no
step with a good answer.
"""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]  # rows or height first
Point = tuple[float, float]  # x or width first


class Counts(NamedTuple):
    """How many there are of what a vector holds."""

    cells: int
    boxes: int
    classes: int


class Candidate(NamedTuple):
    """A score with the number of its box and its label."""

    score: float
    box: int
    label: int


def limited(
    vector: Tensor,
    image_size: Pair,
    grid: Pair,
    counts: Pair,
    limits: tuple[float, int],
) -> Inputs:
    """The inputs of one case; `counts` are those of boxes and of classes."""
    return inputs(
        vector,
        image_size,
        grid=grid,
        num_boxes=counts[0],
        num_classes=counts[1],
        score_threshold=limits[0],
        most=limits[1],
    )


def case(
    classes: list[list[float]],
    confidences: list[list[float]],
    boxes: list[list[list[float]]],
    sizes: tuple[Pair, Pair],
    limits: tuple[float, int],
) -> Inputs:
    """A vector from its three parts, one row a cell; image size and grid."""
    parts = [torch.tensor(part).float() for part in (classes, confidences, boxes)]
    vector = torch.cat([part.flatten() for part in parts])
    counts = (len(confidences[0]), len(classes[0]) + 1)
    return limited(vector, *sizes, counts, limits)


def coded(
    image_size: Pair, grid: Pair, counts: Pair, limits: tuple[float, int]
) -> Inputs:
    """Sixteenths that tell the numbers apart; many scores are equal."""
    cells, (num_boxes, num_classes) = grid[0] * grid[1], counts
    code = torch.arange(cells * (num_classes - 1))
    classes = (code * 7 % 19 - 2) / 16
    code = torch.arange(cells * num_boxes)
    confidences = (code * 5 % 17) / 16
    code = torch.arange(cells * num_boxes * 4)
    boxes = (code * 11 % 23) / 32 + 0.125
    vector = torch.cat([classes, confidences, boxes])
    return limited(vector, image_size, grid, counts, limits)


MIDDLE = [0.5, 0.5, 0.5, 0.5]

CASES = {
    "the example": case(
        [[0.5, 1], [0.75, 0]],
        [[1, 0.25], [0.5, 1.5]],
        [
            [[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.5, 0.75]],
            [[0, 0.5, 0.25, 0.5], [0.5, 0.25, 0.75, -1]],
        ],
        ((32, 64), (1, 2)),
        (0.375, 3),
    ),
    "one cell, one box, one class": case(
        [[0.5]], [[0.5]], [[[0.25, 0.75, 0.25, 0.5]]], ((40, 60), (1, 1)), (0.1, 9)
    ),
    "one box a cell": coded((40, 72), (2, 3), (1, 5), (0.25, 50)),
    "three boxes a cell": coded((60, 40), (3, 2), (3, 4), (0.25, 99)),
    "the numbers of VOC": coded((448, 448), (7, 7), (2, 21), (0.6, 40)),
    "more rows than columns": coded((96, 48), (6, 3), (2, 4), (0.4, 30)),
    "more columns than rows": coded((48, 96), (3, 6), (2, 4), (0.4, 30)),
    "nothing is above the threshold": coded((48, 96), (2, 3), (2, 4), (2, 30)),
    "a score of exactly the threshold": case(
        [[0.5, 0.75], [0.25, 1]],
        [[0.5, 0.5], [1, 0.75]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.25, 9),
    ),
    "several classes of one box": case(
        [[0.5, 0.75, 1]], [[1]], [[MIDDLE]], ((32, 64), (1, 1)), (0.25, 9)
    ),
    "more candidates than `most`": case(
        [[0.5, 0.75, 1], [0.25, 0.875, 0.375]],
        [[1], [0.75]],
        [[MIDDLE], [[0.25, 0.75, 0.5, 0.25]]],
        ((32, 64), (2, 1)),
        (0.125, 2),
    ),
    "equal scores": case(
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.5, 1], [1, 0.5]],
        [
            [[0.25, 0.5, 0.5, 0.5], [0.75, 0.5, 0.5, 0.5]],
            [[0.5, 0.25, 0.5, 0.5], [0.5, 0.75, 0.5, 0.5]],
        ],
        ((32, 64), (1, 2)),
        (0.125, 5),
    ),
    "values above 1": case(
        [[1.5, 0.75], [0.5, 2]],
        [[0.5, 1.25], [4, 0.25]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.3, 9),
    ),
    "both factors are negative": case(
        [[-1, 0.5], [0.75, -0.75]],
        [[-0.75, 0.5], [0.5, -1]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (0.125, 9),
    ),
    "boxes that cross the border": case(
        [[1.0], [0.875]],
        [[0.75, 0.5], [1, 0.25]],
        [
            [[0, 0.5, 1, 0.5], [0.5, 1, 0.5, 0.75]],
            [[1, 0.25, 0.5, 1], [0.5, -1, 0.25, 0.5]],
        ],
        ((64, 32), (2, 1)),
        (0.125, 9),
    ),
    "boxes outside the image": case(
        [[1.0], [0.5]],
        [[1, 0.75], [1, 0.75]],
        [
            [[-0.5, 0.5, 0.25, 0.5], [0.5, -1, 0.5, 0.5]],
            [[2, 0.25, 0.5, 0.5], [0.25, 1.5, 0.25, 0.5]],
        ],
        ((32, 64), (1, 2)),
        (0.125, 9),
    ),
    "a threshold below 0": case(
        [[-1, 0.5], [0.75, -0.75]],
        [[-0.75, 0.5], [0.5, -1]],
        [[MIDDLE, MIDDLE], [MIDDLE, MIDDLE]],
        ((32, 64), (1, 2)),
        (-1, 9),
    ),
    "negative roots and a root of 0": case(
        [[1.0]],
        [[0.5, 0.75, 1]],
        [[[0.5, 0.5, -0.5, 0.25], [0.25, 0.5, 0.5, -0.75], [0.5, 0.25, 0, 0.5]]],
        ((48, 80), (1, 1)),
        (0.125, 9),
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Sixteenths, so that products are exact and many of them equal."""
    grid, num_boxes, num_classes = (2 + i % 3, 4 - i % 2), 1 + i % 3, 3 + i
    cells = grid[0] * grid[1]
    count = cells * (num_classes - 1 + num_boxes)
    scores = torch.randint(-12, 20, (count,), generator=generator) / 16
    boxes = torch.rand(cells * num_boxes * 4, generator=generator) * 1.2 - 0.2
    limits = ((0.25, 25), (0.5, 999), (0.0, 9))[i % 3]
    vector = torch.cat([scores, boxes])
    counts = (num_boxes, num_classes)
    return limited(vector, (60 + 8 * i, 100), grid, counts, limits)


# The steps of the oracle.


def class_at(cell: int, number: int, n: Counts) -> int:
    """Where in the vector a class value is."""
    return cell * n.classes + number


def confidence_at(cell: int, k: int, n: Counts) -> int:
    """Where in the vector the confidence of predictor k is."""
    return n.cells * n.classes + cell * n.boxes + k


def number_at(cell: int, k: int, i: int, n: Counts) -> int:
    """Where in the vector one of the four numbers of predictor k is."""
    return n.cells * (n.classes + n.boxes) + (cell * n.boxes + k) * 4 + i


def in_the_image(at: Point, cell: int, grid: Pair) -> Point:
    """The centre as shares of the image."""
    row, column = divmod(cell, grid[1])
    return (at[0] + column) / grid[1], (at[1] + row) / grid[0]


def squares(roots: Point, grid: Pair) -> Point:
    """Width and height as shares of the image."""
    return roots[0] ** 2, roots[1] ** 2


def corners(x: float, y: float, w: float, h: float) -> list[float]:
    """A box about its centre."""
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def clipped(box: list[float], image_size: Pair) -> list[float]:
    """A box within the image."""
    ends = [image_size[1], image_size[0]] * 2
    return [min(max(one, 0.0), float(end)) for one, end in zip(box, ends, strict=True)]


def unit(value: float) -> float:
    """A value within 0 and 1."""
    return min(max(value, 0.0), 1.0)


def best_first(one: Candidate) -> tuple[float, ...]:
    """By what candidates are sorted."""
    return -one.score, one.box, one.label


def kept_of_each(
    found: list[Candidate], group: Callable[[Candidate], int], most: int
) -> list[Candidate]:
    """The first candidates of each group."""
    seen: Counter[int] = Counter()
    kept = []
    for one in found:
        seen[group(one)] += 1
        kept += [one] if seen[group(one)] <= most else []
    return kept


def slow_decode_and_keep(
    vector: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_boxes: int,
    num_classes: int,
    score_threshold: float,
    most: int,
    chance_at: Callable[[int, int, Counts], int] = class_at,
    sure_at: Callable[[int, int, Counts], int] = confidence_at,
    box_at: Callable[[int, int, int, Counts], int] = number_at,
    centre: Callable[[Point, int, Pair], Point] = in_the_image,
    sides: Callable[[Point, Pair], Point] = squares,
    scale: Callable[[Pair], Sequence[int]] = lambda size: size[::-1],
    box_of: Callable[[float, float, float, float], list[float]] = corners,
    clip: Callable[[list[float], Pair], list[float]] = clipped,
    score: Callable[[float, float], float] = lambda a, b: unit(a) * unit(b),
    passes: Callable[[float, float], bool] = operator.gt,
    order: Callable[[Candidate], tuple[float, ...]] = best_first,
    keep: Callable[[list[Candidate], int], list[Candidate]] = lambda a, most: a[:most],
) -> tuple[Tensor, Tensor, Tensor]:
    """(D, 4) boxes, (D,) scores and (D,) labels, box by box."""
    n = Counts(grid[0] * grid[1], num_boxes, num_classes - 1)
    values, (width, height) = vector.tolist(), scale(image_size)
    boxes: list[list[float]] = []
    found: list[Candidate] = []
    for cell in range(n.cells):
        for k in range(n.boxes):
            at_x, at_y, *roots = (values[box_at(cell, k, i, n)] for i in range(4))
            x, y = centre((at_x, at_y), cell, grid)
            w, h = sides((roots[0], roots[1]), grid)
            box = box_of(x * width, y * height, w * width, h * height)
            sure = values[sure_at(cell, k, n)]
            for c in range(n.classes):
                one = score(sure, values[chance_at(cell, c, n)])
                if passes(one, score_threshold):
                    found.append(Candidate(one, len(boxes), c + 1))
            boxes.append(clip(box, image_size))
    found = keep(sorted(found, key=order), most)
    return (
        torch.tensor([boxes[one.box] for one in found]).reshape(-1, 4),
        torch.tensor([one.score for one in found]),
        torch.tensor([one.label for one in found]).long(),
    )


MISTAKES: Mistakes = {
    "the classes of all cells come first, not cell after cell": {
        "chance_at": lambda cell, c, n: (
            cell * (5 * n.boxes + n.classes) + 5 * n.boxes + c
        ),
        "sure_at": lambda cell, k, n: cell * (5 * n.boxes + n.classes) + 5 * k + 4,
        "box_at": lambda cell, k, i, n: cell * (5 * n.boxes + n.classes) + 5 * k + i,
    },
    "classes come first, then confidences, then boxes": {
        "sure_at": lambda cell, k, n: cell * n.boxes + k,
        "chance_at": lambda cell, c, n: n.cells * n.boxes + class_at(cell, c, n),
    },
    "confidences come before the boxes": {
        "box_at": lambda cell, k, i, n: number_at(cell, k, i, n) - n.cells * n.boxes,
        "sure_at": lambda cell, k, n: confidence_at(cell, k, n) + 4 * n.cells * n.boxes,
    },
    "boxes come last": {
        "box_at": lambda cell, k, i, n: (cell * n.boxes + k) * 4 + i,
        "sure_at": lambda cell, k, n: (4 * n.cells + cell) * n.boxes + k,
        "chance_at": lambda cell, c, n: 5 * n.cells * n.boxes + class_at(cell, c, n),
    },
    "all class values of one cell come before the next cell": {
        "chance_at": lambda cell, c, n: c * n.cells + cell
    },
    "all predictors of one cell come before the next cell": {
        "sure_at": lambda cell, k, n: n.cells * (n.classes + k) + cell,
        "box_at": lambda cell, k, i, n: (
            n.cells * (n.classes + n.boxes) + (k * n.cells + cell) * 4 + i
        ),
    },
    "the four numbers of a box are neighbours": {
        "box_at": lambda cell, k, i, n: (
            n.cells * (n.classes + n.boxes * (1 + i)) + cell * n.boxes + k
        )
    },
    "cells go row by row": {
        "centre": lambda at, cell, grid: (
            (at[0] + cell // grid[0]) / grid[1],
            (at[1] + cell % grid[0]) / grid[0],
        )
    },
    "x and y count from the cell's corner: add its column and row": {
        "centre": lambda at, cell, grid: in_the_image(at, 0, grid)
    },
    "x and y are shares of the cell, not of the image": {
        "centre": lambda at, cell, grid: at
    },
    "x and y are the centre of a box, not its corner": {
        "box_of": lambda x, y, w, h: [x, y, x + w, y + h]
    },
    "image_size is (height, width): x and w are multiplied by the width": {
        "scale": lambda size: size
    },
    "width and height are the squares of the roots": {
        "sides": lambda roots, grid: roots
    },
    "width and height are shares of the image, not of the cell": {
        "sides": lambda roots, grid: (roots[0] ** 2 / grid[1], roots[1] ** 2 / grid[0])
    },
    "half a side lies on either side of the centre": {
        "box_of": lambda x, y, w, h: corners(x, y, 2 * w, 2 * h)
    },
    "boxes are clipped to the image": {"clip": lambda box, size: box},
    "clip x to the width, y to the height": {
        "clip": lambda box, size: clipped(box, size[::-1])
    },
    "the score is the product, not the confidence alone": {
        "score": lambda sure, chance: unit(sure)
    },
    "the score is the product, not the class value alone": {
        "score": lambda sure, chance: unit(chance)
    },
    "confidence and class value are clamped to 0 ... 1 first": {"score": operator.mul},
    "clamp both factors: two negative ones have a positive product": {
        "score": lambda sure, chance: unit(sure * chance)
    },
    "clamp from above, too": {
        "score": lambda sure, chance: max(sure, 0.0) * max(chance, 0.0)
    },
    "clamp from below, too: two negative factors have a positive product": {
        "score": lambda sure, chance: min(sure, 1.0) * min(chance, 1.0)
    },
    "a score equal to the threshold is not above it": {"passes": operator.ge},
    "labels begin with 1: 0 is background": (
        lambda right, *given, **settings: (*right[:2], right[2] - 1)
    ),
    "each class of a box is a candidate, not the best alone": {
        "keep": lambda found, most: kept_of_each(found, lambda one: one.box, 1)[:most]
    },
    "`most` counts the detections of all classes together": {
        "keep": lambda found, most: kept_of_each(found, lambda one: one.label, most)
    },
    "`most` was not looked at": {"keep": lambda found, most: found},
    "of equal scores, the box with the lower number comes first": {
        "order": lambda one: (-one.score, -one.box, -one.label)
    },
    "of equal scores, the box decides first, and then the label": {
        "order": lambda one: (-one.score, one.label, one.box)
    },
    "the best score comes first": {
        "order": lambda one: (one.score, -one.box, -one.label)
    },
    "detections are sorted by score, not by box": {
        "keep": lambda found, most: sorted(found[:most], key=lambda one: one[1:])
    },
    "boxes come first, then scores, then labels": (
        lambda right, *given, **settings: (right[0], right[2], right[1])
    ),
    "these are centres and sizes, two corners were asked for": (
        lambda right, *given, **settings: (
            torch.cat(
                [
                    (right[0][:, :2] + right[0][:, 2:]) / 2,
                    right[0][:, 2:] - right[0][:, :2],
                ],
                dim=1,
            ),
            *right[1:],
        )
    ),
}

check_decode_and_keep = compare_with(
    slow_decode_and_keep,
    "decode_and_keep",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    # Corners of some hundred pixels carry an error of some 1e-5 in float32.
    tolerance=1e-4,
)
