"""anchor_labels: which anchors are objects, background or ignored.

The oracle goes through lists of overlaps anchor by anchor, so that it shares no step
with a good answer.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Labels = tuple[Tensor, Tensor]
Row = Sequence[float]


def case(
    rows: list[list[float]],
    difficult: list[int] | None = None,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
    *,
    anchors: int = 0,
) -> Inputs:
    """IoUs from their rows, one an object; `anchors` says how many if there is none."""
    count = len(rows[0]) if rows else anchors
    return inputs(
        torch.tensor(rows).float().reshape(len(rows), count),
        torch.tensor(difficult or [0] * len(rows)).bool(),
        positive_iou=positive_iou,
        negative_iou=negative_iou,
    )


CASES = {
    "the example": case(
        [[0.8, 0.5, 0.1, 0, 0], [0.1, 0.6, 0.2, 0.4, 0], [0, 0, 0.9, 0, 0.2]], [0, 0, 1]
    ),
    "no objects": case([], anchors=4),
    "no anchors": case([[], []]),
    "an object that every anchor misses": case([[0, 0.9, 0, 0.2], [0, 0, 0, 0]]),
    "no anchor touches the only object": case([[0, 0, 0]]),
    "a small object: its best anchor overlaps by 0.1": case(
        [[0.05, 0.1, 0.02, 0], [0.8, 0, 0.4, 0]]
    ),
    "two best anchors": case([[0.5, 0.125, 0.5, 0.25, 0]]),
    "two low best anchors": case([[0.125, 0, 0.0625, 0.125]]),
    "a best anchor that overlaps another object more": case(
        [[0.4, 0.1, 0], [0.6, 0.8, 0.2]]
    ),
    "as before, the other way round": case([[0.6, 0.8, 0.2], [0.4, 0.1, 0]]),
    "two objects are overlapped alike": case(
        [[0.1, 0.75, 0.2], [0.9, 0.75, 0], [0, 0.75, 0]]
    ),
    "exactly at the thresholds": case([[1, 0.75, 0.25, 0.125, 0.5]], None, 0.75, 0.25),
    "a difficult object at the threshold": case(
        [[1, 0, 0, 0], [0, 0.75, 0.25, 0.125]], [0, 1], 0.75, 0.25
    ),
    "only difficult objects": case([[0.9, 0.2, 0.35], [0.1, 0, 0.25]], [1, 1]),
    "difficult objects come first": case(
        [[0.95, 0.2, 0.1, 0], [0.75, 0.1, 0.5, 0], [0, 0.8, 0, 0.1]], [1, 0, 0]
    ),
    "an anchor on a difficult and on an ordinary object": case(
        [[0.5, 0.1, 0.4], [0.9, 0.4, 0]], [0, 1]
    ),
    "both thresholds are equal": case([[0.9, 0.5, 0.375, 0]], None, 0.5, 0.5),
    "a single anchor": case([[0.2], [0.25]]),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Overlaps in eighths, many 0 and many equal; every third object is difficult."""
    iou = torch.randint(-4, 9, (2 + i % 4, 7 + 2 * i), generator=generator)
    flags = torch.rand(len(iou), generator=generator) < 1 / 3
    positive_iou, negative_iou = ((0.75, 0.25), (0.625, 0.375), (0.9, 0.5))[i % 3]
    iou = iou.clamp(min=0).float() / 8
    return inputs(iou, flags, positive_iou=positive_iou, negative_iou=negative_iou)


# The steps of the oracle.


def every_best(row: Row, anchor: int) -> bool:
    """Whether no anchor overlaps an object with these IoUs more."""
    return row[anchor] == max(row) > 0


def first_best(row: Row, anchor: int) -> bool:
    """Whether the anchor is the first of an object's best anchors."""
    return max(row) > 0 and list(row).index(max(row)) == anchor


def most_overlapped(
    column: Row, ordinary: Sequence[int], promoters: Sequence[int]
) -> int:
    """The object of an anchor with these IoUs; -1 where none is ordinary."""
    return max(ordinary, key=lambda n: (column[n], -n), default=-1)


def last_of_equals(
    column: Row, ordinary: Sequence[int], promoters: Sequence[int]
) -> int:
    """The last of the objects that the anchor overlaps most."""
    return max(ordinary, key=lambda n: (column[n], n), default=-1)


def its_promoter(column: Row, ordinary: Sequence[int], promoters: Sequence[int]) -> int:
    """The object that made the anchor positive."""
    return (promoters or [most_overlapped(column, ordinary, promoters)])[-1]


