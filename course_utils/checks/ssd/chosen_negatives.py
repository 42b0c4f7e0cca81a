"""chosen_negatives: the background boxes of each image that cost most.

The oracle sorts the losses of one image after the other in Python numbers.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Row = list[float]


def case(
    losses: list[Row],
    labels: list[list[int]],
    ratio: float,
    least: int = 0,
    *,
    classes: int = 3,
) -> Inputs:
    """Logits that make these losses of background, and do not rise with them.

    Background is the last of `classes` and one more. The objects' logits differ from
    box to box, and the background's follows from them and the loss.
    """
    loss = torch.tensor(losses).double()
    code = torch.arange(loss.numel() * classes).reshape(*loss.shape, classes)
    others = (code * 7 % 13).double() / 4 - 1.5
    scale = (code[..., :1] // classes * 5 % 7).double() - 3  # no softmax sees it
    background = others.logsumexp(-1) - loss.expm1().log()
    logits = torch.cat([others, background[..., None]], dim=-1) + scale
    names = torch.tensor(labels).reshape(loss.shape).long()
    return inputs(logits.float(), names, ratio=ratio, least=least)


def plain(
    logits: list[list[Row]], labels: list[list[int]], ratio: float, least: int = 0
) -> Inputs:
    """The logits and labels as tensors."""
    rows, names = torch.tensor(logits).float(), torch.tensor(labels).long()
    return inputs(rows, names, ratio=ratio, least=least)


O, I = 3, -1  # noqa: E741 background and ignored among three classes
BIG: list[list[Row]] = [
    [[300.0, 0, 10, 100], [0, 0, 0, 0], [0, 500, 0, 100], [0, 0, 120, 0]]
]
CASES = {
    "the example": plain(
        [[[0, 1], [2, 2], [1, 0], [5, 0], [0, 3]]], [[0, 1, 1, -1, 1]], 2
    ),
    "three to one": case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 2.1, 0.5]], [[O, O, 1, O, O, O, O]], 3
    ),
    "two images": case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2], [2.3, 1.9, 3.1, 2.7, 2.2, 3.5]],
        [[O, 0, O, 2, O, O], [O, O, O, O, 1, O]],
        1,
    ),
    "an image without objects": case(
        [[0.3, 1.2, 0.1, 0.7], [0.6, 0.4, 2.1, 0.8]], [[O, O, O, O], [O, 2, O, O]], 2
    ),
    "at least two negatives": case(
        [[0.3, 1.2, 0.1, 0.7], [0.6, 0.4, 2.1, 0.8], [1.6, 0.4, 0.3, 0.9]],
        [[O, O, O, O], [O, 2, O, O], [0, O, O, 1]],
        1,
        2,
    ),
    "little background": case(
        [[0.3, 1.2, 0.1], [1.4, 0.2, 0.5]], [[0, O, 2], [O, O, 1]], 3
    ),
    "fewer than the least number": case([[0.3, 1.2, 0.1]], [[O, 1, I]], 1, 5),
    "ignored boxes cost most": case(
        [[3.1, 0.4, 2.8, 0.6, 0.2, 2.5]], [[I, O, I, O, O, 1]], 2
    ),
    "objects cost most": case(
        [[3.1, 0.4, 2.8, 0.6, 0.2, 0.5]], [[0, O, 2, O, O, O]], 1
    ),
    "everything is ignored": case([[0.3, 1.2, 0.1]], [[I, I, I]], 3, 1),
    "no boxes": inputs(
        torch.zeros(2, 0, 4), torch.zeros(2, 0).long(), ratio=3.0, least=1
    ),
    "a ratio that leaves a half": case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2, 1.1]], [[O, O, 0, O, 1, O, 2]], 0.5
    ),
    "a ratio below one": case([[0.3, 1.2, 0.1, 0.7]], [[O, O, 0, O]], 0.75),
    "another ratio": case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2, 1.1]], [[O, O, 0, O, 1, O, O]], 1.5
    ),
    "a ratio of 0": case([[0.3, 1.2, 0.1, 0.7]], [[O, O, 0, O]], 0),
    "equal losses: the lower index comes first": plain(
        [[[0, 0, 0], [0, 0, 0], [0, 4, 0], [0, 0, 0], [0, 0, 0], [0, 0, 4]]],
        [[2, 0, 2, 2, 2, 2]],
        2,
    ),
    "all losses are equal": plain([[[1, 1, 1]] * 6], [[2, 2, 0, 2, 2, 2]], 3),
    "sixty boxes that cost the same": plain(
        [[[0, 0]] * 60], [[1, 1, 0, 1, 1] * 12], 0.5, 1
    ),
    "logits too large for a plain softmax": plain(BIG, [[3, 1, 3, 3]], 1, 1),
    "one logit of an object is high, or two are middling": plain(
        [[[3.0, -9, 0], [2.5, 2.5, 0], [0, 0, 0], [1, 1, 1]]], [[2, 2, 0, 2]], 1
    ),
    "as unsure as can be, and surely wrong": plain(
        [[[1, 1, 1], [9, 0, 0], [0, 0, 0], [0, 0, 5]]], [[2, 2, 1, 2]], 1
    ),
    "one class of objects": case(
        [[0.3, 1.2, 0.1, 0.7], [0.9, 0.2, 1.1, 0.4]],
        [[1, 1, 0, 1], [1, 0, 1, -1]],
        1,
        classes=1,
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Images of boxes whose losses differ by at least 0.03."""
    batch, boxes, classes = 2 + i % 2, 9 + 4 * i, 2 + i % 3
    order = torch.rand(batch, boxes, generator=generator).argsort(dim=1)
    labels = torch.randint(-1, 3 * classes, (batch, boxes), generator=generator)
    return case(
        (0.03 * (order + 1)).tolist(),
        labels.clamp(max=classes).tolist(),
        (3, 1.5, 0.75, 1)[i % 4],
        (0, 2, 1)[i % 3],
        classes=classes,
    )


