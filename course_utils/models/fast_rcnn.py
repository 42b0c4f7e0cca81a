"""Fast R-CNN: one pass over the image, then a small network for each proposal.

Girshick 2015. The backbone sees the whole image once. Proposals come from elsewhere, in
pixels of the image. Each, a region of interest (RoI), is pooled from the feature map
that all of them share. In the box head, two fully connected layers read its pooled
features, and two sibling layers predict what it shows and where that really ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.ops.boxes import (
    BOX_WEIGHTS,
    as_boxes,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
)
from course_utils.ops.matching import sample_balanced
from course_utils.ops.post_processing import select_detections
from course_utils.ops.roi import as_rois, roi_pool
from course_utils.ops.validators import check_rising

Propose = Callable[[Tensor], Tensor]  # (3, H, W) image -> (N, 4) boxes
UNUSED = -1
SMALLEST = 0.01  # a detection with a side below this is no box


def linear(inputs: int, outputs: int, *, spread: float | None = None) -> nn.Linear:
    """A fully connected layer without bias at first, and with normal weights.

    Their standard deviation is `spread`; without one it is that of He et al. 2015,
    which keeps the signal's size through a ReLU, where PyTorch's own start halves it.
    """
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.bias)
    if spread is None:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, std=spread)
    return layer


class BoxHead(nn.Module):
    """Two fully connected layers, then K scores beside four deltas for each class.

    The last two start small, so that no class is preferred at first and no box moves.

    Args:
        channels: of the features.
        pooled_size: cells per side into which a RoI was pooled.
        hidden: width of the two layers.
        num_classes: K, with the background, which is class 0.
    """

    def __init__(
        self, channels: int, *, pooled_size: int = 7, hidden: int, num_classes: int
    ) -> None:
        super().__init__()
        self.fc6 = linear(channels * pooled_size**2, hidden)
        self.fc7 = linear(hidden, hidden)
        self.cls_score = linear(hidden, num_classes, spread=0.01)
        self.bbox_pred = linear(hidden, 4 * num_classes, spread=0.001)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(R, C, P, P) -> (R, K) logits and (R, 4K) deltas, class k in 4k to 4k + 3."""
        x = F.relu(self.fc6(pooled.flatten(1)))
        x = F.relu(self.fc7(x))
        return self.cls_score(x), self.bbox_pred(x)


def deltas_of_class(deltas: Tensor, labels: Tensor) -> Tensor:
    """The four deltas of each RoI's own class: (R, 4K) and (R,) labels -> (R, 4)."""
    by_class = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)
    return by_class[torch.arange(len(labels), device=labels.device), labels]


def box_head_losses(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    *,
    beta: float = 1 / 9,
) -> dict[str, Tensor]:
    """Cross-entropy of the classes, and smooth L1 of the true class's deltas.

    Both are divided by the number of RoIs, so that a batch with few objects does not
    weigh them more. Background has no box; without any RoI both losses are 0.

    Args:
        logits: (R, K).
        deltas: (R, 4K).
        labels: (R,) int64, 0 for background.
        regression_targets: (R, 4); rows of background are not looked at.
        beta: where smooth L1 turns from a parabola into a line; 1 in the paper.
    """
    count = max(len(labels), 1)
    objects = labels.nonzero().squeeze(1)  # rows that are not background
    box_loss = F.smooth_l1_loss(
        deltas_of_class(deltas[objects], labels[objects]),
        regression_targets[objects],
        beta=beta,
        reduction="sum",
    )
    return {
        "loss_classifier": F.cross_entropy(logits, labels, reduction="sum") / count,
        "loss_box_reg": box_loss / count,
    }


