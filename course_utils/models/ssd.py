"""SSD, the single shot multibox detector: classes and boxes straight from several maps.

Liu et al. 2016. No proposals: each default box of each map is asked what it shows and
how it has to be moved, all at once. The backbone of SSD300 stands at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rpn import flatten_map
from course_utils.ops.boxes import (
    BOX_WEIGHTS,
    as_boxes,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
)
from course_utils.ops.default_boxes import default_boxes
from course_utils.ops.matching import BELOW, match_anchors
from course_utils.ops.post_processing import select_detections
from course_utils.ops.validators import (
    Size,
    check_at_least,
    check_choice,
    check_lengths,
    check_one_a_box,
)

Negatives = Literal["hard", "random", "all"]
Layout = dict[str, Any]  # of default boxes: their scales, ratios and strides


class LastMaps(nn.Module):
    """The last maps of a backbone, each with half the cells a side of the one before.

    Args:
        backbone: with a map after each halving of the image.
        first: the first halving whose map is handed out, counted from 0; that of 2 has
            a stride of 8.

    Raises ValueError if there is no such halving.
    """

    def __init__(self, backbone: Backbone, *, first: int = 2) -> None:
        super().__init__()
        check_first(first, halvings=len(backbone.widths))
        self.backbone, self.first = backbone, first
        self.out_channels = backbone.widths[first:]
        self.strides = tuple(2 ** (k + 1) for k in range(first, len(backbone.widths)))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> a (B, C, H / stride, W / stride) each."""
        return self.backbone.maps(images)[self.first :]


def check_first(first: int, *, halvings: int) -> None:
    """Raises ValueError unless the first map is one of the backbone's."""
    if not 0 <= first < halvings:
        raise ValueError(
            f"first is {first}, but a halving of 0 to {halvings - 1} was expected"
        )


