"""YOLO v1: one look at the image, and each cell of a grid says what it holds.

Redmon et al. 2016. There are no proposals, no anchors and no second stage: the network
answers with S x S x (5B + C) numbers, which `yolo_grid` reads as boxes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbone import Backbone, convolution
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.yolo_loss import yolo_losses
from course_utils.ops.boxes import clip_boxes
from course_utils.ops.post_processing import select_detections
from course_utils.ops.yolo_grid import (
    BOX,
    GridBoxes,
    GridTruth,
    decode_grid,
    encode_grids,
)

LEAK = 0.1  # slope of the paper's activation below 0


class YOLOHead(nn.Module):
    """Two convolutions that look around, then the numbers of each cell.

    The paper ends in fully connected layers, which see the whole image from each cell
    and need as many more examples. Convolutions share what they learn among the cells.

    Args:
        channels: of the feature map.
        hidden: channels of the two 3x3 convolutions.
        num_boxes: B.
        num_labels: C, without background.
    """

    def __init__(
        self, channels: int, *, hidden: int, num_boxes: int, num_labels: int
    ) -> None:
        """The first answers are about: the middle of the cell, a quarter of a side."""
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
        answers: Tensor = self.numbers(self.around(features))
        return answers.permute(0, 2, 3, 1)


class YOLO(Model):
    """A backbone and a head that answers for each cell of the grid.

    Each image is first resized to S times the backbone's stride a side, whatever its
    shape, so that its map is S x S. (The paper resizes to 448 x 448 for 7 x 7 cells.)

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
        """S and the weights of the loss are those of the paper, B too.

        Raises ValueError if there is no cell, box or class.
        """
        super().__init__()
        if min(grid, num_boxes, num_classes - 1) < 1:
            raise ValueError(
                f"grid is {grid}, num_boxes {num_boxes} and num_classes {num_classes}, "
                "but at least 1, 1 and 2 were expected: background counts as a class"
            )
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
        """(B, 3, H, W) images in [0, 1] -> (B, S, S, 5 * num_boxes + C) answers."""
        size = (self.side, self.side)
        if image_size(images) != size:
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        answers: Tensor = self.head(self.backbone(images))
        return answers

    def encode(self, targets: Sequence[Target], size: tuple[int, int]) -> GridTruth:
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

    Both answers of the network are linear. Below 0 they count as 0: the product of two
    negative ones would be a high score.
    """
    is_solid = (found.boxes[..., 2:] > found.boxes[..., :2]).all(dim=-1)
    confidence = found.confidence.clamp(0, 1) * is_solid
    return confidence[..., None] * found.classes.clamp(0, 1)
