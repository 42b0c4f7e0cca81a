"""The network of R-CNN: it sees one warped proposal at a time, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.ops.boxes import as_boxes, cxcywh_to_xyxy, xyxy_to_cxcywh
from course_utils.ops.validators import check_area

CHUNK = 256  # crops that pass through the network at once: more need more memory


def check_context(crop_size: int, context: int) -> None:
    """Raises ValueError unless the crop shows something of the box itself."""
    if not 0 <= 2 * context < crop_size:
        raise ValueError(
            f"context is {context} and crop_size {crop_size}, but 0 <= 2 * context < "
            "crop_size was expected: something of the box itself has to be seen"
        )


def check_crop_size(crop_size: int, stride: int) -> None:
    """Raises ValueError unless the crop's side is a multiple of the stride."""
    if crop_size < stride or crop_size % stride:
        raise ValueError(
            f"crop_size is {crop_size}, but a multiple of {stride} was "
            "expected: the backbone makes the crop so many times smaller"
        )


def add_context(boxes: Tensor, *, crop_size: int, context: int) -> Tensor:
    """Boxes grown so that `context` pixels of a crop show what lies around them.

    Girshick et al. 2014, appendix A: sides grow by crop_size / (crop_size - 2 context),
    each about the box's own centre. (N, 4) xyxy -> (N, 4), perhaps beyond the image.
    """
    check_context(crop_size, context)
    growth = crop_size / (crop_size - 2 * context)
    grown = xyxy_to_cxcywh(boxes) * boxes.new_tensor([1, 1, growth, growth])
    return cxcywh_to_xyxy(grown)


def sampling_weights(
    start: Tensor, end: Tensor, *, crop_size: int, length: int
) -> tuple[Tensor, Tensor]:
    """How much of each pixel goes into each pixel of a crop, along one axis.

    A pixel of the crop is a mean of the image's pixels around its centre, the nearer
    ones with more weight; where the crop shrinks the image, of more of them. Pixels
    beyond the image have no weight.

    (N,) starts and ends in pixels of an image `length` long -> weights
    (N, crop_size, length), rows of sum 1, and (N, crop_size) whether a centre lies in
    the image.
    """
    step = (end - start)[:, None] / crop_size  # (N, 1) pixels of the image a pixel
    places = torch.arange(crop_size, device=start.device) + 0.5
    centres = start[:, None] + places * step  # (N, crop_size)
    pixels = torch.arange(length, device=start.device) + 0.5
    distance = (pixels - centres[..., None]).abs() / step.clamp(min=1)[..., None]
    weights = (1 - distance).clamp(min=0)  # a tent: bilinear, wider when shrinking
    total = weights.sum(dim=-1, keepdim=True)
    is_inside = (centres >= 0) & (centres <= length)
    return weights / total.where(total > 0, 1), is_inside


def warp(
    image: Tensor, boxes: Tensor, *, crop_size: int, context: int = 0, fill: Tensor
) -> Tensor:
    """What each box holds, stretched to a square: (N, C, crop_size, crop_size).

    The shape of a box is not kept. What lies outside the image shows `fill`. Raises
    ValueError for a box without area.

    Args:
        image: (C, H, W) float.
        boxes: (N, 4) xyxy.
        crop_size: side of the crops.
        context: pixels around the box at each side of its crop; see `add_context`.
        fill: (C,) colour of what is outside.
    """
    boxes = as_boxes(boxes)
    check_area(boxes)
    x1, y1, x2, y2 = add_context(boxes, crop_size=crop_size, context=context).unbind(1)
    height, width = image.shape[-2:]
    down, in_rows = sampling_weights(y1, y2, crop_size=crop_size, length=height)
    right, in_columns = sampling_weights(x1, x2, crop_size=crop_size, length=width)
    rows = torch.einsum("nsh,chw->ncsw", down, image)  # (N, C, crop_size, W)
    crops = rows @ right[:, None].transpose(2, 3)  # (N, C, crop_size, crop_size)
    is_inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return crops.where(is_inside, fill.to(crops)[:, None, None])


class RegionFeatures(NamedTuple):
    """What the network knows of each of N regions."""

    pool5: Tensor  # (N, P) the last map: what is where in the crop
    fc: Tensor  # (N, F) the fully connected layer: what the crop shows

    def __len__(self) -> int:
        """N."""
        return len(self.fc)


class RegionNetwork(nn.Module):
    """A backbone, a fully connected layer of features, and a score a class.

    Args:
        backbone: (N, 3, crop_size, crop_size) crops -> a map.
        crop_size: side of the crops in pixels.
        pooled_size: cells a side to which maxima reduce the last map, if that is
            larger: box regressors need a weight for each of its numbers.
        hidden: width of the fully connected layer.
        num_classes: with the background, if that is a class.

    Raises ValueError unless the crop's side is a multiple of the stride.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        crop_size: int = 32,
        pooled_size: int = 7,
        hidden: int = 128,
        num_classes: int,
    ) -> None:
        super().__init__()
        check_crop_size(crop_size, backbone.stride)
        self.backbone, self.crop_size = backbone, crop_size
        self.pooled_size = min(pooled_size, crop_size // backbone.stride)
        self.fc = nn.Linear(backbone.out_channels * self.pooled_size**2, hidden)
        self.classify = nn.Linear(hidden, num_classes)

    def features(self, crops: Tensor) -> RegionFeatures:
        """(N, 3, crop_size, crop_size) in [0, 1] -> pool5 (N, P) and fc (N, F)."""
        maps = self.backbone(crops)
        pool5 = F.adaptive_max_pool2d(maps, self.pooled_size).flatten(1)
        return RegionFeatures(pool5, F.relu(self.fc(pool5)))

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, crop_size, crop_size) crops -> (N, num_classes) logits."""
        logits: Tensor = self.classify(self.features(crops).fc)
        return logits


def replace_classifier(network: RegionNetwork, num_classes: int) -> None:
    """Give the network a new last layer, for other classes; the rest keeps its weights.

    The new layer starts small, so that the first steps do not shake the others.
    """
    old = network.classify
    new = nn.Linear(old.in_features, num_classes).to(old.weight)
    nn.init.normal_(new.weight, std=0.01)
    nn.init.zeros_(new.bias)
    network.classify = new


@contextmanager
def count_crops(network: RegionNetwork) -> Iterator[list[int]]:
    """How many crops each pass through the backbone takes within the block."""
    counts: list[int] = []

    def add(_: Any, given: tuple[Tensor, ...]) -> None:
        counts.append(len(given[0]))

    handle = network.backbone.register_forward_pre_hook(add)
    try:
        yield counts
    finally:
        handle.remove()


def features_in_parts(network: RegionNetwork, crops: Tensor) -> RegionFeatures:
    """The network's features of any number of crops, CHUNK of them at a time."""
    parts = [network.features(part) for part in torch.split(crops, CHUNK)]
    pool5 = torch.cat([part.pool5 for part in parts])
    return RegionFeatures(pool5, torch.cat([part.fc for part in parts]))
