"""COCO's evaluation of detections: its twelve numbers, for all classes at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.metrics.average_precision import average_precision, precision_recall
from course_utils.metrics.coco_matching import Outcome, match_all
from course_utils.metrics.coco_records import (
    Detections,
    Truths,
    gather_detections,
    gather_truths,
)

SMALL, MEDIUM, LARGE = 1, 2, 3  # places of the ranges; 0 is all areas


class ClassScores(NamedTuple):
    """Scores of one class (A, T), or of K classes (K, A, T); -1 without objects."""

    ap: Tensor
    recall_1: Tensor
    recall_10: Tensor
    recall_100: Tensor


def evaluate_detections(
    predictions: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    class_names: Sequence[str] | None = None,
) -> dict[str, float]:
    """COCO's twelve numbers by name, each in [0, 1], or -1 where it has no meaning.

    `AP` is the mean over classes and the IoU thresholds 0.50, 0.55, ... 0.95; `AP50`
    and `AP75` are at one threshold; `AP_small`, `AP_medium`, `AP_large` count objects
    of below 32^2, up to 96^2, and more square pixels. `AR_1`, `AR_10`, `AR_100` are the
    recall with so many detections of a class in an image. Classes without objects do
    not count.

    Args:
        predictions: for each image, `boxes` (D, 4) xyxy, `scores` (D,), `labels` (D,).
        targets: for each image, `boxes` (T, 4) xyxy and `labels` (T,); also, where
            known, `is_crowd` (T,) bool, boxes that any number of detections may hit
            without being counted, and `area` (T,) of the object rather than its box.
        class_names: by label, so that `AP/name` is added for each but the background.

    Raises ValueError if there are not as many predictions as targets, or an image has
    not as many scores or labels as boxes.
    """
    if len(predictions) != len(targets):
        raise ValueError(
            f"there are predictions for {len(predictions)} images and targets for "
            f"{len(targets)}, but as many of each were expected: give an image "
            "without detections empty tensors"
        )
    detections, truths = gather_detections(predictions), gather_truths(targets)
    outcome = match_all(detections, truths)
    # Where nothing is to be found, any class will do: all its numbers are -1.
    labels = sorted(set((truths.group // max(len(targets), 1)).tolist())) or [0]
    rows = [
        class_scores(label, len(targets), detections, truths, outcome)
        for label in labels
    ]
    figures = twelve_numbers(ClassScores(*map(torch.stack, zip(*rows, strict=True))))
    known = dict(zip(labels, rows, strict=True))
    for label, name in enumerate(class_names or ()):
        if label > 0:
            figures[f"AP/{name}"] = mean(known[label].ap[0]) if label in known else -1.0
    return figures


def class_scores(
    label: int,
    num_images: int,
    detections: Detections,
    truths: Truths,
    outcome: Outcome,
) -> ClassScores:
    """What one class reaches; -1 in the ranges of areas where it has no objects."""
    ends = torch.tensor([label, label + 1]) * num_images
    low, high = torch.searchsorted(truths.group, ends).tolist()
    number = (~truths.is_ignored[:, low:high]).sum(1)[:, None].double()  # (A, 1)
    low, high = torch.searchsorted(detections.group, ends).tolist()
    order = detections.scores[low:high].argsort(descending=True, stable=True) + low
    rank, counted = detections.rank[order], ~outcome.is_ignored[..., order]
    right = outcome.is_hit[..., order] & counted  # (A, T, D)
    ap = torch.full(right.shape[:2], -1.0).double()
    for area, threshold in (number > 0).expand_as(ap).nonzero().tolist():
        hits = right[area, threshold][counted[area, threshold]]
        curve = precision_recall(hits, int(number[area]))
        ap[area, threshold] = average_precision(*curve, method="coco")
    recalls = [
        torch.where(number > 0, right[..., rank < most].sum(-1) / number, -1.0)
        for most in (1, 10, 100)
    ]
    return ClassScores(ap, *recalls)


def mean(values: Tensor) -> float:
    """The mean of what has a meaning, which is not -1; -1 where nothing has."""
    values = values[values > -1]
    return float(values.mean()) if len(values) > 0 else -1.0


def twelve_numbers(scores: ClassScores) -> dict[str, float]:
    """COCO's summary of the (K, A, T) scores of all classes."""
    ap, ar = scores.ap, scores.recall_100
    at_50, at_75 = 0, 5  # places of the IoU thresholds 0.5 and 0.75
    figures = {
        "AP": ap[:, 0],
        "AP50": ap[:, 0, at_50],
        "AP75": ap[:, 0, at_75],
        "AP_small": ap[:, SMALL],
        "AP_medium": ap[:, MEDIUM],
        "AP_large": ap[:, LARGE],
        "AR_1": scores.recall_1[:, 0],
        "AR_10": scores.recall_10[:, 0],
        "AR_100": ar[:, 0],
        "AR_small": ar[:, SMALL],
        "AR_medium": ar[:, MEDIUM],
        "AR_large": ar[:, LARGE],
    }
    return {name: mean(values) for name, values in figures.items()}
