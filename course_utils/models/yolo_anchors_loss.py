"""The loss of a YOLO with anchors: the five terms of v1, for anchors in place of cells.

Redmon and Farhadi 2017 (v2) and 2018 (v3). B images have P anchors each; T objects of
all images have an anchor of their own.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.model import Target
from course_utils.ops.boxes import as_boxes, box_iou, paired_box_iou
from course_utils.ops.yolo_anchors import (
    AnchorCells,
    decode_anchors,
    inside_and_growth,
    own_anchors,
)
from course_utils.ops.yolo_grid import Pair, check_labels, check_objects, is_first

Classes = Literal["softmax", "logistic"]
CENTRE, GROWTH, CONFIDENCE, CLASSES = slice(0, 2), slice(2, 4), 4, slice(5, None)


class AnchorTruth(NamedTuple):
    """What the anchors of a batch are to answer."""

    owners: Tensor  # (T,) int64 rows of the B * P anchors, each of another object
    boxes: Tensor  # (T, 4) xyxy
    labels: Tensor  # (T,) int64
    lost: Tensor  # () int64: objects that found their anchor taken


def truths_of_image(
    target: Target, cells: AnchorCells, size: Pair, num_classes: int
) -> AnchorTruth:
    """The same of one image: an anchor each, the first object of several keeps it.

    A box without width or height is left out, as nothing can overlap it.
    """
    boxes = as_boxes(target["boxes"], "the target's boxes").to(cells.low)
    labels = target["labels"]
    check_objects(boxes, labels, size)
    check_labels(labels, num_classes)
    is_solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    boxes, labels = boxes[is_solid], labels[is_solid]
    owners = own_anchors(boxes, cells, size)
    kept = is_first(owners)
    return AnchorTruth(owners[kept], boxes[kept], labels[kept], (~kept).sum())


def anchor_truths(
    targets: Sequence[Target], cells: AnchorCells, size: Pair, *, num_classes: int
) -> AnchorTruth:
    """The anchor of each object in a batch of images of (height, width).

    Raises ValueError if a box or label does not fit; see `own_anchors`.
    """
    each = [truths_of_image(target, cells, size, num_classes) for target in targets]
    shifted = [
        truth._replace(owners=truth.owners + image * len(cells.low))
        for image, truth in enumerate(each)
    ]
    owners, boxes, labels, lost = zip(*shifted, strict=True)
    return AnchorTruth(
        torch.cat(owners), torch.cat(boxes), torch.cat(labels), torch.stack(lost).sum()
    )


def is_background(
    boxes: Tensor, truth: AnchorTruth, targets: Sequence[Target], ignore_iou: float
) -> Tensor:
    """Which anchors are to say that nothing is there: (B, P, 4) boxes -> (B, P) bool.

    Not those that have an object of their own, and not those whose *predicted* box
    overlaps some object by more than `ignore_iou`: it is not wrong enough to be told.
    """
    close = [
        (box_iou(target["boxes"].to(found), found) > ignore_iou).any(dim=0)
        for target, found in zip(targets, boxes, strict=True)
    ]
    background = ~torch.stack(close)
    background.view(-1)[truth.owners] = False
    return background


def class_loss(logits: Tensor, labels: Tensor, classes: Classes) -> Tensor:
    """Sum over objects: (T, C) logits and (T,) labels from 1 to C.

    With "softmax" the classes compete (v2); with "logistic" each is a yes or no by
    itself (v3), so that an object could be of two classes.
    """
    if classes == "softmax":
        return F.cross_entropy(logits, labels - 1, reduction="sum")
    one_hot = F.one_hot(labels - 1, logits.shape[1]).to(logits)
    return F.binary_cross_entropy_with_logits(logits, one_hot, reduction="sum")


def anchor_losses(
    answers: Tensor,
    cells: AnchorCells,
    targets: Sequence[Target],
    size: Pair,
    *,
    is_free: bool = False,
    classes: Classes = "softmax",
    ignore_iou: float = 0.6,
    coord_weight: float = 1.0,
    object_weight: float = 5.0,
    noobj_weight: float = 1.0,
) -> dict[str, Tensor]:
    """Five named losses, summed over anchors and divided by the number of images.

    As in v1, the confidence of an object's anchor is to be its IoU, without a gradient
    through it. New: centres count in cells and sides by their logarithms, each anchor
    has classes of its own, and `ignore_iou`; see `is_background`.

    Args:
        answers: (B, P, 5 + C): t_x, t_y, t_w, t_h, a logit of confidence, of classes.
        cells: of the P anchors.
        targets: one dict an image with `boxes` and `labels`.
        size: height and width of the images.
        is_free: see `decode_anchors`.
        classes: see `class_loss`.
        ignore_iou: 0.6 in v2's release, 0.5 in v3's paper.
        coord_weight: of centres and sides.
        object_weight: of the confidence where an object is.
        noobj_weight: of the confidence where none is. The defaults are v2's release.
    """
    num_classes = answers.shape[-1] - 5 + 1
    truth = anchor_truths(targets, cells, size, num_classes=num_classes)
    boxes = decode_anchors(answers[..., :4], cells, is_free=is_free)  # (B, P, 4)
    own, found = answers.flatten(0, 1)[truth.owners], boxes.flatten(0, 1)[truth.owners]
    own_cells = AnchorCells(*(part[truth.owners % len(cells.low)] for part in cells))
    inside, _ = inside_and_growth(found, own_cells)
    wanted_inside, wanted_growth = inside_and_growth(truth.boxes, own_cells)
    iou = paired_box_iou(found, truth.boxes).detach()
    background = is_background(boxes.detach(), truth, targets, ignore_iou)
    confidence = answers[..., CONFIDENCE].sigmoid()
    sums = {
        "loss_xy": coord_weight * (inside - wanted_inside).square().sum(),
        "loss_wh": coord_weight * (own[:, GROWTH] - wanted_growth).square().sum(),
        "loss_confidence": object_weight
        * (confidence.flatten()[truth.owners] - iou).square().sum(),
        "loss_no_object": noobj_weight * confidence[background].square().sum(),
        "loss_classes": class_loss(own[:, CLASSES], truth.labels, classes),
    }
    return {name: loss / len(targets) for name, loss in sums.items()}
