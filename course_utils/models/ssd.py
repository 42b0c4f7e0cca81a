"""SSD, the single shot multibox detector: classes and boxes straight from several maps.

Liu et al. 2016. No proposals: each default box of each map is asked what it shows and
how it has to be moved, all at once. The backbone of SSD300 stands at the end.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

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
    check_at_least,
    check_choice,
    check_lengths,
    check_one_a_box,
)

Negatives = Literal["hard", "random", "all"]


class LastMaps(nn.Module):
    """The last maps of a backbone, each half as fine as the one before.

    Args:
        backbone: with a map after each halving of the image.
        first: the first halving whose map is handed out, counted from 0; that of 2 has
            a stride of 8.

    Raises ValueError if there is no such halving.
    """

    def __init__(self, backbone: Backbone, *, first: int = 2) -> None:
        super().__init__()
        halvings = len(backbone.widths)
        if not 0 <= first < halvings:
            raise ValueError(
                f"first is {first}, but a halving of 0 to {halvings - 1} was expected"
            )
        self.backbone, self.first = backbone, first
        self.out_channels = backbone.widths[first:]
        self.strides = tuple(2 ** (index + 1) for index in range(first, halvings))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> a (B, C, H / stride, W / stride) each."""
        return self.backbone.maps(images)[self.first :]


class SSDHead(nn.Module):
    """A 3x3 convolution a map gives K logits and four deltas for each default box.

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
        layers = [
            nn.Conv2d(width, count * (num_classes + 4), 3, padding=1)
            for width, count in zip(channels, num_boxes, strict=True)
        ]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.convolutions = nn.ModuleList(layers)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) maps -> (B, A, K) logits and (B, A, 4) deltas of all boxes."""
        parts = zip(self.convolutions, self.num_boxes, maps, strict=True)
        outputs = torch.cat(
            [flatten_map(layer(x), count) for layer, count, x in parts], dim=1
        )  # (B, A, K + 4)
        return outputs[..., :-4], outputs[..., -4:]


def match_default_boxes(iou: Tensor, *, positive_iou: float = 0.5) -> Tensor:
    """The object that each default box is to find, or -1 for none.

    Liu et al. 2016: each object gets the default box that it overlaps most. Then, each
    other default box gets the object that it overlaps most, if the IoU is at least
    `positive_iou`.

    Of default boxes that tie for an object's best the first is taken. Where two objects
    have the same best default box, the later object gets it. An object that overlaps no
    default box, as one without area, gets none.

    Args:
        iou: (N, A) overlap of each object with each default box.
        positive_iou: least IoU of a match that is no object's best.

    Returns (A,) int64: the index of an object, or BELOW (-1).
    """
    matched_idxs = match_anchors(
        iou, positive_iou=positive_iou, negative_iou=positive_iou
    )
    if iou.numel() == 0:
        return matched_idxs
    highest, best = iou.max(dim=1)  # (N,) each
    touched = (highest > 0).nonzero().squeeze(1)
    forced = torch.full_like(matched_idxs, BELOW)
    forced = forced.scatter_reduce(0, best[touched], touched, "amax")
    return forced.where(forced != BELOW, matched_idxs)


def label_default_boxes(
    default_boxes: Tensor, target: Target, *, positive_iou: float = 0.5
) -> tuple[Tensor, Tensor]:
    """The class and the box that each default box of one image is to answer.

    (A, 4) default boxes -> (A,) int64 labels, 0 for background, and (A, 4) boxes to
    reach, which mean something at objects only. See `match_default_boxes`.
    """
    boxes = as_boxes(target["boxes"], "the target's boxes").to(default_boxes)
    labels = target["labels"].to(default_boxes.device)
    check_one_a_box(boxes, labels=labels)
    matched_idxs = match_default_boxes(
        box_iou(boxes, default_boxes), positive_iou=positive_iou
    )
    if len(boxes) == 0:
        return torch.zeros_like(matched_idxs), default_boxes
    index = matched_idxs.clamp(min=0)
    return labels[index].where(matched_idxs != BELOW, 0), boxes[index]


