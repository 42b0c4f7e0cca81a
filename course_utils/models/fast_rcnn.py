"""Fast R-CNN: one pass over the image, then a small network for each proposal.

Girshick 2015. The backbone sees the whole image once. Proposals come from elsewhere, in
pixels of the image, and are pooled from the feature map that all of them share.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.models.backbone import Backbone
from course_utils.models.box_head import BoxHead, with_area
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.roi_heads import RoIHeads
from course_utils.ops.boxes import clip_boxes

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
        self.backbone, self.propose = backbone, propose
        self.roi_heads = RoIHeads(
            box_head,
            stride=backbone.stride,
            pooled_size=pooled_size,
            count=count,
            positive_fraction=positive_fraction,
            positive_iou=positive_iou,
            negative_iou=negative_iou,
            beta=beta,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            targets: one dict an image with `boxes`, `labels` and `proposals` (N, 4).
        """
        given = [given_proposals(target) for target in targets]
        proposals = check_proposals(images, given)
        return self.roi_heads.losses(self.backbone(images), proposals, targets)

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
            proposals = propose_for(images, self.propose)
        proposals = check_proposals(images, proposals)
        if not proposals:
            return []
        features = self.backbone(images)
        return self.roi_heads.detect(features, proposals, image_size(images))


def given_proposals(target: Target) -> Tensor:
    """The target's proposals. Raises ValueError if it has none."""
    if "proposals" not in target:
        raise ValueError(
            f"the target has {sorted(target)}, but `proposals` (N, 4) was expected "
            "too: add those of selective search, or torch.zeros(0, 4)"
        )
    return target["proposals"]


def propose_for(images: Tensor, propose: Propose | None) -> list[Tensor]:
    """The boxes that `propose` finds in each image; ValueError if there is no such."""
    if propose is None:
        raise ValueError(
            "proposals is None, and so is propose: give (N, 4) boxes for each image, "
            "or a function that finds them"
        )
    return [propose(image) for image in images]


def check_proposals(images: Tensor, proposals: Sequence[Tensor]) -> list[Tensor]:
    """The part of each proposal inside its image, on the images' device.

    Proposals of which nothing is left are dropped. Raises ValueError unless images are
    (B, 3, H, W) and there are proposals for each.
    """
    check_batch(images)
    if len(proposals) != len(images):
        raise ValueError(
            f"there are proposals for {len(proposals)} images, but there are "
            f"{len(images)} images: give (N, 4) boxes for each, torch.zeros(0, 4) if "
            "there are none"
        )
    size = image_size(images)
    inside = [clip_boxes(boxes.to(images), *size) for boxes in proposals]
    return [with_area(boxes) for boxes in inside]
