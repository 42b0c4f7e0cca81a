"""responsible_boxes: which predictor of a cell answers for its object.

The oracle searches cell by cell in Python numbers, so that it shares no step with a
good answer.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Numbers = Sequence[float]
Grid = Sequence[int]  # rows, columns
NAN = float("nan")
FLAT = 1e-12  # an area or an overlap below it is none


def case(
    objects: dict[tuple[int, int, int], list[list[float]]],
    shape: tuple[int, int, int, int],
    empty: float = 0.0,
) -> Inputs:
    """Answers and truths of a batch of grids: B, K, rows and columns are its `shape`.

    Args:
        objects: for each image, row and column the four numbers of the truth, then
            five for each predictor.
        shape: batch, predictors, rows, columns.
        empty: what the truth holds where there is no object.
    """
    batch, count, rows, columns = shape
    code = torch.arange(batch * count * 5 * rows * columns)
    answers = ((code * 7 % 13 + 1) / 16).reshape(batch, count, 5, rows, columns)
    truths = torch.full((batch, 5, rows, columns), empty)
    truths[:, 0] = 0
    for (image, row, column), (truth, *said) in objects.items():
        truths[image, :, row, column] = torch.tensor([1, *truth])
        answers[image, :, :, row, column] = torch.tensor(said).float()
    return inputs(answers, truths)


SMALL = [0.5, 0.5, 0.25, 0.25]  # the middle of the cell, sides of 1/16 of the image

CASES = {
    "the example": case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.5],
                [0.5, 0.5, 0.5, 1, 0.9],
                [0.75, 0.5, 0.5, 0.5, 0.2],
            ]
        },
        (1, 2, 1, 2),
    ),
    "one predictor": case(
        {(0, 1, 2): [[0.25, 0.5, 0.5, 0.75], [0.5, 0.25, 0.75, 0.5, 0.1]]},
        (1, 1, 2, 3),
    ),
    "no objects": case({}, (2, 3, 2, 4), 0.5),
    "the truth is nan where there is no object": case(
        {(0, 1, 0): [SMALL, [0.5, 0.5, 0.25, 0.5, 0.3], [0.5, 0.5, 0.25, 0.375, 0.2]]},
        (1, 2, 3, 2),
        NAN,
    ),
    "both predict the object exactly": case(
        {(0, 0, 1): [SMALL, [*SMALL, 0.3], [*SMALL, 0.8]]}, (1, 2, 1, 3)
    ),
    "the surest predictor is not the best": case(
        {
            (0, 0, 1): [
                SMALL,
                [0.5, 0.5, 0.25, 0.3, 0.1],
                [0.5, 0.5, 0.25, 0.375, 0.2],
                [0.5, 0.5, 0.5, 0.5, 1],
            ]
        },
        (1, 3, 2, 3),
    ),
    "a negative root": case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.25],
                [0.5, 0.5, -0.5, 0.25, 0.5],
                [0.5, 0.5, 0.5, 0.375, 0.5],
            ]
        },
        (1, 2, 1, 2),
    ),
    "no predictor overlaps the object": case(
        {
            (0, 0, 0): [
                SMALL,
                [0.5, 0.5, 0.0, 0.5, 0.5],
                [0.9, 0.5, 0.125, 0.25, 0.5],
                [0.6, 0.9, 0.125, 0.25, 0.5],
            ]
        },
        (1, 3, 2, 2),
    ),
    "no predictor overlaps: the middle is near, but the size is far": case(
        {
            (0, 0, 0): [
                SMALL,
                [0.875, 0.5, 0.125, 1, 0.5],
                [0.0, 0.5, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 2, 4),
    ),
    "no predictor overlaps: the size is right, but the middle is far": case(
        {
            (0, 1, 0): [
                SMALL,
                [1.5, 1.5, 0.25, 0.25, 0.5],
                [0.75, 0.5, 0.125, 0.125, 0.5],
            ]
        },
        (1, 2, 2, 2),
    ),
    "columns are narrow, rows are high": case(
        {
            (0, 0, 0): [
                SMALL,
                [1.0, 0.5, 0.25, 0.25, 0.5],
                [0.5, 0.6, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 1, 10),
    ),
    "none overlaps, and cells are much wider than high": case(
        {
            (0, 0, 0): [
                SMALL,
                [1.0, 0.5, 0.25, 0.25, 0.5],
                [0.5, 1.5, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 8, 1),
    ),
    "equally far away": case(
        {
            (0, 0, 0): [
                SMALL,
                [2.0, 0.5, 0.25, 0.25, 0.2],
                [2.0, 0.5, 0.25, 0.25, 0.9],
                [-1.0, 0.5, 0.25, 0.25, 0.4],
            ]
        },
        (1, 3, 2, 2),
    ),
    "same shape, another place": case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.5],
                [1.0, 0.5, 0.5, 0.5, 0.5],
                [0.5, 0.5, 0.625, 0.5, 0.5],
            ]
        },
        (1, 2, 2, 2),
    ),
    "objects in two images": case(
        {
            (0, 0, 1): [SMALL, [*SMALL, 0.5], [0.5, 0.5, 0.5, 0.25, 0.1]],
            (1, 0, 1): [SMALL, [0.5, 0.5, 0.25, 0.5, 0.5], [0.5, 0.6, 0.25, 0.25, 0.1]],
            (1, 1, 2): [SMALL, [0.4, 0.5, 0.25, 0.25, 0.5], [0.9, 0.9, 0.5, 0.5, 0.1]],
        },
        (2, 2, 2, 3),
        0.5,
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Some cells have an object, unless it is not clear who is responsible for it."""
    batch, count, rows, columns = 2, 2 + i % 3, 2 + i % 2, 5 - i % 3
    shape = (batch, count, 5, rows, columns)
    answers = torch.rand(shape, generator=generator)
    answers[:, :, 2:4] = answers[:, :, 2:4] * 0.9 - 0.2
    truths = torch.rand(batch, 5, rows, columns, generator=generator)
    truths[:, 3:] = truths[:, 3:] * (0.4, 0.8)[i % 2] + 0.05
    truths[:, 0] = (truths[:, 0] < 0.7).float()
    answers[0, -1, :4] = answers[0, 0, :4]  # equal, but not in their confidences
    for image in range(batch):
        for row in range(rows):
            for column in range(columns):
                said = answers[image, :, :, row, column].tolist()
                if not is_clear(
                    said, truths[image, 1:, row, column].tolist(), rows, columns
                ):
                    truths[image, 0, row, column] = 0
    return inputs(answers, truths)


