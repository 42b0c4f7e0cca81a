"""YOLO v1: one look at the image, and each cell of a grid says what it holds.

Redmon et al. 2016. There are no proposals, no anchors and no second stage: the network
predicts S x S x (5B + C) numbers, which `yolo_grid` reads as boxes. The loss stands
here twice: for all cells at once, and as its formula reads, one cell and one predictor
after the other. The sums of eq. 3 run over S * S cells and B predictors; in the paper
they read i = 0 to S^2 and j = 0 to B, which is one too many of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones import Backbone, convolution
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.ops.boxes import box_overlap, clip_boxes, ratio
from course_utils.ops.post_processing import select_detections
from course_utils.ops.validators import check_at_least
from course_utils.ops.yolo_grid import (
    BOX,
    GridTargets,
    cell_boxes_to_xyxy,
    class_scores,
    decode_grid,
    encode_batch,
    split_outputs,
    square_sides,
)

LEAK = 0.1  # slope of the paper's activation below 0
TERMS = ("loss_xy", "loss_wh", "loss_confidence", "loss_no_object", "loss_classes")


def cell_iou(boxes: Tensor, objects: Tensor) -> Tensor:
    """IoU of each predicted box of a cell with the cell's object; 0 if both are empty.

    (..., S, S, B, 4) boxes and (..., S, S, 4) objects, both of x, y in the cell and w,
    h of the image -> (..., S, S, B).
    """
    a, b = cell_boxes_to_xyxy(boxes), cell_boxes_to_xyxy(objects[..., None, :])
    overlap = box_overlap(a, b)
    # The area of a box is its overlap with itself: rounded alike, so IoU is at most 1.
    return ratio(overlap, box_overlap(a, a) + box_overlap(b, b) - overlap)


def responsible_boxes(boxes: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """Which predictor of each cell is responsible for its object, and all their IoUs.

    The one with the highest IoU now; among equals, the first. Where no box touches the
    object, the one whose x, y, w, h are the closest, as in darknet.

    Args:
        boxes: (..., S, S, B, 4) of x, y in the cell and w, h of the image.
        objects: (..., S, S, 4), the same of each cell's object; without one, any
            predictor comes back.

    Returns (..., S, S) int64 and (..., S, S, B), both without gradient.
    """
    boxes, objects = boxes.detach(), objects.detach()
    iou = cell_iou(boxes, objects)
    unit = boxes.new_tensor([boxes.shape[-4]] * 2 + [1, 1])  # x, y of the image too
    distance = ((boxes - objects[..., None, :]) / unit).square().sum(dim=-1)
    touches = (iou > 0).any(dim=-1)
    index = torch.where(touches, iou.argmax(dim=-1), distance.argmin(dim=-1))
    return index, iou


def box_terms(
    boxes: Tensor, objects: Tensor, is_responsible: Tensor
) -> tuple[Tensor, Tensor]:
    """Terms 1 and 2: squared errors of x, y and of √w, √h of responsible predictors.

    (N, S, S, B, 4) outputs, with roots for w and h, (N, S, S, 4) targets without, and
    (N, S, S, B) bool -> two sums.
    """
    roots = torch.cat([objects[..., :2], objects[..., 2:].sqrt()], dim=-1)
    error = (boxes - roots[..., None, :]).square()  # (N, S, S, B, 4)
    error = error * is_responsible[..., None]
    return error[..., :2].sum(), error[..., 2:].sum()


def confidence_terms(
    confidence: Tensor, iou: Tensor, is_responsible: Tensor
) -> tuple[Tensor, Tensor]:
    """Terms 3 and 4: responsible predictors should predict their IoU, all others 0.

    Three times (N, S, S, B) -> two sums.
    """
    responsible = (confidence - iou).square() * is_responsible
    empty = confidence.square() * ~is_responsible
    return responsible.sum(), empty.sum()


def class_term(classes: Tensor, targets: GridTargets) -> Tensor:
    """Term 5: squared errors of the (N, S, S, C) class values of cells with objects."""
    error = (classes - targets.classes).square()
    return (error * targets.is_object[..., None]).sum()


def yolo_losses(
    outputs: Tensor,
    targets: GridTargets,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The five terms of the loss of (N, S, S, 5B + C) outputs, divided by the images.

    The confidence of a responsible predictor is to become the IoU of its box as it is
    now: a number, through which no gradient flows. That of every other one is to become
    0, also that of the second predictor in a cell with an object.

    Args:
        outputs: (N, S, S, 5B + C) of N images. In place of w and h stand their roots.
        targets: of N images, see `stack_targets`; without objects, three terms are 0.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all predictors that are not responsible.
    """
    num_boxes = boxes_a_cell(outputs, targets)
    boxes, classes = split_outputs(outputs, num_boxes)
    xywh, confidence = boxes[..., :4], boxes[..., 4]  # (N, S, S, B, 4), (N, S, S, B)
    index, iou = responsible_boxes(square_sides(xywh), targets.boxes)
    is_responsible = F.one_hot(index, num_boxes).bool() & targets.is_object[..., None]
    xy, wh = box_terms(xywh, targets.boxes, is_responsible)
    responsible, empty = confidence_terms(confidence, iou, is_responsible)
    sums = {
        "loss_xy": coord_weight * xy,
        "loss_wh": coord_weight * wh,
        "loss_confidence": responsible,
        "loss_no_object": noobj_weight * empty,
        "loss_classes": class_term(classes, targets),
    }
    return {name: value / max(len(outputs), 1) for name, value in sums.items()}


