"""Anchors, matching and sampling beside torchvision's, at 100,000 anchors."""

from collections.abc import Callable
from functools import partial

import torch
import torchvision
from torch import Tensor
from torchvision.models.detection._utils import (
    BalancedPositiveNegativeSampler,
    Matcher,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from benchmarks.measure import Row, compare
from course_utils.ops.anchors import anchor_grid, cell_anchors, map_stride
from course_utils.ops.boxes import box_iou
from course_utils.ops.matching import match_anchors, sample_balanced

SIZES, RATIOS = (32.0, 64.0, 128.0), (0.5, 1.0, 2.0)
IMAGE, MAP = (848, 848), (106, 106)  # 101,124 anchors
OBJECTS = (1, 10, 50)


def random_objects(count: int) -> Tensor:
    """(N, 4) boxes of 30 to 230 pixels in the image."""
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(count, 2, generator=generator) * 600
    return torch.cat(
        [low, low + 30 + 200 * torch.rand(low.shape, generator=generator)], 1
    )


def our_anchors() -> Tensor:
    """All anchors of the map."""
    stride = map_stride(IMAGE, MAP)
    return anchor_grid(cell_anchors(SIZES, RATIOS), map_size=MAP, stride=stride)


def our_assignment(iou: Tensor) -> Tensor:
    """The object of each anchor."""
    return match_anchors(iou, positive_iou=0.7, negative_iou=0.3, promote_best=True)


def our_sample(truth: Tensor) -> tuple[Tensor, Tensor]:
    """256 anchors, half of them positive where there are as many."""
    labels = (truth >= 0).long().where(truth != -2, -1)
    return sample_balanced(labels, count=256, positive_fraction=0.5)


def our_targets(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """All steps from boxes to the sampled anchors."""
    return our_sample(our_assignment(box_iou(boxes, our_anchors())))


class Peer:
    """torchvision's objects for the same steps."""

    def __init__(self) -> None:
        """With the settings of its RPN."""
        self.generator = AnchorGenerator((SIZES,), (RATIOS,))
        self.matcher = Matcher(0.7, 0.3, allow_low_quality_matches=True)
        self.sampler = BalancedPositiveNegativeSampler(256, 0.5)
        self.images = ImageList(torch.zeros(1, 3, *IMAGE), [IMAGE])
        self.maps = [torch.zeros(1, 1, *MAP)]

    def anchors(self) -> Tensor:
        """All anchors of the map."""
        found: Tensor = self.generator(self.images, self.maps)[0]
        return found

    def sample(self, truth: Tensor) -> list[Tensor]:
        """The sampled anchors, and the others, as indices."""
        labels = (truth >= 0).float()
        labels[truth == -2] = -1
        masks = self.sampler([labels])
        return [torch.where(mask[0])[0] for mask in masks]

    def targets(self, boxes: Tensor) -> list[Tensor]:
        """All steps from boxes to the sampled anchors."""
        iou = torchvision.ops.box_iou(boxes, self.anchors())
        return self.sample(self.matcher(iou))


def rows() -> list[Row]:
    """The steps one by one, and all together, for few and for many objects."""
    peer, made = Peer(), []
    case = f"{len(our_anchors()):,} anchors"
    made.append(compare("anchors", case, our_anchors, "torchvision", peer.anchors))
    for count in OBJECTS:
        boxes = random_objects(count)
        iou = box_iou(boxes, our_anchors())
        truth = our_assignment(iou)
        steps: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "IoU": (
                partial(box_iou, boxes, our_anchors()),
                partial(torchvision.ops.box_iou, boxes, our_anchors()),
            ),
            "matching": (partial(our_assignment, iou), partial(peer.matcher, iou)),
            "sampling": (partial(our_sample, truth), partial(peer.sample, truth)),
            "all four": (partial(our_targets, boxes), partial(peer.targets, boxes)),
        }
        for name, (ours, theirs) in steps.items():
            row = f"{case}, {count} objects"
            made.append(compare(name, row, ours, "torchvision", theirs, seconds=1))
    return made
