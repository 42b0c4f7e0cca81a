"""The region proposal network (RPN) of Faster R-CNN: where in an image is an object?

Ren et al. 2015. The same few anchors stand about each position of the feature map. A
head predicts whether each holds an object, and how it has to be moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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

Labelled = tuple[Tensor, Tensor]  # (A,) labels and (A, 4) boxes to reach, of one image
Losses = dict[str, Tensor]
Numbers = Sequence[float]
Counts = tuple[int, int]  # anchors to decode, and the most proposals to keep


class Anchors(nn.Module):
    """The anchors of all positions of a map, however large it is.

    Args:
        sizes: square roots of areas, in pixels of the image.
        ratios: height over width.
    """

    cell: Tensor

    def __init__(self, sizes: Numbers, ratios: Numbers) -> None:
        super().__init__()
        # A buffer moves to a GPU with the model; these numbers need not be saved.
        self.register_buffer("cell", cell_anchors(sizes, ratios), persistent=False)

    def forward(self, map_size: Size, image_size: Size) -> Tensor:
        """Both sizes (height, width) -> (H * W * A, 4) xyxy, in pixels of the image."""
        stride = map_stride(image_size, map_size)
        return anchor_grid(self.cell, map_size=map_size, stride=stride)


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
    """The values of a map, one row per anchor, in the order of `anchor_grid`.

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
) -> Labelled:
    """The labels of one image's anchors, and the boxes that they are to reach.

    (A, 4) anchors and (N, 4) boxes of the objects -> (A,) int64 labels, 1 for an
    object, 0 for background, -1 for ignored; and (A, 4) boxes to reach, which mean
    something at objects only. See `match_anchors` for the rule and the thresholds.
    """
    boxes = as_boxes(boxes, "the target's boxes").to(anchors)
    matched_idxs = match_anchors(
        box_iou(boxes, anchors),
        positive_iou=positive_iou,
        negative_iou=negative_iou,
        promote_best=True,
    )
    labels = torch.full_like(matched_idxs, IGNORED)
    labels[matched_idxs >= 0], labels[matched_idxs == BELOW] = OBJECT, BACKGROUND
    return labels, boxes[matched_idxs.clamp(min=0)] if len(boxes) else anchors


def sample_anchors(
    anchors: Tensor,
    labelled: Sequence[Labelled],
    *,
    count: int = 256,
    positive_fraction: float = 0.5,
) -> tuple[Tensor, Tensor, Tensor]:
    """The anchors to learn from, drawn at random in each image of a batch.

    Args:
        anchors: (A, 4), the same for all images.
        labelled: what `label_anchors` returns, for each image.
        count: anchors per image to draw.
        positive_fraction: most of them that may be objects.

    Returns (S,) rows of the flattened (B * A) predictions, their (S,) labels, and their
    (S, 4) regression targets.
    """
    rows, labels, targets = [], [], []
    for image, (of_image, boxes) in enumerate(labelled):
        positive, negative = sample_balanced(
            of_image, count=count, positive_fraction=positive_fraction
        )
        chosen = torch.cat([positive, negative])
        rows.append(chosen + image * len(anchors))
        labels.append(of_image[chosen])
        targets.append(encode_boxes(boxes[chosen], anchors[chosen]))
    return torch.cat(rows), torch.cat(labels), torch.cat(targets)


def rpn_losses(
    objectness: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    *,
    beta: float = 1 / 9,
) -> Losses:
    """Cross-entropy of the sampled anchors, and smooth L1 of those that are objects.

    Both are divided by the number of sampled anchors; without any, both are 0.

    Args:
        objectness: (S,) logits of the sampled anchors.
        deltas: (S, 4).
        labels: (S,) 1 for an object, 0 for background.
        regression_targets: (S, 4); rows of background are not looked at.
        beta: where smooth L1 turns from a parabola into a line.
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


class RPNOutputs(NamedTuple):
    """What the head predicts for each anchor of each image."""

    objectness: Tensor  # (B, A) logits
    deltas: Tensor  # (B, A, 4)
    anchors: Tensor  # (A, 4) xyxy, the same for all images


def best_anchors(objectness: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The `most` anchors of the highest logits, best first.

    (B, A) -> (B, K) probabilities and (B, K) int64 indices of anchors.
    """
    logits, index = objectness.topk(min(most, objectness.shape[1]), dim=1)
    return logits.sigmoid(), index


def decode_anchors(outputs: RPNOutputs, index: Tensor) -> Tensor:
    """Where the head moves some anchors of each image: (B, K) indices -> (B, K, 4)."""
    deltas = outputs.deltas.gather(1, index[..., None].expand(-1, -1, 4))
    anchors = outputs.anchors[index]  # (B, K, 4)
    return decode_boxes(deltas.flatten(0, 1), anchors.flatten(0, 1)).view_as(anchors)


