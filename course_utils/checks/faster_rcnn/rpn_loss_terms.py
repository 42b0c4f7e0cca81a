"""rpn_loss_terms: the two terms of the RPN's loss, as the paper weighs them.

The oracle adds Python numbers anchor by anchor, so that it shares no step with a good
answer.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs


def case(
    logits: list[list[float]],
    labels: list[list[int]],
    num_positions: int,
    balance: float,
) -> Inputs:
    """Deltas that tell the anchors apart; the targets of all but objects are nan."""
    z, y = torch.tensor(logits).float(), torch.tensor(labels).long()
    code = torch.arange(z.numel() * 4).reshape(*z.shape, 4)
    deltas = (code * 7 % 11 - 5) / 4
    targets = (code * 5 % 7 - 3) / 8
    targets[y != 1] = torch.nan
    return inputs(z, deltas, y, targets, num_positions=num_positions, balance=balance)


def example() -> Inputs:
    """One object, two anchors of background, and one that is ignored."""
    deltas, targets = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    deltas[0, 0] = torch.tensor([0.5, -2, 0, 0])
    deltas[0, 1:] = 9
    logits, labels = torch.tensor([[0.0, 0, 5, 0]]), torch.tensor([[1, 0, -1, 0]])
    return inputs(logits, deltas, labels, targets, num_positions=2, balance=10)


CASES = {
    "the example": example(),
    "an anchor of each label": case([[1.5, -0.5, 3]], [[1, 0, -1]], 7, 10),
    "a batch of two images": case(
        [[0.5, 2, -1, 4, 1], [3, -2, 0.25, 1, -3]],
        [[1, -1, 0, -1, 0], [0, 1, 1, 0, -1]],
        15,
        10,
    ),
    "only background": case([[2, -1, 0.5]], [[0, 0, -1]], 6, 10),
    "only objects": case([[2, -1], [0.5, 1]], [[1, 1], [1, 1]], 9, 4),
    "a single labelled anchor": case([[2, -1, 0.5]], [[-1, 1, -1]], 6, 10),
    "everything is ignored": case([[2, -1, 0.5]], [[-1, -1, -1]], 6, 10),
    "no anchors": case([[]], [[]], 3, 10),
    "no objects in one image": case(
        [[1, -2, 2, 1], [0.5, 3, -1, 2]], [[0, -1, 0, 0], [1, 0, -1, 1]], 5, 2
    ),
    "sure and right": case([[150, -150, 20]], [[1, 0, -1]], 4, 1),
    "sure and wrong": case([[-150, 150, 20]], [[1, 0, -1]], 4, 1),
    "an ignored anchor that is very sure": case(
        [[0.5, -1, 90, -90]], [[1, 0, -1, -1]], 8, 10
    ),
    "another balance": case([[0.5, -1, 2]], [[1, 0, 1]], 12, 0.5),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Anchors of a batch; errors lie on both sides of the bend."""
    batch, anchors = 2 + i % 2, 9 + 4 * i
    logits = torch.randn(batch, anchors, generator=generator) * 3
    labels = torch.randint(-1, 2, (batch, anchors), generator=generator)
    deltas = torch.randn(batch, anchors, 4, generator=generator) * 1.5
    targets = torch.randn(batch, anchors, 4, generator=generator) * 0.5
    targets[labels != 1] = (torch.nan, torch.inf, -3.0, 100.0)[i % 4]
    balance = (10.0, 1.0, 2.5)[i % 3]
    return inputs(
        logits, deltas, labels, targets, num_positions=11 + i, balance=balance
    )


# The steps of the oracle.


def cross_entropy(logit: float, truth: float) -> float:
    """Binary cross-entropy of one logit, also where the truth is neither 0 nor 1."""
    return max(logit, 0.0) - logit * truth + math.log1p(math.exp(-abs(logit)))


def of_labelled(logit: float, label: int) -> float:
    """What one anchor adds to the cross-entropy."""
    return cross_entropy(logit, label) if label >= 0 else 0.0


def of_probabilities(logit: float, label: int) -> float:
    """The same from a float32 probability: 1 - sigmoid(17) and sigmoid(-104) are 0."""
    sure_and_wrong = logit > 17 if label == 0 else logit < -104
    return math.inf if label >= 0 and sure_and_wrong else of_labelled(logit, label)


def labelled(labels: Tensor) -> int:
    """How many anchors are objects or background."""
    return int((labels >= 0).sum())


def objects(labels: Tensor) -> int:
    """How many anchors are objects."""
    return int((labels == 1).sum())


def smooth(size: float) -> float:
    """Smooth L1 of an error of this size, with its bend at 1."""
    return size**2 / 2 if size < 1 else size - 0.5