def boxes_a_cell(outputs: Tensor, targets: GridTargets) -> int:
    """B, from (N, S, S, 5B + C) outputs and targets with their C classes."""
    check_fit(outputs, targets)
    return (outputs.shape[-1] - targets.classes.shape[-1]) // BOX


def check_fit(outputs: Tensor, targets: GridTargets) -> None:
    """Outputs have the images and cells of the targets, and 5B + C numbers per cell."""
    classes = targets.classes.shape[-1]
    boxes, rest = divmod(outputs.shape[-1] - classes, BOX)
    if outputs.shape[:-1] != targets.is_object.shape or boxes < 1 or rest:
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but "
            f"{(*targets.is_object.shape, f'5B + {classes}')} with B >= 1 was expected:"
            " stack the targets of all images of the batch, encoded with the same grid"
        )


def overlap_1d(a: Tensor, a_side: Tensor, b: Tensor, b_side: Tensor) -> Tensor:
    """The length that two intervals share, given their centres and lengths."""
    low = torch.maximum(a - a_side / 2, b - b_side / 2)
    high = torch.minimum(a + a_side / 2, b + b_side / 2)
    return (high - low).clamp(min=0)


def iou_in_cell(box: Tensor, target: Tensor, grid: int) -> Tensor:
    """IoU of two boxes of one cell: (4,) and (4,) of x, y in the cell, w, h -> ().

    x and y are divided by the cells per side, to be fractions of the image as w and h
    are. Where the cell stands does not matter.
    """
    (x, y, w, h), (x_true, y_true, w_true, h_true) = box.unbind(), target.unbind()
    shared_w = overlap_1d(x / grid, w, x_true / grid, w_true)
    shared = shared_w * overlap_1d(y / grid, h, y_true / grid, h_true)
    union = w * h + w_true * h_true - shared
    return shared / union if union > 0 else torch.zeros_like(union)


def find_responsible(boxes: Sequence[Tensor], target: Tensor, grid: int) -> int:
    """The index of the box, each (4,), that is responsible for the object (4,)."""
    ious = [iou_in_cell(box, target, grid) for box in boxes]
    if max(ious) > 0:
        return ious.index(max(ious))
    unit = target.new_tensor([grid, grid, 1, 1])
    distances = [((box - target) / unit).square().sum() for box in boxes]
    return distances.index(min(distances))


def cell_terms(
    numbers: Tensor, is_object: Tensor, target: Tensor, classes: Tensor, grid: int
) -> Tensor:
    """The five terms of one cell, one predictor after the other, without their weights.

    (5B + C,) numbers, () bool, (4,) target box, (C,) target classes -> (5,).
    """
    count = (len(numbers) - len(classes)) // BOX
    predictors = numbers[: BOX * count].view(count, BOX)
    boxes = [torch.cat([p[:2], p[2:4] ** 2]).detach() for p in predictors]
    responsible = find_responsible(boxes, target, grid) if is_object else -1
    xy = wh = confidence = no_object = class_error = numbers.sum() * 0
    for j, (x, y, root_w, root_h, c) in enumerate(predictors):
        if j == responsible:
            xy = (x - target[0]) ** 2 + (y - target[1]) ** 2
            wh = (root_w - target[2].sqrt()) ** 2 + (root_h - target[3].sqrt()) ** 2
            confidence = (c - iou_in_cell(boxes[j], target, grid)) ** 2
        else:
            no_object = no_object + c**2
    if is_object:
        class_error = ((numbers[BOX * count :] - classes) ** 2).sum()
    return torch.stack([xy, wh, confidence, no_object, class_error])


