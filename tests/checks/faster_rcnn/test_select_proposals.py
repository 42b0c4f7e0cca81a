"""Answers to select_proposals, and its oracle beside torchvision."""

import cheats
import pytest
import torch
from torchvision.ops import batched_nms, box_iou

from course_utils.checking.check import random_boxes
from course_utils.checks.faster_rcnn.select_proposals import slow_select_proposals


def in_lists(iou, scores, levels, *, before, after, iou_threshold):
    """One loop over the ranking, with counters."""
    value, level, overlap = scores.tolist(), levels.tolist(), iou.tolist()
    seen, kept = {}, []
    for n in sorted(range(len(value)), key=lambda n: -value[n]):
        seen[level[n]] = seen.get(level[n], 0) + 1
        if seen[level[n]] > before:
            continue
        same = [k for k in kept if level[k] == level[n]]
        if all(overlap[n][k] <= iou_threshold for k in same):
            kept.append(n)
    return torch.tensor(kept[:after], dtype=torch.int64)


def one_level_after_another(iou, scores, levels, *, before, after, iou_threshold):
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


def by_matrix(iou, scores, levels, *, before, after, iou_threshold):
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


def finished(finish):
    """A right answer of which something else is made at the end."""
    return lambda iou, scores, levels, **settings: finish(
        in_lists(iou, scores, levels, **settings), scores, levels
    )


def by_the_gone(iou, scores, levels, *, before, after, iou_threshold):
    """Any better candidate suppresses, also one that was suppressed itself."""
    order = scores.argsort(descending=True, stable=True)
    same = levels[order][:, None] == levels[order]
    order = order[same.tril(-1).sum(1) < before]
    removes = (iou[order][:, order] > iou_threshold).triu(1)
    removes &= levels[order][:, None] == levels[order]
    return order[~removes.any(0)][:after]


def fixed_threshold(iou, scores, levels, **settings):
    return in_lists(iou, scores, levels, **settings | {"iou_threshold": 0.7})


def no_last_cut(iou, scores, levels, **settings):
    return in_lists(iou, scores, levels, **settings | {"after": len(scores)})


def first_levels_first(iou, scores, levels, *, after, **settings):
    """Joins the levels, and takes the first of the list instead of the best."""
    kept = in_lists(iou, scores, levels, after=len(scores), **settings)
    return kept[levels[kept].argsort(stable=True)][:after]


def a_mask(kept, scores, levels):
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[kept] = True
    return mask


def scores_in_place(kept, scores, levels):
    scores[kept] = -1
    return kept


def by_torchvision(iou, scores, levels, *, after, iou_threshold, **settings):
    boxes = torch.zeros(len(scores), 4)
    return batched_nms(boxes, scores, levels, iou_threshold)[:after]


RIGHT = [in_lists, one_level_after_another, by_matrix]
WRONG = [
    (by_the_gone, "that is gone removes no other"),
    (fixed_threshold, "exactly at the threshold"),
    (no_last_cut, "select_proposals, case 'the example'"),
    (first_levels_first, "select_proposals, case"),
    (
        finished(lambda kept, scores, levels: kept[scores[kept] > 0]),
        "select_proposals, case",
    ),
    (
        finished(lambda kept, scores, levels: kept.float()),
        "expected values of torch.int64",
    ),
    (
        finished(lambda kept, scores, levels: kept.tolist()),
        "expected a tensor, received [0, 3]",
    ),
    (finished(a_mask), "expected shape (2,), received (6,)"),
    (
        finished(lambda kept, scores, levels: kept[levels[kept] < 3]),
        "a single proposal",
    ),
    (finished(scores_in_place), "changed its input in place"),
    (by_torchvision, "is switched off"),
    (cheats.returns(torch.tensor([0, 3])), "no proposals"),
    (cheats.lying, "an object of type LyingTensor"),
]


@pytest.mark.parametrize("count", [5, 20, 60])
def test_selection_agrees_with_torchvision(count):
    generator = torch.Generator().manual_seed(11)
    boxes = random_boxes(count, generator=generator)
    scores = torch.rand(count, generator=generator)
    levels = torch.randint(0, 3, (count,), generator=generator)
    chosen = [
        members[scores[members].topk(min(9, len(members))).indices]
        for members in ((levels == level).nonzero().squeeze(1) for level in range(3))
    ]
    first = torch.cat(chosen)
    kept = batched_nms(boxes[first], scores[first], levels[first], 0.3)[:7]
    iou = box_iou(boxes, boxes)
    found = slow_select_proposals(
        iou, scores, levels, before=9, after=7, iou_threshold=0.3
    )
    assert torch.equal(found, first[kept])