# The steps of the oracle.


def background_loss(row: Row) -> float:
    """Minus the logarithm of the last class's probability."""
    top = max(row)
    return top + math.log(sum(math.exp(v - top) for v in row)) - row[-1]


def entropy(row: Row) -> float:
    """How uncertain the classes of a box are."""
    top = max(row)
    chances = [math.exp(v - top) for v in row]
    shares = [chance / sum(chances) for chance in chances]
    return -sum(p * math.log(p) for p in shares if p > 0)


def is_background(label: int, background: int) -> bool:
    """Whether a box may be chosen."""
    return label == background


def rounded_down(objects: int, ratio: float, least: int) -> int:
    """How many negatives are wanted in an image of so many boxes with objects."""
    return max(math.floor(ratio * objects), least)


def lower_index_first(costs: dict[int, float], most: int) -> list[int]:
    """The boxes that cost most."""
    return sorted(costs, key=lambda box: (-costs[box], box))[:most]


def all_of_equals(costs: dict[int, float], most: int) -> list[int]:
    """The boxes that cost at least as much as the last that is wanted."""
    lowest = min((costs[d] for d in lower_index_first(costs, most)), default=math.inf)
    return [box for box, cost in costs.items() if cost >= lowest]


def slow_chosen_negatives(
    logits: Tensor,
    labels: Tensor,
    *,
    ratio: float,
    least: int,
    cost: Callable[[Row], float] = background_loss,
    may_be_chosen: Callable[[int, int], bool] = is_background,
    count: Callable[[int, float, int], int] = rounded_down,
    choose: Callable[[dict[int, float], int], list[int]] = lower_index_first,
) -> Tensor:
    """(B, D) bool, the negatives of each image, from sorted lists."""
    background = logits.shape[2] - 1
    chosen = torch.zeros(labels.shape, dtype=torch.bool)
    for b, names in enumerate(labels.tolist()):
        objects = sum(0 <= name < background for name in names)
        costs = {
            d: cost(logits[b, d].tolist())
            for d, name in enumerate(names)
            if may_be_chosen(name, background)
        }
        for d in choose(costs, count(objects, ratio, least)):
            chosen[b, d] = True
    return chosen


def in_the_batch(
    right: Tensor, logits: Tensor, labels: Tensor, **settings: Any
) -> Tensor:
    """The negatives of all images together."""
    one_image = logits.flatten(0, 1)[None], labels.flatten()[None]
    return slow_chosen_negatives(*one_image, **settings).reshape(labels.shape)


MISTAKES: Mistakes = {
    "background is the last class here, not class 0": {
        "cost": lambda row: background_loss([*row[1:], row[0]])
    },
    "background's own logit is no loss: the softmax looks at all of them": {
        "cost": lambda row: -row[-1]
    },
    "the most certain object is not the highest loss: background's logit counts": {
        "cost": lambda row: max(row[:-1])
    },
    "the softmax adds all objects up, not the best one alone": {
        "cost": lambda row: max(row[:-1]) - row[-1]
    },
    "the easiest boxes were chosen": {"cost": lambda row: -background_loss(row)},
    "the least certain box is not the one with the highest loss": {"cost": entropy},
    # In float32, exp(-104) is 0.
    "a softmax of large logits is 0 or 1, and different losses look alike": {
        "cost": lambda row: (
            math.inf if background_loss(row) > 104 else background_loss(row)
        )
    },
    "boxes labelled -1 are no background": {
        "may_be_chosen": lambda label, background: label in (-1, background)
    },
    "only boxes labelled background are negatives": {
        "may_be_chosen": lambda label, background: True
    },
    "background is label K - 1; 0 is a class of objects": {
        "may_be_chosen": lambda label, background: label == 0
    },
    "a half box is none: round ratio times objects down": {
        "count": lambda objects, ratio, least: max(math.ceil(ratio * objects), least)
    },
    "at least `least` are chosen in each image": {
        "count": lambda objects, ratio, least: rounded_down(objects, ratio, 0)
    },
    "`least` is a lower bound; it is not added": {
        "count": lambda objects, ratio, least: rounded_down(objects, ratio, 0) + least
    },
    "`least` holds for images with objects, too": {
        "count": lambda objects, ratio, least: (
            rounded_down(objects, ratio, 0) if objects else least
        )
    },
    "`least` holds for images without objects, too": {
        "count": lambda objects, ratio, least: (
            rounded_down(objects, ratio, least) if objects else 0
        )
    },
    "`ratio` is not always 3": {
        "count": lambda objects, ratio, least: rounded_down(objects, 3, least)
    },
    "`ratio` was not looked at": {
        "count": lambda objects, ratio, least: rounded_down(objects, 1, least)
    },
    "count and choose in each image, not in the batch": in_the_batch,
    "of equal losses, the lower index comes first": {
        "choose": lambda costs, most: sorted(costs, key=lambda d: (-costs[d], -d))[
            :most
        ]
    },
    "of equal losses, no more are chosen than allowed": {"choose": all_of_equals},
    "only negatives are True, objects are not": (
        lambda right, logits, labels, **settings: (
            right | ((labels >= 0) & (labels < logits.shape[2] - 1))
        )
    ),
    "True marks what is chosen": lambda right, *arguments, **settings: ~right,
}

check_chosen_negatives = compare_with(
    slow_chosen_negatives,
    "chosen_negatives",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection.ssd.SSD.compute_loss",),
)
