"""soft_nms_scores: scores that fall with each overlap with a better box.

The oracle picks and lowers one box at a time, in Python numbers.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs


def case(
    pairs: dict[tuple[int, int], float],
    scores: list[float],
    labels: list[int],
    sigma: float = 0.5,
) -> Inputs:
    """Overlaps from those pairs that are not 0, with scores and labels."""
    overlaps = torch.eye(len(scores))
    for (i, j), overlap in pairs.items():
        overlaps[i, j] = overlaps[j, i] = overlap
    labels_of = torch.tensor(labels, dtype=torch.int64)
    return inputs(overlaps, torch.tensor(scores), labels_of, sigma=sigma)


CASES = {
    "the example": case(
        {(0, 1): 0.8, (1, 2): 0.5, (0, 3): 0.9}, [0.9, 0.8, 0.7, 0.6], [1, 1, 1, 2]
    ),
    "no boxes": case({}, [], []),
    "a single box": case({}, [0.3], [2]),
    "boxes that share nothing": case({}, [0.2, 0.9, 0.5], [1, 1, 1]),
    "two classes on one place": case({(0, 1): 1.0}, [0.4, 0.9], [1, 2]),
    "the same box twice": case({(0, 1): 1.0}, [0.6, 0.8], [3, 3], 0.3),
    "the second falls behind the third": case(
        {(0, 1): 0.9, (1, 2): 0.6}, [0.9, 0.85, 0.5], [1, 1, 1]
    ),
    "equal scores: the first box is picked": case(
        {(0, 1): 0.6}, [0.5, 0.5, 0.5], [1, 1, 1]
    ),
    "rising scores": case(
        {(0, 1): 0.3, (0, 2): 0.6, (1, 2): 0.4, (2, 3): 0.7},
        [0.1, 0.4, 0.6, 0.9],
        [1, 1, 1, 1],
        2.0,
    ),
    "a score of 0": case({(0, 1): 0.5}, [0.0, 0.7], [1, 1]),
    "very small scores": case({(0, 1): 0.6}, [0.0009, 0.0008], [2, 2]),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Boxes of three classes, half of whose pairs overlap, and a sigma."""
    count = 3 + 2 * i
    overlaps = torch.rand(count, count, generator=generator).triu(1)
    overlaps = (2 * overlaps - 1).clamp(min=0)
    overlaps = overlaps + overlaps.T + torch.eye(count)
    scores = torch.rand(count, generator=generator)
    labels = torch.randint(1, 4, (count,), generator=generator)
    sigma = 0.2 + float(torch.rand((), generator=generator))
    return inputs(overlaps, scores, labels, sigma=sigma)


def slow_soft_nms_scores(
    overlaps: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    sigma: float,
    factor: Callable[[float, float], float] = lambda overlap, sigma: math.exp(
        -(overlap**2) / sigma
    ),
    ranks_by: Callable[..., Sequence[float]] = lambda lowered, first: lowered,
    falling: Callable[..., Sequence[int]] = lambda waiting, picked: waiting,
) -> Tensor:
    """(N,) scores after soft-NMS, one box at a time."""
    values, names = scores.tolist(), labels.tolist()
    waiting, picked = list(range(len(values))), list[int]()
    while waiting:
        ranks = ranks_by(values, scores.tolist())
        best = min(waiting, key=lambda i: (-ranks[i], i))
        waiting.remove(best)
        for other in falling(waiting, picked):
            if names[other] == names[best]:
                values[other] *= factor(float(overlaps[best, other]), sigma)
        picked.append(best)
    return torch.tensor(values, dtype=torch.float32)


MISTAKES: Mistakes = {
    "only a box of the same class lowers a score": (
        lambda right, overlaps, scores, labels, **settings: slow_soft_nms_scores(
            overlaps, scores, torch.zeros_like(labels), **settings
        )
    ),
    "pick again after each step: the order changes when scores fall": {
        "ranks_by": lambda lowered, first: first
    },
    "a box that was picked keeps its score": {
        "falling": lambda waiting, picked: [*waiting, *picked]
    },
    "the overlap is squared": {
        "factor": lambda overlap, sigma: math.exp(-overlap / sigma)
    },
    "divide by sigma itself": {
        "factor": lambda overlap, sigma: math.exp(-(overlap**2) / (2 * sigma**2))
    },
    "divide by sigma, do not multiply": {
        "factor": lambda overlap, sigma: math.exp(-(overlap**2) * sigma)
    },
    "this is the linear rule, the Gaussian one was asked for": {
        "factor": lambda overlap, sigma: 1 - overlap
    },
    "the scores stay in the order of the boxes": lambda right, *given, **settings: (
        right.sort(descending=True).values
    ),
    "scores are lowered, no box is left out": (
        lambda right, overlaps, scores, *given, **settings: right * (right == scores)
    ),
    "nothing was lowered": lambda right, overlaps, scores, *given, **settings: scores,
}

check_soft_nms_scores = compare_with(
    slow_soft_nms_scores,
    "soft_nms_scores",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
