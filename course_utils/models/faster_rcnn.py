"""Faster R-CNN: one feature map, from which objects are proposed and then recognised.

Ren et al. 2015. The region proposal network (RPN) takes the place of selective search;
what comes after it is Fast R-CNN.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbone import Backbone
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.resnet_c4 import ResNetC4
from course_utils.models.roi_heads import RoIHeads
from course_utils.models.rpn import RPN

BEFORE_AFTER = tuple[int, int]


class FasterRCNN(Model):
    """Backbone, RPN and box head, trained together with four losses.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        rpn: proposes boxes on the features.
        box_head: (R, C, P, P) pooled features -> (R, K) logits and (R, 4K) deltas.
        pooled_size: P.
        train_proposals: anchors decoded, and proposals left, of an image in training.
        test_proposals: the same when predicting.
        count: RoIs an image to learn from.
        positive_fraction: most of them that may show objects.
        positive_iou: from this IoU with an object on, a RoI shows it.
        negative_iou: a RoI of an IoU in [low, high) shows background.
        beta: where the head's smooth L1 turns from a parabola into a line.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.
    """

    def __init__(
        self,
        backbone: Backbone | ResNetC4,
        rpn: RPN,
        box_head: nn.Module,
        *,
        pooled_size: int = 7,
        train_proposals: BEFORE_AFTER = (2000, 2000),
        test_proposals: BEFORE_AFTER = (1000, 1000),
        count: int = 512,
        positive_fraction: float = 0.25,
        positive_iou: float = 0.5,
        negative_iou: tuple[float, float] = (0.0, 0.5),
        beta: float = 1 / 9,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
    ) -> None:
        """The defaults are torchvision's."""
        super().__init__()
        self.backbone, self.rpn = backbone, rpn
        self.train_proposals, self.test_proposals = train_proposals, test_proposals
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
        default = self.test_proposals
        before, after = before or default[0], after or default[1]
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
