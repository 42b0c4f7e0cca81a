"""flatten_levels: from the maps of all levels to one row an anchor.

The oracle picks values from the maps one at a time, so that it shares no step with a
good answer.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]
Place = tuple[int, int, int]  # row, column, anchor


def maps_case(
    batch: int, anchors: int, sizes: list[Pair], generator: torch.Generator
) -> Inputs:
    """Score maps of quarters, and delta maps that hold each number once."""
    scores, deltas, used = [], [], 0
    for height, width in sizes:
        shape = (batch, 2 * anchors, height, width)
        scores.append(torch.randint(-20, 21, shape, generator=generator) / 4)
        count = batch * 4 * anchors * height * width
        codes = torch.arange(used, used + count) / 4 - 20
        deltas.append(codes.reshape(batch, 4 * anchors, height, width))
        used += count
    return inputs(scores, deltas)


# Batch, anchors a position, height and width of each level.
LEVELS: dict[str, tuple[int, int, list[Pair]]] = {
    "one level": (1, 3, [(2, 5)]),
    "one anchor a position": (2, 1, [(3, 4)]),
    "one position": (3, 2, [(1, 1)]),
    "a batch": (3, 2, [(2, 3)]),
    "two levels": (2, 3, [(4, 7), (2, 4)]),
    "three levels": (2, 2, [(4, 6), (2, 3), (1, 2)]),
    "as many anchors as deltas": (2, 4, [(3, 5)]),
    "high maps": (2, 3, [(6, 2), (3, 1)]),
}


def cases(generator: torch.Generator) -> dict[str, Inputs]:
    """The named maps, and some whose logits are too large for a plain `exp`."""
    one = torch.tensor([1.0, 3, 2, 2]).reshape(1, 4, 1, 1)
    found = {"the example": inputs([one], [torch.arange(8.0).reshape(1, 8, 1, 1)])}
    for name, (batch, anchors, sizes) in LEVELS.items():
        found[name] = maps_case(batch, anchors, sizes, generator)
    scores, deltas = maps_case(1, 2, [(2, 3)], generator).arguments
    found["logits near 200"] = inputs([scores[0] + 200], deltas)
    found["logits near -200"] = inputs([scores[0] - 200], deltas)
    found["logits far apart"] = inputs([scores[0] * 50], deltas)
    return found


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """A wide level and a high one."""
    drawn = torch.randint(1, 5, (4,), generator=generator).tolist()
    sizes = [(drawn[0], drawn[1] + 4), (drawn[2] + 4, drawn[3])]
    return maps_case(2 + i, 3 - i % 2, sizes, generator)


# The steps of the oracle.


def by_position(place: Place) -> Place:
    """By what anchors are sorted."""
    return place


def halves(anchor: int, count: int) -> Pair:
    """The channels of an anchor's logits, that of background first."""
    return anchor, count + anchor


def neighbours(anchor: int, count: int) -> Sequence[int]:
    """The channels of an anchor's deltas."""
    return range(4 * anchor, 4 * anchor + 4)


def softmax(none: float, thing: float) -> float:
    """The probability of an object from two logits."""
    share = 1 / (1 + math.exp(-abs(thing - none)))
    return share if thing >= none else 1 - share


def slow_flatten_levels(
    scores: Sequence[Tensor],
    deltas: Sequence[Tensor],
    *,
    order: Callable[[Place], Place] = by_position,
    logits: Callable[[int, int], Pair] = halves,
    moves: Callable[[int, int], Sequence[int]] = neighbours,
    probability: Callable[[float, float], float] = softmax,
) -> tuple[Tensor, Tensor]:
    """(B, N) probabilities and (B, N, 4) deltas, picked value by value."""
    all_chances, all_rows = [], []
    for image in range(len(scores[0])):
        chances: list[float] = []
        rows: list[list[float]] = []
        for score, delta in zip(scores, deltas, strict=True):
            count = score.shape[1] // 2
            height, width = score.shape[2:]
            places = product(range(height), range(width), range(count))
            for i, j, a in sorted(places, key=order):
                none, thing = (float(score[image, c, i, j]) for c in logits(a, count))
                chances.append(probability(none, thing))
                rows.append([float(delta[image, c, i, j]) for c in moves(a, count)])
        all_chances.append(chances)
        all_rows.append(rows)
    return torch.tensor(all_chances), torch.tensor(all_rows)


MISTAKES: Mistakes = {
    "all anchors of one position come before the next position": {
        "order": lambda place: (place[2], place[0], place[1])
    },
    "go row by row: rows outside, columns inside": {
        "order": lambda place: (place[1], place[0], place[2])
    },
    "the first level comes first": lambda right, scores, deltas: slow_flatten_levels(
        scores[::-1], deltas[::-1]
    ),
    "channels 0 to A - 1 are background, A to 2A - 1 are objects": {
        "logits": lambda anchor, count: (2 * anchor, 2 * anchor + 1)
    },
    "the four deltas of an anchor are neighbours: channels 4a to 4a + 3": {
        "moves": lambda anchor, count: range(anchor, 4 * count, count)
    },
    "this is the probability of background": {
        "probability": lambda none, thing: softmax(thing, none)
    },
    "the softmax needs both logits, not the object's alone": {
        "probability": lambda none, thing: softmax(0.0, thing)
    },
    "this is a logit, a probability was asked for": {
        "probability": lambda none, thing: thing
    },
    "this is a difference of logits, a probability was asked for": {
        "probability": lambda none, thing: thing - none
    },
    "probabilities come first, deltas second": lambda right, *maps: right[::-1],
}

RPN = "torchvision.models.detection.rpn"

check_flatten_levels = compare_with(
    slow_flatten_levels,
    "flatten_levels",
    cases=cases,
    draw=random_case,
    draws=3,
    mistakes=MISTAKES,
    forbids=(f"{RPN}.permute_and_flatten", f"{RPN}.concat_box_prediction_layers"),
)
