"""The inputs of assignment 03's checks on choosing, losing and thinning."""

import torch
from torch import Tensor

Choice = tuple[Tensor, Tensor, Tensor, int, float]
BoxLoss = tuple[Tensor, Tensor, Tensor, float]


def choice(
    overlaps: list[list[float]],
    object_labels: list[int],
    losses: list[float],
    count: int,
    positive_fraction: float,
) -> Choice:
    """The tables as tensors; (N, M) also where N or M is 0."""
    return (
        torch.tensor(overlaps).reshape(len(overlaps), len(object_labels)),
        torch.tensor(object_labels, dtype=torch.int64),
        torch.tensor(losses),
        count,
        positive_fraction,
    )


TABLE = [[0.7, 0.0], [0.2, 0.5], [0.05, 0.0], [0.3, 0.1], [0.0, 0.49]]
CHOICES: dict[str, Choice] = {
    "the example": choice(TABLE, [4, 2], [0.5, 1.5, 3, 0.2, 0.9, 0.1, 2], 4, 0.5),
    "an IoU of exactly 0.5": choice(
        [[0.5], [0.4999], [0.5001]], [3], [0.3, 0.2, 0.1, 0.4], 8, 0.5
    ),
    "an IoU of exactly 0.1": choice(
        [[0.1], [0.0999], [0.1001]], [3], [0.3, 0.2, 0.1, 0.4], 8, 0.5
    ),
    "an object without a proposal": choice(
        [[0.2, 0.0], [0.6, 0.1]], [5, 2], [0.9, 0.3, 0.1, 0.7], 6, 0.5
    ),
    "two objects on one proposal": choice(
        [[0.6, 0.8], [0.8, 0.6], [0.55, 0.0]], [6, 3], [4, 3, 2, 0.2, 0.1], 5, 1.0
    ),
    "the same IoU with two objects": choice(
        [[0.1, 0.7, 0.7], [0.3, 0.3, 0.2]],
        [2, 5, 3],
        [0.9, 0.8, 0.1, 0.2, 0.3],
        5,
        1.0,
    ),
    "more objects than their share": choice(
        [[0.9], [0.8], [0.7], [0.6], [0.2], [0.3], [0.4]],
        [2],
        [0.8, 0.9, 0.3, 0.2, 0.7, 0.5, 0.6, 0.0],
        4,
        0.25,
    ),
    "few objects: background fills up": choice(
        [[0.2], [0.3], [0.4], [0.1], [0.2]], [7], [0.1, 0.5, 0.4, 0.2, 0.3, 0.6], 5, 0.5
    ),
    "little background: fewer are chosen": choice(
        [[0.9], [0.3], [0.6], [0.0], [0.7]], [1], [0.1, 0.5, 0.4, 0.2, 0.3, 0.6], 6, 0.5
    ),
    "a share that is no whole number": choice(
        [[0.9], [0.3], [0.6], [0.2], [0.7]],
        [1],
        [0.1, 0.5, 0.4, 0.2, 0.3, 0.6],
        7,
        0.25,
    ),
    "a share of less than one": choice(
        [[0.9], [0.3], [0.6]], [4], [0.1, 0.5, 0.4, 0.2], 3, 0.25
    ),
    "equal losses: the lower index comes first": choice(
        [[0.3], [0.8], [0.2], [0.8], [0.4], [0.8]],
        [3],
        [0.5, 0.7, 0.5, 0.7, 0.5, 0.7, 0.7],
        4,
        0.5,
    ),
    "no object, all is background": choice([[], [], []], [], [0.2, 0.9, 0.4], 2, 0.25),
    "no proposals": choice([], [6, 2], [0.3, 0.8], 4, 0.5),
    "neither proposals nor objects": choice([], [], [], 4, 0.5),
    "only what is not used": choice([[0.05], [0.0]], [2], [0.5, 0.4, 0.2], 4, 0.0),
    "losses of 0 and below": choice(
        [[0.7], [0.2], [0.3], [0.6]], [2], [-1.0, -2.0, 0.0, -3.0, -0.5], 4, 0.5
    ),
}


def random_choice(number: int, generator: torch.Generator) -> Choice:
    """Overlaps in tenths, so that thresholds and ties are met, and equal losses."""
    proposals, objects = 12 + 9 * number, 1 + number
    overlaps = torch.randint(0, 8, (proposals, objects), generator=generator) / 10
    overlaps = overlaps * (torch.rand(proposals, objects, generator=generator) < 0.5)
    labels = torch.randint(1, 6, (objects,), generator=generator)
    losses = torch.randint(0, 40, (proposals + objects,), generator=generator) / 8
    return overlaps, labels, losses, (8, 14, 10)[number % 3], (0.25, 0.5)[number % 2]


def box_loss_case(
    errors: list[list[float]],
    labels: list[int],
    classes: int,
    beta: float,
    draw: torch.Generator,
) -> BoxLoss:
    """Random deltas, and targets that are `errors` away from those of the label."""
    deltas = torch.randint(-24, 24, (len(labels), 4 * classes), generator=draw) / 8
    names = torch.tensor(labels, dtype=torch.int64)
    by_class = deltas.reshape(len(labels), classes, 4)
    own = by_class[torch.arange(len(labels)), names]
    return deltas, names, own - torch.tensor(errors).reshape(-1, 4), beta