def yolo_losses_by_loop(
    outputs: Tensor,
    targets: GridTargets,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The same five terms as `yolo_losses`, by a loop over images and their cells.

    Slow, and easy to compare with eq. 3 of the paper.

    Args:
        outputs: (N, S, S, 5B + C), N at least 1.
        targets: of the N images.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all predictors that are not responsible.
    """
    images, grid = outputs.shape[:2]
    sums = outputs.new_zeros(len(TERMS))
    for cell in torch.cartesian_prod(*map(torch.arange, (images, grid, grid))).tolist():
        is_object, box, classes = (part[tuple(cell)] for part in targets[:3])
        sums = sums + cell_terms(outputs[tuple(cell)], is_object, box, classes, grid)
    weights = sums.new_tensor([coord_weight, coord_weight, 1, noobj_weight, 1])
    return dict(zip(TERMS, (weights * sums / images).unbind(), strict=True))


@dataclass(frozen=True, kw_only=True)
class YOLOSettings:
    """The settings of YOLO; S, B and the two weights of the loss are the paper's."""

    grid: int = 7  # S, the cells per side
    num_boxes: int = 2  # B, the predictors of a cell
    hidden: int = 64  # channels of the head's convolutions
    coord_weight: float = 5.0  # of the two terms of boxes
    noobj_weight: float = 0.5  # of the confidences that are to become 0
    score_threshold: float = 0.01  # a detection scores more than this
    iou_threshold: float = 0.5  # two detections of a class that overlap more are one
    max_detections: int = 100  # of one image


def score_boxes(
    outputs: Tensor, size: tuple[int, int], num_boxes: int
) -> tuple[Tensor, Tensor]:
    """All S * S * B boxes of each image, clipped to it, and their scores per class.

    (N, S, S, 5B + C) outputs of images of (height, width) -> (N, K, 4) and (N, K, C).
    """
    predicted = decode_grid(outputs, size, num_boxes=num_boxes)
    clipped = clip_boxes(predicted.boxes.flatten(0, 1), *size)
    boxes = clipped.view_as(predicted.boxes)
    return boxes, class_scores(predicted._replace(boxes=boxes))


def select_all(boxes: Tensor, scores: Tensor, settings: YOLOSettings) -> list[Target]:
    """The detections of each image, from (N, K, 4) boxes and (N, K, C) scores."""
    return [
        select_detections(
            *image,
            score_threshold=settings.score_threshold,
            iou_threshold=settings.iou_threshold,
            max_detections=settings.max_detections,
        )
        for image in zip(boxes, scores, strict=True)
    ]


class YOLOHead(nn.Module):
    """Two convolutions that look around, then the numbers of each cell.

    The paper ends in fully connected layers, which see the whole image from each cell
    and need as many more examples. Convolutions share what they learn among the cells.
    The first outputs are about: the middle of the cell, a quarter of a side.

    Args:
        channels: of the feature map.
        num_labels: C, without background.
        settings: of B, and of the channels between the convolutions.
    """

    def __init__(self, channels: int, num_labels: int, settings: YOLOSettings) -> None:
        super().__init__()
        hidden, num_boxes = settings.hidden, settings.num_boxes
        self.around = nn.Sequential(
            convolution(channels, hidden),
            nn.LeakyReLU(LEAK),
            convolution(hidden, hidden),
            nn.LeakyReLU(LEAK),
        )
        self.numbers = nn.Conv2d(hidden, BOX * num_boxes + num_labels, 1)
        nn.init.normal_(self.numbers.weight, std=0.01)
        self.numbers.bias = nn.Parameter(first_outputs(num_boxes, num_labels))
        self.to(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, S, S) -> (N, S, S, 5 * num_boxes + num_labels)."""
        outputs: Tensor = self.numbers(self.around(features))
        return outputs.permute(0, 2, 3, 1)


def first_outputs(num_boxes: int, num_labels: int) -> Tensor:
    """What a cell predicts before training: a centred box, and all classes alike.

    (5 * num_boxes + num_labels,). The two sides are roots: a half for a quarter.
    """
    box = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.0])
    classes = torch.full((num_labels,), 1 / num_labels)
    return torch.cat([box.repeat(num_boxes), classes])


def resize(images: Tensor, side: int) -> Tensor:
    """(N, 3, H, W) images of any shape -> (N, 3, side, side)."""
    if image_size(images) == (side, side):
        return images
    return F.interpolate(images, (side, side), mode="bilinear", align_corners=False)


class YOLO(Model):
    """A backbone and a head that predicts 5B + C numbers for each cell of the grid.

    Each image is first resized to S times the backbone's stride a side, whatever its
    shape, so that its map is S x S. (The paper resizes to 448 x 448 for 7 x 7 cells.)

    Args:
        backbone: (N, 3, H, W) images -> (N, C, h, w) features, with its `stride`.
        num_classes: with background, which has no number of its own.
        settings: as in `YOLOSettings`.

    Raises ValueError if there is no cell, predictor or class.
    """

    def __init__(
        self, backbone: Backbone, *, num_classes: int, **settings: Any
    ) -> None:
        super().__init__()
        self.settings = chosen = YOLOSettings(**settings)
        check_at_least(1, grid=chosen.grid, num_boxes=chosen.num_boxes)
        check_at_least(2, num_classes=num_classes)  # background counts as a class
        self.num_classes, self.side = num_classes, chosen.grid * backbone.stride
        self.backbone = backbone
        self.head = YOLOHead(backbone.out_channels, num_classes - 1, chosen)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) images in [0, 1] -> (N, S, S, 5B + C) outputs."""
        outputs: Tensor = self.head(self.backbone(resize(images, self.side)))
        return outputs

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The five terms; see `yolo_losses`."""
        check_batch(images, targets)
        size, num_classes = image_size(images), self.num_classes
        cells = encode_batch(targets, size, self.settings.grid, num_classes)
        return yolo_losses(
            self(images),
            cells,
            coord_weight=self.settings.coord_weight,
            noobj_weight=self.settings.noobj_weight,
        )

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(N, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        num_boxes = self.settings.num_boxes
        boxes, scores = score_boxes(self(images), image_size(images), num_boxes)
        return select_all(boxes, scores, self.settings)
