"""Fast R-CNN: one pass over the image, then a small network for each proposal.

Girshick 2015. The backbone sees the whole image once. Proposals come from elsewhere, in
pixels of the image. Each, a region of interest (RoI), is pooled from the feature map
that all of them share. In the box head, two fully connected layers read its pooled
features, and two sibling layers say what it shows and where that really ends.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.ops.boxes import (
    BOX_WEIGHTS,
    as_boxes,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    remove_small_boxes,
)
from course_utils.ops.matching import sample_balanced
from course_utils.ops.nms import batched_nms
from course_utils.ops.roi import as_rois, roi_pool
from course_utils.ops.validators import check_rising

Propose = Callable[[Tensor], Tensor]  # (3, H, W) image -> (N, 4) boxes
UNUSED = -1
SMALLEST = 0.01  # a detection with a side below this is no box


class BoxHead(nn.Module):
    """Two fully connected layers, then a score a class beside four deltas a class.

    The last two layers start small, so that nothing is certain at first.

    Args:
        channels: of the features.
        pooled_size: cells a side into which a RoI was pooled.
        hidden: width of the two layers.
        num_classes: with the background, which is class 0.
    """

    def __init__(
        self, channels: int, *, pooled_size: int = 7, hidden: int, num_classes: int
    ) -> None:
        super().__init__()
        self.fc6 = nn.Linear(channels * pooled_size**2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.cls_score = nn.Linear(hidden, num_classes)
        self.bbox_pred = nn.Linear(hidden, 4 * num_classes)
        for layer in (self.fc6, self.fc7):
            # PyTorch's own start is smaller, and lets most of the signal fade.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        for layer, spread in ((self.cls_score, 0.01), (self.bbox_pred, 0.001)):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(R, C, P, P) -> (R, K) logits and (R, 4K) deltas, class k in 4k to 4k + 3."""
        x = F.relu(self.fc6(pooled.flatten(1)))
        x = F.relu(self.fc7(x))
        return self.cls_score(x), self.bbox_pred(x)


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
    objects = labels.nonzero().squeeze(1)
    by_class = deltas.reshape(len(deltas), logits.shape[1], 4)
    of_true_class = by_class[objects, labels[objects]]  # (objects, 4)
    box_loss = F.smooth_l1_loss(
        of_true_class, regression_targets[objects], beta=beta, reduction="sum"
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
    """What each proposal shows: the label and the index of the object it overlaps most.

    An IoU of at least `positive_iou` gives the object's class. An IoU in [low, high) of
    `negative_iou` gives 0, background. The rest is `UNUSED`. In an image without
    objects everything is background.

    (N, 4) proposals -> (N,) int64 labels and (N,) int64 indices of objects. Raises
    ValueError if the thresholds are out of order.
    """
    low, high = negative_iou
    check_rising(low=low, high=high, positive_iou=positive_iou)
    background = torch.zeros(len(proposals), dtype=torch.int64, device=proposals.device)
    if len(target["boxes"]) == 0:
        return background, background
    iou, matched_idxs = box_iou(target["boxes"], proposals).max(dim=0)  # (N,), (N,)
    labels = torch.full_like(matched_idxs, UNUSED)
    labels[(iou >= low) & (iou < high)] = 0
    matched_labels = target["labels"][matched_idxs]
    return torch.where(iou >= positive_iou, matched_labels, labels), matched_idxs


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
    """The RoIs of one image to learn from, drawn at random: objects, then background.

    At most `count * positive_fraction` of them show objects. Background fills up what
    is missing; where there is not enough of it, there are fewer than `count`.

    Args:
        proposals: (N, 4) xyxy; those without area are passed over.
        target: `boxes` (M, 4) and `labels` (M,) of the image.
        count: RoIs to draw.
        positive_fraction: most that may show objects, as a share of `count`.
        positive_iou: see `label_rois`.
        negative_iou: see `label_rois`.
        add_objects: whether the objects' own boxes are proposals, too.
        generator: of the random choice; torch's own if there is none.

    Returns (R, 4) RoIs, (R,) labels and (R, 4) boxes of the objects they are matched
    with; a RoI of an image without objects is its own match.
    """
    objects = as_boxes(target["boxes"], "the target's boxes").to(proposals)
    if add_objects:
        proposals = torch.cat([proposals, objects])
    proposals = with_area(proposals)
    target = target | {"boxes": objects}
    labels, matched_idxs = label_rois(
        proposals, target, positive_iou=positive_iou, negative_iou=negative_iou
    )
    chosen = torch.cat(
        sample_balanced(
            labels,
            count=count,
            positive_fraction=positive_fraction,
            generator=generator,
        )
    )
    rois = proposals[chosen]
    matched_boxes = objects[matched_idxs[chosen]] if len(objects) else rois
    return rois, labels[chosen], matched_boxes


def with_area(boxes: Tensor) -> Tensor:
    """Those of the (N, 4) boxes whose sides are both above zero."""
    boxes = as_boxes(boxes)
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)]


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
    probabilities = logits.softmax(dim=1)
    rows, labels = (probabilities[:, 1:] > score_threshold).nonzero(as_tuple=True)
    labels = labels + 1
    code = deltas.reshape(len(deltas), logits.shape[1], 4)[rows, labels]
    boxes = decode_boxes(code, proposals[rows], weights=BOX_WEIGHTS)
    boxes, scores = clip_boxes(boxes, *image_size), probabilities[rows, labels]
    # A growth of minus many makes a box of no width, which is not worth reporting.
    solid = remove_small_boxes(boxes, SMALLEST)
    boxes, scores, labels = boxes[solid], scores[solid], labels[solid]
    kept = batched_nms(boxes, scores, labels, iou_threshold)[:max_detections]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