def is_clear(
    said: list[list[float]], truth: list[float], rows: int, columns: int
) -> bool:
    """Whether the best predictor is better than all others, or just the same."""
    grid = (rows, columns)
    true, *found = (box_of(one, grid) for one in (truth, *said))
    value = [iou_of(one, true) for one in found]
    if max(value) == 0:
        value = [-distance(one, truth, grid) for one in said]
    elif max(value) < 1e-3:
        return False
    gaps = [max(value) - one for one in value]
    return all(gap == 0 or gap > 1e-3 for gap in gaps)


# The steps of the oracle.


def box_of(numbers: Numbers, grid: Grid) -> list[float]:
    """Centre, width and height as shares of the image."""
    x, y, w, h = numbers[:4]
    return [x / grid[1], y / grid[0], w * w, h * h]


def from_centre(box: Numbers, axis: int) -> tuple[float, float]:
    """Where a box begins and ends along one axis."""
    return box[axis] - box[axis + 2] / 2, box[axis] + box[axis + 2] / 2


def iou_of(
    a: Numbers,
    b: Numbers,
    *,
    ends: Callable[[Numbers, int], tuple[float, float]] = from_centre,
    is_union: bool = True,
) -> float:
    """IoU of two boxes."""
    both = 1.0
    for axis in (0, 1):
        (low, high), (other_low, other_high) = ends(a, axis), ends(b, axis)
        both *= max(min(high, other_high) - max(low, other_low), 0.0)
    union = a[2] * a[3] + b[2] * b[3] - (both if is_union else 0)
    return both / union if union > FLAT and both > FLAT else 0.0


def distance(said: Numbers, truth: Numbers, grid: Grid) -> float:
    """How far a prediction is from the truth."""
    return math.dist(box_of(said, grid), box_of(truth, grid))


def iou_or_closest(iou: Numbers, far: Numbers, confidences: Numbers) -> list[float]:
    """What is highest for the responsible predictor."""
    return list(iou) if max(iou) > 0 else [-one for one in far]


