"""YOLO with anchors: what v2 and v3 changed, each change a setting.

Redmon and Farhadi 2017 (YOLO9000: better, faster, stronger) and 2018 (YOLOv3: an
incremental improvement). An image is cut into the cells of one or more maps. Each cell
has a few anchors: shapes without a place of their own. For an anchor the network gives
four numbers t; its box is

    centre = corner of the cell + sigmoid(t_x, t_y) * size of the cell
    sides  = sides of the anchor * exp(t_w, t_h)

B images have P anchors each; T objects of all images have an anchor of their own.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones import Backbone, convolution
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rpn import flatten_map
from course_utils.models.yolo import LEAK
from course_utils.ops.boxes import (
    as_boxes,
    box_iou,
    clip_boxes,
    paired_box_iou,
    xyxy_to_cxcywh,
)
from course_utils.ops.post_processing import select_detections
from course_utils.ops.shape_clusters import as_shapes, shape_iou
from course_utils.ops.validators import (
    Size,
    check_centres,
    check_map_size,
    check_objects,
)
from course_utils.ops.yolo_grid import is_first

Classes = Literal["softmax", "logistic"]
GROWTH, CONFIDENCE, CLASSES = slice(2, 4), 4, slice(5, None)  # of an anchor's numbers
LOW = -3.0  # logit of the confidence at the start: about 0.05
LARGEST_GROWTH = math.log(1000 / 16)  # of a side, so that no answer overflows


class AnchorCells(NamedTuple):
    """The cell and the shape of each of P anchors, in pixels of the image."""

    low: Tensor  # (P, 2) x, y of the cell's left upper corner
    high: Tensor  # (P, 2) of its right lower corner, which is the next cell's
    shapes: Tensor  # (P, 2) width, height of the anchor


def anchor_cells(shapes: Tensor, *, map_size: Size, image_size: Size) -> AnchorCells:
    """The anchors of one map: (K, 2) shapes in each of its H x W cells.

    The rows stand in the order of `flatten_map`: row after row of cells, in a row cell
    after cell, in a cell the anchors as given. Both sizes are (height, width).
    """
    shapes = as_shapes(shapes)
    check_map_size(map_size, image_size)
    y, x = (
        torch.linspace(0, pixels, cells + 1).to(shapes)
        for cells, pixels in zip(map_size, image_size, strict=True)
    )
    low = torch.cartesian_prod(y[:-1], x[:-1]).flip(1)  # (H * W, 2) of x, y
    high = torch.cartesian_prod(y[1:], x[1:]).flip(1)
    return AnchorCells(
        low.repeat_interleave(len(shapes), dim=0),
        high.repeat_interleave(len(shapes), dim=0),
        shapes.repeat(len(low), 1),
    )


def join_cells(maps: Sequence[AnchorCells]) -> AnchorCells:
    """The anchors of several maps, one map after the other."""
    return AnchorCells(*map(torch.cat, zip(*maps, strict=True)))


def decode_centres(outputs: Tensor, cells: AnchorCells, *, is_free: bool) -> Tensor:
    """The centres (..., P, 2) of boxes, in pixels, from t_x and t_y.

    With a sigmoid they stay in their cell. Free ones are those of an RPN: they start in
    the middle of the cell, move by sides of the anchor, and may end anywhere.
    """
    size = cells.high - cells.low
    if is_free:
        return cells.low + size / 2 + cells.shapes * outputs[..., :2]
    return cells.low + size * outputs[..., :2].sigmoid()


def decode_anchors(
    outputs: Tensor, cells: AnchorCells, *, is_free: bool = False
) -> Tensor:
    """The boxes that the outputs of all anchors mean.

    Args:
        outputs: (..., P, 4) of t_x, t_y, t_w, t_h.
        cells: of the P anchors.
        is_free: whether centres may leave their cells; see `decode_centres`.

    Returns (..., P, 4) xyxy pixels, not clipped. Raises ValueError if the shapes do not
    fit together.
    """
    if outputs.shape[-2:] != (len(cells.shapes), 4):
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but (..., {len(cells.shapes)}, "
            "4) was expected: four numbers for each anchor of the cells"
        )
    centre = decode_centres(outputs, cells, is_free=is_free)
    half = cells.shapes * outputs[..., 2:].clamp(max=LARGEST_GROWTH).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def own_anchors(boxes: Tensor, cells: AnchorCells, image_size: Size) -> Tensor:
    """The anchor that is to find each object: (N, 4) boxes -> (N,) int64 of P.

    Of all anchors in whose cell the object has its centre, on whatever map, it is the
    one whose shape has the highest IoU with the object's; the first of equal ones. A
    centre on the right or lower border belongs to the last cell.

    Raises ValueError if a box has no area, or its centre lies outside the image.
    """
    boxes = as_boxes(boxes)
    check_centres(boxes, image_size)
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    limit = centre.new_tensor(image_size).flip(0)  # x, y
    # The last cell ends at the border, and is half-open like all others.
    centre = centre.minimum(limit.nextafter(torch.zeros_like(limit)))[:, None]
    is_inside = ((cells.low <= centre) & (centre < cells.high)).all(dim=-1)  # (N, P)
    fit = shape_iou(sides, cells.shapes)
    return fit.where(is_inside, -1).argmax(dim=1)


def inside_and_growth(boxes: Tensor, cells: AnchorCells) -> tuple[Tensor, Tensor]:
    """What anchors are to say of their boxes: (N, 4) boxes, N cells -> two (N, 2).

    Where in its cell a box has its centre, from 0 to 1 if it lies inside, and the
    logarithm of how much the anchor's sides have to grow.
    """
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    inside = (centre - cells.low) / (cells.high - cells.low)
    return inside, torch.log(sides / cells.shapes)


class AnchorTargets(NamedTuple):
    """What the anchors of a batch are to answer."""

    owners: Tensor  # (T,) int64 rows of the B * P anchors, each of another object
    boxes: Tensor  # (T, 4) xyxy
    labels: Tensor  # (T,) int64
    lost: Tensor  # () int64: objects that found their anchor taken


def anchor_targets_of_image(
    target: Target, cells: AnchorCells, size: Size, num_classes: int
) -> AnchorTargets:
    """The anchors of one image's objects; the first object of several keeps its own.

    A box without width or height is left out, as nothing can overlap it.
    """
    boxes = as_boxes(target["boxes"], "the target's boxes").to(cells.low)
    labels = target["labels"]
    check_objects(boxes, labels, size, num_classes)
    is_solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    boxes, labels = boxes[is_solid], labels[is_solid]
    owners = own_anchors(boxes, cells, size)
    kept = is_first(owners)
    return AnchorTargets(owners[kept], boxes[kept], labels[kept], (~kept).sum())


def anchor_targets(
    targets: Sequence[Target], cells: AnchorCells, size: Size, *, num_classes: int
) -> AnchorTargets:
    """The anchor of each object in a batch of images of (height, width).

    Raises ValueError if a box or label does not fit; see `own_anchors`.
    """
    of_images = [
        anchor_targets_of_image(target, cells, size, num_classes) for target in targets
    ]
    owners, boxes, labels, lost = zip(*of_images, strict=True)
    first = [image * len(cells.low) for image in range(len(targets))]
    return AnchorTargets(
        torch.cat([rows + start for rows, start in zip(owners, first, strict=True)]),
        torch.cat(boxes),
        torch.cat(labels),
        torch.stack(lost).sum(),
    )


def is_background(
    boxes: Tensor, owners: Tensor, targets: Sequence[Target], ignore_iou: float
) -> Tensor:
    """Which anchors are to say that nothing is there: (B, P, 4) boxes -> (B, P) bool.

    Not the (T,) `owners` of objects, and not those whose *predicted* box overlaps some
    object by more than `ignore_iou`: it is not wrong enough to be told.
    """
    is_close = [
        (box_iou(target["boxes"].to(predicted), predicted) > ignore_iou).any(dim=0)
        for target, predicted in zip(targets, boxes, strict=True)
    ]
    background = ~torch.stack(is_close)
    background.view(-1)[owners] = False
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
    outputs: Tensor,
    cells: AnchorCells,
    targets: Sequence[Target],
    size: Size,
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
        outputs: (B, P, 5 + C): t_x, t_y, t_w, t_h, a logit of confidence, of classes.
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
    num_classes = outputs.shape[-1] - CLASSES.start + 1
    owners, objects, labels, _ = anchor_targets(
        targets, cells, size, num_classes=num_classes
    )
    boxes = decode_anchors(outputs[..., :4], cells, is_free=is_free)  # (B, P, 4)
    matched, predicted = outputs.flatten(0, 1)[owners], boxes.flatten(0, 1)[owners]
    matched_cells = AnchorCells(*(part[owners % len(cells.low)] for part in cells))
    inside, _ = inside_and_growth(predicted, matched_cells)
    target_inside, target_growth = inside_and_growth(objects, matched_cells)
    iou = paired_box_iou(predicted, objects).detach()
    background = is_background(boxes.detach(), owners, targets, ignore_iou)
    confidence = outputs[..., CONFIDENCE].sigmoid()
    confidence_error = confidence.flatten()[owners] - iou
    sums = {
        "loss_xy": coord_weight * (inside - target_inside).square().sum(),
        "loss_wh": coord_weight * (matched[:, GROWTH] - target_growth).square().sum(),
        "loss_confidence": object_weight * confidence_error.square().sum(),
        "loss_no_object": noobj_weight * confidence[background].square().sum(),
        "loss_classes": class_loss(matched[:, CLASSES], labels, classes),
    }
    return {name: loss / len(targets) for name, loss in sums.items()}


class AnchorHead(nn.Module):
    """Three convolutions on one map: 5 + C numbers for each anchor of each cell.

    As many as the head of `YOLO` has, so that both can be compared. At first boxes look
    like their anchors, and none is called an object.

    Args:
        channels: of the map, and of what the coarser head adds.
        shapes: (K, 2) widths and heights of the anchors, in pixels of the image.
        hidden: channels of the first two convolutions, of 3 x 3.
        numbers: 5 + C.
    """

    shapes: Tensor

    def __init__(
        self, channels: int, shapes: Tensor, *, hidden: int, numbers: int
    ) -> None:
        super().__init__()
        self.register_buffer("shapes", as_shapes(shapes))
        self.read = nn.Sequential(convolution(channels, hidden), nn.LeakyReLU(LEAK))
        self.around = nn.Sequential(convolution(hidden, hidden), nn.LeakyReLU(LEAK))
        self.numbers = nn.Conv2d(hidden, len(shapes) * numbers, 1)
        nn.init.normal_(self.numbers.weight, std=0.01)
        start = torch.zeros(len(shapes), numbers)
        start[:, CONFIDENCE] = LOW
        self.numbers.bias = nn.Parameter(start.flatten())

    def forward(
        self, features: Tensor, coarser: Tensor | None, size: Size
    ) -> tuple[Tensor, AnchorCells, Tensor]:
        """The outputs of the map's anchors, their cells, and what a finer head gets.

        v3: what a coarser head has read is enlarged and put behind the channels.

        Args:
            features: (B, C, H, W); with the `hidden` of `coarser`, C is `channels`.
            coarser: (B, hidden, h, w) from the coarser head, or None.
            size: height and width of the images.

        Returns (B, P, numbers) with P = H * W * K, P cells, and (B, hidden, H, W).
        """
        map_size = (features.shape[2], features.shape[3])
        if coarser is not None:
            features = torch.cat([features, F.interpolate(coarser, map_size)], dim=1)
        read = self.read(features)
        outputs = flatten_map(self.numbers(self.around(read)), len(self.shapes))
        cells = anchor_cells(self.shapes, map_size=map_size, image_size=size)
        return outputs, cells, read


class AnchorYOLO(Model):
    """YOLO v2; with several maps and logistic classes, v3.

    Args:
        backbone: its last maps are read, as many as there are groups of anchors.
        anchors: for each map, the finest first, (K, 2) widths and heights in pixels.
        num_classes: with the background, which has no number in the outputs.
        hidden: channels of each head.
        is_free: whether centres may leave their cells; see `decode_anchors`.
        classes: "softmax" or "logistic"; see `class_loss`.
        ignore_iou: as the three weights, see `anchor_losses`.
        coord_weight: of centres and sides.
        object_weight: of the confidence where an object is.
        noobj_weight: of the confidence where none is.
        score_threshold: least confidence times class probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.

    Raises ValueError if the backbone has fewer maps than there are anchors.
    """

    def __init__(
        self,
        backbone: Backbone,
        anchors: Sequence[Tensor],
        *,
        num_classes: int,
        hidden: int = 64,
        is_free: bool = False,
        classes: Classes = "softmax",
        ignore_iou: float = 0.6,
        coord_weight: float = 1.0,
        object_weight: float = 5.0,
        noobj_weight: float = 1.0,
        score_threshold: float = 0.01,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        if not 1 <= len(anchors) <= len(backbone.widths):
            raise ValueError(
                f"there are anchors for {len(anchors)} maps, but 1 to "
                f"{len(backbone.widths)} were expected, as the backbone has no more"
            )
        self.backbone = backbone
        widths = list(backbone.widths[-len(anchors) :])
        widths[:-1] = [width + hidden for width in widths[:-1]]  # beside the coarser
        numbers = CLASSES.start + num_classes - 1
        self.heads = nn.ModuleList(
            AnchorHead(width, shapes, hidden=hidden, numbers=numbers)
            for width, shapes in zip(widths, anchors, strict=True)
        )
        self.heads.to(memory_format=torch.channels_last)
        self.is_free, self.classes, self.ignore_iou = is_free, classes, ignore_iou
        self.coord_weight, self.object_weight = coord_weight, object_weight
        self.noobj_weight = noobj_weight
        self.score_threshold, self.iou_threshold = score_threshold, iou_threshold
        self.max_detections = max_detections

    def forward(self, images: Tensor) -> tuple[Tensor, AnchorCells]:
        """(B, 3, H, W) -> (B, P, 5 + C) outputs, and the cells of the P anchors.

        The coarsest map comes first, since the finer ones read what it has read.
        """
        maps = self.backbone.maps(images)[-len(self.heads) :]
        size = image_size(images)
        outputs, cells, read = [], [], None
        for features, head in zip(reversed(maps), reversed(self.heads), strict=True):
            of_map, cells_of_map, read = head(features, read, size)
            outputs.append(of_map)
            cells.append(cells_of_map)
        return torch.cat(outputs, dim=1), join_cells(cells)

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Five losses, see `anchor_losses`."""
        check_batch(images, targets)
        outputs, cells = self(images)
        return anchor_losses(
            outputs,
            cells,
            targets,
            image_size(images),
            is_free=self.is_free,
            classes=self.classes,
            ignore_iou=self.ignore_iou,
            coord_weight=self.coord_weight,
            object_weight=self.object_weight,
            noobj_weight=self.noobj_weight,
        )

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        size = image_size(images)
        outputs, cells = self(images)
        boxes = decode_anchors(outputs[..., :4], cells, is_free=self.is_free)
        return [
            select_detections(
                clip_boxes(of_image, *size),
                scores,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for of_image, scores in zip(boxes, self.scores(outputs), strict=True)
        ]

    def scores(self, outputs: Tensor) -> Tensor:
        """Confidence times probability: (B, P, 5 + C) outputs -> (B, P, C)."""
        logits = outputs[..., CLASSES]
        is_softmax = self.classes == "softmax"
        probabilities = logits.softmax(dim=-1) if is_softmax else logits.sigmoid()
        return outputs[..., CONFIDENCE, None].sigmoid() * probabilities
