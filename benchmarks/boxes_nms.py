"""IoU and suppression beside torchvision, on spread boxes and on heaps of them."""

import functools

import torch
import torchvision
from torch import Tensor

from benchmarks.measure import Row, compare
from course_utils.ops.boxes import box_iou, generalized_box_iou
from course_utils.ops.nms import batched_nms, nms

SIZES = (100, 1_000, 10_000)


def spread_boxes(number: int, generator: torch.Generator) -> Tensor:
    """(N, 4) boxes of 10 to 110 pixels, anywhere in an image of 800 x 800."""
    low = torch.rand(number, 2, generator=generator) * 700
    return torch.cat(
        [low, low + 10 + torch.rand(low.shape, generator=generator) * 100], 1
    )


def heaped_boxes(number: int, generator: torch.Generator) -> Tensor:
    """(N, 4) boxes in heaps of 50 about the same object, as detectors make them."""
    objects = spread_boxes(max(number // 50, 1), generator).repeat(50, 1)[:number]
    jitter = torch.randn(objects.shape, generator=generator)
    size = (objects[:, 2:] - objects[:, :2]).repeat(1, 2)
    return objects + 0.05 * size * jitter


def rows() -> list[Row]:
    """Times at 100, 1,000 and 10,000 boxes."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for number in SIZES:
        case = f"{number:,} boxes"
        spread = spread_boxes(number, generator)
        others = spread_boxes(min(number, 1_000), generator)
        made += overlap_rows(f"{case} x {len(others):,}", spread, others)
        scores = torch.rand(number, generator=generator)
        labels = torch.randint(1, 8, (number,), generator=generator)
        for kind, boxes in {
            "spread": spread,
            "heaped": heaped_boxes(number, generator),
        }.items():
            made += suppression_rows(f"{case}, {kind}", boxes, scores, labels)
    return made


def overlap_rows(case: str, a: Tensor, b: Tensor) -> list[Row]:
    """IoU and GIoU of every pair."""
    return [
        compare(
            ours.__name__,
            case,
            functools.partial(ours, a, b),
            "torchvision",
            functools.partial(peer, a, b),
        )
        for ours, peer in [
            (box_iou, torchvision.ops.box_iou),
            (generalized_box_iou, torchvision.ops.generalized_box_iou),
        ]
    ]


def suppression_rows(
    case: str, boxes: Tensor, scores: Tensor, labels: Tensor
) -> list[Row]:
    """Greedy suppression of all, and of each of seven classes, at IoU 0.5."""
    peer = torchvision.ops.nms(boxes, scores, 0.5)
    if not torch.equal(nms(boxes, scores, 0.5), peer):
        raise AssertionError(f"{case}: other boxes are kept than by torchvision")
    return [
        compare(
            "nms",
            case,
            lambda: nms(boxes, scores, 0.5),
            "torchvision",
            lambda: torchvision.ops.nms(boxes, scores, 0.5),
            note=f"{len(peer):,} kept",
        ),
        compare(
            "batched_nms",
            f"{case}, 7 classes",
            lambda: batched_nms(boxes, scores, labels, 0.5),
            "torchvision",
            lambda: torchvision.ops.batched_nms(boxes, scores, labels, 0.5),
        ),
    ]