def box_loss_cases(draw: torch.Generator) -> dict[str, BoxLoss]:
    """Deltas, labels, targets and beta."""
    deltas = torch.zeros(2, 12)
    deltas[0, 8:] = torch.tensor([0.5, -2, 0, 1])
    targets = torch.tensor([[0.0, 0, 0, 1], [0, 0, 0, 0]])
    mixed = [[0.25, -0.5, 2, -3], [1, 0.5, -0.25, 0.75], [0.5, 4, -1, 0.25]]
    # Whole eighths away from a beta that is none: no error falls on the edge by chance.
    cases = {
        "the example": (deltas, torch.tensor([2, 0]), targets, 1.0),
        "small errors": box_loss_case([[0.5, -0.25, 0.75, -0.5]], [2], 4, 1.0, draw),
        "large errors": box_loss_case([[3, -2, 1.5, -4]], [1], 3, 1.0, draw),
        "a small beta": box_loss_case(mixed, [3, 1, 2], 5, 0.3, draw),
        "a large beta": box_loss_case(mixed, [3, 1, 2], 5, 2.2, draw),
        "an error of beta": box_loss_case([[2, -2, 0, 0]], [1], 2, 2.0, draw),
        "beta 0": box_loss_case(
            [[0.25, -0.5, 0, -3], [0, 0, 1, 0]], [1, 2], 3, 0.0, draw
        ),
        "an error of 0": box_loss_case([[0, 0, 0, 0]], [2], 3, 0.5, draw),
        "background among objects": box_loss_case(
            [*mixed, [1, 2, 3, 4], [5, -1, 1, 2]], [0, 2, 1, 0, 3], 4, 0.6, draw
        ),
        "two RoIs of one class": box_loss_case(mixed[:2], [2, 2], 4, 1.4, draw),
        "background alone": box_loss_case(mixed, [0, 0, 0], 4, 1.0, draw),
        "no RoIs": box_loss_case([], [], 3, 1.0, draw),
    }
    deltas, labels, targets, beta = box_loss_case(mixed, [0, 2, 0], 4, 0.7, draw)
    targets[0], targets[2] = -torch.inf, torch.nan
    cases["targets of background that are infinite"] = (deltas, labels, targets, beta)
    return cases


def random_box_loss(number: int, draw: torch.Generator) -> BoxLoss:
    """RoIs of some classes, a third of them background."""
    count, classes = 5 + 3 * number, 3 + number
    errors = torch.randint(-24, 25, (count, 4), generator=draw) / 8
    labels = torch.randint(0, classes, (count,), generator=draw)
    labels[::3] = 0
    beta = 0.31 + 0.5 * number
    return box_loss_case(errors.tolist(), labels.tolist(), classes, beta, draw)


THIN: dict[str, tuple[tuple[int, int], list[float], float]] = {
    "the rank is 2": ((5, 7), [4, 2, 1, 0.5], 0.3),
    "a low layer": ((3, 8), [6, 3, 1], 0.2),
    "a high layer": ((9, 4), [5, 4, 2, 1], 0.45),
    "a square layer": ((6, 6), [9, 7, 5, 3, 2, 1], 0.25),
    "one value is enough": ((5, 8), [20, 1, 0.5], 0.2),
    "everything may be lost": ((4, 6), [3, 2, 1], 1.0),
    "nothing may be lost": ((4, 7), [8, 4, 2, 1], 0.01),
    "a slow fall": ((10, 8), [8, 7.5, 7, 6.5, 6, 5.5, 5, 4.5], 0.5),
    "one output": ((1, 6), [3], 0.1),
    "one input": ((7, 1), [2], 0.5),
    "singular values below 1": ((5, 7), [0.4, 0.2, 0.1, 0.05], 0.3),
}


def layer_of(
    shape: tuple[int, int], values: list[float], draw: torch.Generator
) -> list[Tensor]:
    """Random matrices of rank 1, whose sum has these singular values."""
    left, right = (
        torch.linalg.qr(torch.randn(side, side, dtype=torch.float64, generator=draw))[0]
        for side in shape
    )
    return [
        value * torch.outer(left[:, i], right[:, i]) for i, value in enumerate(values)
    ]


def random_layer(
    number: int, draw: torch.Generator
) -> tuple[tuple[int, int], list[float], float]:
    """A shape, singular values well apart, and an error well between two ranks."""
    height, width = 4 + 2 * number, 11 - 2 * number
    steps = 1.2 + torch.rand(min(height, width), generator=draw)
    values = steps.cumprod(0).flip(0).tolist()
    rank = int(torch.randint(1, len(values), (), generator=draw))
    losses = [
        sum(value**2 for value in values[t:]) / sum(value**2 for value in values)
        for t in (rank - 1, rank)
    ]
    return (height, width), values, (losses[0] * losses[1]) ** 0.25