class SSDHead(nn.Module):
    """For each map, one 3x3 convolution: K logits and 4 deltas per default box.

    Weights start as torchvision's: Xavier's, without biases.

    Args:
        channels: of each map.
        num_boxes: default boxes of a cell, for each map.
        num_classes: K, with the background, which is class 0.
    """

    def __init__(
        self, channels: Sequence[int], num_boxes: Sequence[int], *, num_classes: int
    ) -> None:
        super().__init__()
        self.num_boxes, self.num_classes = tuple(num_boxes), num_classes
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, count * (num_classes + 4), 3, padding=1)
            for width, count in zip(channels, num_boxes, strict=True)
        )
        for layer in self.convolutions:
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) maps -> (B, A, K) logits and (B, A, 4) deltas of all boxes."""
        parts = []
        for x, layer, count in zip(
            maps, self.convolutions, self.num_boxes, strict=True
        ):
            parts.append(flatten_map(layer(x), count))  # (B, H * W * count, K + 4)
        outputs = torch.cat(parts, dim=1)  # (B, A, K + 4), the finest map first
        return outputs[..., :-4], outputs[..., -4:]


def best_matches(iou: Tensor) -> Tensor:
    """For each default box, the object that overlaps it most of all boxes, or -1.

    (N, A) IoU -> (A,) int64. Of default boxes that tie for an object's best the first
    is taken. Where two objects have the same best box, the later object gets it. An
    object that overlaps no default box, as one without area, gets none.
    """
    highest, best = iou.max(dim=1)  # (N,) each
    touched = (highest > 0).nonzero().squeeze(1)
    matched_idxs = torch.full_like(iou[0], BELOW, dtype=torch.int64)  # (A,)
    return matched_idxs.scatter_reduce(0, best[touched], touched, "amax")


def match_default_boxes(iou: Tensor, *, positive_iou: float = 0.5) -> Tensor:
    """The object that each default box should find, or BELOW (-1) for background.

    (N, A) IoU of each object with each default box -> (A,) int64. Liu et al. 2016: each
    object gets the default box that it overlaps most; each other default box gets the
    object that it overlaps most, if their IoU is at least `positive_iou`.
    """
    matched_idxs = match_anchors(
        iou, positive_iou=positive_iou, negative_iou=positive_iou
    )
    if iou.numel() == 0:
        return matched_idxs
    forced = best_matches(iou)
    return forced.where(forced != BELOW, matched_idxs)


def label_default_boxes(
    default_boxes: Tensor, target: Target, *, positive_iou: float = 0.5
) -> tuple[Tensor, Tensor]:
    """The class and the target box of each default box of one image.

    (A, 4) default boxes -> (A,) int64 labels, 0 for background, and the (A, 4) matched
    boxes, which mean something where the label is above 0.
    """
    boxes = as_boxes(target["boxes"], "the target's boxes").to(default_boxes)
    labels = target["labels"].to(default_boxes.device)
    check_one_a_box(boxes, labels=labels)
    iou = box_iou(boxes, default_boxes)
    matched_idxs = match_default_boxes(iou, positive_iou=positive_iou)
    if len(boxes) == 0:
        return torch.zeros_like(matched_idxs), default_boxes
    index = matched_idxs.clamp(min=0)
    return labels[index].where(matched_idxs != BELOW, 0), boxes[index]


def label_batch(
    default_boxes: Tensor, targets: Sequence[Target], *, positive_iou: float = 0.5
) -> tuple[Tensor, Tensor]:
    """The training targets of a batch: (B, A) labels and (P, 4) regression targets.

    The regression targets are those of the P default boxes with a label above 0, in
    order: how each has to be moved and scaled to become its object's box.
    """
    pairs = [
        label_default_boxes(default_boxes, target, positive_iou=positive_iou)
        for target in targets
    ]
    labels, matched_boxes = (torch.stack(part) for part in zip(*pairs, strict=True))
    is_object = labels > 0
    starts = default_boxes.expand_as(matched_boxes)[is_object]
    return labels, encode_boxes(matched_boxes[is_object], starts, weights=BOX_WEIGHTS)


def background_loss(logits: Tensor) -> Tensor:
    """What it costs to call each default box background: its confidence loss.

    (..., K) logits with the background first -> (...) cross-entropy with class 0.
    """
    return logits.logsumexp(dim=-1) - logits[..., 0]


def hard_negatives(losses: Tensor, is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """Which default boxes a step learns from as background: those of highest loss.

    (B, A) losses as background and (B, A) bool -> (B, A) bool: in each image at most
    `ratio` for each matched box, so that an image without objects has none.
    """
    counts = negative_counts(losses, is_object, ratio)  # (B,)
    most = int(counts.max()) if counts.numel() else 0
    losses = losses.detach().masked_fill(is_object, -torch.inf)
    hardest = losses.topk(most, dim=1).indices  # (B, most), by falling loss
    chosen = torch.arange(most, device=counts.device) < counts[:, None]
    return torch.zeros_like(is_object).scatter(1, hardest, chosen)


def negative_counts(losses: Tensor, is_object: Tensor, ratio: float) -> Tensor:
    """(B,) how many negatives each image gets: no more than it has background."""
    check_negatives(losses, is_object, ratio)
    positives = is_object.sum(dim=1)
    wanted = (ratio * positives).long()
    return wanted.minimum(is_object.shape[1] - positives)


def check_negatives(losses: Tensor, is_object: Tensor, ratio: float) -> None:
    """Raises ValueError if the shapes or the ratio do not fit."""
    if losses.ndim != 2 or losses.shape != is_object.shape:
        raise ValueError(
            f"losses has shape {tuple(losses.shape)} and is_object "
            f"{tuple(is_object.shape)}, but (images, default boxes) was expected of "
            "both"
        )
    check_at_least(0, ratio=ratio)


def random_negatives(is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """As many default boxes of the background as `hard_negatives`, drawn at random.

    (B, A) bool -> (B, A) bool. Draws from torch's own generator.
    """
    draws = torch.rand(is_object.shape, device=is_object.device)
    return hard_negatives(draws, is_object, ratio=ratio)


@torch.no_grad()
def choose_negatives(
    logits: Tensor, is_object: Tensor, *, kind: Negatives = "hard", ratio: float = 3
) -> Tensor:
    """The background that a step learns from: (B, A, K) logits -> (B, A) bool.

    The paper's choice is "hard". To see what that is worth, there are as many at
    "random", or "all".
    """
    if kind == "all":
        return ~is_object
    if kind == "random":
        return random_negatives(is_object, ratio=ratio)
    return hard_negatives(background_loss(logits), is_object, ratio=ratio)


def ssd_losses(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    is_negative: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> dict[str, Tensor]:
    """Cross-entropy of objects and chosen background, and smooth L1 of objects.

    Liu et al. 2016, eq. 1 to 3: both are divided by the number of default boxes of the
    batch that found an object, not by that of all summands. Without any, both are 0.

    Args:
        logits: (B, A, K), background first.
        deltas: (B, A, 4).
        labels: (B, A) int64, 0 for background.
        regression_targets: (P, 4), only of the P boxes with a label above 0, in order.
        is_negative: (B, A) bool, the background to learn from; see `hard_negatives`.
        alpha: weight of the boxes.
        beta: where smooth L1 turns from a parabola into a line.
    """
    is_object = labels > 0
    used = is_object | (is_negative & ~is_object)
    count = is_object.sum().clamp(min=1)
    box_loss = F.smooth_l1_loss(
        deltas[is_object], regression_targets, beta=beta, reduction="sum"
    )
    class_loss = F.cross_entropy(logits[used], labels[used], reduction="sum")
    # Without an object there is nothing to divide by, and the paper's loss is 0.
    class_loss = class_loss * is_object.any()
    return {
        "loss_classifier": class_loss / count,
        "loss_box_reg": alpha * box_loss / count,
    }


class SSDOutputs(NamedTuple):
    """What the network predicts for each default box of each image."""

    logits: Tensor  # (B, A, K), background first
    deltas: Tensor  # (B, A, 4)
    default_boxes: Tensor  # (A, 4) xyxy, the same for all images


@dataclass(frozen=True)
class SSDSettings:
    """How an SSD is trained, and what it reports. The defaults are the paper's."""

    positive_iou: float = 0.5  # see `match_default_boxes`
    negatives: Negatives = "hard"  # see `choose_negatives`
    negative_ratio: float = 3  # negatives per positive, unless all are used
    score_threshold: float = 0.01  # minimum probability of a detection
    iou_threshold: float = 0.45  # two detections of a class that overlap more are one
    candidates: int = 400  # boxes per class that suppression looks at, at most
    max_detections: int = 200  # detections per image, at most

    def __post_init__(self) -> None:
        """Raises ValueError if there is no such choice of negatives."""
        check_choice("negatives", self.negatives, get_args(Negatives))