def slow_anchor_labels(
    iou: Tensor,
    is_difficult: Tensor,
    *,
    positive_iou: float,
    negative_iou: float,
    is_best: Callable[[Row, int], bool] = every_best,
    promotes: Callable[[bool], bool] = operator.not_,
    own: Callable[[Row, Sequence[int], Sequence[int]], int] = most_overlapped,
    high: Callable[[float, float], bool] = operator.ge,
    low: Callable[[float, float], bool] = operator.lt,
) -> Labels:
    """(A,) labels 1, 0, -1 and (A,) objects, or -1, anchor by anchor."""
    rows, hard = iou.tolist(), is_difficult.tolist()
    ordinary = [n for n in range(len(rows)) if not hard[n]]
    labels, truth = [], []
    for a in range(iou.shape[1]):
        column = [row[a] for row in rows]
        promoters = [
            n for n, row in enumerate(rows) if promotes(hard[n]) and is_best(row, a)
        ]
        found = any(high(column[n], positive_iou) for n in ordinary)
        below = all(low(overlap, negative_iou) for overlap in column)
        label = 1 if found or promoters else 0 if below else -1
        labels.append(label)
        truth.append(own(column, ordinary, promoters) if label == 1 else -1)
    return torch.tensor(labels).long(), torch.tensor(truth).long()


def overwritten(
    right: Labels, iou: Tensor, hard: Tensor, *, negative_iou: float, **settings: Any
) -> Labels:
    """Background is written last."""
    low = (iou < negative_iou).all(0)
    return right[0].where(~low, 0), right[1].where(~low, -1)


def difficult_as_background(
    right: Labels, iou: Tensor, hard: Tensor, *, negative_iou: float, **settings: Any
) -> Labels:
    """Difficult objects are not looked at."""
    low = (iou[~hard] < negative_iou).all(0)
    return right[0].where((right[0] == 1) | ~low, 0), right[1]


def ignored_on_difficult(
    right: Labels, iou: Tensor, hard: Tensor, *, negative_iou: float, **settings: Any
) -> Labels:
    """What is on a difficult object is ignored in any case."""
    near = (iou[hard] >= negative_iou).any(0)
    return right[0].where(~near, -1), right[1].where(~near, -1)


def objects_of_all(right: Labels, *given: Tensor, **settings: Any) -> Labels:
    """Anchors that are not positive belong to an object, too."""
    return right[0], slow_anchor_labels(*given, **settings | {"positive_iou": -1.0})[1]


def counted_without_difficult(
    right: Labels, iou: Tensor, hard: Tensor, **settings: Any
) -> Labels:
    """The place of an object among the ordinary ones."""
    places = [0, *(~hard).cumsum(0).tolist()]
    return right[0], torch.tensor([places[n + 1] - 1 for n in right[1].tolist()]).long()


MISTAKES: Mistakes = {
    "-1 is ignored and 0 is background": lambda right, *given, **settings: (
        right[0].where(right[0] == 1, -1 - right[0]),
        right[1],
    ),
    "the best anchors of an object are positive, however little they overlap": {
        "is_best": lambda row, anchor: False
    },
    "an object that no anchor touches promotes none: its highest IoU is 0": {
        "is_best": lambda row, anchor: row[anchor] == max(row)
    },
    "of an object's best anchors, all that tie are positive": {"is_best": first_best},
    "a best anchor stays positive, even if its IoU is low": overwritten,
    "a promoted anchor belongs to the object that it overlaps most itself": {
        "own": its_promoter
    },
    "an anchor never belongs to a difficult object": (
        lambda right, iou, hard, **settings: slow_anchor_labels(
            iou, torch.zeros_like(hard), **settings
        )
    ),
    "a difficult object promotes no anchor": {"promotes": lambda is_difficult: True},
    "an anchor on a difficult object is no background": difficult_as_background,
    "an anchor that found an ordinary object is positive, on a difficult one, too": (
        ignored_on_difficult
    ),
    "an IoU equal to `positive_iou` is enough": {"high": operator.gt},
    "an IoU equal to `negative_iou` is too much for background": {"low": operator.le},
    "an anchor that is not positive belongs to no object: -1": objects_of_all,
    "the index counts all objects, the difficult ones too": counted_without_difficult,
    "of objects overlapped alike, the first counts": {"own": last_of_equals},
    "the labels come first, the objects second": (
        lambda right, *given, **settings: right[::-1]
    ),
}

check_anchor_labels = compare_with(
    slow_anchor_labels,
    "anchor_labels",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection._utils.Matcher.__call__",),
)
