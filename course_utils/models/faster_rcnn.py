"""Faster R-CNN: one feature map, from which objects are proposed and then recognised.

Ren et al. 2015. The region proposal network (RPN) takes the place of selective search;
what comes after it is Fast R-CNN.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import BoxHead, RoIHeads, check_stride
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rpn import RPN, Counts


def boxes_of(proposals: Sequence[Target]) -> list[Tensor]:
    """The (N, 4) boxes of each image's proposals."""
    return [of_image["boxes"] for of_image in proposals]


class FasterRCNN(Model):
    """Backbone, RPN and RoI heads, trained together with four losses.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        rpn: proposes boxes on the features.
        roi_heads: what is done with the proposals, at the backbone's stride.

    Raises ValueError if backbone and heads have different strides.
    """

    def __init__(self, backbone: nn.Module, rpn: RPN, roi_heads: RoIHeads) -> None:
        super().__init__()
        check_stride(backbone, roi_heads)
        self.backbone, self.rpn, self.roi_heads = backbone, rpn, roi_heads

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Two losses of the RPN, then two of the box head on the RPN's proposals."""
        check_batch(images, targets)
        size, counts = image_size(images), self.rpn.settings.train_proposals
        features = self.backbone(images)
        outputs = self.rpn(features, size)
        losses = self.rpn.losses(outputs, targets)
        boxes = boxes_of(self.rpn.propose(outputs, size, counts))
        return losses | self.roi_heads.losses(features, boxes, targets)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        features = self.backbone(images)
        boxes = boxes_of(self.propose(images, features=features))
        return self.roi_heads.detect(features, boxes, image_size(images))

    @torch.no_grad()
    def propose(
        self,
        images: Tensor,
        counts: Counts | None = None,
        *,
        features: Tensor | None = None,
    ) -> list[Target]:
        """The proposals of each image: `boxes` and `scores`, by falling score.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            counts: anchors to decode, and the most proposals to keep; as for
                predicting if None.
            features: those of the images, where the backbone has seen them already.
        """
        features = self.backbone(images) if features is None else features
        outputs = self.rpn(features, image_size(images))
        counts = counts or self.rpn.settings.test_proposals
        return self.rpn.propose(outputs, image_size(images), counts)


def small_faster_rcnn(
    widths: Sequence[int] = (32, 64),
    *,
    num_classes: int = 8,
    sizes: Sequence[float] = (16, 28, 48),
    ratios: Sequence[float] = (0.5, 1, 2),
    beta: float = 1.0,
    make_rpn: Callable[..., RPN] = RPN,
) -> FasterRCNN:
    """The detector of lesson 04: small enough to learn the tabletop on a laptop.

    It has random weights; `num_classes` counts the background. The box head's `beta`
    is 1 as in the authors' code; torchvision has 1 / 9, as in the RPN.
    """
    backbone = Backbone(widths, depth=2)
    width, stride = backbone.out_channels, backbone.stride
    rpn = make_rpn(
        width,
        sizes=sizes,
        ratios=ratios,
        count=128,
        train_proposals=(200, 100),
        test_proposals=(300, 100),
    )
    head = BoxHead(width, hidden=256, num_classes=num_classes)
    settings: dict[str, Any] = {
        "negative_iou": (0.0, 0.5),
        "beta": beta,
        "iou_threshold": 0.5,
    }
    return FasterRCNN(
        backbone, rpn, RoIHeads(head, stride=stride, count=64, **settings)
    )
