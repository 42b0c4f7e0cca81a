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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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
Objectness = Literal["iou", "logistic"]
GROWTH, CONFIDENCE, CLASSES = slice(2, 4), 4, slice(5, None)  # of an anchor's numbers
LOW = -3.0  # logit of the confidence at the start: about 0.05
LARGEST_GROWTH = math.log(1000 / 16)  # of a side, so that no output overflows


@dataclass(frozen=True)
class AnchorSettings:
    """What can be chosen of a YOLO with anchors; the defaults are those of v2.

    Args:
        is_free: whether centres may leave their cells; see `decode_centres`.
        classes: "softmax", or "logistic" as in v3; see `class_loss`.
        objectness: "iou", or "logistic" as in v3; see `objectness_losses`.
        ignore_iou: see `is_background`; 0.6 in v2's release, 0.5 in v3's paper.
        coord_weight: of centres and sides in the loss.
        object_weight: of the confidence where an object is.
        noobj_weight: of the confidence where none is.
        score_threshold: a detection's score is above this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: the most detections per image.
    """

    is_free: bool = False
    classes: Classes = "softmax"
    objectness: Objectness = "iou"
    ignore_iou: float = 0.6
    coord_weight: float = 1.0
    object_weight: float = 5.0
    noobj_weight: float = 1.0
    score_threshold: float = 0.01
    iou_threshold: float = 0.5
    max_detections: int = 100


V2 = AnchorSettings()
V3 = AnchorSettings(
    classes="logistic", objectness="logistic", ignore_iou=0.5, object_weight=1.0
)


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
    y = torch.linspace(0, image_size[0], map_size[0] + 1).to(shapes)
    x = torch.linspace(0, image_size[1], map_size[1] + 1).to(shapes)
    low = torch.cartesian_prod(y[:-1], x[:-1]).flip(1)  # (H * W, 2) of x, y
    high = torch.cartesian_prod(y[1:], x[1:]).flip(1)
    count = len(shapes)
    return AnchorCells(
        low.repeat_interleave(count, dim=0),
        high.repeat_interleave(count, dim=0),
        shapes.repeat(len(low), 1),
    )


def join_cells(maps: Sequence[AnchorCells]) -> AnchorCells:
    """The anchors of several maps, one map after the other."""
    return AnchorCells(*map(torch.cat, zip(*maps, strict=True)))


def select_cells(cells: AnchorCells, rows: Tensor) -> AnchorCells:
    """Some of the anchors: (T,) int64 rows of P -> the cells of T anchors."""
    return AnchorCells(cells.low[rows], cells.high[rows], cells.shapes[rows])


def decode_centres(outputs: Tensor, cells: AnchorCells, *, is_free: bool) -> Tensor:
    """The centres (..., P, 2) of boxes, in pixels, from t_x and t_y.

    With a sigmoid they stay in their cell. Free ones are those of an RPN: they start in
    the middle of the cell, move by sides of the anchor, and may end anywhere.
    """
    size = cells.high - cells.low
    if is_free:
        return cells.low + size / 2 + cells.shapes * outputs[..., :2]
    return cells.low + size * outputs[..., :2].sigmoid()


def check_outputs(outputs: Tensor, cells: AnchorCells) -> None:
    """There are four numbers for each anchor: outputs are (..., P, 4)."""
    if outputs.shape[-2:] != (len(cells.shapes), 4):
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but (..., {len(cells.shapes)}, "
            "4) was expected: four numbers for each anchor of the cells"
        )


def decode_anchors(
    outputs: Tensor, cells: AnchorCells, *, is_free: bool = False
) -> Tensor:
    """The boxes (..., P, 4), xyxy in pixels, that the numbers (..., P, 4) mean.

    The numbers are t_x, t_y, t_w, t_h. Boxes are not clipped. Raises ValueError if the
    shapes do not fit together.
    """
    check_outputs(outputs, cells)
    centre = decode_centres(outputs, cells, is_free=is_free)
    half = cells.shapes * outputs[..., GROWTH].clamp(max=LARGEST_GROWTH).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def is_in_cell(centre: Tensor, cells: AnchorCells, image_size: Size) -> Tensor:
    """Whether each centre lies in each anchor's cell: (N, 2) -> (N, P) bool.

    A centre on the right or lower border of the image belongs to the last cell.
    """
    limit = centre.new_tensor(image_size).flip(0)  # x, y
    # The last cell ends at the border, and is half-open like all others.
    centre = centre.minimum(limit.nextafter(torch.zeros_like(limit)))[:, None]
    return ((cells.low <= centre) & (centre < cells.high)).all(dim=-1)


