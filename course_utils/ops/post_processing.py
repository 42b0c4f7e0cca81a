"""From a score for each box and class to the detections of an image.

`select_detections` does it as detectors do; `zero_scores` does it as lectures on YOLO
draw it, with a table of scores in which ever more are set to zero.
"""

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, box_iou
from course_utils.ops.nms import batched_nms
from course_utils.ops.validators import check_at_least, check_class_scores, check_rising


def select_detections(
    boxes: Tensor,
    scores: Tensor,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    candidates: int | None = None,
) -> dict[str, Tensor]:
    """The detections of an image: `boxes`, `scores`, `labels` by falling score.

    Each class is suppressed by itself, so a box may be reported as two classes.

    Args:
        boxes: (N, 4) xyxy, which all classes share, or (N, C, 4), one per class.
        scores: (N, C) a score per class, without the background.
        score_threshold: a detection scores more than this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections to report.
        candidates: most boxes of a class that are looked at, its best ones; all if
            None.

    Returns (K, 4) boxes, (K,) scores and (K,) int64 labels from 1 to C, by falling
    score. Raises ValueError if the shapes or the thresholds do not fit.
    """
    check_class_scores(boxes, scores)
    rows, columns, values = best_of_each_class(scores, score_threshold, candidates)
    chosen = as_boxes(boxes[rows] if boxes.ndim == 2 else boxes[rows, columns])
    kept = batched_nms(chosen, values, columns, iou_threshold)[:max_detections]
    return {"boxes": chosen[kept], "scores": values[kept], "labels": columns[kept] + 1}


def best_of_each_class(
    scores: Tensor, score_threshold: float, most: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """(M,) boxes, (M,) classes and (M,) scores of what is above the threshold.

    At most the `most` best boxes of each class; of equal scores the first. Scores are
    (N, C).
    """
    rows, columns = (scores > score_threshold).nonzero(as_tuple=True)
    values = scores[rows, columns]
    if most is not None and most < len(scores):
        kept = first_of_each_class(values, columns, scores.shape[1], most)
        rows, columns, values = rows[kept], columns[kept], values[kept]
    return rows, columns, values


def first_of_each_class(
    values: Tensor, columns: Tensor, num_classes: int, most: int
) -> Tensor:
    """Places of the `most` highest values of each class, ascending.

    (M,) values and (M,) classes -> (K,) int64.
    """
    # By sorting, since topk() is free to choose among equal values.
    order = values.argsort(descending=True, stable=True)
    order = order[columns[order].argsort(stable=True)]  # class after class
    count = columns.bincount(minlength=num_classes)
    first = count.cumsum(0) - count  # where each class begins
    rank = torch.arange(len(order), device=order.device) - first[columns[order]]
    return order[rank < most].sort().values


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
    for rank, best in enumerate(order):
        if scores[best] > 0:
            later = torch.tensor(order[rank + 1 :], dtype=torch.int64)
            scores[later[overlaps[best, later]]] = 0
    return scores


def zero_scores(
    boxes: Tensor, scores: Tensor, *, score_threshold: float, iou_threshold: float
) -> Tensor:
    """What is left of each score after threshold and suppression, class by class.

    In a table of N boxes and C classes, ever more numbers become 0. What is left is
    what `select_detections` reports.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N, C), a column per class.
        score_threshold: at least 0; scores up to this become 0 first.
        iou_threshold: a box that overlaps a better one of its class more gets 0.

    Returns (N, C). Raises ValueError if the shapes or thresholds do not fit.
    """
    boxes = as_boxes(boxes)
    check_class_scores(boxes, scores)
    check_at_least(0, score_threshold=score_threshold)
    check_rising(iou_threshold=iou_threshold)
    scores = zero_low_scores(scores, score_threshold)
    columns = [
        zero_overlapped_scores(boxes, s, iou_threshold) for s in scores.unbind(1)
    ]
    return torch.stack(columns, dim=1) if columns else scores