def slow_rpn_loss_terms(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    num_positions: int,
    balance: float,
    entropy: Callable[[float, int], float] = of_labelled,
    divisor: Callable[[Tensor], int] = labelled,
    has_box: Callable[[int], bool] = lambda label: label == 1,
    error: Callable[[float], float] = smooth,
    box_divisor: Callable[[Tensor, int], int] = lambda labels, positions: positions,
) -> tuple[Tensor, Tensor]:
    """The two terms of the RPN's loss, anchor by anchor."""
    z, y = logits.flatten().tolist(), labels.flatten().tolist()
    moves, goals = deltas.reshape(-1, 4).tolist(), targets.reshape(-1, 4).tolist()
    said = sum(entropy(*pair) for pair in zip(z, y, strict=True))
    wrong = sum(
        error(abs(move - goal))
        for n in range(len(y))
        if has_box(y[n])
        for move, goal in zip(moves[n], goals[n], strict=True)
    )
    # A sum of nothing is 0, whatever it is divided by.
    first = said / max(divisor(labels), 1)
    second = balance * wrong / max(box_divisor(labels, num_positions), 1)
    return torch.tensor(float(first)), torch.tensor(float(second))


MISTAKES: Mistakes = {
    "-1 is not background: those anchors are ignored": {
        "entropy": lambda logit, label: cross_entropy(logit, max(label, 0))
    },
    "cross-entropy needs labels 0 and 1; with -1 it has no lower bound": {
        "entropy": cross_entropy
    },
    "-1 is no object: those anchors are ignored": {
        "entropy": lambda logit, label: cross_entropy(logit, abs(label))
    },
    "the sigmoid of a large logit is 0 or 1, and its logarithm infinite": {
        "entropy": of_probabilities
    },
    "anchors of background are classified, too": {
        "entropy": lambda logit, label: of_labelled(logit, label) if label else 0.0
    },
    "divide by the anchors labelled 0 or 1, not by all": {"divisor": torch.numel},
    "objects and background both count in the divisor": {"divisor": objects},
    "divide by the number of labelled anchors, not of images": {"divisor": len},
    "the number of labelled anchors is not always 256": {"divisor": lambda labels: 256},
    "divide the cross-entropy by the number of labelled anchors": {
        "divisor": lambda labels: 1
    },
    "only objects train deltas; look at their rows alone": {
        "has_box": lambda label: True
    },
    "only objects train deltas; background has no box": {
        "has_box": lambda label: label >= 0
    },
    "only objects train deltas; ignored anchors do not": {
        "has_box": lambda label: label != 0
    },
    "this is L1; below 1 the loss is a parabola": {"error": lambda size: size},
    "this is a square; beyond 1 the loss is a line": {
        "error": lambda size: size**2 / 2
    },
    "the parabola has a factor of 1/2": {
        "error": lambda size: size**2 if size < 1 else size - 0.5
    },
    "the line is |e| - 0.5, so that it meets the parabola": {
        "error": lambda size: size**2 / 2 if size < 1 else size
    },
    "the bend is at 1, not at 1/9": {
        "error": lambda size: 4.5 * size**2 if size < 1 / 9 else size - 1 / 18
    },
    "the box term is divided by `num_positions`, not by the objects": {
        "box_divisor": lambda labels, positions: objects(labels)
    },
    "the box term is divided by `num_positions`, not by the labelled anchors": {
        "box_divisor": lambda labels, positions: labelled(labels)
    },
    "this is a mean over the objects' deltas; divide their sum by `num_positions`": {
        "box_divisor": lambda labels, positions: 4 * objects(labels)
    },
    "the box term is divided by `num_positions`, not by all anchors": {
        "box_divisor": lambda labels, positions: labels.numel()
    },
    "the four coordinates are added, not averaged": {
        "box_divisor": lambda labels, positions: 4 * positions
    },
    "the box term is divided by `num_positions`": {
        "box_divisor": lambda labels, positions: 1
    },
    "the box term alone is multiplied by `balance`": (
        lambda right, *tensors, balance, **settings: (right[0] * balance, right[1])
    ),
    "the box term is multiplied by `balance`": (
        lambda right, *tensors, balance, **settings: (right[0], right[1] / balance)
    ),
    "cross-entropy comes first, the box term second": (
        lambda right, *tensors, **settings: right[::-1]
    ),
}

check_rpn_loss_terms = compare_with(
    slow_rpn_loss_terms,
    "rpn_loss_terms",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=(
        "torch.nn.functional.smooth_l1_loss",
        "torch.nn.functional.huber_loss",
    ),
)