def own_anchors(boxes: Tensor, cells: AnchorCells, image_size: Size) -> Tensor:
    """The anchor that has to find each object: (N, 4) boxes -> (N,) int64 of P.

    Of all anchors whose cell holds the centre of the object, on whatever map, it is the
    one whose shape has the highest IoU with the object's; the first of equal ones.

    Raises ValueError if a box has no area, or its centre lies outside the image.
    """
    boxes = as_boxes(boxes)
    check_centres(boxes, image_size)
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    fit = shape_iou(sides, cells.shapes)  # (N, P)
    return fit.where(is_in_cell(centre, cells, image_size), -1).argmax(dim=1)


def inside_and_growth(boxes: Tensor, cells: AnchorCells) -> tuple[Tensor, Tensor]:
    """What the anchors of N boxes should predict: (N, 4) boxes, N cells -> two (N, 2).

    Where in its cell a box has its centre, from 0 to 1 if it lies inside, and the
    logarithm of the factor by which the anchor's sides have to grow.
    """
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    inside = (centre - cells.low) / (cells.high - cells.low)
    return inside, torch.log(sides / cells.shapes)


class AnchorTargets(NamedTuple):
    """What the anchors of a batch should predict, for its T objects."""

    owners: Tensor  # (T,) int64 rows of the B * P anchors, all different
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
    """Which anchors should predict "no object": (B, P, 4) boxes -> (B, P) bool.

    Not the (T,) `owners` of objects, and not those whose *predicted* box overlaps some
    object by more than `ignore_iou`: they are ignored, neither right nor wrong.
    """
    is_close = [
        (box_iou(target["boxes"].to(predicted), predicted) > ignore_iou).any(dim=0)
        for target, predicted in zip(targets, boxes, strict=True)
    ]
    background = ~torch.stack(is_close)
    background.view(-1)[owners] = False
    return background


def class_loss(logits: Tensor, labels: Tensor, classes: Classes) -> Tensor:
    """The sum over T objects: (T, C) logits and (T,) labels from 1 to C.

    With "softmax" the classes compete (v2); with "logistic" each is a yes-or-no
    question of its own (v3), so that an object could belong to two classes.
    """
    if classes == "softmax":
        return F.cross_entropy(logits, labels - 1, reduction="sum")
    one_hot = F.one_hot(labels - 1, logits.shape[1]).to(logits)
    return F.binary_cross_entropy_with_logits(logits, one_hot, reduction="sum")


def objectness_losses(
    logits: Tensor, iou: Tensor, background: Tensor, objectness: Objectness
) -> tuple[Tensor, Tensor]:
    """Two sums: over the anchors that own an object, and over the background.

    (T,) logits and IoUs of the first, and (N,) logits of the second. With "iou" the
    confidence of an owner should be its IoU (v2); with "logistic" it should be 1 (v3).
    """
    if objectness == "iou":
        confidence, empty = logits.sigmoid(), background.sigmoid()
        return (confidence - iou).square().sum(), empty.square().sum()
    # -log(p) and -log(1 - p), from the logits.
    return F.softplus(-logits).sum(), F.softplus(background).sum()


def box_losses(
    outputs: Tensor, boxes: Tensor, objects: Tensor, cells: AnchorCells
) -> tuple[Tensor, Tensor]:
    """Squared errors of centres, in cells, and of sides, in logarithms: two sums.

    (T, 5 + C) outputs of the anchors that own an object, their (T, 4) boxes and cells,
    and the (T, 4) boxes of the objects.
    """
    inside, _ = inside_and_growth(boxes, cells)
    target_inside, target_growth = inside_and_growth(objects, cells)
    growth_error = outputs[:, GROWTH] - target_growth
    return (inside - target_inside).square().sum(), growth_error.square().sum()


