"""From a score for each box and class to the detections of an image."""

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
    if most is None or most >= len(scores):
        rows, columns = (scores > score_threshold).nonzero(as_tuple=True)
        return rows, columns, scores[rows, columns]
    # By sorting, since topk() is free to choose among equal scores.
    best, order = scores.sort(dim=0, descending=True, stable=True)
    best, order = best[:most], order[:most]  # (most, C)
    places, columns = (best > score_threshold).nonzero(as_tuple=True)
    return order[places, columns], columns, best[places, columns]
