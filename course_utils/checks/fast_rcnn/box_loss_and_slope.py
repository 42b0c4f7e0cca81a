"""box_loss_and_slope: smooth L1 of the RoI's own class, and its derivative.

The oracle sums Python numbers, delta by delta.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.fast_rcnn.roi_pool_gradient import BY_HAND


def case(
    errors: list[list[float]],
    labels: list[int],
    classes: int,
    beta: float,
    draw: torch.Generator,
) -> Inputs:
    """Random deltas, and targets that are `errors` away from those of the label."""
    deltas = torch.randint(-24, 24, (len(labels), 4 * classes), generator=draw) / 8
    names = torch.tensor(labels, dtype=torch.int64)
    by_class = deltas.reshape(len(labels), classes, 4)
    own = by_class[torch.arange(len(labels)), names]
    return inputs(deltas, names, own - torch.tensor(errors).reshape(-1, 4), beta=beta)


def named_cases(draw: torch.Generator) -> dict[str, Inputs]:
    """Deltas, labels, targets and beta."""
    deltas = torch.zeros(2, 12)
    deltas[0, 8:] = torch.tensor([0.5, -2, 0, 1])
    targets = torch.tensor([[0.0, 0, 0, 1], [0, 0, 0, 0]])
    mixed = [[0.25, -0.5, 2, -3], [1, 0.5, -0.25, 0.75], [0.5, 4, -1, 0.25]]
    # Whole eighths away from a beta that is none: no error falls on the edge by chance.
    cases = {
        "the example": inputs(deltas, torch.tensor([2, 0]), targets, beta=1.0),
        "small errors": case([[0.5, -0.25, 0.75, -0.5]], [2], 4, 1.0, draw),
        "large errors": case([[3, -2, 1.5, -4]], [1], 3, 1.0, draw),
        "a small beta": case(mixed, [3, 1, 2], 5, 0.3, draw),
        "a large beta": case(mixed, [3, 1, 2], 5, 2.2, draw),
        "an error of beta": case([[2, -2, 0, 0]], [1], 2, 2.0, draw),
        "beta 0": case([[0.25, -0.5, 0, -3], [0, 0, 1, 0]], [1, 2], 3, 0.0, draw),
        "an error of 0": case([[0, 0, 0, 0]], [2], 3, 0.5, draw),
        "background among objects": case(
            [*mixed, [1, 2, 3, 4], [5, -1, 1, 2]], [0, 2, 1, 0, 3], 4, 0.6, draw
        ),
        "two RoIs of one class": case(mixed[:2], [2, 2], 4, 1.4, draw),
        "background alone": case(mixed, [0, 0, 0], 4, 1.0, draw),
        "no RoIs": case([], [], 3, 1.0, draw),
        "targets of background that are infinite": case(mixed, [0, 2, 0], 4, 0.7, draw),
    }
    infinite = cases["targets of background that are infinite"].arguments[2]
    infinite[0], infinite[2] = -torch.inf, torch.nan
    return cases


def random_case(number: int, draw: torch.Generator) -> Inputs:
    """RoIs of some classes, a third of them background."""
    count, classes = 5 + 3 * number, 3 + number
    errors = torch.randint(-24, 25, (count, 4), generator=draw) / 8
    labels = torch.randint(0, classes, (count,), generator=draw)
    labels[::3] = 0
    beta = 0.31 + 0.5 * number
    return case(errors.tolist(), labels.tolist(), classes, beta, draw)


# The steps of the oracle.


def own_column(label: int, side: int, classes: int) -> list[int]:
    """The columns that one target of a RoI trains."""
    return [4 * label + side]


def smooth_l1(size: float, beta: float) -> float:
    """Smooth L1 of an error of this size."""
    return 0.5 * size**2 / beta if size < beta else size - 0.5 * beta


def sign(error: float) -> float:
    """1, -1, or 0 where the error is 0."""
    return math.copysign(1.0, error) if error else 0.0


def smooth_slope(error: float, beta: float) -> float:
    """The derivative of smooth L1."""
    return error / beta if abs(error) < beta else sign(error)


def slow_box_loss_and_slope(
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    beta: float,
    columns: Callable[[int, int, int], list[int]] = own_column,
    is_trained: Callable[[int], bool] = bool,
    divisor: Callable[[list[int]], int] = len,
    value: Callable[[float, float], float] = smooth_l1,
    slope: Callable[[float, float], float] = smooth_slope,
) -> tuple[Tensor, Tensor]:
    """The loss and its (R, 4K) slope, delta by delta."""
    rows, slopes, total = deltas.tolist(), torch.zeros_like(deltas), 0.0
    names = labels.tolist()
    for r, label in enumerate(names):
        for side in range(4) if is_trained(label) else ():
            for column in columns(label, side, deltas.shape[1] // 4):
                error = rows[r][column] - float(targets[r, side])
                total += value(abs(error), beta)
                slopes[r, column] = slope(error, beta)
    count = max(divisor(names), 1)
    return torch.tensor(total / count), slopes / count


MISTAKES: Mistakes = {
    "only the deltas of the RoI's own class are trained": {
        "columns": lambda label, side, classes: range(side, 4 * classes, 4)
    },
    "class k has the columns from 4k on; background has the first four": {
        "columns": lambda label, side, classes: [4 * (label - 1) + side]
    },
    "the four deltas of a class stand side by side": {
        "columns": lambda label, side, classes: [side * classes + label]
    },
    "the deltas of the RoI's own class are trained, not the first four": {
        "columns": lambda label, side, classes: [side]
    },
    "background trains no deltas": {"is_trained": lambda label: True},
    "divide by R, the number of all RoIs: background counts, too": {
        "divisor": lambda labels: len(labels) - labels.count(0)
    },
    "divide by R, not by 4R": {"divisor": lambda labels: 4 * len(labels)},
    "divide by R, the number of all RoIs": {"divisor": lambda labels: 1},
    "beyond beta the loss is |e| - beta / 2": {
        "value": lambda size, beta: smooth_l1(size, beta) if size < beta else size
    },
    "the parabola is divided by beta": {
        "value": lambda size, beta: (
            0.5 * size**2 if size < beta else smooth_l1(size, beta)
        )
    },
    "the parabola is e * e / (2 beta): a half is missing": {
        "value": lambda size, beta: smooth_l1(size, beta) * (2 if size < beta else 1)
    },
    "the slope of the parabola is e / beta": {
        "slope": lambda error, beta: error if abs(error) < beta else sign(error)
    },
    "error is delta - target: the slope has the wrong sign": {
        "slope": lambda error, beta: -smooth_slope(error, beta)
    },
    "smooth L1 has a slope of 1 on its lines; Huber's loss has beta": (
        lambda right, *arguments, beta: (right[0] * beta, right[1] * beta)
    ),
    "within beta, the slope gets smaller with the error": {
        "slope": lambda error, beta: sign(error)
    },
    "use the `beta` that is given": lambda right, *arguments, beta: (
        slow_box_loss_and_slope(*arguments, beta=1.0)
    ),
    "the slope is divided by R, too": lambda right, deltas, labels, targets, *, beta: (
        right[0],
        right[1] * len(labels),
    ),
}

check_box_loss_and_slope = compare_with(
    slow_box_loss_and_slope,
    "box_loss_and_slope",
    cases=named_cases,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    forbids=(
        *BY_HAND,
        "torch.nn.functional.smooth_l1_loss",
        "torch.nn.functional.huber_loss",
    ),
)
