"""Matching, mining, losses and whole steps of SSD beside torchvision's."""

from functools import partial

import torch
from torch import Tensor
from torchvision.models.detection._utils import SSDMatcher
from torchvision.ops import box_iou

from benchmarks.measure import Row, compare, take_step
from course_utils.data.tabletop import CLASS_NAMES, Tabletop
from course_utils.models.backbones import Backbone
from course_utils.models.model import Target
from course_utils.models.peers.ssd import TorchvisionSSD
from course_utils.models.ssd import (
    SSD,
    LastMaps,
    SSDOutputs,
    label_default_boxes,
    losses_from_outputs,
)
from course_utils.ops.default_boxes import (
    SSD300_MAPS,
    SSD300_STRIDES,
    default_boxes,
)
from course_utils.training.batches import load_batch, move_batch

BATCH, CLASSES, OBJECTS = 8, 21, 8
WARM_UP = 30
WIDTHS = (24, 48, 96, 128, 128)


def make_pair() -> tuple[SSD, TorchvisionSSD]:
    """The detector of lesson 06 and torchvision's with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours = SSD(
            LastMaps(Backbone(WIDTHS)),
            num_classes=len(CLASS_NAMES),
            scales=(0.18, 0.3, 0.45, 0.65),
            ratios=((2,), (2,), (2,)),
        )
        return ours, TorchvisionSSD(ours)


def make_batch() -> tuple[Tensor, list[Target]]:
    """One batch of scenes."""
    batch = load_batch(Tabletop(BATCH, truth=()), range(BATCH))
    return move_batch(*batch, torch.device("cpu"))


def make_outputs() -> tuple[SSDOutputs, list[Target]]:
    """What heads of SSD300 might answer for a batch, and what is there."""
    generator = torch.Generator().manual_seed(0)
    boxes = default_boxes(
        [(side, side) for side in SSD300_MAPS], (300, 300), strides=SSD300_STRIDES
    )
    targets = []
    for _ in range(BATCH):
        low = torch.rand(OBJECTS, 2, generator=generator) * 200
        sides = 20 + torch.rand(OBJECTS, 2, generator=generator) * 80
        labels = torch.randint(1, CLASSES, (OBJECTS,), generator=generator)
        targets.append(
            {"boxes": torch.cat([low, low + sides], dim=1), "labels": labels}
        )
    logits = torch.randn(BATCH, len(boxes), CLASSES, generator=generator)
    deltas = torch.randn(BATCH, len(boxes), 4, generator=generator)
    outputs = SSDOutputs(logits.requires_grad_(), deltas.requires_grad_(), boxes)
    return outputs, targets


def match_ours(boxes: Tensor, targets: list[Target]) -> list[Tensor]:
    """The labels of all default boxes of each image."""
    return [label_default_boxes(boxes, target)[0] for target in targets]


def match_theirs(boxes: Tensor, targets: list[Target]) -> list[Tensor]:
    """The objects of all default boxes of each image, as torchvision's SSD does it."""
    matcher = SSDMatcher(0.5)
    return [matcher(box_iou(target["boxes"], boxes)) for target in targets]


def learn_ours(model: SSD, outputs: SSDOutputs, targets: list[Target]) -> None:
    """Matching, mining, losses and their gradient."""
    losses = losses_from_outputs(outputs, targets, model.settings)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]


def learn_theirs(
    model: TorchvisionSSD, outputs: SSDOutputs, targets: list[Target]
) -> None:
    """The same with the functions of torchvision's SSD."""
    theirs = {"cls_logits": outputs.logits, "bbox_regression": outputs.deltas}
    boxes = [outputs.default_boxes] * len(targets)
    matches = match_theirs(outputs.default_boxes, targets)
    losses = model.detector.compute_loss(targets, theirs, boxes, matches)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]


def rows() -> list[Row]:
    """Times of the parts at 8,732 default boxes, then of whole steps of a small SSD."""
    pair = make_pair()
    outputs, targets = make_outputs()
    boxes = outputs.default_boxes
    case = f"{BATCH} images, {len(boxes):,} boxes"
    found = [
        compare(
            "matching",
            case,
            partial(match_ours, boxes, targets),
            "torchvision",
            partial(match_theirs, boxes, targets),
        ),
        compare(
            "matching, mining, losses",
            case,
            partial(learn_ours, pair[0], outputs, targets),
            "torchvision",
            partial(learn_theirs, pair[1], outputs, targets),
            seconds=4,
        ),
    ]
    return found + whole_rows(*pair)


def whole_rows(ours: SSD, theirs: TorchvisionSSD) -> list[Row]:
    """Times of a step and of a prediction, after some steps of learning."""
    images, targets = make_batch()
    steps = []
    for model in (ours, theirs):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        steps.append(partial(take_step, model, optimizer, images, targets))
    for step in steps:
        for _ in range(WARM_UP):
            step()
    case = f"{BATCH} images of 128 x 128"
    return [
        compare("training step", case, steps[0], "torchvision", steps[1], seconds=20),
        compare(
            "prediction",
            case,
            partial(ours.predict, images),
            "torchvision",
            partial(theirs.predict, images),
            seconds=10,
        ),
    ]