def losses_from_outputs(
    outputs: SSDOutputs, targets: Sequence[Target], settings: SSDSettings
) -> dict[str, Tensor]:
    """Match, choose negatives, and compare: the two losses of a batch."""
    labels, regression_targets = label_batch(
        outputs.default_boxes, targets, positive_iou=settings.positive_iou
    )
    is_negative = choose_negatives(
        outputs.logits,
        labels > 0,
        kind=settings.negatives,
        ratio=settings.negative_ratio,
    )
    return ssd_losses(
        outputs.logits, outputs.deltas, labels, regression_targets, is_negative
    )


def predict_from_outputs(
    outputs: SSDOutputs, size: Size, settings: SSDSettings
) -> list[Target]:
    """The detections of each image of this height and width, by falling score."""
    found = []
    for logits, deltas in zip(outputs.logits, outputs.deltas, strict=True):
        boxes = decode_boxes(deltas, outputs.default_boxes, weights=BOX_WEIGHTS)
        detections = select_detections(
            clip_boxes(boxes, *size),
            logits.softmax(dim=1)[:, 1:],  # without the background
            score_threshold=settings.score_threshold,
            iou_threshold=settings.iou_threshold,
            max_detections=settings.max_detections,
            candidates=settings.candidates,
        )
        found.append(detections)
    return found


