"""The network of R-CNN: it sees one warped region at a time, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbone import Backbone


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
        """Raises ValueError unless the crop's side is a multiple of the stride."""
        super().__init__()
        side, rest = divmod(crop_size, backbone.stride)
        if side < 1 or rest:
            raise ValueError(
                f"crop_size is {crop_size}, but a multiple of {backbone.stride} was "
                "expected: the backbone makes the crop so many times smaller"
            )
        self.backbone, self.crop_size = backbone, crop_size
        self.pooled_size = min(pooled_size, side)
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


class Count:
    """How many crops have passed through a network."""

    def __init__(self) -> None:
        """Start at 0."""
        self.crops = 0


@contextmanager
def count_crops(network: RegionNetwork) -> Iterator[Count]:
    """Count the crops that pass through the network's backbone within the block."""
    count = Count()

    def add(_: Any, given: tuple[Tensor, ...]) -> None:
        count.crops += len(given[0])

    handle = network.backbone.register_forward_pre_hook(add)
    try:
        yield count
    finally:
        handle.remove()


def join_features(parts: list[RegionFeatures]) -> RegionFeatures:
    """All features of several parts as one. There has to be at least one part."""
    return RegionFeatures(
        torch.cat([part.pool5 for part in parts]),
        torch.cat([part.fc for part in parts]),
    )
