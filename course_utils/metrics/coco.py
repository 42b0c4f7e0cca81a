"""COCO's evaluation of detections: its twelve numbers, for all classes at once.

All detections and objects of a data set are gathered in single tensors, sorted by
group: a group is one class in one image. Within a group, detections must take their
turn, but groups, the four ranges of areas (A) and the ten thresholds (T) are
independent. So matching is one loop over turns, and each turn is one step for all.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.metrics.average_precision import (
    average_precision,
    check_pairs,
    precision_recall,
)
from course_utils.ops.boxes import as_boxes, box_area, box_overlap, ratio

# Least and greatest area in square pixels; both ends belong to a range.
AREA_RANGES = {
    "all": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}
MAX_DETECTIONS = 100  # for one class in one image; what comes after is not looked at
SMALL, MEDIUM, LARGE = 1, 2, 3  # places of the ranges; 0 is all areas
# NumPy's, as in pycocotools: another way to 0.6 may differ from it in the last bit.
IOU_THRESHOLDS = torch.from_numpy(np.linspace(0.5, 0.95, 10))
# How many numbers a step may hold; it bounds the memory, not the result.
STEP_SIZE = 2**21


class Detections(NamedTuple):
    """D detections, sorted by class, image and falling score."""

    group: Tensor  # (D,) int64: label * images + image
    rank: Tensor  # (D,) int64: place in its group, from 0
    scores: Tensor  # (D,) float64
    boxes: Tensor  # (D, 4) float64 xyxy
    is_outside: Tensor  # (A, D) bool: not in this range of areas


class GroundTruth(NamedTuple):
    """G objects, sorted by class and image."""

    group: Tensor  # (G,) int64: label * images + image
    boxes: Tensor  # (G, 4) float64 xyxy
    is_crowd: Tensor  # (G,) bool
    is_ignored: Tensor  # (A, G) bool: a crowd, or not in this range of areas


class Outcome(NamedTuple):
    """What became of each detection, at each range of areas and each threshold."""

    is_hit: Tensor  # (A, T, D) bool: it matched an object
    is_ignored: Tensor  # (A, T, D) bool: it counts neither as right nor as wrong


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
    check_pairs(predictions, targets)
    detections, objects = gather_detections(predictions), gather_ground_truth(targets)
    outcome = match_all(detections, objects)
    # Where nothing is to be found, any class will do: all its numbers are -1.
    labels = sorted(set((objects.group // max(len(targets), 1)).tolist())) or [0]
    rows = [
        evaluate_class(label, len(targets), detections, objects, outcome)
        for label in labels
    ]
    figures = twelve_numbers(ClassScores(*map(torch.stack, zip(*rows, strict=True))))
    known = dict(zip(labels, rows, strict=True))
    for label, name in enumerate(class_names or ()):
        if label > 0:
            figures[f"AP/{name}"] = mean(known[label].ap[0]) if label in known else -1.0
    return figures


def evaluate_class(
    label: int,
    num_images: int,
    detections: Detections,
    objects: GroundTruth,
    outcome: Outcome,
) -> ClassScores:
    """What one class reaches; -1 in the ranges of areas where it has no objects."""
    ends = torch.tensor([label, label + 1]) * num_images
    low, high = torch.searchsorted(objects.group, ends).tolist()
    number = (~objects.is_ignored[:, low:high]).sum(1)[:, None].double()  # (A, 1)
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


def outside_ranges(areas: Tensor) -> Tensor:
    """Whether each area lies outside each of the four ranges: (N,) -> (A, N) bool."""
    ranges = torch.tensor(list(AREA_RANGES.values()), dtype=torch.float64)
    low, high = ranges.unbind(1)
    return (areas < low[:, None]) | (areas > high[:, None])


def join_entries(
    images: Sequence[Mapping[str, Tensor]], name: str, like: Tensor
) -> Tensor:
    """One entry of all images in a row, on the CPU, with the type of `like`.

    Raises ValueError if an image has another number of them than of boxes.
    """
    for index, image in enumerate(images):
        expected, received = len(image["boxes"]), len(image[name])
        if expected != received:
            raise ValueError(
                f"image {index} has {expected} boxes, but {received} {name}: as many "
                "of each were expected, one for each box"
            )
    parts = [image[name].detach().to(like) for image in images]
    return torch.cat([like, *parts])


def join_boxes(images: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """All boxes (N, 4) in float64, and their groups (N,): label * images + image."""
    boxes = [as_boxes(image["boxes"].detach()).double().cpu() for image in images]
    labels = join_entries(images, "labels", torch.zeros(0, dtype=torch.int64))
    sizes = torch.tensor([len(part) for part in boxes], dtype=torch.int64)
    image = torch.arange(len(images)).repeat_interleave(sizes)
    return torch.cat([torch.zeros(0, 4).double(), *boxes]), labels * len(images) + image


def gather_detections(predictions: Sequence[Mapping[str, Tensor]]) -> Detections:
    """The best `MAX_DETECTIONS` of each class and image, of all images."""
    boxes, group = join_boxes(predictions)
    scores = join_entries(predictions, "scores", torch.zeros(0, dtype=torch.float64))
    order = scores.argsort(descending=True, stable=True)
    order = order[group[order].argsort(stable=True)]
    group = group[order]
    # Sorted, a group begins where it would be inserted.
    rank = torch.arange(len(group)) - torch.searchsorted(group, group)
    order, kept = order[rank < MAX_DETECTIONS], rank < MAX_DETECTIONS
    boxes = boxes[order]
    outside = outside_ranges(box_area(boxes))
    return Detections(group[kept], rank[kept], scores[order], boxes, outside)


def gather_ground_truth(targets: Sequence[Mapping[str, Tensor]]) -> GroundTruth:
    """The objects of all images, with `is_crowd` and `area` where they are given."""
    full = [
        {
            "is_crowd": torch.zeros(len(target["boxes"]), dtype=torch.bool),
            "area": box_area(as_boxes(target["boxes"]).double()),
        }
        | dict(target)
        for target in targets
    ]
    boxes, group = join_boxes(full)
    crowd = join_entries(full, "is_crowd", torch.zeros(0, dtype=torch.bool))
    outside = outside_ranges(
        join_entries(full, "area", torch.zeros(0, dtype=torch.float64))
    )
    order = group.argsort(stable=True)
    return GroundTruth(
        group[order], boxes[order], crowd[order], (outside | crowd)[:, order]
    )


class Block(NamedTuple):
    """Some groups, padded to the same numbers of detections d and of objects g."""

    detection: Tensor  # (n, d) int64 index
    is_detection: Tensor  # (n, d) bool: not padding
    object: Tensor  # (n, g) int64 index
    is_object: Tensor  # (n, g) bool: not padding


def pad_indices(start: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Indices start, start + 1, ... in rows, and whether each is below start + count.

    (n,) and (n,) -> (n, m) int64 and (n, m) bool, where m is the largest count, but at
    least 1; indices beyond the count are 0.
    """
    column = torch.arange(max(int(count.max()), 1))
    is_real = column < count[:, None]
    return (start[:, None] + column) * is_real, is_real


