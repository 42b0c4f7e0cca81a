"""operating_points: precision and recall at each threshold.

The oracle counts the kept detections anew for each threshold.
"""

import operator
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Points = tuple[Tensor, Tensor, Tensor]  # thresholds, precision, recall


def case(scores: list[float], hits: list[int], num_objects: int) -> Inputs:
    """Scores, hits as truth values, and the number of objects."""
    return inputs(torch.tensor(scores), torch.tensor(hits).bool(), num_objects)


CASES = {
    "the example": case([0.9, 0.8, 0.8, 0.6], [1, 0, 1, 1], 4),
    "no detections": case([], [], 3),
    "a single hit": case([0.4], [1], 1),
    "a single false alarm": case([0.4], [0], 2),
    "no objects": case([0.7, 0.2], [0, 0], 0),
    "scores in no order": case([0.3, 0.9, 0.5, 0.7], [1, 0, 0, 1], 5),
    "all scores equal": case([0.5, 0.5, 0.5], [1, 0, 1], 3),
    "ties at both ends": case([0.2, 0.8, 0.5, 0.8, 0.2, 0.2], [1, 0, 1, 1, 0, 0], 7),
    "scores that are almost equal": case([0.501, 0.5], [1, 0], 3),
    "scores beyond 1": case([3.5, -2.0, 12.0], [1, 0, 0], 2),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Detections in no order, many of equal score, and more objects than hits."""
    count = 4 + 3 * i
    scores = torch.randint(0, 8, (count,), generator=generator) / 8
    is_hit = torch.rand(count, generator=generator) < 0.6
    return inputs(scores, is_hit, int(is_hit.sum()) + count // 3 + 1)


def slow_operating_points(
    scores: Tensor,
    is_hit: Tensor,
    num_objects: int,
    *,
    keeps: Callable[[float, float], bool] = operator.ge,
    precision_of_none: float = 1.0,
) -> Points:
    """(K,) thresholds, precision and recall, counted anew for each threshold."""
    rows = list(zip(scores.tolist(), is_hit.tolist(), strict=True))
    thresholds = sorted(set(scores.tolist()), reverse=True)
    precision, recall = [], []
    for threshold in thresholds:
        kept = [hit for score, hit in rows if keeps(score, threshold)]
        precision.append(sum(kept) / len(kept) if kept else precision_of_none)
        recall.append(sum(kept) / num_objects if num_objects else 0.0)
    return torch.tensor(thresholds), torch.tensor(precision), torch.tensor(recall)


def one_point_each(
    right: Points, scores: Tensor, is_hit: Tensor, num_objects: int
) -> Points:
    """A point for each detection, as if no two scores were equal."""
    order = scores.argsort(descending=True, stable=True)
    places = -torch.arange(len(scores)).float()
    points = slow_operating_points(places, is_hit[order], num_objects)
    return scores[order], *points[1:]


MISTAKES: Mistakes = {
    "equal scores make one point: no threshold parts them": one_point_each,
    "a score equal to the threshold is kept": {"keeps": operator.gt},
    "a score equal to the threshold is kept; 0 / 0 gave nan": {
        "keeps": operator.gt,
        "precision_of_none": torch.nan,
    },
    "recall divides by all objects, also those never found": (
        lambda right, scores, is_hit, num_objects: slow_operating_points(
            scores, is_hit, max(int(is_hit.sum()), 1)
        )
    ),
    "precision comes second, recall third": lambda right, *given: (
        right[0],
        right[2],
        right[1],
    ),
    "the thresholds fall": lambda right, *given: tuple(part.flip(0) for part in right),
}

check_operating_points = compare_with(
    slow_operating_points,
    "operating_points",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
