"""Non-maximum suppression: one box for each object out of the many that fire on it."""

from typing import Literal, get_args

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, box_iou
from course_utils.ops.validators import (
    check_above_zero,
    check_choice,
    check_one_a_box,
    check_rising,
)

SoftMethod = Literal["gaussian", "linear"]

# How many candidates are settled at once: more is faster, and takes more memory.
BLOCK = 128
# Up to so many boxes, all pairs at once take less time than one class after the other.
FEW = 500


def unsuppressed(suppresses: Tensor) -> Tensor:
    """Which boxes of a sorted list survive, given who would suppress whom.

    (K, K) bool, best first: row i suppresses column j -> (K,) bool. A box survives if
    no survivor before it suppresses it. Settling all at once, again and again, makes at
    least one more box final each time, and a handful of times is enough in practice.
    """
    earlier = suppresses.triu(diagonal=1)  # only a better box may suppress
    survives = torch.ones_like(suppresses[:, 0])
    while True:
        settled = ~(earlier & survives[:, None]).any(dim=0)
        if torch.equal(settled, survives):
            return survives
        survives = settled


def overlaps(a: Tensor, b: Tensor, iou_threshold: float) -> Tensor:
    """Whether the IoU is above the threshold: (N, 4) and (M, 4) -> (N, M) bool."""
    # In float64, where torchvision compares too: 0.3 itself is no float32, and rounding
    # it would turn some "more than" into "as much as".
    return box_iou(a, b).double() > iou_threshold


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes that no better box overlaps, by falling score.

    Greedy: keep the best box, drop those whose IoU with it is above the threshold, and
    repeat with what is left. Of equal scores the first comes first.

    Boxes are settled a block at a time, which changes nothing in the result: within a
    block by `unsuppressed`, then its survivors suppress all that come after.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        iou_threshold: in [0, 1]; a box that overlaps by exactly this much stays.

    Returns (K,) int64. Raises ValueError if the shapes or the threshold do not fit.
    """
    boxes = as_boxes(boxes.detach())
    check_one_a_box(boxes, scores=scores)
    check_rising(iou_threshold=iou_threshold)
    left = scores.argsort(descending=True, stable=True)
    kept = [left[:0]]
    while len(left) > 0:
        block, left = left[:BLOCK], left[BLOCK:]
        inside = overlaps(boxes[block], boxes[block], iou_threshold)
        kept.append(block[unsuppressed(inside)])
        after = overlaps(boxes[kept[-1]], boxes[left], iou_threshold)
        left = left[~after.any(dim=0)]
    return torch.cat(kept)


def batched_nms(
    boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float
) -> Tensor:
    """Indices of the boxes that no better box of their own class overlaps.

    Shifting each class to a place of its own would need a single call of `nms`, but
    large shifts round the coordinates away and negative coordinates still collide.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        labels: (N,) int64.
        iou_threshold: in [0, 1].

    Returns (K,) int64, by falling score over all classes; of equal scores the first
    comes first. Raises ValueError if the shapes or the threshold do not fit.
    """
    boxes = as_boxes(boxes.detach())
    check_one_a_box(boxes, scores=scores, labels=labels)
    check_rising(iou_threshold=iou_threshold)
    order = scores.argsort(descending=True, stable=True)
    if 0 < len(order) <= FEW:
        same = labels[order][:, None] == labels[order]
        overlap = overlaps(boxes[order], boxes[order], iou_threshold)
        return order[unsuppressed(overlap & same)]
    kept = torch.zeros_like(labels, dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        members = (labels == label).nonzero().squeeze(1)
        kept[members[nms(boxes[members], scores[members], iou_threshold)]] = True
    return order[kept[order]]


def decay(
    iou: Tensor, *, method: SoftMethod, iou_threshold: float, sigma: float
) -> Tensor:
    """What is left of a score beside a better box: (N,) IoU -> (N,) in [0, 1]."""
    if method == "gaussian":
        return torch.exp(-(iou**2) / sigma)
    return torch.where(iou < iou_threshold, 1, 1 - iou)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    *,
    method: SoftMethod = "gaussian",
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    score_threshold: float = 0.001,
) -> tuple[Tensor, Tensor]:
    """Indices and new scores after lowering the score of what overlaps a better box.

    Bodla et al. 2017: instead of dropping a box, multiply its score by 1 - IoU where
    the IoU reaches `iou_threshold` (linear), or by exp(-IoU^2 / sigma) (Gaussian).

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        method: "gaussian" or "linear".
        iou_threshold: in [0, 1], for the linear form alone.
        sigma: width of the Gaussian, positive.
        score_threshold: boxes whose score falls to it are dropped.

    Returns (K,) int64 indices and (K,) scores, by falling new score; of equal scores
    the first comes first. Raises ValueError if an argument does not fit.
    """
    boxes = as_boxes(boxes.detach())
    check_one_a_box(boxes, scores=scores)
    check_rising(iou_threshold=iou_threshold)
    check_choice("method", method, get_args(SoftMethod))
    check_above_zero(sigma=sigma)
    scores = scores.detach().clone()
    left = (scores > score_threshold).nonzero().squeeze(1)
    kept = [left[:0]]
    while len(left) > 0:
        best = scores[left].argmax()  # the first of equal scores
        kept.append(left[best].unsqueeze(0))
        left = torch.cat([left[:best], left[best + 1 :]])
        iou = box_iou(boxes[kept[-1]], boxes[left]).squeeze(0)
        scores[left] *= decay(
            iou, method=method, iou_threshold=iou_threshold, sigma=sigma
        )
        left = left[scores[left] > score_threshold]
    indices = torch.cat(kept)
    return indices, scores[indices]
