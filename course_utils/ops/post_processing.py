"""From a score for each box and class to the detections of an image."""

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes
from course_utils.ops.nms import batched_nms


def select_detections(
    boxes: Tensor,
    scores: Tensor,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    candidates: int | None = None,
) -> dict[str, Tensor]:
    """What detectors without proposals report: `boxes`, `scores`, `labels`.

    All classes share a box, and each is suppressed by itself. So one box can be
    reported as two classes.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N, C) a score a class, without the background.
        score_threshold: a detection scores more than this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections to report.
        candidates: most boxes of a class that are looked at, its best ones; all if
            None.

    Returns (K, 4) boxes, (K,) scores and (K,) int64 labels from 1 to C, by falling
    score. Raises ValueError if the shapes or the thresholds do not fit.
    """
    boxes = as_boxes(boxes)
    if scores.ndim != 2 or len(scores) != len(boxes):
        raise ValueError(
            f"scores has shape {tuple(scores.shape)}, but ({len(boxes)}, classes) was "
            "expected: a row for each box, without a column for the background"
        )
    rows, columns, values = best_of_each_class(scores, score_threshold, candidates)
    kept = batched_nms(boxes[rows], values, columns, iou_threshold)[:max_detections]
    return {
        "boxes": boxes[rows[kept]],
        "scores": values[kept],
        "labels": columns[kept] + 1,
    }


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