def filter_proposals(
    boxes: Tensor,
    scores: Tensor,
    image_size: Size,
    *,
    most: int = 300,
    iou_threshold: float = 0.7,
    min_side: float = 1e-3,
) -> Target:
    """What is left of one image's decoded boxes: the proposals, by falling score.

    Boxes are clipped to the image; those with a side below `min_side` go, then those
    that a better one overlaps by more than `iou_threshold`, whatever their class.

    (K, 4) boxes and (K,) scores -> `boxes` (N, 4) and `scores` (N,), N <= most.
    """
    boxes = clip_boxes(boxes, *image_size)
    large = remove_small_boxes(boxes, min_side)
    boxes, scores = boxes[large], scores[large]
    kept = nms(boxes, scores, iou_threshold)[:most]
    return {"boxes": boxes[kept], "scores": scores[kept]}


@dataclass(frozen=True, kw_only=True)
class RPNSettings:
    """How anchors are labelled and sampled, and proposals filtered.

    The defaults are torchvision's.
    """

    positive_iou: float = 0.7  # from this IoU on, an anchor is an object
    negative_iou: float = 0.3  # below it, an anchor is background
    count: int = 256  # anchors per image to learn from
    positive_fraction: float = 0.5  # most of them that may be objects
    beta: float = 1 / 9  # where smooth L1 turns from a parabola into a line
    iou_threshold: float = 0.7  # two proposals that overlap more are one
    min_side: float = 1e-3  # pixels; a proposal with a shorter side is dropped
    train_proposals: Counts = (2000, 2000)
    test_proposals: Counts = (1000, 1000)


def losses_of_sample(
    outputs: RPNOutputs, labelled: Sequence[Labelled], settings: RPNSettings
) -> Losses:
    """The two losses over anchors of a batch that are drawn at random.

    `labelled` is what `label_anchors` returns, for each image.
    """
    rows, labels, regression_targets = sample_anchors(
        outputs.anchors,
        labelled,
        count=settings.count,
        positive_fraction=settings.positive_fraction,
    )
    objectness = outputs.objectness.flatten()[rows]  # (S,)
    deltas = outputs.deltas.flatten(0, 1)[rows]  # (S, 4)
    beta = settings.beta
    return rpn_losses(objectness, deltas, labels, regression_targets, beta=beta)


def proposals_of(
    outputs: RPNOutputs, image_size: Size, counts: Counts, settings: RPNSettings
) -> list[Target]:
    """The proposals of each image: `boxes` and `scores`, by falling score.

    `counts` are the anchors to decode, the best of all, and the most proposals to keep.
    """
    before, after = counts
    scores, index = best_anchors(outputs.objectness, before)
    boxes = decode_anchors(outputs, index)
    return [
        filter_proposals(
            *of_image,
            image_size,
            most=after,
            iou_threshold=settings.iou_threshold,
            min_side=settings.min_side,
        )
        for of_image in zip(boxes, scores, strict=True)
    ]


class RPN(nn.Module):
    """The head with its anchors: it learns from boxes, and proposes boxes.

    Args:
        channels: of the feature map, and of the 3x3 convolution.
        sizes: of the anchors, square roots of areas in pixels of the image.
        ratios: of the anchors, height over width.
        settings: those of `RPNSettings`, by name.
    """

    def __init__(
        self, channels: int, *, sizes: Numbers, ratios: Numbers, **settings: Any
    ) -> None:
        super().__init__()
        self.anchors = Anchors(sizes, ratios)
        num_anchors = len(self.anchors.cell)
        self.head = RPNHead(channels, hidden=channels, num_anchors=num_anchors)
        self.settings = RPNSettings(**settings)

    def forward(self, features: Tensor, image_size: Size) -> RPNOutputs:
        """(B, C, H, W) features of images of (height, width) -> all predictions."""
        objectness, deltas = self.head(features)
        objectness = flatten_map(objectness, len(self.anchors.cell)).squeeze(2)
        deltas = flatten_map(deltas, len(self.anchors.cell))
        anchors = self.anchors((features.shape[2], features.shape[3]), image_size)
        return RPNOutputs(objectness, deltas, anchors)

    def label(self, anchors: Tensor, boxes: Tensor) -> Labelled:
        """The labels of one image's anchors, and the boxes that they are to reach."""
        high, low = self.settings.positive_iou, self.settings.negative_iou
        return label_anchors(anchors, boxes, positive_iou=high, negative_iou=low)

    def losses(self, outputs: RPNOutputs, targets: Sequence[Target]) -> Losses:
        """`loss_objectness` and `loss_rpn_box_reg` over a sample of the anchors."""
        labelled = [self.label(outputs.anchors, target["boxes"]) for target in targets]
        return losses_of_sample(outputs, labelled, self.settings)

    @torch.no_grad()
    def propose(self, outputs: RPNOutputs, size: Size, counts: Counts) -> list[Target]:
        """The proposals of each image: `boxes` and `scores`, by falling score."""
        return proposals_of(outputs, size, counts, self.settings)
