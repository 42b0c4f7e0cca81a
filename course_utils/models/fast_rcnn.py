"""Fast R-CNN: one pass over the image, then a small network for each proposal.

Girshick 2015. The backbone sees the whole image once. Proposals come from elsewhere, in
pixels of the image, and are pooled from the feature map that all of them share.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.models.backbone import Backbone
from course_utils.models.box_head import with_area
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.roi_heads import RoIHeads, check_stride
from course_utils.ops.boxes import clip_boxes

Propose = Callable[[Tensor], Tensor]  # (3, H, W) image -> (N, 4) boxes


class FastRCNN(Model):
    """A backbone for the image, and RoI heads for its proposals.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        roi_heads: what is done with the proposals, at the backbone's stride.
        propose: (3, H, W) image -> (N, 4) boxes, for images that come without.
    """

    def __init__(
        self,
        backbone: Backbone,
        roi_heads: RoIHeads,
        *,
        propose: Propose | None = None,
    ) -> None:
        """Raises ValueError if backbone and heads have different strides."""
        super().__init__()
        check_stride(backbone.stride, roi_heads)
        self.backbone, self.roi_heads, self.propose = backbone, roi_heads, propose

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