class RoIHeads(nn.Module):
    """Pools proposals from the shared features, and says what they show and where.

    Only the box head has weights; all else can be changed later. The defaults are those
    of Fast R-CNN's paper and its release. torchvision's Faster R-CNN has
    `count=512, negative_iou=(0.0, 0.5), beta=1 / 9, iou_threshold=0.5`.

    Args:
        box_head: (R, C, P, P) pooled features -> (R, K) logits and (R, 4K) deltas.
        stride: pixels of the image a cell of the features.
        pooled_size: P.
        count: RoIs an image to learn from.
        positive_fraction: most of them that may show objects.
        positive_iou: from this IoU with an object on, a RoI shows it.
        negative_iou: a RoI of an IoU in [low, high) shows background.
        beta: where smooth L1 turns from a parabola into a line.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.
    """

    def __init__(
        self,
        box_head: nn.Module,
        *,
        stride: int,
        pooled_size: int = 7,
        count: int = 64,
        positive_fraction: float = 0.25,
        positive_iou: float = 0.5,
        negative_iou: tuple[float, float] = (0.1, 0.5),
        beta: float = 1.0,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.3,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        self.box_head, self.stride, self.pooled_size = box_head, stride, pooled_size
        self.count, self.positive_fraction = count, positive_fraction
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.beta, self.score_threshold = beta, score_threshold
        self.iou_threshold, self.max_detections = iou_threshold, max_detections

    def forward(
        self, features: Tensor, boxes: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The head's (R, K) logits and (R, 4K) deltas for the boxes of each image."""
        pooled = roi_pool(
            features,
            as_rois(boxes),
            output_size=self.pooled_size,
            spatial_scale=1 / self.stride,
        )
        logits, deltas = self.box_head(pooled)
        return logits, deltas

    def losses(
        self,
        features: Tensor,
        proposals: Sequence[Tensor],
        targets: Sequence[Target],
    ) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg` on a sample of each image's proposals.

        Args:
            features: (B, C, h, w) of all images.
            proposals: (N, 4) boxes of each image.
            targets: one dict an image with `boxes` and `labels`.
        """
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
        rois, labels, matched_boxes = zip(*samples, strict=True)
        logits, deltas = self(features, rois)
        regression_targets = encode_boxes(
            torch.cat(matched_boxes), torch.cat(rois), weights=BOX_WEIGHTS
        )
        return box_head_losses(
            logits, deltas, torch.cat(labels), regression_targets, beta=self.beta
        )

    @torch.no_grad()
    def detect(
        self, features: Tensor, proposals: Sequence[Tensor], size: tuple[int, int]
    ) -> list[Target]:
        """What the head finds in each image's proposals, by falling score."""
        if not len(proposals):
            return []
        counts = [len(boxes) for boxes in proposals]
        logits, deltas = self(features, proposals)
        return [
            postprocess_detections(
                *of_image,
                size,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
            )
            for of_image in zip(
                torch.split(logits, counts),
                torch.split(deltas, counts),
                proposals,
                strict=True,
            )
        ]


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
            targets: one dict an image with `boxes`, `labels` and `proposals` (N, 4).
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


def clip_proposals(images: Tensor, proposals: Sequence[Tensor]) -> list[Tensor]:
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