def label_rois(
    proposals: Tensor,
    target: Target,
    *,
    positive_iou: float = 0.5,
    negative_iou: tuple[float, float] = (0.1, 0.5),
) -> tuple[Tensor, Tensor]:
    """What each proposal shows: a class, 0 for background, or -1 for "not used".

    Its label is that of the object which it overlaps most, if their IoU is at least
    `positive_iou`. An IoU in [low, high) of `negative_iou` makes it background. The
    remaining ones are `UNUSED`. In an image without objects everything is background.

    (N, 4) proposals -> (N,) int64 labels and (N,) int64 indices of the objects that
    they overlap most. Raises ValueError if the thresholds are out of order.
    """
    low, high = negative_iou
    check_rising(low=low, high=high, positive_iou=positive_iou)
    if len(target["boxes"]) == 0:
        background = torch.zeros_like(proposals[:, 0], dtype=torch.int64)
        return background, background
    iou, matched_idxs = box_iou(target["boxes"], proposals).max(dim=0)  # (N,), (N,)
    labels = torch.full_like(matched_idxs, UNUSED)
    labels[(iou >= low) & (iou < high)] = 0
    is_object = iou >= positive_iou
    labels[is_object] = target["labels"][matched_idxs[is_object]]
    return labels, matched_idxs


def with_area(boxes: Tensor) -> Tensor:
    """Those of the (N, 4) boxes whose sides are both above zero."""
    boxes = as_boxes(boxes)
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)]


