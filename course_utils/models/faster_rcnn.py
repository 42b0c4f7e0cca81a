"""Faster R-CNN: one feature map, from which objects are proposed and then recognised.

Ren et al. 2015. The region proposal network (RPN) takes the place of selective search;
what comes after it is Fast R-CNN.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import BoxHead, RoIHeads, check_stride
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rpn import RPN


class FasterRCNN(Model):
    """Backbone, RPN and RoI heads, trained together with four losses.

    The defaults are torchvision's.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        rpn: proposes boxes on the features.
        roi_heads: what is done with the proposals, at the backbone's stride.
        train_proposals: anchors decoded, and proposals left, of an image in training.
        test_proposals: the same when predicting.

    Raises ValueError if backbone and heads have different strides.
    """

    def __init__(
        self,
        backbone: nn.Module,
        rpn: RPN,
        roi_heads: RoIHeads,
        *,
        train_proposals: tuple[int, int] = (2000, 2000),
        test_proposals: tuple[int, int] = (1000, 1000),
    ) -> None:
        super().__init__()
        check_stride(backbone, roi_heads)
        self.backbone, self.rpn, self.roi_heads = backbone, rpn, roi_heads
        self.train_proposals, self.test_proposals = train_proposals, test_proposals

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Two losses of the RPN, then two of the box head on the RPN's proposals."""
        check_batch(images, targets)
        size = image_size(images)
        features = self.backbone(images)
        outputs = self.rpn(features, size)
        before, after = self.train_proposals
        losses = self.rpn.losses(outputs, targets)
        proposals = self.rpn.propose(outputs, size, before=before, after=after)
        boxes = [of_image["boxes"] for of_image in proposals]
        return losses | self.roi_heads.losses(features, boxes, targets)

    @torch.no_grad()
    def propose(
        self,
        images: Tensor,
        *,
        features: Tensor | None = None,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Target]:
        """The proposals of each image: `boxes` and `scores`, by falling score.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            features: those of the images, where the backbone has seen them already.
            before: anchors to decode, the best of all; as for predicting if None.
            after: most proposals that are left; as for predicting if None.
        """
        check_batch(images)
        features = self.backbone(images) if features is None else features
        before = self.test_proposals[0] if before is None else before
        after = self.test_proposals[1] if after is None else after
        size = image_size(images)
        outputs = self.rpn(features, size)
        return self.rpn.propose(outputs, size, before=before, after=after)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        features = self.backbone(images)
        proposals = self.propose(images, features=features)
        boxes = [of_image["boxes"] for of_image in proposals]
        return self.roi_heads.detect(features, boxes, image_size(images))


def small_faster_rcnn(
    widths: Sequence[int] = (32, 64),
    *,
    num_classes: int = 8,
    sizes: Sequence[float] = (16, 28, 48),
    ratios: Sequence[float] = (0.5, 1, 2),
    make_rpn: Callable[..., RPN] = RPN,
) -> FasterRCNN:
    """The detector of lesson 04: small enough to learn the tabletop on a laptop.

    It has random weights; `num_classes` counts the background.
    """
    backbone = Backbone(widths, depth=2)
    width = backbone.out_channels
    rpn = make_rpn(width, sizes=sizes, ratios=ratios, count=128)
    head = BoxHead(width, hidden=256, num_classes=num_classes)
    heads = RoIHeads(
        head,
        stride=backbone.stride,
        count=64,
        negative_iou=(0.0, 0.5),
        beta=1 / 9,
        iou_threshold=0.5,
    )
    most = {"train_proposals": (200, 100), "test_proposals": (300, 100)}
    return FasterRCNN(backbone, rpn, heads, **most)
