"""torchvision's Faster R-CNN, made of the parts and weights of ours.

Both start with the same weights, draw the same samples and pool alike, so that from the
same batch and seed they get the same losses. What then differs is the code.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import RPNHead

from course_utils.models.fast_rcnn import BoxHead
from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.model import Model, Target


class OneMapPool(nn.Module):
    """torchvision's RoI pooling of one feature map, as its RoI heads call it.

    It pools into `output_size` cells a side from a map of this stride.
    """

    def __init__(self, output_size: int, stride: int) -> None:
        super().__init__()
        self.output_size, self.stride = output_size, stride

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_sizes: list[tuple[int, int]],
    ) -> Tensor:
        """The map named "0" and (N, 4) boxes an image -> (R, C, P, P)."""
        pooled: Tensor = torchvision.ops.roi_pool(
            features["0"], proposals, self.output_size, 1 / self.stride
        )
        return pooled


class TorchvisionFasterRCNN(Model):
    """torchvision's detector with a copy of the weights of a `FasterRCNN`.

    Args:
        ours: with a `BoxHead` and a whole backbone; it is left as it is.
        sizes: of its anchors.
        ratios: of its anchors, height over width.

    Raises ValueError if the anchors are not those of `ours`.
    """

    def __init__(
        self, ours: FasterRCNN, *, sizes: Sequence[float], ratios: Sequence[float]
    ) -> None:
        super().__init__()
        anchors = AnchorGenerator((tuple(sizes),), (tuple(ratios),))
        (cell,) = anchors.cell_anchors
        if not torch.equal(cell, ours.rpn.anchors.cell.cpu()):
            raise ValueError(
                f"sizes {tuple(sizes)} and ratios {tuple(ratios)} are not those of the "
                f"model's {len(ours.rpn.anchors.cell)} anchors: give the ones that it "
                "was made with"
            )
        twin = copy.deepcopy(ours)
        parts = copied_parts(twin)
        self.detector = torchvision.models.detection.FasterRCNN(
            twin.backbone, rpn_anchor_generator=anchors, **parts, **settings_of(ours)
        )
        # The constructor takes no other kind of pooling than RoIAlign.
        self.detector.roi_heads.box_roi_pool = OneMapPool(
            ours.roi_heads.pooled_size, ours.roi_heads.stride
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The same four names as ours."""
        self.detector.train()  # the mode decides what torchvision's model returns
        losses: dict[str, Tensor] = self.detector(list(images), list(targets))
        return losses

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        self.detector.eval()
        # Its transform resizes images when predicting, so name their own size.
        sides = images.shape[-2:]
        transform = self.detector.transform
        transform.min_size, transform.max_size = (min(sides),), max(sides)
        found: list[Target] = self.detector(list(images))
        return found


def copied_parts(model: FasterRCNN) -> dict[str, nn.Module]:
    """torchvision's three heads with the weights of a model's, by argument."""
    channels, head = model.backbone.out_channels, model.roi_heads.box_head
    if not isinstance(head, BoxHead):
        raise ValueError(f"the box head is a {type(head).__name__}, not a BoxHead")
    hidden, inputs = head.fc6.weight.shape
    theirs = {
        "rpn_head": RPNHead(channels, len(model.rpn.anchors.cell)),
        "box_head": TwoMLPHead(inputs, hidden),
        "box_predictor": FastRCNNPredictor(hidden, len(head.cls_score.bias)),
    }
    weights = [*model.rpn.head.parameters(), *head.parameters()]
    places = [weight for part in theirs.values() for weight in part.parameters()]
    with torch.no_grad():
        for place, weight in zip(places, weights, strict=True):
            place.copy_(weight)
    return theirs


def settings_of(model: FasterRCNN) -> dict[str, Any]:
    """The settings of a model in the words of torchvision's constructor.

    Its smooth L1 always has beta = 1/9.
    """
    rpn, heads = model.rpn.settings, model.roi_heads.settings
    settings = {
        "image_mean": (0.0, 0.0, 0.0),  # our backbone normalises by itself
        "image_std": (1.0, 1.0, 1.0),
        "_skip_resize": True,  # in training; see predict()
        "size_divisible": 1,  # no padding
        "rpn_fg_iou_thresh": rpn.positive_iou,
        "rpn_bg_iou_thresh": rpn.negative_iou,
        "rpn_batch_size_per_image": rpn.count,
        "rpn_positive_fraction": rpn.positive_fraction,
        "rpn_nms_thresh": rpn.iou_threshold,
        "box_fg_iou_thresh": heads.positive_iou,
        "box_bg_iou_thresh": heads.negative_iou[1],
        "box_batch_size_per_image": heads.count,
        "box_positive_fraction": heads.positive_fraction,
        "box_score_thresh": heads.score_threshold,
        "box_nms_thresh": heads.iou_threshold,
        "box_detections_per_img": heads.max_detections,
    }
    for mode, counts in {
        "train": rpn.train_proposals,
        "test": rpn.test_proposals,
    }.items():
        settings[f"rpn_pre_nms_top_n_{mode}"] = counts[0]
        settings[f"rpn_post_nms_top_n_{mode}"] = counts[1]
    return settings
