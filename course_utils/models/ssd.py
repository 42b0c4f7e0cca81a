"""SSD, the single shot multibox detector: classes and boxes straight from several maps.

Liu et al. 2016. No proposals: each default box of each map is asked what it shows and
how it has to be moved, all at once.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from course_utils.models.box_head import BOX_WEIGHTS
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.ssd300 import SSD300Backbone
from course_utils.models.ssd_backbone import MultiMapBackbone
from course_utils.models.ssd_head import SSDHead
from course_utils.models.ssd_loss import background_loss, ssd_losses
from course_utils.models.ssd_targets import (
    hard_negatives,
    label_default_boxes,
    random_negatives,
)
from course_utils.ops.boxes import clip_boxes, decode_boxes, encode_boxes
from course_utils.ops.default_boxes import default_boxes
from course_utils.ops.post_processing import select_detections

Negatives = Literal["hard", "random", "all"]


class Answers(NamedTuple):
    """What the head says about each default box of each image."""

    logits: Tensor  # (B, A, K), background first
    deltas: Tensor  # (B, A, 4)
    default_boxes: Tensor  # (A, 4) xyxy, the same for all images


class SSD(Model):
    """A backbone of several maps, and a head on each.

    Args:
        backbone: (B, 3, H, W) images -> maps, with its `out_channels`.
        num_classes: with the background, which is class 0.
        scales: one for each map, and one more; see `default_boxes`.
        ratios: for each map, width over height.
        strides: for each map, pixels between two default boxes; without it, they fill
            the image.
        positive_iou: see `match_default_boxes`.
        negatives: the background to learn from: "hard", or to see what that does, as
            many at "random", or "all" of it.
        negative_ratio: negatives for each positive, unless all are used.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        candidates: most boxes of a class that are looked at.
        max_detections: most detections of an image.
    """

    def __init__(
        self,
        backbone: MultiMapBackbone | SSD300Backbone,
        *,
        num_classes: int,
        scales: Sequence[float],
        ratios: Sequence[Sequence[float]],
        strides: Sequence[int] | None = None,
        positive_iou: float = 0.5,
        negatives: Negatives = "hard",
        negative_ratio: float = 3,
        score_threshold: float = 0.01,
        iou_threshold: float = 0.45,
        candidates: int = 400,
        max_detections: int = 200,
    ) -> None:
        """The defaults are the paper's.

        Raises ValueError if the settings are of more or of fewer maps.
        """
        super().__init__()
        check_settings(backbone, scales, ratios, negatives)
        self.backbone = backbone
        num_boxes = [2 + 2 * len(wide) for wide in ratios]
        self.head = SSDHead(backbone.out_channels, num_boxes, num_classes=num_classes)
        self.scales, self.ratios = tuple(scales), tuple(map(tuple, ratios))
        self.strides = strides
        self.positive_iou, self.negatives = positive_iou, negatives
        self.negative_ratio, self.score_threshold = negative_ratio, score_threshold
        self.iou_threshold, self.candidates = iou_threshold, candidates
        self.max_detections = max_detections

    def forward(self, images: Tensor) -> Answers:
        """(B, 3, H, W) images -> the answers of all default boxes."""
        check_batch(images)
        maps = self.backbone(images)
        boxes = default_boxes(
            [image_size(each) for each in maps],
            image_size(images),
            scales=self.scales,
            ratios=self.ratios,
            strides=self.strides,
        )
        logits, deltas = self.head(maps)
        return Answers(logits, deltas, boxes.to(images))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg`."""
        check_batch(images, targets)
        return self.losses_of(self(images), targets)

    def losses_of(
        self, answers: Answers, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The same from what the heads have answered."""
        logits, deltas, boxes = answers
        pairs = [
            label_default_boxes(boxes, target, positive_iou=self.positive_iou)
            for target in targets
        ]
        labels = torch.stack([each for each, _ in pairs])
        is_object = labels > 0
        goals = torch.stack([goal for _, goal in pairs])[is_object]  # (P, 4)
        starts = boxes.expand_as(deltas)[is_object]
        return ssd_losses(
            logits,
            deltas,
            labels,
            encode_boxes(goals, starts, weights=BOX_WEIGHTS),
            self.choose_negatives(logits, is_object),
        )

    @torch.no_grad()
    def choose_negatives(self, logits: Tensor, is_object: Tensor) -> Tensor:
        """(B, A) bool, the background to learn from."""
        if self.negatives == "all":
            return ~is_object
        if self.negatives == "random":
            return random_negatives(is_object, ratio=self.negative_ratio)
        return hard_negatives(
            background_loss(logits), is_object, ratio=self.negative_ratio
        )

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        logits, deltas, boxes = self(images)
        size, scores = image_size(images), logits.softmax(dim=2)[..., 1:]
        return [
            select_detections(
                clip_boxes(decode_boxes(delta, boxes, weights=BOX_WEIGHTS), *size),
                score,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
                candidates=self.candidates,
            )
            for delta, score in zip(deltas, scores, strict=True)
        ]


def check_settings(
    backbone: MultiMapBackbone | SSD300Backbone,
    scales: Sequence[float],
    ratios: Sequence[Sequence[float]],
    negatives: str,
) -> None:
    """Raises ValueError unless the default boxes are of as many maps as there are."""
    maps = len(backbone.out_channels)
    if len(ratios) != maps or len(scales) != maps + 1:
        raise ValueError(
            f"the backbone has {maps} maps, but there are ratios for {len(ratios)} and "
            f"{len(scales)} scales: give ratios for each map, and one scale more"
        )
    if negatives not in get_args(Negatives):
        raise ValueError(
            f"negatives is {negatives!r}, but one of {get_args(Negatives)} was expected"
        )
