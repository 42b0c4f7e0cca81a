"""YOLO v1: one look at the image, and each cell of a grid says what it holds.

Redmon et al. 2016. There are no proposals, no anchors and no second stage: the network
answers with S x S x (5B + C) numbers, which `yolo_grid` reads as boxes. The loss stands
here twice: for all cells at once, and as its formula reads, one cell and one box after
the other. The sums of eq. 3 run over S * S cells and B boxes; in the paper they read
i = 0 to S^2 and j = 0 to B, which is one too many of each.
"""

from collections.abc import Sequence

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
    GridBoxes,
    GridTargets,
    cell_boxes_to_xyxy,
    decode_grid,
    encode_grids,
    split_outputs,
    square_sides,
)

LEAK = 0.1  # slope of the paper's activation below 0
TERMS = ("loss_xy", "loss_wh", "loss_confidence", "loss_no_object", "loss_classes")


def cell_iou(boxes: Tensor, objects: Tensor) -> Tensor:
    """IoU of each box of a cell with the object of the cell; 0 where both are empty.

    (..., S, S, B, 4) boxes and (..., S, S, 4) objects, both of x, y in the cell and w,
    h of the image -> (..., S, S, B).
    """
    a, b = cell_boxes_to_xyxy(boxes), cell_boxes_to_xyxy(objects[..., None, :])
    overlap = box_overlap(a, b)
    # The area of a box is its overlap with itself: rounded alike, so IoU is at most 1.
    return ratio(overlap, box_overlap(a, a) + box_overlap(b, b) - overlap)