def blocks(detections: Detections, objects: GroundTruth) -> Iterator[Block]:
    """All groups with detections and objects, in blocks of groups of similar size."""
    group, count = detections.group.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    start = count.cumsum(0) - count
    first = torch.searchsorted(objects.group, group)
    object_count = torch.searchsorted(objects.group, group, right=True) - first
    order = object_count.argsort(descending=True)
    order = order[object_count[order] > 0]
    while len(order) > 0:
        lanes = 4 * len(IOU_THRESHOLDS) * int(object_count[order[0]])
        size = max(STEP_SIZE // lanes, 1)
        part, order = order[:size], order[size:]
        yield Block(
            *pad_indices(start[part], count[part]),
            *pad_indices(first[part], object_count[part]),
        )


def block_iou(block: Block, detections: Detections, objects: GroundTruth) -> Tensor:
    """IoU within each group, (n, d, g); for a crowd, the share of the detection in it.

    Padding has -1, below every threshold.
    """
    found = detections.boxes[block.detection]  # (n, d, 4)
    boxes = objects.boxes[block.object]  # (n, g, 4)
    area = box_area(found.flatten(0, 1)).view(*found.shape[:2], 1)  # (n, d, 1)
    object_area = box_area(boxes.flatten(0, 1)).view(len(boxes), 1, -1)  # (n, 1, g)
    overlap = box_overlap(found[:, :, None], boxes[:, None])  # (n, d, g)
    crowd = objects.is_crowd[block.object][:, None]  # (n, 1, g)
    iou = ratio(overlap, torch.where(crowd, area, area + object_area - overlap))
    return iou.masked_fill(~block.is_object[:, None], -1)


def match_block(iou: Tensor, crowd: Tensor, ignored: Tensor) -> tuple[Tensor, Tensor]:
    """Let the detections of each group choose in turn, at every area and threshold.

    A detection takes the free object of highest IoU at or above the threshold: one that
    counts if there is any, otherwise one that is ignored. Crowds are always free. Of
    equal IoU the last is taken, as in pycocotools.

    (n, d, g) IoU, (n, g) crowds and (n, A, g) ignored objects -> twice (d, n, A, T)
    bool: what hit anything, and what hit an ignored object.
    """
    number = iou.shape[-1]
    # Places instead of IoUs are never equal: 1 for the worst object, g for the best.
    place = iou.argsort(dim=-1, stable=True).argsort(dim=-1) + 1  # (n, d, g)
    counts = ignored.logical_not() * number  # (n, A, g)
    enough = iou[:, :, None] >= IOU_THRESHOLDS[:, None]  # (n, d, T, g)
    free = torch.ones(*ignored.shape[:2], *enough.shape[2:], dtype=torch.bool)
    best = []
    for turn in range(iou.shape[1]):
        key = (place[:, turn, None] + counts)[:, :, None].int()  # (n, A, 1, g)
        wish = key * (enough[:, turn, None] & free)  # (n, A, T, g)
        best.append(wish.amax(dim=-1))  # (n, A, T)
        taken = (wish == best[-1][..., None]) & (wish > 0)
        free &= ~taken | crowd[:, None, None]
    keys = torch.stack(best)
    return keys > 0, (keys > 0) & (keys <= number)


def match_all(detections: Detections, objects: GroundTruth) -> Outcome:
    """What became of every detection of every image, class, area and threshold."""
    outside = detections.is_outside[:, None]  # (A, 1, D)
    shape = len(outside), len(IOU_THRESHOLDS), len(detections.group)
    hit, ignored = torch.zeros(2, *shape, dtype=torch.bool)
    for block in blocks(detections, objects):
        in_block = match_block(
            block_iou(block, detections, objects),
            objects.is_crowd[block.object],
            objects.is_ignored[:, block.object].transpose(0, 1),
        )
        real = block.is_detection.T  # (d, n)
        index = block.detection.T[real]
        hit[..., index] = in_block[0][real].movedim(0, -1)
        ignored[..., index] = in_block[1][real].movedim(0, -1)
    return Outcome(hit, ignored | (outside & ~hit))
