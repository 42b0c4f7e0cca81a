"""Per-class suppression as lectures on YOLO draw it: scores that are set to zero."""

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, box_iou


def zero_low_scores(scores: Tensor, score_threshold: float) -> Tensor:
    """The scores, with 0 in place of those that are not above the threshold."""
    return scores.where(scores > score_threshold, 0)


def zero_overlapped_scores(
    boxes: Tensor, scores: Tensor, iou_threshold: float
) -> Tensor:
    """The scores of one class after suppression: 0 where a better box overlaps more.

    Boxes are taken by falling score; of equal scores the first comes first. Each whose
    score is not 0 by then sets that of every later box to 0 whose IoU with it is above
    the threshold. What is not 0 at the end is what `nms` keeps.

    (N, 4) xyxy boxes and (N,) scores >= 0 -> (N,).
    """
    boxes, scores = as_boxes(boxes), scores.clone()
    order = scores.argsort(descending=True, stable=True).tolist()
    overlaps = box_iou(boxes, boxes).double() > iou_threshold
    for turn, best in enumerate(order):
        if scores[best] > 0:
            later = torch.tensor(order[turn + 1 :], dtype=torch.int64)
            scores[later[overlaps[best, later]]] = 0
    return scores


def zero_scores(
    boxes: Tensor, scores: Tensor, *, score_threshold: float, iou_threshold: float
) -> Tensor:
    """What is left of each score after threshold and suppression, class by class.

    The slides' way: a table of N boxes and C classes in which ever more numbers become
    0. What is left is what `select_detections` reports.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N, C), a column a class.
        score_threshold: at least 0; scores up to this become 0 first.
        iou_threshold: a box that overlaps a better one of its class more gets 0.

    Returns (N, C). Raises ValueError if the shapes or thresholds do not fit.
    """
    boxes = as_boxes(boxes)
    if scores.ndim != 2 or len(scores) != len(boxes):
        raise ValueError(
            f"scores has shape {tuple(scores.shape)}, but ({len(boxes)}, classes) was "
            "expected: a row for each box"
        )
    if score_threshold < 0 or not 0 <= iou_threshold <= 1:
        raise ValueError(
            f"score_threshold is {score_threshold} and iou_threshold {iou_threshold}, "
            "but at least 0, and a value in [0, 1], were expected"
        )
    scores = zero_low_scores(scores, score_threshold)
    columns = [
        zero_overlapped_scores(boxes, s, iou_threshold) for s in scores.unbind(1)
    ]
    return torch.stack(columns, dim=1) if columns else scores