def iou_of_best(iou: float, is_best: bool) -> float:
    """The target of a confidence."""
    return iou if is_best else 0.0


def slow_responsible_boxes(
    answers: Tensor,
    truths: Tensor,
    *,
    owns: Callable[[Numbers], bool] = lambda truth: truth[0] == 1,
    reads: Callable[[Numbers, Grid], Numbers] = box_of,
    overlap: Callable[[Numbers, Numbers], float] = iou_of,
    gap: Callable[[Numbers, Numbers, Grid], float] = distance,
    value: Callable[[Numbers, Numbers, Numbers], list[float]] = iou_or_closest,
    best_of: Callable[[list[float]], int] = lambda values: values.index(max(values)),
    target: Callable[[float, bool], float] = iou_of_best,
) -> tuple[Tensor, Tensor]:
    """(B, K, rows, columns) who is responsible, and the target of each confidence."""
    batch, count, _, *grid = answers.shape
    is_responsible = torch.zeros(batch, count, *grid, dtype=torch.bool)
    targets = torch.zeros(batch, count, *grid)
    for image, row, column in product(*map(range, (batch, *grid))):
        truth = truths[image, :, row, column].tolist()
        if not owns(truth):
            continue
        said = answers[image, :, :, row, column].tolist()
        true, *found = (reads(one, grid) for one in (truth[1:], *said))
        iou = [overlap(one, true) for one in found]
        far = [gap(one, truth[1:], grid) for one in said]
        best = best_of(value(iou, far, [one[4] for one in said]))
        is_responsible[image, best, row, column] = True
        for k in range(count):
            targets[image, k, row, column] = target(iou[k], k == best)
    return is_responsible, targets


MISTAKES: Mistakes = {
    "the predictor of the highest IoU is responsible, not the surest": {
        "value": lambda iou, far, confidences: confidences
    },
    "the highest IoU decides, the distance only where all are 0": {
        "value": lambda iou, far, confidences: [-one for one in far]
    },
    "where boxes lie matters, too, not their shapes alone": {
        "overlap": lambda a, b: iou_of([0, 0, *a[2:]], [0, 0, *b[2:]])
    },
    "the overlap belongs once to the union: subtract it": {
        "overlap": lambda a, b: iou_of(a, b, is_union=False)
    },
    "the highest IoU is the best one": {
        "value": lambda iou, far, confidences: [-one for one in iou]
    },
    "where no predictor overlaps the object, the closest one is responsible": {
        "value": lambda iou, far, confidences: iou
    },
    "compare distances of x / columns, y / rows, width and height": {
        "gap": lambda said, truth, grid: math.dist(said[:4], truth)
    },
    "width and height are part of the distance": {
        "gap": lambda said, truth, grid: math.dist(
            box_of(said, grid)[:2], box_of(truth, grid)[:2]
        )
    },
    "x and y are part of the distance": {
        "gap": lambda said, truth, grid: math.dist(
            box_of(said, grid)[2:], box_of(truth, grid)[2:]
        )
    },
    "x and y count cells, width and height are shares of the image": {
        "reads": lambda numbers, grid: box_of(numbers, (1, 1))
    },
    "x counts columns, y counts rows": {
        "reads": lambda numbers, grid: box_of(numbers, grid[::-1])
    },
    "width and height are the squares of what is predicted": {
        "reads": lambda numbers, grid: [*box_of(numbers, grid)[:2], *numbers[2:4]]
    },
    "x and y are the centre of a box, not its corner": {
        "overlap": lambda a, b: iou_of(
            a, b, ends=lambda box, axis: (box[axis], box[axis] + box[axis + 2])
        )
    },
    "in a cell without an object, no predictor is responsible": {
        "owns": lambda truth: not math.isnan(truth[1])
    },
    "the target is the IoU, not 1": {"target": lambda iou, is_best: float(is_best)},
    "the target of a predictor that is not responsible is 0": {
        "target": lambda iou, is_best: iou
    },
    "of equally good predictors, the first is responsible": {
        "best_of": lambda values: len(values) - 1 - values[::-1].index(max(values))
    },
    "`is_responsible` comes first, the targets second": (
        lambda right, *tensors: right[::-1]
    ),
}

check_responsible_boxes = compare_with(
    slow_responsible_boxes,
    "responsible_boxes",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
