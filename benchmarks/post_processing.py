"""From the answers for 8,732 boxes to detections, beside torchvision's operations."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from benchmarks.measure import Row, compare
from course_utils.ops.default_boxes import (
    SSD300_MAPS,
    SSD300_STRIDES,
    default_boxes,
)
from course_utils.ops.post_processing import select_detections

CLASSES = 20
SETTINGS: dict[str, dict[str, Any]] = {
    "SSD": {
        "score_threshold": 0.01,
        "iou_threshold": 0.45,
        "candidates": 400,
        "max_detections": 200,
    },
    "YOLO": {"score_threshold": 0.2, "iou_threshold": 0.5, "max_detections": 100},
}


def make_answers(sure: float) -> tuple[Tensor, Tensor]:
    """Boxes and scores such as a detector gives: a few sure ones, else background.

    `sure` is the share of boxes that have found something.
    """
    generator = torch.Generator().manual_seed(0)
    sides = [(side, side) for side in SSD300_MAPS]
    boxes = default_boxes(sides, (300, 300), strides=SSD300_STRIDES)
    boxes = boxes + 2 * torch.randn(boxes.shape, generator=generator)
    logits = torch.randn(len(boxes), CLASSES + 1, generator=generator)
    logits[:, 0] += 6
    found = torch.rand(len(boxes), generator=generator) < sure
    labels = torch.randint(1, CLASSES + 1, (int(found.sum()),), generator=generator)
    logits[found, labels] += 7
    return boxes.clamp(0, 300), logits.softmax(dim=1)[:, 1:]


def by_torchvision(
    boxes: Tensor,
    scores: Tensor,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    candidates: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The loop over classes of torchvision's SSD, with its own operations."""
    parts: tuple[list[Tensor], ...] = ([], [], [])
    for label in range(scores.shape[1]):
        rows = (scores[:, label] > score_threshold).nonzero().squeeze(1)
        most = len(rows) if candidates is None else min(candidates, len(rows))
        best, order = scores[rows, label].topk(most)
        for part, value in zip(
            parts,
            (boxes[rows[order]], best, torch.full_like(order, label + 1)),
            strict=True,
        ):
            part.append(value)
    found, values, labels = (torch.cat(part) for part in parts)
    kept = batched_nms(found, values, labels, iou_threshold)[:max_detections]
    return found[kept], values[kept], labels[kept]


def rows() -> list[Row]:
    """One row for the settings of each paper, with few boxes on objects and many."""
    found = []
    for name, settings in SETTINGS.items():
        for words, sure in {"few": 0.005, "many": 0.05}.items():
            answers = make_answers(sure)
            ours = partial(select_detections, *answers, **settings)
            theirs = partial(by_torchvision, *answers, **settings)
            expected = theirs()[1]
            if not torch.allclose(ours()["scores"], expected, atol=1e-6):
                raise RuntimeError(f"{name}: other detections than torchvision's")
            case = f"{len(answers[0]):,} boxes, {words} on objects"
            found.append(compare(name, case, ours, "torchvision", theirs))
    return found
