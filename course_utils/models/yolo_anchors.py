"""YOLO with anchors: what v2 and v3 changed, each change a setting.

Redmon and Farhadi 2017 (YOLO9000: better, faster, stronger) and 2018 (YOLOv3: an
incremental improvement).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbone import Backbone, convolution
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rpn_head import flatten_map
from course_utils.models.yolo import LEAK
from course_utils.models.yolo_anchors_loss import (
    CLASSES,
    CONFIDENCE,
    Classes,
    anchor_losses,
)
from course_utils.ops.boxes import clip_boxes
from course_utils.ops.post_processing import select_detections
from course_utils.ops.shape_clusters import as_shapes
from course_utils.ops.yolo_anchors import (
    AnchorCells,
    anchor_cells,
    decode_anchors,
    join_cells,
)
from course_utils.ops.yolo_grid import Pair

LOW = -3.0  # logit of the confidence at the start: about 0.05


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
        """At first boxes look like their anchors, and none is called an object."""
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
        self, features: Tensor, coarser: Tensor | None, size: Pair
    ) -> tuple[Tensor, AnchorCells, Tensor]:
        """The answers of the map's anchors, their cells, and what a finer head gets.

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
        answers = flatten_map(self.numbers(self.around(read)), len(self.shapes))
        cells = anchor_cells(self.shapes, map_size=map_size, image_size=size)
        return answers, cells, read


class AnchorYOLO(Model):
    """YOLO v2; with several maps and logistic classes, v3.

    Args:
        backbone: its last maps are read, as many as there are groups of anchors.
        anchors: for each map, the finest first, (K, 2) widths and heights in pixels.
        num_classes: with the background, which has no number in the answers.
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
        """Raises ValueError if the backbone has fewer maps than there are anchors."""
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
        """(B, 3, H, W) -> (B, P, 5 + C) answers, and the cells of the P anchors.

        The coarsest map comes first, since the finer ones read what it has read.
        """
        maps = self.backbone.maps(images)[-len(self.heads) :]
        size = image_size(images)
        answers, cells, read = [], [], None
        for features, head in zip(reversed(maps), reversed(self.heads), strict=True):
            answer, place, read = head(features, read, size)
            answers.append(answer)
            cells.append(place)
        return torch.cat(answers, dim=1), join_cells(cells)

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Five losses, see `anchor_losses`."""
        check_batch(images, targets)
        answers, cells = self(images)
        return anchor_losses(
            answers,
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
        answers, cells = self(images)
        boxes = decode_anchors(answers[..., :4], cells, is_free=self.is_free)
        return [
            select_detections(
                clip_boxes(each, *size),
                score,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for each, score in zip(boxes, self.scores(answers), strict=True)
        ]

    def scores(self, answers: Tensor) -> Tensor:
        """Confidence times probability: (B, P, 5 + C) answers -> (B, P, C)."""
        logits = answers[..., CLASSES]
        is_softmax = self.classes == "softmax"
        probabilities = logits.softmax(dim=-1) if is_softmax else logits.sigmoid()
        return answers[..., CONFIDENCE, None].sigmoid() * probabilities
