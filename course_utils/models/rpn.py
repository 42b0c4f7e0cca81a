"""The region proposal network (RPN) of Faster R-CNN: where in an image is an object?

Ren et al. 2015. About each position of the feature map stand the same few anchors. A
head says whether each holds an object, and how it has to be moved.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.model import Target
from course_utils.ops.anchors import anchor_grid, cell_anchors, map_stride
from course_utils.ops.boxes import (
    as_boxes,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    remove_small_boxes,
)
from course_utils.ops.matching import BELOW, match_anchors, sample_balanced
from course_utils.ops.nms import nms
from course_utils.ops.validators import Size


class RPNHead(nn.Module):
    """A 3x3 convolution, then a score and four deltas for each anchor of a position.

    Weights start small, so that no anchor is certain at first.
    """

    def __init__(self, channels: int, *, hidden: int, num_anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.objectness = nn.Conv2d(hidden, num_anchors, 1)
        self.deltas = nn.Conv2d(hidden, 4 * num_anchors, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> (B, A, H, W) logits and (B, 4A, H, W) deltas."""
        x = self.conv(features).relu()
        return self.objectness(x), self.deltas(x)


def flatten_map(maps: Tensor, num_anchors: int) -> Tensor:
    """The values of a map, one row an anchor, in the order of `anchor_grid`.

    (B, A * K, H, W) with the K values of anchor a in channels aK to aK + K - 1 ->
    (B, H * W * A, K). A plain `view` would hand out values to the wrong anchors.
    """
    batch, channels, height, width = maps.shape
    by_anchor = maps.reshape(batch, num_anchors, channels // num_anchors, height, width)
    return by_anchor.permute(0, 3, 4, 1, 2).flatten(1, 3)


OBJECT, BACKGROUND, IGNORED = 1, 0, -1


def label_anchors(
    anchors: Tensor,
    boxes: Tensor,
    *,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
) -> tuple[Tensor, Tensor]:
    """What the head is to answer for each anchor of one image.

    (A, 4) anchors and (N, 4) boxes of the objects -> (A,) int64 labels, 1 for an
    object, 0 for background, -1 for ignored; and (A, 4) boxes to reach, which mean
    something at objects only. See `match_anchors` for the rule and the thresholds.
    """
    matched_idxs = match_anchors(
        box_iou(boxes, anchors),
        positive_iou=positive_iou,
        negative_iou=negative_iou,
        promote_best=True,
    )
    labels = torch.full_like(matched_idxs, IGNORED)
    labels[matched_idxs >= 0], labels[matched_idxs == BELOW] = OBJECT, BACKGROUND
    return labels, boxes[matched_idxs.clamp(min=0)] if len(boxes) else anchors


def rpn_losses(
    objectness: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    *,
    beta: float = 1 / 9,
) -> dict[str, Tensor]:
    """Cross-entropy of the sampled anchors, and smooth L1 of those on objects.

    Both are divided by the number of sampled anchors; without any, both are 0.

    Args:
        objectness: (S,) logits of the sampled anchors.
        deltas: (S, 4).
        labels: (S,) 1 for an object, 0 for background.
        regression_targets: (S, 4); rows of background are not looked at.
        beta: where smooth L1 turns from a parabola into a line; 1 in the paper.
    """
    count = max(len(labels), 1)
    objects = labels == OBJECT
    box_loss = F.smooth_l1_loss(
        deltas[objects], regression_targets[objects], beta=beta, reduction="sum"
    )
    class_loss = F.binary_cross_entropy_with_logits(
        objectness, labels.to(objectness.dtype), reduction="sum"
    )
    return {
        "loss_objectness": class_loss / count,
        "loss_rpn_box_reg": box_loss / count,
    }


def best_anchors(objectness: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The `most` anchors of the highest logits, best first.

    (B, A) -> (B, K) probabilities and (B, K) int64 indices of anchors.
    """
    logits, index = objectness.topk(min(most, objectness.shape[1]), dim=1)
    return logits.sigmoid(), index


def filter_proposals(
    boxes: Tensor,
    scores: Tensor,
    image_size: Size,
    *,
    iou_threshold: float = 0.7,
    most: int = 300,
    min_side: float = 1e-3,
) -> Target:
    """What is left of one image's decoded boxes: the `proposals`, by falling score.

    Boxes are clipped to the image; those with a side below `min_side` go, then those
    that a better one overlaps by more than `iou_threshold`, whatever their class.

    (K, 4) boxes and (K,) scores -> `boxes` (N, 4) and `scores` (N,), N <= most.
    """
    boxes = clip_boxes(boxes, *image_size)
    large = remove_small_boxes(boxes, min_side)
    boxes, scores = boxes[large], scores[large]
    kept = nms(boxes, scores, iou_threshold)[:most]
    return {"boxes": boxes[kept], "scores": scores[kept]}


class RPNOutputs(NamedTuple):
    """What the head says about each anchor of each image."""

    objectness: Tensor  # (B, A) logits
    deltas: Tensor  # (B, A, 4)
    anchors: Tensor  # (A, 4) xyxy, the same for all images


class RPN(nn.Module):
    """The head with its anchors: it learns from boxes, and proposes boxes.

    Args:
        channels: of the feature map.
        sizes: of the anchors, square roots of areas in pixels of the image.
        ratios: of the anchors, height over width.
        hidden: channels of the 3x3 convolution; `channels` if None.
        positive_iou: as `negative_iou`, see `match_anchors`.
        negative_iou: from this IoU on, an anchor is no background.
        count: anchors an image to learn from.
        positive_fraction: most of them that may stand for objects.
        beta: see `rpn_losses`.
        iou_threshold: two proposals that overlap more are one.
        min_side: a proposal with a shorter side, in pixels, is dropped.
    """

    cell: Tensor

    def __init__(
        self,
        channels: int,
        *,
        sizes: Sequence[float] = (128, 256, 512),
        ratios: Sequence[float] = (0.5, 1, 2),
        hidden: int | None = None,
        positive_iou: float = 0.7,
        negative_iou: float = 0.3,
        count: int = 256,
        positive_fraction: float = 0.5,
        beta: float = 1 / 9,
        iou_threshold: float = 0.7,
        min_side: float = 1e-3,
    ) -> None:
        super().__init__()
        # A buffer, so that anchors move with the module; they need not be saved.
        self.register_buffer("cell", cell_anchors(sizes, ratios), persistent=False)
        self.head = RPNHead(
            channels, hidden=hidden or channels, num_anchors=len(self.cell)
        )
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.count, self.positive_fraction = count, positive_fraction
        self.beta, self.iou_threshold, self.min_side = beta, iou_threshold, min_side

    def forward(self, features: Tensor, image_size: Size) -> RPNOutputs:
        """(B, C, H, W) features of images of (height, width) -> all outputs."""
        objectness, deltas = self.head(features)
        map_size = (features.shape[2], features.shape[3])
        return RPNOutputs(
            self.flatten(objectness).squeeze(2),
            self.flatten(deltas),
            self.anchors(map_size, image_size),
        )

    def flatten(self, maps: Tensor) -> Tensor:
        """(B, A * K, H, W) -> (B, H * W * A, K), in the order of the anchors."""
        return flatten_map(maps, len(self.cell))

    def anchors(self, map_size: Size, image_size: Size) -> Tensor:
        """The anchors of all positions: (H * W * A, 4) xyxy in pixels of the image."""
        stride = map_stride(image_size, map_size)
        return anchor_grid(self.cell, map_size=map_size, stride=stride)

    def label(self, anchors: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """The labels of one image's anchors, and the boxes they are to reach."""
        thresholds = {
            "positive_iou": self.positive_iou,
            "negative_iou": self.negative_iou,
        }
        return label_anchors(anchors, boxes, **thresholds)

    def sample(self, anchors: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """The anchors of one image to learn from, drawn at random.

        Returns (S,) indices of anchors, (S,) labels and (S, 4) regression targets.
        """
        boxes = as_boxes(target["boxes"], "the target's boxes").to(anchors)
        labels, matched_boxes = self.label(anchors, boxes)
        chosen = torch.cat(
            sample_balanced(
                labels, count=self.count, positive_fraction=self.positive_fraction
            )
        )
        regression_targets = encode_boxes(matched_boxes[chosen], anchors[chosen])
        return chosen, labels[chosen], regression_targets

    def losses(
        self, outputs: RPNOutputs, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """`loss_objectness` and `loss_rpn_box_reg` over the sampled anchors."""
        samples = [self.sample(outputs.anchors, target) for target in targets]
        chosen, labels, regression_targets = zip(*samples, strict=True)
        count = len(outputs.anchors)
        rows = torch.cat([index + image * count for image, index in enumerate(chosen)])
        return rpn_losses(
            outputs.objectness.flatten()[rows],
            outputs.deltas.flatten(0, 1)[rows],
            torch.cat(labels),
            torch.cat(regression_targets),
            beta=self.beta,
        )

    @torch.no_grad()
    def propose(
        self, outputs: RPNOutputs, image_size: Size, *, before: int, after: int
    ) -> list[Target]:
        """The proposals of each image: `boxes` and `scores`, by falling score.

        No gradient leads through them. Of all anchors the `before` best are decoded and
        suppressed; at most `after` proposals are left.
        """
        scores, index = best_anchors(outputs.objectness, before)
        proposals = []
        for deltas, best, score in zip(outputs.deltas, index, scores, strict=True):
            boxes = decode_boxes(deltas[best], outputs.anchors[best])
            proposals.append(
                filter_proposals(
                    boxes,
                    score,
                    image_size,
                    iou_threshold=self.iou_threshold,
                    most=after,
                    min_side=self.min_side,
                )
            )
        return proposals
