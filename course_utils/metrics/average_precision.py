"""One class at one threshold: matching, the precision-recall curve, and its area.

What a lesson needs to see how average precision comes about. `coco.py` does the same
for all classes and thresholds at once, with crowds and sizes.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.boxes import box_iou
from course_utils.ops.validators import check_choice

MatchingRule = Literal["coco", "voc"]
Method = Literal["voc2007", "voc2010", "coco"]


class Matches(NamedTuple):
    """The detections of one class in all images, by falling score."""

    scores: Tensor  # (D,)
    hits: Tensor  # (D,) bool, whether each found an object of its own
    num_objects: int  # how many objects there were to find


class PrecisionRecall(NamedTuple):
    """After each detection, what share of objects is found, and of detections right."""

    recall: Tensor  # (D,) float64
    precision: Tensor  # (D,) float64


def check_pairs(predictions: Sequence[object], targets: Sequence[object]) -> None:
    """Raise ValueError unless there are as many predictions as targets."""
    if len(predictions) != len(targets):
        raise ValueError(
            f"there are predictions for {len(predictions)} images and targets for "
            f"{len(targets)}, but as many of each were expected: give an image "
            "without detections empty tensors"
        )


def match_boxes(
    boxes: Tensor,
    objects: Tensor,
    *,
    iou_threshold: float = 0.5,
    rule: MatchingRule = "coco",
) -> Tensor:
    """Which detections of one class in one image find an object of their own.

    In turn, each detection claims the object that it overlaps most, and hits if nobody
    did before and the IoU is at least the threshold. By VOC's rule it asks for that one
    object alone; by COCO's rule, for the best of those still free.

    Args:
        boxes: (D, 4) xyxy detections, by falling score.
        objects: (T, 4) xyxy.
        iou_threshold: minimum IoU of a hit.
        rule: "coco" or "voc".

    Returns (D,) bool.
    """
    check_choice("rule", rule, get_args(MatchingRule))
    iou = box_iou(boxes, objects)  # (D, T)
    hits = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    free = torch.ones(len(objects), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes) if len(objects) else 0):
        best = (iou[i] * free if rule == "coco" else iou[i]).argmax()
        hits[i] = free[best] & (iou[i, best] >= iou_threshold)
        free[best] &= ~hits[i]
    return hits


def of_class(prediction: Mapping[str, Tensor], label: int) -> tuple[Tensor, Tensor]:
    """Scores (D,) and boxes (D, 4) of one class in one image, by falling score."""
    chosen = prediction["labels"] == label
    scores, order = prediction["scores"][chosen].sort(descending=True, stable=True)
    return scores, prediction["boxes"][chosen][order]


def match_detections(
    predictions: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    label: int,
    iou_threshold: float = 0.5,
    rule: MatchingRule = "coco",
) -> Matches:
    """Which detections of one class are hits, over all images, by falling score.

    Args:
        predictions: for each image, `boxes` (D, 4) xyxy, `scores` (D,), `labels` (D,).
        targets: for each image, `boxes` (T, 4) xyxy and `labels` (T,).
        label: the class to look at.
        iou_threshold: minimum IoU of a hit.
        rule: "coco" or "voc", as in `match_boxes`.

    Returns them on the CPU, wherever predictions and targets are.
    """
    check_pairs(predictions, targets)
    scores, hits, num_objects = [torch.zeros(0)], [torch.zeros(0, dtype=torch.bool)], 0
    for prediction, target in zip(predictions, targets, strict=True):
        image_scores, boxes = of_class(prediction, label)
        objects = target["boxes"][target["labels"] == label].to(boxes.device)
        image_hits = match_boxes(boxes, objects, iou_threshold=iou_threshold, rule=rule)
        scores.append(image_scores.cpu())
        hits.append(image_hits.cpu())
        num_objects += len(objects)
    by_score = torch.cat(scores).argsort(descending=True, stable=True)
    return Matches(torch.cat(scores)[by_score], torch.cat(hits)[by_score], num_objects)


def check_num_objects(num_objects: int) -> None:
    """Raise ValueError unless there is an object to find."""
    if num_objects < 1:
        raise ValueError(
            f"num_objects is {num_objects}, but at least 1 object was expected: "
            "leave out classes that are in no image"
        )


def precision_recall(hits: Tensor, num_objects: int) -> PrecisionRecall:
    """Recall and precision after each detection.

    Args:
        hits: (D,) bool, by falling score.
        num_objects: how many objects there were to find. Raises ValueError if none:
            then recall has no meaning, and COCO leaves the class out.
    """
    check_num_objects(num_objects)
    found = hits.double().cumsum(0)  # (D,)
    made = torch.arange(1, len(hits) + 1, device=hits.device)
    return PrecisionRecall(found / num_objects, found / made)


def average_precision(recall: Tensor, precision: Tensor, *, method: Method) -> float:
    """Area under a precision-recall curve, read as a benchmark reads it.

    First, precision at a recall becomes the best precision at that recall or more.

    Args:
        recall: (D,) rising, as from `precision_recall`.
        precision: (D,).
        method: "voc2007" takes the mean at recall 0, 0.1, ... 1; "coco" at 0, 0.01,
            ... 1; "voc2010" takes the whole area.

    Returns a value in [0, 1]; 0 where there are no detections.
    """
    check_choice("method", method, get_args(Method))
    envelope = precision.flip(0).cummax(0).values.flip(0)  # (D,)
    if method == "voc2010":
        steps = recall.diff(prepend=recall.new_zeros(1))
        return float((steps * envelope).sum())
    grid = recall_grid(method).to(recall)
    # A last place of precision 0 stands for the recall that was never reached.
    padded = torch.cat([envelope, envelope.new_zeros(1)])
    return float(padded[torch.searchsorted(recall.contiguous(), grid)].mean())


def recall_grid(method: Method) -> Tensor:
    """Where a benchmark reads the precision: (11,) or (101,) float64 from 0 to 1."""
    if method == "voc2007":
        return torch.arange(11, dtype=torch.float64) / 10
    # Not arange / 100: it differs in the last bit, so that a recall of 7 / 100 would
    # count at 0.07, which pycocotools does not do.
    return torch.from_numpy(np.linspace(0, 1, 101))