class SSD(Model):
    """A backbone with several maps, a head on them, and fixed default boxes.

    Args:
        backbone: (B, 3, H, W) images -> a list of maps; `out_channels` says how wide.
        num_classes: with the background, which is class 0.
        scales: one for each map, and one more; see `default_boxes`.
        ratios: for each map, width over height.
        strides: for each map, pixels between two default boxes; without it, they fill
            the image.
        settings: those of `SSDSettings`, by name.

    Raises ValueError if the settings are of more or of fewer maps.
    """

    def __init__(
        self,
        backbone: nn.Module,
        *,
        num_classes: int,
        scales: Sequence[float],
        ratios: Sequence[Sequence[float]],
        strides: Sequence[int] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        check_layout(backbone, scales, ratios)
        num_boxes = [2 + 2 * len(wide) for wide in ratios]  # of a cell of each map
        channels: Any = backbone.out_channels
        self.backbone = backbone
        self.head = SSDHead(channels, num_boxes, num_classes=num_classes)
        self.layout: Layout = {"scales": scales, "ratios": ratios, "strides": strides}
        self.settings = SSDSettings(**settings)

    def forward(self, images: Tensor) -> SSDOutputs:
        """(B, 3, H, W) images -> what is predicted for each default box."""
        check_batch(images)
        maps = self.backbone(images)
        sizes = [image_size(x) for x in maps]
        boxes = default_boxes(sizes, image_size(images), **self.layout)
        logits, deltas = self.head(maps)
        return SSDOutputs(logits, deltas, boxes.to(images))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg`."""
        check_batch(images, targets)
        return losses_from_outputs(self(images), targets, self.settings)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        return predict_from_outputs(self(images), image_size(images), self.settings)


def check_layout(
    backbone: nn.Module, scales: Sequence[float], ratios: Sequence[Sequence[float]]
) -> None:
    """Raises ValueError unless there are settings for each map of the backbone."""
    channels: Any = backbone.out_channels
    check_lengths(maps=channels, ratios=ratios, scales_before_the_last=scales[:-1])


# Mean colour of ImageNet; VGG-16 was trained on values up to 255 without it.
MEAN_COLOR = (123.0, 117.0, 104.0)


class L2Normalization(nn.Module):
    """Each position's vector, scaled to length 1 and multiplied by a learned scale.

    Liu et al. 2015 (ParseNet): the features of conv4_3 are much larger than those of
    deeper maps, and their heads would learn at different speeds. All channels start
    with the same scale.
    """

    def __init__(self, channels: int, *, scale: float = 20.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape; a vector of zeros stays one."""
        return F.normalize(x, dim=1) * self.scale[:, None, None]


def vgg_block(fine: int, coarse: int, count: int) -> list[nn.Module]:
    """The layers of `count` 3x3 convolutions, each with a ReLU."""
    layers: list[nn.Module] = []
    for inputs in [fine] + [coarse] * (count - 1):
        layers += [nn.Conv2d(inputs, coarse, 3, padding=1), nn.ReLU()]
    return layers


def extra_block(fine: int, coarse: int, *, stride: int, padding: int) -> nn.Sequential:
    """A 1x1 convolution to half of `coarse` channels, then one of 3x3."""
    return nn.Sequential(
        nn.Conv2d(fine, coarse // 2, 1),
        nn.ReLU(),
        nn.Conv2d(coarse // 2, coarse, 3, stride=stride, padding=padding),
        nn.ReLU(),
    )


def vgg_to_conv4() -> nn.Sequential:
    """VGG-16 up to conv4_3: (B, 3, 300, 300) -> (B, 512, 38, 38)."""
    return nn.Sequential(
        *vgg_block(3, 64, 2),
        nn.MaxPool2d(2),
        *vgg_block(64, 128, 2),
        nn.MaxPool2d(2),
        *vgg_block(128, 256, 3),
        nn.MaxPool2d(2, ceil_mode=True),  # 75 cells to 38, which would be 37
        *vgg_block(256, 512, 3),
    )


def vgg_to_fc7() -> nn.Sequential:
    """The rest of VGG-16, without its last layer: -> (B, 1024, 19, 19).

    Its fully connected layers became convolutions with fewer weights.
    """
    return nn.Sequential(
        nn.MaxPool2d(2),
        *vgg_block(512, 512, 3),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(512, 1024, 3, padding=6, dilation=6),  # fc6
        nn.ReLU(),
        nn.Conv2d(1024, 1024, 1),  # fc7
        nn.ReLU(),
    )


class SSD300Backbone(nn.Module):
    """Six maps of 38, 19, 10, 5, 3 and 1 cells a side from images of 300 x 300.

    VGG-16, then convolutions down to a map of a single cell: figure 2 of the paper. It
    has 23 million weights, so a lesson looks at its shapes alone, on the device "meta"
    where tensors hold no numbers. Untrained; `out_channels` are those of the six maps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = (512, 1024, 512, 256, 256, 256)
        self.to_conv4, self.to_fc7 = vgg_to_conv4(), vgg_to_fc7()
        self.normalize = L2Normalization(512)
        shrink = [(2, 1), (2, 1), (1, 0), (1, 0)]  # 19, 10, 5, 3, 1
        self.extras = nn.ModuleList(
            extra_block(fine, coarse, stride=stride, padding=padding)
            for (fine, coarse), (stride, padding) in zip(
                pairwise(self.out_channels[1:]), shrink, strict=True
            )
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, 300, 300) in [0, 1] -> the six maps."""
        mean = images.new_tensor(MEAN_COLOR)[:, None, None]
        conv4 = self.to_conv4(images * 255 - mean)
        x = self.to_fc7(conv4)
        maps = [self.normalize(conv4), x]
        for extra in self.extras:
            x = extra(x)
            maps.append(x)
        return maps
