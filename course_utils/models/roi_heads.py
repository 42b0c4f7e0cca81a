"""What Fast and Faster R-CNN do alike with proposals, wherever these come from."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.box_head import (
    BOX_WEIGHTS,
    box_head_losses,
    detections,
    sample_rois,
)
from course_utils.models.model import Target
from course_utils.ops.boxes import encode_boxes
from course_utils.ops.roi import as_rois, roi_pool


class RoIHeads(nn.Module):
    """Pools proposals from the shared features, and says what they show and where.

    The defaults are those of Fast R-CNN's paper and its release. torchvision's Faster
    R-CNN has `count=512, negative_iou=(0.0, 0.5), beta=1 / 9, iou_threshold=0.5`.

    Args:
        box_head: (R, C, P, P) pooled features -> (R, K) logits and (R, 4K) deltas.
        stride: pixels of the image a cell of the features.
        pooled_size: P.
        count: RoIs an image to learn from.
        positive_fraction: most of them that may show objects.
        positive_iou: from this IoU with an object on, a RoI shows it.
        negative_iou: a RoI of an IoU in [low, high) shows background.
        beta: where smooth L1 turns from a parabola into a line.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.
    """

    def __init__(
        self,
        box_head: nn.Module,
        *,
        stride: int,
        pooled_size: int = 7,
        count: int = 64,
        positive_fraction: float = 0.25,
        positive_iou: float = 0.5,
        negative_iou: tuple[float, float] = (0.1, 0.5),
        beta: float = 1.0,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.3,
        max_detections: int = 100,
    ) -> None:
        """Only the box head has weights; all else can be changed later."""
        super().__init__()
        self.box_head, self.stride, self.pooled_size = box_head, stride, pooled_size
        self.count, self.positive_fraction = count, positive_fraction
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.beta, self.score_threshold = beta, score_threshold
        self.iou_threshold, self.max_detections = iou_threshold, max_detections

    def forward(
        self, features: Tensor, boxes: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The head's (R, K) logits and (R, 4K) deltas for the boxes of each image."""
        pooled = roi_pool(
            features,
            as_rois(boxes),
            output_size=self.pooled_size,
            spatial_scale=1 / self.stride,
        )
        logits, deltas = self.box_head(pooled)
        return logits, deltas

    def losses(
        self,
        features: Tensor,
        proposals: Sequence[Tensor],
        targets: Sequence[Target],
    ) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            features: (B, C, h, w) of all images.
            proposals: (N, 4) boxes of each image.
            targets: one dict an image with `boxes` and `labels`.
        """
        samples = [
            sample_rois(
                boxes,
                target,
                count=self.count,
                positive_fraction=self.positive_fraction,
                positive_iou=self.positive_iou,
                negative_iou=self.negative_iou,
            )
            for boxes, target in zip(proposals, targets, strict=True)
        ]
        rois, labels, matched = zip(*samples, strict=True)
        logits, deltas = self(features, rois)
        goals = encode_boxes(torch.cat(matched), torch.cat(rois), weights=BOX_WEIGHTS)
        return box_head_losses(logits, deltas, torch.cat(labels), goals, beta=self.beta)

    @torch.no_grad()
    def detect(
        self, features: Tensor, proposals: Sequence[Tensor], size: tuple[int, int]
    ) -> list[Target]:
        """What the head finds in each image's proposals, by falling score."""
        if not len(proposals):
            return []
        counts = [len(boxes) for boxes in proposals]
        logits, deltas = self(features, proposals)
        return [
            detections(
                *answers,
                size,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for answers in zip(
                torch.split(logits, counts),
                torch.split(deltas, counts),
                proposals,
                strict=True,
            )
        ]


def check_stride(stride: int, roi_heads: RoIHeads) -> None:
    """Raises ValueError unless the heads are made for a backbone of this stride."""
    if roi_heads.stride != stride:
        raise ValueError(
            f"the RoI heads have stride {roi_heads.stride}, but the backbone has "
            f"{stride}: make them with RoIHeads(..., stride=backbone.stride)"
        )