def sample_rois(
    proposals: Tensor,
    target: Target,
    *,
    count: int = 64,
    positive_fraction: float = 0.25,
    positive_iou: float = 0.5,
    negative_iou: tuple[float, float] = (0.1, 0.5),
    add_objects: bool = True,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The RoIs of one image to learn from: (R, 4) boxes, (R,) labels, (R, 4) matches.

    They are drawn at random: at most `count * positive_fraction` that show objects,
    then background up to `count`, if there is as much. The last tensor holds the box
    of the object with which each is matched; a RoI of an image without objects is its
    own match.

    Args:
        proposals: (N, 4) xyxy; those without area are passed over.
        target: `boxes` (M, 4) and `labels` (M,) of the image.
        count: RoIs to draw.
        positive_fraction: most that may show objects, as a share of `count`.
        positive_iou: see `label_rois`.
        negative_iou: see `label_rois`.
        add_objects: whether the objects' own boxes are proposals, too.
        generator: of the random choice; torch's own if there is none.
    """
    objects = as_boxes(target["boxes"], "the target's boxes").to(proposals)
    boxes = torch.cat([proposals, objects]) if add_objects else proposals
    boxes, target = with_area(boxes), target | {"boxes": objects}
    labels, matched_idxs = label_rois(
        boxes, target, positive_iou=positive_iou, negative_iou=negative_iou
    )
    positive, negative = sample_balanced(
        labels, count=count, positive_fraction=positive_fraction, generator=generator
    )
    chosen = torch.cat([positive, negative])
    matches = objects[matched_idxs[chosen]] if len(objects) else boxes[chosen]
    return boxes[chosen], labels[chosen], matches


def class_boxes(
    deltas: Tensor, proposals: Tensor, image_size: tuple[int, int]
) -> Tensor:
    """Where each class puts each proposal: (N, 4K) deltas, (N, 4) -> (N, K, 4) boxes.

    They are clipped to `image_size`, height and width.
    """
    num_classes = deltas.shape[1] // 4
    start = proposals.repeat_interleave(num_classes, dim=0)  # (N * K, 4)
    boxes = decode_boxes(deltas.reshape(-1, 4), start, weights=BOX_WEIGHTS)
    return clip_boxes(boxes, *image_size).reshape(-1, num_classes, 4)


def postprocess_detections(
    logits: Tensor,
    deltas: Tensor,
    proposals: Tensor,
    image_size: tuple[int, int],
    *,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
) -> Target:
    """What the head found in one image: `boxes`, `scores`, `labels` by falling score.

    Each class of each proposal is a candidate, with a box of its own.

    Args:
        logits: (N, K).
        deltas: (N, 4K).
        proposals: (N, 4) xyxy, to which the deltas are relative.
        image_size: height and width, to which boxes are clipped.
        score_threshold: candidates must be more probable than this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections to keep.
    """
    boxes = class_boxes(deltas, proposals, image_size)[:, 1:]  # without background
    scores = logits.softmax(dim=1)[:, 1:]
    # A box may shrink to no width, or be clipped to it: that is no detection.
    is_box = (boxes[..., 2:] - boxes[..., :2] >= SMALLEST).all(dim=-1)
    return select_detections(
        boxes,
        scores.where(is_box, 0),
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )


@dataclass(frozen=True, kw_only=True)
class RoISettings:
    """How RoIs are chosen, learned from and reported, by default as in the paper.

    torchvision's Faster R-CNN has `count=512, negative_iou=(0.0, 0.5), beta=1 / 9,
    iou_threshold=0.5`.
    """

    count: int = 64  # RoIs per image to learn from
    positive_fraction: float = 0.25  # most of them that may show objects
    positive_iou: float = 0.5  # from this IoU on, a RoI shows the object
    negative_iou: tuple[float, float] = (0.1, 0.5)  # background: from low to below high
    beta: float = 1.0  # where smooth L1 turns from a parabola into a line
    score_threshold: float = 0.05  # a detection scores more than this
    iou_threshold: float = 0.3  # two detections of a class that overlap more are one
    max_detections: int = 100  # per image


def training_rois(
    proposals: Sequence[Tensor], targets: Sequence[Target], settings: RoISettings
) -> tuple[list[Tensor], Tensor, Tensor]:
    """A sample of each image's proposals, with what the head is to predict for it.

    A list of (R_i, 4) boxes for each image; then for all R of them (R,) labels, and
    (R, 4) deltas that lead from the RoI to its object.
    """
    samples = [
        sample_rois(
            boxes,
            target,
            count=settings.count,
            positive_fraction=settings.positive_fraction,
            positive_iou=settings.positive_iou,
            negative_iou=settings.negative_iou,
        )
        for boxes, target in zip(proposals, targets, strict=True)
    ]
    rois, labels, matches = map(list, zip(*samples, strict=True))
    deltas = encode_boxes(torch.cat(matches), torch.cat(rois), weights=BOX_WEIGHTS)
    return rois, torch.cat(labels), deltas


def split_detections(
    logits: Tensor,
    deltas: Tensor,
    proposals: Sequence[Tensor],
    size: tuple[int, int],
    settings: RoISettings,
) -> list[Target]:
    """The detections of each image, from the head's predictions for all RoIs."""
    counts = [len(boxes) for boxes in proposals]
    parts = zip(
        torch.split(logits, counts), torch.split(deltas, counts), proposals, strict=True
    )
    return [
        postprocess_detections(
            *of_image,
            size,
            score_threshold=settings.score_threshold,
            iou_threshold=settings.iou_threshold,
            max_detections=settings.max_detections,
        )
        for of_image in parts
    ]


class RoIHeads(nn.Module):
    """Pools RoIs from the shared features, and predicts what they show and where.

    Only the box head has weights.

    Args:
        box_head: (R, C, P, P) pooled features -> (R, K) logits and (R, 4K) deltas.
        stride: pixels of the image per cell of the features.
        pooled_size: P.
        settings: those of `RoISettings`, by name.
    """

    def __init__(
        self, box_head: nn.Module, *, stride: int, pooled_size: int = 7, **settings: Any
    ) -> None:
        super().__init__()
        self.box_head, self.stride, self.pooled_size = box_head, stride, pooled_size
        self.settings = RoISettings(**settings)

    def forward(
        self, features: Tensor, boxes: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The head's (R, K) logits and (R, 4K) deltas for the boxes of each image."""
        size, scale = self.pooled_size, 1 / self.stride
        rois = as_rois(boxes)
        pooled = roi_pool(features, rois, output_size=size, spatial_scale=scale)
        logits, deltas = self.box_head(pooled)
        return logits, deltas

    def losses(
        self, features: Tensor, proposals: Sequence[Tensor], targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            features: (B, C, h, w) of all images.
            proposals: (N, 4) boxes of each image.
            targets: one dict per image with `boxes` and `labels`.
        """
        rois, labels, goals = training_rois(proposals, targets, self.settings)
        logits, deltas = self(features, rois)
        return box_head_losses(logits, deltas, labels, goals, beta=self.settings.beta)

    @torch.no_grad()
    def detect(
        self, features: Tensor, proposals: Sequence[Tensor], size: tuple[int, int]
    ) -> list[Target]:
        """What the head finds in each image's proposals, by falling score."""
        logits, deltas = self(features, proposals)
        return split_detections(logits, deltas, proposals, size, self.settings)


def check_stride(backbone: nn.Module, roi_heads: RoIHeads) -> None:
    """Raises ValueError unless the heads are made for a backbone of this stride."""
    if roi_heads.stride != backbone.stride:
        raise ValueError(
            f"the RoI heads have stride {roi_heads.stride}, but the backbone has "
            f"{backbone.stride}: make them with RoIHeads(..., stride=backbone.stride)"
        )


class FastRCNN(Model):
    """A backbone for the image, and RoI heads for its proposals.

    Args:
        backbone: (B, 3, H, W) images -> (B, C, h, w) features, with its `stride`.
        roi_heads: what is done with the proposals, at the backbone's stride.
        propose: (3, H, W) image -> (N, 4) boxes, for images that come without.

    Raises ValueError if backbone and heads have different strides.
    """

    def __init__(
        self,
        backbone: nn.Module,
        roi_heads: RoIHeads,
        *,
        propose: Propose | None = None,
    ) -> None:
        super().__init__()
        check_stride(backbone, roi_heads)
        self.backbone, self.roi_heads, self.propose = backbone, roi_heads, propose

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            targets: one dict per image with `boxes`, `labels` and `proposals` (N, 4).
        """
        proposals = clip_proposals(images, list(map(given_proposals, targets)))
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
        proposals = clip_proposals(images, proposals)
        if not proposals:
            return []
        features = self.backbone(images)
        return self.roi_heads.detect(features, proposals, image_size(images))


def check_given(target: Target) -> None:
    """Raises ValueError unless the target has proposals."""
    if "proposals" not in target:
        raise ValueError(
            f"the target has {sorted(target)}, but `proposals` (N, 4) was expected "
            "too: add those of selective search, or torch.zeros(0, 4)"
        )


def check_propose(propose: Propose | None) -> Propose:
    """The function itself. Raises ValueError if there is none."""
    if propose is None:
        raise ValueError(
            "proposals is None, and so is propose: give (N, 4) boxes for each image, "
            "or a function that finds them"
        )
    return propose


def check_proposals(images: Tensor, proposals: Sequence[Tensor]) -> None:
    """Raises ValueError unless images are (B, 3, H, W) with proposals for each."""
    check_batch(images)
    if len(proposals) != len(images):
        raise ValueError(
            f"there are proposals for {len(proposals)} images, but there are "
            f"{len(images)} images: give (N, 4) boxes for each, torch.zeros(0, 4) if "
            "there are none"
        )


def given_proposals(target: Target) -> Tensor:
    """The (N, 4) proposals that come with an image's target."""
    check_given(target)
    return target["proposals"]


def propose_for(images: Tensor, propose: Propose | None) -> list[Tensor]:
    """The (N, 4) boxes that `propose` finds in each image."""
    propose = check_propose(propose)
    return [propose(image) for image in images]


def clip_proposals(images: Tensor, proposals: Sequence[Tensor]) -> list[Tensor]:
    """The part of each (N, 4) proposal inside its image, on the images' device.

    Proposals of which nothing is left are dropped. Raises ValueError unless images are
    (B, 3, H, W) and there are proposals for each.
    """
    check_proposals(images, proposals)
    size = image_size(images)
    return [with_area(clip_boxes(boxes.to(images), *size)) for boxes in proposals]


def small_fast_rcnn(
    widths: Sequence[int] = (32, 64), *, num_classes: int = 8, **settings: Any
) -> FastRCNN:
    """The detector of lesson 03, with random weights, small enough for a laptop.

    Args:
        widths: of the backbone.
        num_classes: with the background.
        settings: of the RoI heads, by name.
    """
    backbone = Backbone(widths, depth=2)
    head = BoxHead(backbone.out_channels, hidden=128, num_classes=num_classes)
    return FastRCNN(backbone, RoIHeads(head, stride=backbone.stride, **settings))
