"""Faster R-CNN: one feature map, from which objects are proposed and then recognised.

Ren et al. 2015. The region proposal network (RPN) takes the place of selective search;
what comes after it is Fast R-CNN.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbone import Backbone
from course_utils.models.box_head import (
    BOX_WEIGHTS,
    box_head_losses,
    detections,
    sample_rois,
)
from course_utils.models.model import Model, Target
from course_utils.models.resnet_c4 import ResNetC4
from course_utils.models.rpn import RPN
from course_utils.ops.boxes import encode_boxes
from course_utils.ops.roi import roi_pool

BEFORE_AFTER = tuple[int, int]


def join_rois(boxes: Sequence[Tensor]) -> Tensor:
    """The boxes of all images as (R, 5) RoIs: index of the image, then xyxy."""
    return torch.cat(
        [
            torch.cat([torch.full_like(each[:, :1], image), each], dim=1)
            for image, each in enumerate(boxes)
        ]
    )


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
        self.backbone, self.rpn, self.box_head = backbone, rpn, box_head
        self.pooled_size = pooled_size
        self.train_proposals, self.test_proposals = train_proposals, test_proposals
        self.count, self.positive_fraction = count, positive_fraction
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.beta, self.score_threshold = beta, score_threshold
        self.iou_threshold, self.max_detections = iou_threshold, max_detections

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
        return losses | self.box_losses(features, boxes, size, targets)

    def box_losses(
        self,
        features: Tensor,
        proposals: Sequence[Tensor],
        size: tuple[int, int],
        targets: Sequence[Target],
    ) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of the proposals."""
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
        logits, deltas = self.answer(features, rois, size)
        goals = encode_boxes(torch.cat(matched), torch.cat(rois), weights=BOX_WEIGHTS)
        return box_head_losses(logits, deltas, torch.cat(labels), goals, beta=self.beta)

    def answer(
        self, features: Tensor, boxes: Sequence[Tensor], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """The head's (R, K) logits and (R, 4K) deltas for the boxes of each image."""
        pooled = roi_pool(
            features,
            join_rois(boxes),
            output_size=self.pooled_size,
            spatial_scale=1 / self.backbone.stride,
        )
        logits, deltas = self.box_head(pooled)
        return logits, deltas

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
        return self.detect(features, boxes, size)

    @torch.no_grad()
    def detect(
        self, features: Tensor, proposals: Sequence[Tensor], size: tuple[int, int]
    ) -> list[Target]:
        """What the head finds in each image's proposals, by falling score."""
        if not len(proposals):
            return []
        counts = [len(boxes) for boxes in proposals]
        logits, deltas = self.answer(features, proposals, size)
        return [
            detections(
                *each,
                size,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for each in zip(
                torch.split(logits, counts),
                torch.split(deltas, counts),
                proposals,
                strict=True,
            )
        ]


def image_size(images: Tensor) -> tuple[int, int]:
    """Height and width of a batch of images."""
    return images.shape[-2], images.shape[-1]


def check_batch(
    images: Tensor | Sequence[Tensor], targets: Sequence[Target] | None = None
) -> None:
    """Raises ValueError unless images are one (B, 3, H, W) tensor, with B targets."""
    if not isinstance(images, Tensor):
        shapes = sorted({tuple(image.shape) for image in images})
        raise ValueError(
            f"images is a {type(images).__name__} of shapes {shapes}, but one tensor "
            "(B, 3, H, W) was expected: resize or pad the images to one size and "
            "stack them"
        )
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images has shape {tuple(images.shape)}, but (B, 3, H, W) was expected: "
            "stack images of one size, and write one image as image[None]"
        )
    if targets is not None and len(targets) != len(images):
        raise ValueError(
            f"there are {len(images)} images and {len(targets)} targets, but one "
            "target an image was expected"
        )
