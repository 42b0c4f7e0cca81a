"""How good proposals are: best overlap, recall and MABO against the number of boxes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.boxes import box_iou


class ProposalCurve(NamedTuple):
    """What the first so many boxes of each image reach; NaN if there is no object."""

    counts: Tensor  # (K,) int64, how many boxes an image were looked at, at most
    boxes: Tensor  # (K,) float64, how many there were on average
    recall: Tensor  # (K,) float64, share of objects with IoU at least the threshold
    mabo: Tensor  # (K,) float64, mean over classes of the mean best overlap


def best_overlaps(
    proposals: Tensor, objects: Tensor, *, counts: Sequence[int]
) -> Tensor:
    """How well the first boxes cover each object: the best IoU among them.

    Args:
        proposals: (N, 4) xyxy boxes, best first.
        objects: (T, 4) xyxy.
        counts: how many boxes to look at; more than there are means all.

    Returns (K, T), 0 where there is no box to look at. Raises ValueError for a count
    below 0.
    """
    if min(counts, default=0) < 0:
        raise ValueError(f"counts are {list(counts)}, but at least 0 was expected")
    iou = box_iou(proposals, objects)  # (N, T)
    nothing = iou.new_zeros(1, iou.shape[1])
    best = torch.cat([nothing, iou]).cummax(dim=0).values  # row i: of the first i boxes
    return best[torch.tensor(counts, dtype=torch.int64).clamp(max=len(iou))]


def mean_average_best_overlap(overlaps: Tensor, labels: Tensor) -> Tensor:
    """MABO: the mean best overlap of each class, averaged over the classes.

    (..., T) best overlaps and (T,) labels -> (...); NaN if there is no object.
    """
    classes = sorted(set(labels.tolist()))
    means = [overlaps[..., labels == label].mean(dim=-1) for label in classes]
    if not means:
        return overlaps.new_full(overlaps.shape[:-1], float("nan"))
    return torch.stack(means).mean(dim=0)


def evaluate_proposals(
    proposals: Sequence[Tensor],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    counts: Sequence[int] = (25, 50, 100, 200, 400),
    iou_threshold: float = 0.5,
) -> ProposalCurve:
    """Recall and MABO of the first boxes of every image.

    Args:
        proposals: (N, 4) xyxy boxes of each image, best first.
        targets: `boxes` (T, 4) and `labels` (T,) of each image.
        counts: numbers of boxes an image to look at.
        iou_threshold: least IoU at which an object counts as found.

    Raises ValueError unless there are as many targets as images with proposals.
    """
    if len(proposals) != len(targets):
        raise ValueError(
            f"there are proposals for {len(proposals)} images and {len(targets)} "
            "targets, but one target for each image was expected"
        )
    per_image = [
        best_overlaps(boxes.double(), target["boxes"].double(), counts=counts)
        for boxes, target in zip(proposals, targets, strict=True)
    ]
    none = torch.zeros(len(counts), 0, dtype=torch.float64)
    overlaps = torch.cat([none, *per_image], dim=1)  # (K, all objects)
    labels = torch.cat([none.new_zeros(0).long(), *(t["labels"] for t in targets)])
    count = torch.tensor(counts, dtype=torch.int64)
    there = torch.tensor([len(boxes) for boxes in proposals], dtype=torch.float64)
    return ProposalCurve(
        count,
        there.minimum(count[:, None]).mean(dim=1),
        (overlaps >= iou_threshold).double().mean(dim=1),
        mean_average_best_overlap(overlaps, labels),
    )
