"""COCO's matching of all groups, areas and thresholds at once.

A group is one class in one image. Within a group, detections must take their turn, but
groups, the four ranges of areas (A) and the ten thresholds (T) are independent: the
loop below runs over turns, and each turn is one step for all of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.metrics.coco_records import Detections, Truths
from course_utils.ops.boxes import box_area, box_overlap, ratio

# NumPy's, as in pycocotools: another way to 0.6 may differ from it in the last bit.
IOU_THRESHOLDS = torch.from_numpy(np.linspace(0.5, 0.95, 10))
# How many numbers a step may hold; it bounds the memory, not the result.
STEP_SIZE = 2**21


class Outcome(NamedTuple):
    """What became of each detection, at each range of areas and each threshold."""

    is_hit: Tensor  # (A, T, D) bool: it matched an object
    is_ignored: Tensor  # (A, T, D) bool: it counts neither as right nor as wrong


class Block(NamedTuple):
    """Some groups, padded to the same numbers of detections d and of objects g."""

    detection: Tensor  # (n, d) int64 index
    is_detection: Tensor  # (n, d) bool: not padding
    truth: Tensor  # (n, g) int64 index
    is_truth: Tensor  # (n, g) bool: not padding


def padded(start: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Indices start, start + 1, ... in rows, and whether each is below start + count.

    (n,) and (n,) -> (n, m) int64 and (n, m) bool, where m is the largest count, but at
    least 1; indices beyond the count are 0.
    """
    column = torch.arange(max(int(count.max()), 1))
    is_real = column < count[:, None]
    return (start[:, None] + column) * is_real, is_real


def blocks(detections: Detections, truths: Truths) -> Iterator[Block]:
    """All groups with detections and objects, in blocks of groups of similar size."""
    group, count = detections.group.unique_consecutive(return_counts=True)  # type: ignore[no-untyped-call]
    start = count.cumsum(0) - count
    first = torch.searchsorted(truths.group, group)
    truth_count = torch.searchsorted(truths.group, group, right=True) - first
    order = truth_count.argsort(descending=True)
    order = order[truth_count[order] > 0]
    while len(order) > 0:
        lanes = 4 * len(IOU_THRESHOLDS) * int(truth_count[order[0]])
        size = max(STEP_SIZE // lanes, 1)
        part, order = order[:size], order[size:]
        yield Block(
            *padded(start[part], count[part]), *padded(first[part], truth_count[part])
        )


def block_iou(block: Block, detections: Detections, truths: Truths) -> Tensor:
    """IoU within each group, (n, d, g); for a crowd, the share of the detection in it.

    Padding has -1, below every threshold.
    """
    found = detections.boxes[block.detection]  # (n, d, 4)
    truth = truths.boxes[block.truth]  # (n, g, 4)
    area = box_area(found.flatten(0, 1)).view(*found.shape[:2], 1)  # (n, d, 1)
    truth_area = box_area(truth.flatten(0, 1)).view(len(truth), 1, -1)  # (n, 1, g)
    overlap = box_overlap(found[:, :, None], truth[:, None])  # (n, d, g)
    crowd = truths.is_crowd[block.truth][:, None]  # (n, 1, g)
    iou = ratio(overlap, torch.where(crowd, area, area + truth_area - overlap))
    return iou.masked_fill(~block.is_truth[:, None], -1)


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


def match_all(detections: Detections, truths: Truths) -> Outcome:
    """What became of every detection of every image, class, area and threshold."""
    outside = detections.is_outside[:, None]  # (A, 1, D)
    shape = len(outside), len(IOU_THRESHOLDS), len(detections.group)
    hit, ignored = torch.zeros(2, *shape, dtype=torch.bool)
    for block in blocks(detections, truths):
        in_block = match_block(
            block_iou(block, detections, truths),
            truths.is_crowd[block.truth],
            truths.is_ignored[:, block.truth].transpose(0, 1),
        )
        real = block.is_detection.T  # (d, n)
        index = block.detection.T[real]
        hit[..., index] = in_block[0][real].movedim(0, -1)
        ignored[..., index] = in_block[1][real].movedim(0, -1)
    return Outcome(hit, ignored | (outside & ~hit))
