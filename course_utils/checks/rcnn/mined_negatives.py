"""mined_negatives: the negatives that join the cache of each class, and leave it.

The oracle goes through the proposals in a loop, class by class.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.tables import Rows, rows_of

Mined = tuple[Tensor, Tensor]


def case(rows: Rows, most: int, *, easy: float = -1.25, classes: int = 1) -> Inputs:
    """Rows of scores, then overlaps, then what is cached, of all classes."""
    table = rows_of(rows, 3 * classes)
    scores, overlaps, is_cached = table.reshape(-1, 3, classes).unbind(1)
    return inputs(
        scores.clone(), overlaps.clone(), is_cached.bool(), most=most, easy=easy
    )


ONE_CLASS = [
    [0.8, 0.1, 1],
    [0.5, 0.4, 0],
    [0.3, 0.2, 0],
    [0.1, 0.0, 0],
    [-0.4, 0.0, 0],
    [-1.1, 0.0, 1],
    [-1.5, 0.1, 1],
]

CASES = {
    "the example": case(ONE_CLASS, 1, easy=-1.2),
    "room for all": case(ONE_CLASS, 9),
    "room for none": case(ONE_CLASS, 0),
    "no proposals": case([], 3, classes=2),
    "the object itself": case([[2.0, 1.0, 0], [1.5, 0.9, 0]], 5),
    "just below and exactly at an IoU of 0.3": case(
        [[0.5, 0.29, 0], [0.5, 0.3, 0], [0.5, 0.31, 0]], 5
    ),
    "just above and exactly at a score of -1": case(
        [[-0.99, 0.0, 0], [-1.0, 0.0, 0], [-1.01, 0.0, 0]], 5
    ),
    "just below and exactly at the easy score": case(
        [[-1.26, 0.0, 1], [-1.25, 0.0, 1], [-1.24, 0.0, 1]], 5
    ),
    "easy, but not in the cache": case([[-2.0, 0.0, 0], [-2.0, 0.0, 1]], 5),
    "hard, and in the cache": case([[0.5, 0.0, 1], [0.25, 0.0, 1]], 5),
    "cached ones take no places": case(
        [[0.75, 0.0, 1], [0.5, 0.0, 1], [0.25, 0.0, 0], [0.0, 0.0, 0]], 2
    ),
    "those with much overlap take no places": case(
        [[0.75, 0.5, 0], [0.5, 0.8, 0], [0.25, 0.0, 0], [0.0, 0.0, 0]], 2
    ),
    "equal scores": case([[0.5, 0.0, 0]] * 4, 2),
    "many equal scores": case([[0.5, 0.0, 0], [0.25, 0.0, 0]] * 15, 8),
    "two classes, with places of their own": case(
        [
            [0.9, 0.1, 0.0, 0.6, 0, 0],
            [0.8, 0.2, 0.1, 0.0, 0, 0],
            [0.7, 0.3, 0.7, 0.0, 0, 1],
            [0.6, 0.4, 0.0, 0.1, 1, 0],
            [-1.5, -1.5, 0.0, 0.0, 0, 1],
        ],
        2,
        classes=2,
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Scores in quarters, many of them equal, and overlaps in tenths."""
    shape = (9 + 2 * i, 2 + i % 3)
    scores = torch.randint(-8, 5, shape, generator=generator) / 4
    overlaps = torch.randint(0, 6, shape, generator=generator) / 10
    # A cache holds negatives alone.
    is_cached = (torch.rand(shape, generator=generator) < 0.5) & (overlaps < 0.3)
    most = int(torch.randint(1, 4, (), generator=generator))
    return inputs(scores, overlaps, is_cached, most=most, easy=-1.5)


def highest_first(score: float, proposal: int) -> tuple[float, int]:
    """By what the candidates of a class are sorted."""
    return -score, proposal