def anchor_losses(
    outputs: Tensor,
    cells: AnchorCells,
    targets: Sequence[Target],
    size: Size,
    settings: AnchorSettings = V2,
) -> dict[str, Tensor]:
    """Five named losses of (B, P, 5 + C) outputs, each a sum divided by B images.

    The numbers of an anchor are t_x, t_y, t_w, t_h, a logit of its confidence, and a
    logit for each class. `size` is the images' height and width. No gradient flows
    through the IoU that a confidence should reach.
    """
    num_classes = outputs.shape[-1] - CLASSES.start + 1
    owned = anchor_targets(targets, cells, size, num_classes=num_classes)
    own_cells = select_cells(cells, owned.owners % len(cells.low))
    boxes = decode_anchors(outputs[..., :4], cells, is_free=settings.is_free)
    own, own_boxes = (part.flatten(0, 1)[owned.owners] for part in (outputs, boxes))
    empty = is_background(boxes.detach(), owned.owners, targets, settings.ignore_iou)
    iou = paired_box_iou(own_boxes, owned.boxes).detach()
    confidence = outputs[..., CONFIDENCE]
    xy, wh = box_losses(own, own_boxes, owned.boxes, own_cells)
    objects, no_objects = objectness_losses(
        own[:, CONFIDENCE], iou, confidence[empty], settings.objectness
    )
    sums = {
        "loss_xy": settings.coord_weight * xy,
        "loss_wh": settings.coord_weight * wh,
        "loss_confidence": settings.object_weight * objects,
        "loss_no_object": settings.noobj_weight * no_objects,
        "loss_classes": class_loss(own[:, CLASSES], owned.labels, settings.classes),
    }
    return {name: loss / len(targets) for name, loss in sums.items()}


def anchor_scores(outputs: Tensor, classes: Classes) -> Tensor:
    """Confidence times class probability: (B, P, 5 + C) outputs -> (B, P, C)."""
    logits = outputs[..., CLASSES]
    is_softmax = classes == "softmax"
    probabilities = logits.softmax(dim=-1) if is_softmax else logits.sigmoid()
    return outputs[..., CONFIDENCE, None].sigmoid() * probabilities


def anchor_detections(
    outputs: Tensor, cells: AnchorCells, size: Size, settings: AnchorSettings = V2
) -> list[Target]:
    """The detections of each image, `boxes`, `scores`, `labels`, by falling score.

    (B, P, 5 + C) outputs; `size` is the images' height and width. Boxes are clipped.
    """
    boxes = decode_anchors(outputs[..., :4], cells, is_free=settings.is_free)
    scores = anchor_scores(outputs, settings.classes)
    return [
        select_detections(
            clip_boxes(boxes_of_image, *size),
            scores_of_image,
            score_threshold=settings.score_threshold,
            iou_threshold=settings.iou_threshold,
            max_detections=settings.max_detections,
        )
        for boxes_of_image, scores_of_image in zip(boxes, scores, strict=True)
    ]


