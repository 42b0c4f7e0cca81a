"""select_proposals: the best proposals of a pyramid, suppressed level by level.

The oracle picks them one at a time from lists, so that it shares no step with a good
answer.
"""

import operator
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]
Indices = list[int]


def case(
    pairs: dict[Pair, float],
    scores: list[float],
    levels: list[int],
    counts: Pair,
    iou_threshold: float = 0.7,
) -> Inputs:
    """Overlaps from those pairs that are not 0, with scores and levels."""
    iou = torch.eye(len(scores))
    for (i, j), value in pairs.items():
        iou[i, j] = iou[j, i] = value
    return inputs(
        iou,
        torch.tensor(scores).float(),
        torch.tensor(levels).long(),
        before=counts[0],
        after=counts[1],
        iou_threshold=iou_threshold,
    )


CASES = {
    "the example": case(
        {(0, 1): 0.8, (1, 3): 0.9},
        [0.9, 0.8, 0.4, 0.7, 0.6, 0.5],
        [0, 0, 0, 1, 1, 1],
        (2, 2),
    ),
    "no proposals": case({}, [], [], (3, 2)),
    "a single proposal": case({}, [0.2], [4], (3, 2)),
    "nothing overlaps": case({}, [0.2, 0.9, 0.5, 0.7], [0, 1, 0, 1], (10, 10)),
    "a level of its own for each": case(
        {(0, 1): 0.9, (1, 2): 0.9, (0, 2): 0.9}, [0.4, 0.9, 0.6], [2, 0, 5], (1, 9)
    ),
    "a proposal that is gone removes none": case(
        {(0, 1): 0.8, (1, 2): 0.8, (2, 3): 0.8}, [0.9, 0.8, 0.7, 0.6], [1] * 4, (9, 9)
    ),
    "the best removes one far behind": case(
        {(0, 2): 0.9}, [0.9, 0.8, 0.7, 0.6], [0] * 4, (9, 9)
    ),
    "an IoU exactly at the threshold": case(
        {(0, 1): 0.5, (2, 3): 0.625}, [0.9, 0.8, 0.7, 0.6], [0] * 4, (9, 9), 0.5
    ),
    "the first cut comes before suppression": case(
        {(0, 1): 0.9, (0, 2): 0.9}, [0.9, 0.8, 0.7, 0.6, 0.3], [0, 0, 0, 0, 1], (3, 9)
    ),
    "a level of low scores": case(
        {(0, 1): 0.75}, [0.9, 0.8, 0.7, 0.2, 0.1, 0.05], [0, 0, 0, 1, 1, 1], (2, 9)
    ),
    "the last cut is over all levels": case(
        {}, [0.9, 0.1, 0.8, 0.2, 0.7], [0, 1, 0, 1, 0], (5, 3)
    ),
    "equal scores": case(
        {(1, 2): 0.9}, [0.5, 0.75, 0.75, 0.5, 0.5], [0, 0, 0, 0, 1], (4, 4)
    ),
    "equal scores at the first cut": case(
        {}, [0.5, 0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0, 1], (2, 9)
    ),
    "all the same box": case(
        {(i, j): 1.0 for i in range(4) for j in range(i)},
        [0.3, 0.9, 0.6, 0.8],
        [0, 1, 0, 1],
        (9, 9),
    ),
    "logits below 0": case({(0, 2): 0.9}, [-3, -7, -5, -1], [0, 0, 0, 1], (2, 9)),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Overlaps in eighths and scores in sixteenths, so that many are equal."""
    count = 8 + 4 * i
    iou = torch.randint(-2, 9, (count, count), generator=generator).clamp(min=0)
    iou = (iou.triu(1) + iou.triu(1).T).float() / 8 + torch.eye(count)
    scores = torch.randint(0, 17, (count,), generator=generator) / 16
    levels = torch.randint(0, 3, (count,), generator=generator)
    return inputs(
        iou,
        scores,
        levels,
        before=3 + i,
        after=4 + i,
        iou_threshold=(0.75, 0.5, 0.625)[i % 3],
    )


# The steps of the oracle.


def best_first(score: float, index: int) -> tuple[float, int]:
    """By what proposals are ranked."""
    return -score, index


def of_each_level(ranked: Indices, level: Sequence[int], most: int) -> Indices:
    """The first `most` of a ranking of each level."""
    found: Indices = []
    for n in ranked:
        if sum(level[k] == level[n] for k in found) < most:
            found.append(n)
    return found


def of_all(kept: Indices, level: Sequence[int], before: int, after: int) -> Indices:
    """What the last cut leaves."""
    return kept[:after]


def only_kept(kept: Indices, earlier: Indices) -> Indices:
    """The better proposals that may suppress one."""
    return kept


def slow_select_proposals(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
    rank: Callable[[float, int], tuple[float, int]] = best_first,
    first: Callable[[Indices, Sequence[int], int], Indices] = of_each_level,
    rivals: Callable[[Indices, Indices], Indices] = only_kept,
    meets: Callable[[int, int], bool] = operator.eq,
    removes: Callable[[float, float], bool] = operator.gt,
    last: Callable[[Indices, Sequence[int], int, int], Indices] = of_all,
) -> Tensor:
    """(K,) indices of the proposals, picked one at a time from lists."""
    score, level = scores.tolist(), levels.tolist()
    ranked = sorted(range(len(score)), key=lambda n: rank(score[n], n))
    candidates = first(ranked, level, before)
    kept: Indices = []
    for place, n in enumerate(candidates):
        if not any(
            removes(float(iou[n, k]), iou_threshold)
            for k in rivals(kept, candidates[:place])
            if meets(level[k], level[n])
        ):
            kept.append(n)
    return torch.tensor(last(kept, level, before, after)).long()


MISTAKES: Mistakes = {
    "the first cut comes before suppression, not after it": {
        "first": lambda ranked, level, before: ranked,
        "last": lambda kept, level, before, after: of_each_level(kept, level, before)[
            :after
        ],
    },
    "the first cut leaves `before` proposals of each level": {
        "first": lambda ranked, level, before: ranked[:before]
    },
    "`before` was not looked at": {"first": lambda ranked, level, before: ranked},
    "the last cut leaves `after` proposals of all levels together": {
        "last": lambda kept, level, before, after: of_each_level(kept, level, after)
    },
    "nothing was suppressed": {"removes": lambda iou, threshold: False},
    "proposals of two levels do not suppress each other": {
        "meets": lambda level, other: True
    },
    "an IoU equal to the threshold is no reason to go": {"removes": operator.ge},
    "a proposal that is gone removes no other": {
        "rivals": lambda kept, earlier: earlier
    },
    "compare with all that were kept, not with the last one": {
        "rivals": lambda kept, earlier: kept[-1:]
    },
    "of equal scores, the first counts as better": {
        "rank": lambda score, index: (-score, -index)
    },
    "the best score comes first": {"rank": lambda score, index: (score, -index)},
    "the indices are sorted by score, not by index": (
        lambda right, *given, **settings: right.sort().values
    ),
    "the order is that of the scores, over all levels": (
        lambda right, iou, scores, levels, **settings: right[
            levels[right].argsort(stable=True)
        ]
    ),
    "these are scores, the indices were asked for": (
        lambda right, iou, scores, levels, **settings: scores[right]
    ),
}

check_select_proposals = compare_with(
    slow_select_proposals,
    "select_proposals",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
)