def slow_mined_negatives(
    scores: Tensor,
    overlaps: Tensor,
    is_cached: Tensor,
    *,
    most: int,
    easy: float,
    is_hard: Callable[[float, float, float], bool] = lambda score, iou, easy: (
        iou < 0.3 and score > -1
    ),
    is_new: Callable[[bool], bool] = operator.not_,
    rank: Callable[[float, int], Any] = highest_first,
    queue: Callable[[int], int] = lambda label: label,
    is_easy: Callable[[float, bool, float], bool] = lambda score, cached, easy: (
        cached and score < easy
    ),
) -> Mined:
    """Which (P, K) are added and evicted; classes of one queue share its places."""
    added, evicted = torch.zeros_like(is_cached), torch.zeros_like(is_cached)
    queues: dict[int, list[tuple[Any, int, int]]] = {}
    for k in range(scores.shape[1]):
        for p in range(len(scores)):
            score, iou = float(scores[p, k]), float(overlaps[p, k])
            cached = bool(is_cached[p, k])
            if is_hard(score, iou, easy) and is_new(cached):
                queues.setdefault(queue(k), []).append((rank(score, p), p, k))
            evicted[p, k] = is_easy(score, cached, easy)
    for candidates in queues.values():
        for _, p, k in sorted(candidates)[:most]:
            added[p, k] = True
    return added, evicted


MISTAKES: Mistakes = {
    "from an IoU of 0.3 on, a proposal is left out": {
        "is_hard": lambda score, iou, easy: iou < 0.5 and score > -1
    },
    "at an IoU of exactly 0.3, a proposal is left out": {
        "is_hard": lambda score, iou, easy: iou < 0.301 and score > -1
    },
    "a little overlap does no harm: below 0.3 it is a negative": {
        "is_hard": lambda score, iou, easy: iou == 0 and score > -1
    },
    "inside the margin a negative is wrong, too: a score above -1 is hard": {
        "is_hard": lambda score, iou, easy: iou < 0.3 and score > 0
    },
    "a score of exactly -1 has no loss": {
        "is_hard": lambda score, iou, easy: iou < 0.3 and score >= -1
    },
    "hard is above -1, whatever `easy` is": {
        "is_hard": lambda score, iou, easy: iou < 0.3 and score > easy
    },
    "what is in the cache is not added again": {"is_new": lambda cached: True},
    "only what can be added takes a place, neither what is in the cache nor what "
    "overlaps": lambda right, scores, overlaps, is_cached, **settings: (
        slow_mined_negatives(scores, overlaps, torch.zeros_like(is_cached), **settings)[
            0
        ]
        & ~is_cached,
        right[1],
    ),
    "at most `most` are added in each class": (
        lambda right, scores, *given, most, easy: slow_mined_negatives(
            scores, *given, most=len(scores), easy=easy
        )
    ),
    "the hardest are added: the highest scores": {"rank": lambda score, p: (score, p)},
    "the hardest are added, not the first of them": {"rank": lambda score, p: p},
    "each class has `most` places of its own": {"queue": lambda label: 0},
    "of equal scores, the lower index goes first": {
        "rank": lambda score, p: (-score, -p)
    },
    "added comes first, evicted second": lambda right, *given, **settings: right[::-1],
    "only what is in the cache can be evicted": {
        "is_easy": lambda score, cached, easy: score < easy
    },
    "a score equal to `easy` stays": {
        "is_easy": lambda score, cached, easy: cached and score <= easy
    },
    "evicted is what is below `easy`, not below -1": {
        "is_easy": lambda score, cached, easy: cached and score < -1
    },
    "evicted is what is below `easy`, not what is above it": {
        "is_easy": lambda score, cached, easy: cached and score > easy
    },
    "nothing is evicted": {"is_easy": lambda score, cached, easy: False},
}

check_mined_negatives = compare_with(
    slow_mined_negatives,
    "mined_negatives",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
    parts=("added", "evicted"),
)