def reorganize(features: Tensor) -> Tensor:
    """Each 2 x 2 block of positions becomes one: (B, C, 2H, 2W) -> (B, 4C, H, W).

    No number is lost. The four positions of channel c become channels 4c to 4c + 3:
    upper left, upper right, lower left, lower right.
    """
    batch, channels, height, width = features.shape
    blocks = features.reshape(batch, channels, height // 2, 2, width // 2, 2)
    stacked = blocks.permute(0, 1, 3, 5, 2, 4)  # (B, C, 2, 2, H, W)
    return stacked.reshape(batch, 4 * channels, height // 2, width // 2)


def add_coarser(features: Tensor, coarser: Tensor) -> Tensor:
    """A coarser map, enlarged and put behind the channels of a finer one.

    (B, C, H, W) and (B, D, h, w) -> (B, C + D, H, W).
    """
    enlarged = F.interpolate(coarser, (features.shape[2], features.shape[3]))
    return torch.cat([features, enlarged], dim=1)


def start_at_anchors(layer: nn.Conv2d, num_anchors: int) -> None:
    """Make a last layer predict, at first, boxes like the anchors, and no object."""
    nn.init.normal_(layer.weight, std=0.01)
    start = torch.zeros(num_anchors, layer.out_channels // num_anchors)
    start[:, CONFIDENCE] = LOW
    layer.bias = nn.Parameter(start.flatten())


class AnchorHead(nn.Module):
    """Three convolutions on one map: 5 + C numbers for each anchor of each cell.

    As many as the head of `YOLO` has, so that both can be compared.

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
        start_at_anchors(self.numbers, len(shapes))
        self.to(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, K * numbers, H, W); (B, hidden, H, W) for finer maps."""
        read = self.read(features)
        return self.numbers(self.around(read)), read


def make_heads(
    widths: Sequence[int],
    anchors: Sequence[Tensor],
    num_classes: int,
    hidden: int,
    has_passthrough: bool,
) -> nn.ModuleList:
    """A head for each group of anchors, the finest first, on maps of these widths.

    Each head but the coarsest also gets the `hidden` channels of the next coarser one;
    with a passthrough, the only one gets four times those of the map before.
    """
    channels = list(widths[-len(anchors) :])
    channels[:-1] = [width + hidden for width in channels[:-1]]
    channels[-1] += 4 * widths[-2] if has_passthrough else 0
    numbers = CLASSES.start + num_classes - 1
    return nn.ModuleList(
        AnchorHead(width, shapes, hidden=hidden, numbers=numbers)
        for width, shapes in zip(channels, anchors, strict=True)
    )


def run_heads(
    maps: Sequence[Tensor], heads: Iterable[Any], size: Size
) -> tuple[Tensor, AnchorCells]:
    """The outputs (B, P, 5 + C) of heads on maps, both the finest first, and P cells.

    The coarsest head comes first, since the finer ones get what it has read.
    """
    outputs, cells, read = [], [], None
    for features, head in reversed(list(zip(maps, heads, strict=True))):
        whole = features if read is None else add_coarser(features, read)
        numbers, read = head(whole)
        map_size = (whole.shape[2], whole.shape[3])
        outputs.append(flatten_map(numbers, len(head.shapes)))
        cells.append(anchor_cells(head.shapes, map_size=map_size, image_size=size))
    return torch.cat(outputs, dim=1), join_cells(cells)


def check_maps(
    backbone: Backbone, anchors: Sequence[Tensor], passthrough: bool
) -> None:
    """There are anchors for 1 map or more, and the backbone has these maps."""
    most = len(backbone.widths)
    if not 1 <= len(anchors) <= most:
        raise ValueError(
            f"there are anchors for {len(anchors)} maps, but 1 to {most} were "
            "expected, as the backbone has no more"
        )
    if passthrough and not 1 == len(anchors) < most:
        raise ValueError(
            f"there are {most} maps, and anchors for {len(anchors)}, but a passthrough "
            "leads from the second last map to the last, the only one with anchors"
        )


class AnchorYOLO(Model):
    """YOLO v2; with several maps and logistic classes, v3.

    Args:
        backbone: its last maps are read, as many as there are groups of anchors.
        anchors: for each map, the finest first, (K, 2) widths and heights in pixels.
        num_classes: with the background, which has no number in the outputs.
        hidden: channels of each head.
        has_passthrough: whether the one head also reads the second last map.
        settings: of the loss and of detections.

    Raises ValueError if the backbone has fewer maps than there are anchors.
    """

    def __init__(
        self,
        backbone: Backbone,
        anchors: Sequence[Tensor],
        *,
        num_classes: int,
        hidden: int = 64,
        has_passthrough: bool = False,
        settings: AnchorSettings = V2,
    ) -> None:
        super().__init__()
        check_maps(backbone, anchors, has_passthrough)
        self.backbone, self.settings = backbone, settings
        self.has_passthrough = has_passthrough
        self.heads = make_heads(
            backbone.widths, anchors, num_classes, hidden, has_passthrough
        )

    def forward(self, images: Tensor) -> tuple[Tensor, AnchorCells]:
        """(B, 3, H, W) -> (B, P, 5 + C) outputs, and the cells of the P anchors."""
        maps = self.backbone.maps(images)
        if self.has_passthrough:
            maps[-1] = torch.cat([maps[-1], reorganize(maps[-2])], dim=1)
        return run_heads(maps[-len(self.heads) :], self.heads, image_size(images))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Five losses, see `anchor_losses`."""
        check_batch(images, targets)
        outputs, cells = self(images)
        return anchor_losses(outputs, cells, targets, image_size(images), self.settings)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        outputs, cells = self(images)
        return anchor_detections(outputs, cells, image_size(images), self.settings)


def resize_batch(
    images: Tensor, targets: Sequence[Target], side: int
) -> tuple[Tensor, list[Target]]:
    """The images as squares of `side` pixels, and the targets with their boxes.

    (B, 3, H, W) -> (B, 3, side, side).
    """
    height, width = image_size(images)
    scale = torch.tensor([side / width, side / height] * 2)
    resized = F.interpolate(
        images, (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    boxes = [target["boxes"] * scale.to(target["boxes"]) for target in targets]
    return resized, [
        {**target, "boxes": moved} for target, moved in zip(targets, boxes, strict=True)
    ]


def resize_at_random(
    images: Tensor,
    targets: Sequence[Target],
    generator: torch.Generator,
    *,
    sides: Sequence[int],
) -> tuple[Tensor, list[Target]]:
    """The batch resized to one of the `sides`, drawn anew each time: an `augment`."""
    drawn = int(torch.randint(len(sides), (1,), generator=generator))
    return resize_batch(images, targets, sides[drawn])