def hard_negatives(losses: Tensor, is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """Which default boxes of the background a step learns from: the most expensive.

    In each image at most `ratio` for each box that found an object, so that an image
    without objects has none.

    Args:
        losses: (B, A) of each default box, if it were background.
        is_object: (B, A) bool.
        ratio: negatives for each positive.

    Returns (B, A) bool. Raises ValueError if the shapes or the ratio do not fit.
    """
    counts = negative_counts(losses, is_object, ratio)
    most = int(counts.max()) if counts.numel() else 0
    losses = losses.detach().masked_fill(is_object, -torch.inf)
    hardest = losses.topk(most, dim=1).indices  # (B, most), by falling loss
    chosen = torch.arange(most, device=counts.device) < counts[:, None]
    return torch.zeros_like(is_object).scatter(1, hardest, chosen)


def random_negatives(is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """As many default boxes of the background as `hard_negatives`, drawn at random.

    (B, A) bool -> (B, A) bool. Draws from torch's own generator.
    """
    draws = torch.rand(is_object.shape, device=is_object.device)
    return hard_negatives(draws, is_object, ratio=ratio)


def negative_counts(losses: Tensor, is_object: Tensor, ratio: float) -> Tensor:
    """(B,) how many negatives each image gets: no more than it has background."""
    if losses.ndim != 2 or losses.shape != is_object.shape:
        raise ValueError(
            f"losses has shape {tuple(losses.shape)} and is_object "
            f"{tuple(is_object.shape)}, but (images, default boxes) was expected of "
            "both"
        )
    check_at_least(0, ratio=ratio)
    positives = is_object.sum(dim=1)
    wanted = (ratio * positives).long()
    return wanted.minimum(is_object.shape[1] - positives)


def background_loss(logits: Tensor) -> Tensor:
    """What it costs to call each default box background: its confidence loss.

    (..., K) logits with the background first -> (...) cross-entropy with class 0.
    """
    return logits.logsumexp(dim=-1) - logits[..., 0]


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
    """What the head says about each default box of each image."""

    logits: Tensor  # (B, A, K), background first
    deltas: Tensor  # (B, A, 4)
    default_boxes: Tensor  # (A, 4) xyxy, the same for all images


class SSD(Model):
    """A backbone of several maps, and a head on each. The defaults are the paper's.

    Args:
        backbone: (B, 3, H, W) images -> a list of maps; `out_channels` says how wide.
        num_classes: with the background, which is class 0.
        scales: one for each map, and one more; see `default_boxes`.
        ratios: for each map, width over height.
        strides: for each map, pixels between two default boxes; without it, they fill
            the image.
        positive_iou: see `match_default_boxes`.
        negatives: the background to learn from: "hard", or to see what that does, as
            many at "random", or "all" of it.
        negative_ratio: negatives for each positive, unless all are used.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        candidates: most boxes of a class that are looked at.
        max_detections: most detections of an image.

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
        positive_iou: float = 0.5,
        negatives: Negatives = "hard",
        negative_ratio: float = 3,
        score_threshold: float = 0.01,
        iou_threshold: float = 0.45,
        candidates: int = 400,
        max_detections: int = 200,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        channels: Sequence[int] = backbone.out_channels  # type: ignore[assignment]
        check_lengths(maps=channels, ratios=ratios, scales_before_the_last=scales[:-1])
        check_choice("negatives", negatives, get_args(Negatives))
        num_boxes = [2 + 2 * len(wide) for wide in ratios]
        self.head = SSDHead(channels, num_boxes, num_classes=num_classes)
        self.scales, self.ratios = tuple(scales), tuple(map(tuple, ratios))
        self.strides = strides
        self.positive_iou, self.negatives = positive_iou, negatives
        self.negative_ratio, self.score_threshold = negative_ratio, score_threshold
        self.iou_threshold, self.candidates = iou_threshold, candidates
        self.max_detections = max_detections

    def forward(self, images: Tensor) -> SSDOutputs:
        """(B, 3, H, W) images -> the outputs of all default boxes."""
        check_batch(images)
        maps = self.backbone(images)
        boxes = default_boxes(
            list(map(image_size, maps)),
            image_size(images),
            scales=self.scales,
            ratios=self.ratios,
            strides=self.strides,
        )
        logits, deltas = self.head(maps)
        return SSDOutputs(logits, deltas, boxes.to(images))

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier` and `loss_box_reg`."""
        check_batch(images, targets)
        return self.losses_of(self(images), targets)

    def losses_of(
        self, outputs: SSDOutputs, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The same from what the heads have said."""
        logits, deltas, boxes = outputs
        pairs = [
            label_default_boxes(boxes, target, positive_iou=self.positive_iou)
            for target in targets
        ]
        labels, matched_boxes = (torch.stack(part) for part in zip(*pairs, strict=True))
        is_object = labels > 0
        regression_targets = encode_boxes(
            matched_boxes[is_object],
            boxes.expand_as(deltas)[is_object],
            weights=BOX_WEIGHTS,
        )
        negatives = self.choose_negatives(logits, is_object)
        return ssd_losses(logits, deltas, labels, regression_targets, negatives)

    @torch.no_grad()
    def choose_negatives(self, logits: Tensor, is_object: Tensor) -> Tensor:
        """(B, A) bool, the background to learn from."""
        if self.negatives == "all":
            return ~is_object
        if self.negatives == "random":
            return random_negatives(is_object, ratio=self.negative_ratio)
        return hard_negatives(
            background_loss(logits), is_object, ratio=self.negative_ratio
        )

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        logits, deltas, boxes = self(images)
        size, scores = image_size(images), logits.softmax(dim=2)[..., 1:]
        return [
            select_detections(
                clip_boxes(decode_boxes(delta, boxes, weights=BOX_WEIGHTS), *size),
                score,
                score_threshold=self.score_threshold,
                iou_threshold=self.iou_threshold,
                max_detections=self.max_detections,
                candidates=self.candidates,
            )
            for delta, score in zip(deltas, scores, strict=True)
        ]


# Mean colour of ImageNet; VGG-16 was trained on values up to 255 without it.
MEAN_COLOR = (123.0, 117.0, 104.0)


class L2Normalization(nn.Module):
    """Each position's vector made as long as a learned scale, channel by channel.

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
    """`count` convolutions of 3x3, each with a ReLU."""
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


class SSD300Backbone(nn.Module):
    """Six maps of 38, 19, 10, 5, 3 and 1 cells a side from images of 300 x 300.

    VGG-16, then convolutions down to a map of a single cell: figure 2 of the paper. It
    has 23 million weights, so a lesson looks at its shapes alone, on the device "meta"
    where tensors hold no numbers. Untrained; `out_channels` are those of the six maps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = (512, 1024, 512, 256, 256, 256)
        self.to_conv4 = nn.Sequential(
            *vgg_block(3, 64, 2),
            nn.MaxPool2d(2),
            *vgg_block(64, 128, 2),
            nn.MaxPool2d(2),
            *vgg_block(128, 256, 3),
            nn.MaxPool2d(2, ceil_mode=True),  # 75 cells to 38, which would be 37
            *vgg_block(256, 512, 3),
        )
        self.normalize = L2Normalization(512)
        self.to_fc7 = nn.Sequential(
            nn.MaxPool2d(2),
            *vgg_block(512, 512, 3),
            nn.MaxPool2d(3, stride=1, padding=1),
            # VGG's fully connected layers, thinned out to convolutions.
            nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
            nn.ReLU(),
            nn.Conv2d(1024, 1024, 1),
            nn.ReLU(),
        )
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
        x = self.to_conv4(images * 255 - mean)
        maps = [self.normalize(x)]
        x = self.to_fc7(x)
        maps.append(x)
        for extra in self.extras:
            x = extra(x)
            maps.append(x)
        return maps
