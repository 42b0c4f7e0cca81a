"""Faster R-CNN: one feature map, from which objects are proposed and then recognised.

Ren et al. 2015. The region proposal network (RPN) takes the place of selective search;
what comes after it is Fast R-CNN.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.backbone import Backbone
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.resnet_c4 import ResNetC4
from course_utils.models.roi_heads import RoIHeads, check_stride
from course_utils.models.rpn import RPN

BEFORE_AFTER = tuple[int, int]


class FasterRCNN(Model):
    """Backbone, RPN and RoI heads, trained together with four losses.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        rpn: proposes boxes on the features.
        roi_heads: what is done with the proposals, at the backbone's stride.
        train_proposals: anchors decoded, and proposals left, of an image in training.
        test_proposals: the same when predicting.
    """

    def __init__(
        self,
        backbone: Backbone | ResNetC4,
        rpn: RPN,
        roi_heads: RoIHeads,
        *,
        train_proposals: BEFORE_AFTER = (2000, 2000),
        test_proposals: BEFORE_AFTER = (1000, 1000),
    ) -> None:
        """The defaults are torchvision's.

        Raises ValueError if backbone and heads have different strides.
        """
        super().__init__()
        check_stride(backbone.stride, roi_heads)
        self.backbone, self.rpn, self.roi_heads = backbone, rpn, roi_heads
        self.train_proposals, self.test_proposals = train_proposals, test_proposals

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Two losses of the RPN, then two of the box head on the RPN's proposals."""
        check_batch(images, targets)
        size = image_size(images)
        features = self.backbone(images)
        answers = self.rpn(features, size)
        before, after = self.train_proposals
        losses = self.rpn.losses(answers, targets)
        proposals = self.rpn.propose(answers, size, before=before, after=after)
        boxes = [each["boxes"] for each in proposals]
        return losses | self.roi_heads.losses(features, boxes, targets)

    @torch.no_grad()
    def propose(
        self, images: Tensor, *, before: int | None = None, after: int | None = None
    ) -> list[Target]:
        """The proposals of each image: `boxes` and `scores`, by falling score.

        Of all anchors the `before` best are decoded, and at most `after` boxes are
        left; without these, as many as for predicting.
        """
        check_batch(images)
        features = self.backbone(images)
        return self.proposals(features, image_size(images), before=before, after=after)

    @torch.no_grad()
    def proposals(
        self,
        features: Tensor,
        size: tuple[int, int],
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Target]:
        """The same on features of images of (height, width)."""
        before = self.test_proposals[0] if before is None else before
        after = self.test_proposals[1] if after is None else after
        answers = self.rpn(features, size)
        return self.rpn.propose(answers, size, before=before, after=after)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        size = image_size(images)
        features = self.backbone(images)
        boxes = [each["boxes"] for each in self.proposals(features, size)]
        return self.roi_heads.detect(features, boxes, size)
