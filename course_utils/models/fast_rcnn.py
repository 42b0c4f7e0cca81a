"""Fast R-CNN: one pass over the image, then a small network for each proposal.

Girshick 2015. The backbone sees the whole image once. Proposals come from elsewhere, in
pixels of the image, and are pooled from the feature map that all of them share.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.models.backbone import Backbone
from course_utils.models.box_head import (
    BOX_WEIGHTS,
    BoxHead,
    box_head_losses,
    detections,
    sample_rois,
    with_area,
)
from course_utils.models.model import Model, Target
from course_utils.ops.boxes import clip_boxes, encode_boxes
from course_utils.ops.roi import as_rois, roi_pool

Size = tuple[int, int]  # height and width of an image
Propose = Callable[[Tensor], Tensor]  # (3, H, W) image -> (N, 4) boxes


class FastRCNN(Model):
    """A backbone for the image, and a box head for each proposal.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        box_head: (R, C, P, P) pooled features -> (R, K) logits and (R, 4K) deltas.
        propose: (3, H, W) image -> (N, 4) boxes, for images that come without.
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
        backbone: Backbone,
        box_head: BoxHead,
        *,
        propose: Propose | None = None,
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
        """The defaults are those of the paper and its release."""
        super().__init__()
        self.backbone, self.box_head, self.propose = backbone, box_head, propose
        self.pooled_size = pooled_size
        self.count, self.positive_fraction = count, positive_fraction
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.beta, self.score_threshold = beta, score_threshold
        self.iou_threshold, self.max_detections = iou_threshold, max_detections

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            targets: one dict an image with `boxes`, `labels` and `proposals` (N, 4).
        """
        given = [given_proposals(target) for target in targets]
        proposals = check_proposals(images, given)
        return self.box_losses(self.backbone(images), proposals, targets)

    def box_losses(
        self,
        features: Tensor,
        proposals: Sequence[Tensor],
        targets: Sequence[Target],
    ) -> dict[str, Tensor]:
        """The two losses, on the features of all images and the proposals of each."""
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
        logits, deltas = self.answer(features, rois)
        goals = encode_boxes(torch.cat(matched), torch.cat(rois), weights=BOX_WEIGHTS)
        return box_head_losses(logits, deltas, torch.cat(labels), goals, beta=self.beta)

    def answer(
        self, features: Tensor, boxes: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The head's (R, K) logits and (R, 4K) deltas for the boxes of each image."""
        pooled = roi_pool(
            features,
            as_rois(boxes),
            output_size=self.pooled_size,
            spatial_scale=1 / self.backbone.stride,
        )
        logits, deltas = self.box_head(pooled)
        return logits, deltas

    @torch.no_grad()
    def predict(
        self, images: Tensor, proposals: Sequence[Tensor] | None = None
    ) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score.

        Args:
            images: float RGB in [0, 1].
            proposals: (N, 4) boxes for each image; those that `propose` finds if none
                are given. Raises ValueError if there is neither.
        """
        if proposals is None:
            if self.propose is None:
                raise ValueError(
                    "proposals is None, and so is propose: give (N, 4) boxes for each "
                    "image, or a function that finds them"
                )
            proposals = [self.propose(image) for image in images]
        proposals = check_proposals(images, proposals)
        if not proposals:
            return []
        return self.detect(self.backbone(images), proposals, image_size(images))

    @torch.no_grad()
    def detect(
        self, features: Tensor, proposals: Sequence[Tensor], size: Size
    ) -> list[Target]:
        """What the head finds in each image's proposals, by falling score."""
        counts = [len(boxes) for boxes in proposals]
        logits, deltas = self.answer(features, proposals)
        return [
            detections(
                scores,
                changes,
                boxes,
                size,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for scores, changes, boxes in zip(
                torch.split(logits, counts),
                torch.split(deltas, counts),
                proposals,
                strict=True,
            )
        ]


def image_size(images: Tensor) -> Size:
    """Height and width of a batch of images."""
    return images.shape[-2], images.shape[-1]


def given_proposals(target: Target) -> Tensor:
    """The target's proposals. Raises ValueError if it has none."""
    if "proposals" not in target:
        raise ValueError(
            f"the target has {sorted(target)}, but `proposals` (N, 4) was expected "
            "too: add those of selective search, or torch.zeros(0, 4)"
        )
    return target["proposals"]


def check_proposals(images: Tensor, proposals: Sequence[Tensor]) -> list[Tensor]:
    """The part of each proposal inside its image, on the images' device.

    Proposals of which nothing is left are dropped. Raises ValueError unless images are
    (B, 3, H, W) and there are proposals for each.
    """
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3:
        found = [tuple(image.shape) for image in images]
        raise ValueError(
            f"the images have shapes {found}, but one tensor (B, 3, H, W) was "
            "expected: resize them to one size and stack them"
        )
    if len(proposals) != len(images):
        raise ValueError(
            f"there are proposals for {len(proposals)} images, but there are "
            f"{len(images)} images: give (N, 4) boxes for each, torch.zeros(0, 4) if "
            "there are none"
        )
    size = image_size(images)
    inside = [clip_boxes(boxes.to(images), *size) for boxes in proposals]
    return [with_area(boxes) for boxes in inside]
