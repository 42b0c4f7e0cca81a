"""Answers to the task select_proposals, right ones first."""

from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms


def select_in_lists(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
) -> Tensor:
    """One loop over the ranking, with counters."""
    value, level, overlap = scores.tolist(), levels.tolist(), iou.tolist()
    seen: dict[int, int] = {}
    kept: list[int] = []
    for n in sorted(range(len(value)), key=lambda n: -value[n]):
        seen[level[n]] = seen.get(level[n], 0) + 1
        if seen[level[n]] > before:
            continue
        same = [k for k in kept if level[k] == level[n]]
        if all(overlap[n][k] <= iou_threshold for k in same):
            kept.append(n)
    return torch.tensor(kept[:after], dtype=torch.int64)


def select_level_by_level(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
) -> Tensor:
    """Removes from each level what its best one overlaps, until none is left."""
    kept = []
    for level in set(levels.tolist()):
        members = (levels == level).nonzero().squeeze(1)
        order = scores[members].argsort(descending=True, stable=True)
        waiting = members[order][:before]
        while len(waiting):
            kept.append(waiting[:1])
            waiting = waiting[1:][iou[waiting[0], waiting[1:]] <= iou_threshold]
    if not kept:
        return torch.zeros(0, dtype=torch.int64)
    found = torch.cat(kept).sort().values
    return found[scores[found].sort(descending=True, stable=True).indices[:after]]


def select_by_matrix(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
) -> Tensor:
    """Repeats one matrix product until nothing changes."""
    order = torch.sort(-scores, stable=True).indices
    same = levels[order][:, None] == levels[order]
    place = same.tril(-1).sum(1)  # how many better ones a level has
    order = order[place < before]
    removes = (iou[order][:, order] > iou_threshold).triu(1)
    removes &= levels[order][:, None] == levels[order]
    kept = torch.ones(len(order), dtype=torch.bool)
    for _ in range(len(order)):
        kept = ~(removes & kept[:, None]).any(0)
    return order[kept][:after]


def ranked(scores: Tensor) -> Tensor:
    return scores.argsort(descending=True, stable=True)


def top_of_levels(order: Tensor, levels: Tensor, most: int) -> Tensor:
    same = levels[order][:, None] == levels[order]
    return order[same.tril(-1).sum(1) < most]


def suppressed(order: Tensor, iou: Tensor, levels: Tensor, threshold: float) -> Tensor:
    kept: list[int] = []
    for n in order.tolist():
        if not any(levels[k] == levels[n] and iou[k, n] > threshold for k in kept):
            kept.append(n)
    return torch.tensor(kept, dtype=torch.int64)


def select(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
) -> Tensor:
    order = top_of_levels(ranked(scores), levels, before)
    return suppressed(order, iou, levels, iou_threshold)[:after]


def suppression_first(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = suppressed(ranked(scores), iou, levels, s["iou_threshold"])
    return top_of_levels(order, levels, s["before"])[: s["after"]]


def one_ranking_first(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = ranked(scores)[: s["before"]]
    return suppressed(order, iou, levels, s["iou_threshold"])[: s["after"]]


def no_first_cut(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return suppressed(ranked(scores), iou, levels, s["iou_threshold"])[: s["after"]]


def last_cut_by_level(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = top_of_levels(ranked(scores), levels, s["before"])
    kept = suppressed(order, iou, levels, s["iou_threshold"])
    return top_of_levels(kept, levels, s["after"])


def no_last_cut(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return select(iou, scores, levels, **{**s, "after": len(scores)})


def across_levels(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = top_of_levels(ranked(scores), levels, s["before"])
    kept = suppressed(order, iou, torch.zeros_like(levels), s["iou_threshold"])
    return kept[: s["after"]]


def or_equal(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return select(
        iou, scores, levels, **{**s, "iou_threshold": s["iou_threshold"] - 1e-4}
    )


def fixed_threshold(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return select(iou, scores, levels, **{**s, "iou_threshold": 0.7})


def by_the_gone(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    """Any better candidate suppresses, also one that was suppressed itself."""
    order = top_of_levels(ranked(scores), levels, s["before"])
    removes = (iou[order][:, order] > s["iou_threshold"]).triu(1)
    removes &= levels[order][:, None] == levels[order]
    return order[~removes.any(0)][: s["after"]]


def only_the_one_before(
    iou: Tensor, scores: Tensor, levels: Tensor, **s: Any
) -> Tensor:
    kept: list[int] = []
    for n in top_of_levels(ranked(scores), levels, s["before"]).tolist():
        last = kept[-1:]
        if not any(
            levels[k] == levels[n] and iou[k, n] > s["iou_threshold"] for k in last
        ):
            kept.append(n)
    return torch.tensor(kept, dtype=torch.int64)[: s["after"]]


def last_of_equals(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = top_of_levels(scores.argsort(stable=True).flip(0), levels, s["before"])
    return suppressed(order, iou, levels, s["iou_threshold"])[: s["after"]]


def worst_first(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    order = top_of_levels(scores.argsort(stable=True), levels, s["before"])
    return suppressed(order, iou, levels, s["iou_threshold"])[: s["after"]]


def by_index(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return select(iou, scores, levels, **s).sort().values


def level_by_level(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    kept = select(iou, scores, levels, **s)
    return kept[levels[kept].argsort(stable=True)]


def first_levels_first(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    """Joins the levels, and takes the first of the list instead of the best."""
    kept = no_last_cut(iou, scores, levels, **s)
    return kept[levels[kept].argsort(stable=True)][: s["after"]]


def no_suppression(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return top_of_levels(ranked(scores), levels, s["before"])[: s["after"]]


def scores_of_them(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return scores[select(iou, scores, levels, **s)]


def positive_scores(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    kept = select(iou, scores, levels, **s)
    return kept[scores[kept] > 0]


def float_indices(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    return select(iou, scores, levels, **s).float()


def as_list(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Any:
    return select(iou, scores, levels, **s).tolist()


def a_mask(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    kept = torch.zeros(len(scores), dtype=torch.bool)
    kept[select(iou, scores, levels, **s)] = True
    return kept


def three_levels(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    kept = select(iou, scores, levels, **s)
    return kept[levels[kept] < 3]


def scores_in_place(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    kept = select(iou, scores, levels, **s)
    scores[kept] = -1
    return kept


def by_torchvision(iou: Tensor, scores: Tensor, levels: Tensor, **s: Any) -> Tensor:
    boxes = torch.zeros(len(scores), 4)
    return batched_nms(boxes, scores, levels, s["iou_threshold"])[: s["after"]]