def responsible_boxes(boxes: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """Which box of each cell is to find its object, and the IoU of each box with it.

    The one of the highest IoU now; of equals the first. Where no box touches the
    object, the one whose x, y, w, h are the closest, as in darknet.

    Args:
        boxes: (..., S, S, B, 4) of x, y in the cell and w, h of the image.
        objects: (..., S, S, 4), the same of each cell's object; without one, any box
            comes back.

    Returns (..., S, S) int64 and (..., S, S, B), both without gradient.
    """
    boxes, objects = boxes.detach(), objects.detach()
    iou = cell_iou(boxes, objects)
    unit = boxes.new_tensor([boxes.shape[-4]] * 2 + [1, 1])  # x, y of the image too
    distance = ((boxes - objects[..., None, :]) / unit).square().sum(dim=-1)
    touches = (iou > 0).any(dim=-1)
    index = torch.where(touches, iou.argmax(dim=-1), distance.argmin(dim=-1))
    return index, iou


def yolo_losses(
    outputs: Tensor,
    targets: GridTargets,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The five terms of the loss, summed over cells and boxes, divided by the images.

    The confidence of a responsible box is to become its IoU with the object as it is
    now: a number, through which no gradient flows. That of every other box is to become
    0, also that of the second box in a cell with an object.

    Args:
        outputs: (N, S, S, 5B + C) of N images. In place of w and h stand their roots.
        targets: of N images, see `stack_targets`; without objects, three terms are 0.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all boxes that are not responsible.
    """
    boxes, classes = split_outputs(outputs, boxes_a_cell(outputs, targets))
    xywh, confidence = boxes[..., :4], boxes[..., 4]  # (N, S, S, B, 4), (N, S, S, B)
    index, iou = responsible_boxes(square_sides(xywh), targets.boxes)
    is_responsible = F.one_hot(index, boxes.shape[-2]).bool()  # (N, S, S, B)
    is_responsible &= targets.is_object[..., None]  # 1_ij^obj
    roots = torch.cat([targets.boxes[..., :2], targets.boxes[..., 2:].sqrt()], dim=-1)
    error = (xywh - roots[..., None, :]).square() * is_responsible[..., None]
    class_error = (classes - targets.classes).square() * targets.is_object[..., None]
    sums = {
        "loss_xy": coord_weight * error[..., :2].sum(),
        "loss_wh": coord_weight * error[..., 2:].sum(),
        "loss_confidence": ((confidence - iou).square() * is_responsible).sum(),
        "loss_no_object": noobj_weight * (confidence.square() * ~is_responsible).sum(),
        "loss_classes": class_error.sum(),
    }
    return {name: value / max(len(outputs), 1) for name, value in sums.items()}


def boxes_a_cell(outputs: Tensor, targets: GridTargets) -> int:
    """B, the boxes a cell. Raises ValueError if outputs and targets do not fit."""
    classes = targets.classes.shape[-1]
    boxes, rest = divmod(outputs.shape[-1] - classes, BOX)
    if outputs.shape[:-1] != targets.is_object.shape or boxes < 1 or rest:
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but "
            f"{(*targets.is_object.shape, f'5B + {classes}')} with B >= 1 was expected:"
            " stack the targets of all images of the batch, encoded with the same grid"
        )
    return boxes


def overlap_1d(a: Tensor, a_side: Tensor, b: Tensor, b_side: Tensor) -> Tensor:
    """The length that two stretches share, given their centres and lengths."""
    low = torch.maximum(a - a_side / 2, b - b_side / 2)
    high = torch.minimum(a + a_side / 2, b + b_side / 2)
    return (high - low).clamp(min=0)


def iou_in_cell(box: Tensor, target: Tensor, grid: int) -> Tensor:
    """IoU of two boxes of one cell: (4,) and (4,) of x, y in the cell, w, h -> ().

    x and y are divided by the cells a side, to be fractions of the image as w and h
    are. Where the cell stands does not matter.
    """
    (x, y, w, h), (x_true, y_true, w_true, h_true) = box.unbind(), target.unbind()
    shared_w = overlap_1d(x / grid, w, x_true / grid, w_true)
    shared = shared_w * overlap_1d(y / grid, h, y_true / grid, h_true)
    union = w * h + w_true * h_true - shared
    return shared / union if union > 0 else torch.zeros_like(union)


def find_responsible(boxes: Sequence[Tensor], target: Tensor, grid: int) -> int:
    """The index of the box, each (4,), that is to find the object (4,) of its cell."""
    ious = [iou_in_cell(box, target, grid) for box in boxes]
    if max(ious) > 0:
        return ious.index(max(ious))
    unit = target.new_tensor([grid, grid, 1, 1])
    distances = [((box - target) / unit).square().sum() for box in boxes]
    return distances.index(min(distances))


def object_terms(
    numbers: Tensor, target: Tensor, classes: Tensor, grid: int
) -> tuple[int, list[Tensor]]:
    """The responsible box of a cell with an object, and the four terms it has there.

    (5B + C,) numbers of the cell, (4,) target, (C,) classes.
    """
    count = (len(numbers) - len(classes)) // BOX
    outputs = [numbers[BOX * j : BOX * j + 4] for j in range(count)]
    boxes = [torch.cat([xywh[:2], xywh[2:] ** 2]).detach() for xywh in outputs]
    responsible = find_responsible(boxes, target, grid)
    x, y, root_w, root_h = outputs[responsible].unbind()
    xy = (x - target[0]) ** 2 + (y - target[1]) ** 2
    wh = (root_w - target[2].sqrt()) ** 2 + (root_h - target[3].sqrt()) ** 2
    iou = iou_in_cell(boxes[responsible], target, grid)  # detached: no gradient
    confidence = (numbers[BOX * responsible + 4] - iou) ** 2
    class_terms = (numbers[BOX * count :] - classes) ** 2
    return responsible, [xy, wh, confidence, class_terms.sum()]


def yolo_losses_by_loop(
    outputs: Tensor,
    targets: GridTargets,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The same five terms as `yolo_losses`, by loops over images, cells and boxes.

    Slow, and easy to compare with eq. 3 of the paper.

    Args:
        outputs: (N, S, S, 5B + C), N at least 1.
        targets: of the N images.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all boxes that are not responsible.
    """
    images, grid = outputs.shape[:2]
    count = (outputs.shape[3] - targets.classes.shape[3]) // BOX
    xy = wh = confidence = no_object = classes = outputs.sum() * 0
    for cell in torch.cartesian_prod(*map(torch.arange, (images, grid, grid))).tolist():
        place, responsible = tuple(cell), -1
        if targets.is_object[place]:
            responsible, terms = object_terms(
                outputs[place], targets.boxes[place], targets.classes[place], grid
            )
            xy, wh = xy + terms[0], wh + terms[1]
            confidence, classes = confidence + terms[2], classes + terms[3]
        for j in range(count):
            if j != responsible:
                no_object = no_object + outputs[place][BOX * j + 4] ** 2
    xy, wh, no_object = coord_weight * xy, coord_weight * wh, noobj_weight * no_object
    sums = torch.stack([xy, wh, confidence, no_object, classes]) / images
    return dict(zip(TERMS, sums.unbind(), strict=True))


class YOLOHead(nn.Module):
    """Two convolutions that look around, then the numbers of each cell.

    The paper ends in fully connected layers, which see the whole image from each cell
    and need as many more examples. Convolutions share what they learn among the cells.
    The first outputs are about: the middle of the cell, a quarter of a side.

    Args:
        channels: of the feature map.
        hidden: channels of the two 3x3 convolutions.
        num_boxes: B.
        num_labels: C, without background.
    """

    def __init__(
        self, channels: int, *, hidden: int, num_boxes: int, num_labels: int
    ) -> None:
        super().__init__()
        self.around = nn.Sequential(
            convolution(channels, hidden),
            nn.LeakyReLU(LEAK),
            convolution(hidden, hidden),
            nn.LeakyReLU(LEAK),
        )
        self.numbers = nn.Conv2d(hidden, BOX * num_boxes + num_labels, 1)
        box = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.0])  # the last two sides are roots
        classes = torch.full((num_labels,), 1 / num_labels)
        nn.init.normal_(self.numbers.weight, std=0.01)
        self.numbers.bias = nn.Parameter(torch.cat([box.repeat(num_boxes), classes]))
        self.to(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, S, S) -> (B, S, S, 5 * num_boxes + num_labels)."""
        outputs: Tensor = self.numbers(self.around(features))
        return outputs.permute(0, 2, 3, 1)


class YOLO(Model):
    """A backbone and a head that answers for each cell of the grid.

    Each image is first resized to S times the backbone's stride a side, whatever its
    shape, so that its map is S x S. (The paper resizes to 448 x 448 for 7 x 7 cells.)
    S, B and the weights of the loss are those of the paper.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        num_classes: with background, which has no number of its own.
        grid: S, the cells a side.
        num_boxes: B, the boxes a cell.
        hidden: see `YOLOHead`.
        coord_weight: of the terms of boxes in the loss.
        noobj_weight: of the confidences of boxes that are not responsible.
        score_threshold: a detection's confidence times class value is above this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.

    Raises ValueError if there is no cell, box or class.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        grid: int = 7,
        num_boxes: int = 2,
        hidden: int = 64,
        coord_weight: float = 5.0,
        noobj_weight: float = 0.5,
        score_threshold: float = 0.01,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        check_at_least(1, grid=grid, num_boxes=num_boxes)
        check_at_least(2, num_classes=num_classes)  # background counts as a class
        self.backbone, self.grid, self.num_boxes = backbone, grid, num_boxes
        self.num_classes, self.side = num_classes, grid * backbone.stride
        self.head = YOLOHead(
            backbone.out_channels,
            hidden=hidden,
            num_boxes=num_boxes,
            num_labels=num_classes - 1,
        )
        self.coord_weight, self.noobj_weight = coord_weight, noobj_weight
        self.score_threshold, self.iou_threshold = score_threshold, iou_threshold
        self.max_detections = max_detections

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) images in [0, 1] -> (B, S, S, 5 * num_boxes + C) outputs."""
        size = (self.side, self.side)
        if image_size(images) != size:
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        outputs: Tensor = self.head(self.backbone(images))
        return outputs

    def encode(self, targets: Sequence[Target], size: tuple[int, int]) -> GridTargets:
        """What the cells are to answer for images of (height, width), stacked."""
        return encode_grids(
            [target["boxes"] for target in targets],
            [target["labels"] for target in targets],
            size,
            grid=self.grid,
            num_classes=self.num_classes,
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The five terms; see `yolo_losses`."""
        check_batch(images, targets)
        return yolo_losses(
            self(images),
            self.encode(targets, image_size(images)),
            coord_weight=self.coord_weight,
            noobj_weight=self.noobj_weight,
        )

    @torch.no_grad()
    def candidates(self, images: Tensor) -> GridBoxes:
        """All S * S * num_boxes boxes of each image, clipped to it."""
        check_batch(images)
        size = image_size(images)
        found = decode_grid(self(images), size, num_boxes=self.num_boxes)
        boxes = clip_boxes(found.boxes.flatten(0, 1), *size)
        return found._replace(boxes=boxes.view_as(found.boxes))

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        found = self.candidates(images)
        return [
            select_detections(
                boxes,
                scores,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for boxes, scores in zip(found.boxes, class_scores(found), strict=True)
        ]


def class_scores(found: GridBoxes) -> Tensor:
    """Confidence times class value, (B, K, C), from 0 to 1; 0 for boxes without area.

    Both outputs of the network are linear. Below 0 they count as 0: the product of two
    negative ones would be a high score.
    """
    is_solid = (found.boxes[..., 2:] > found.boxes[..., :2]).all(dim=-1)
    confidence = found.confidence.clamp(0, 1) * is_solid
    return confidence[..., None] * found.classes.clamp(0, 1)
