"""What selective search knows of a region, and how alike two regions are.

Size, box, colours, texture and neighbours, then the four similarities of Uijlings et
al. 2013. These are NumPy arrays: grouping takes thousands of tiny steps, for which
tensors are several times slower.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.selective_search.graph_segmentation import Array
from course_utils.ops.selective_search.smoothing import gaussian_slopes

COLOUR_BINS = 25
ORIENTATIONS, TEXTURE_BINS = 8, 10
# Steeper slopes share the last bin; a black edge on white reaches 0.4 a pixel. Were it
# each image's own steepest slope, the noise of a flat image would count as texture.
STEEP = 0.1


class Regions(NamedTuple):
    """One row a region. Histograms of a region sum to 1."""

    size: Array  # (R,) pixels
    box: Array  # (R, 4) xyxy, half-open
    colour: Array  # (R, C * 25)
    texture: Array  # (R, C * 80)
    image_size: int  # pixels of the image


def describe_regions(labels: Tensor, image: Tensor) -> Regions:
    """Size, box and histograms of every region.

    (H, W) int64 labels from 0 to R - 1 and a (C, H, W) float image in [0, 1] -> R rows.
    """
    return count_regions(labels, colour_bins(image), texture_bins(image))


def count_regions(labels: Tensor, colours: Tensor, slopes: Tensor) -> Regions:
    """As `describe_regions`, from bins that several segmentations of an image share.

    (H, W) labels, (C, H, W) colour bins and (C * 8, H, W) texture bins -> R rows.
    """
    return Regions(
        region_sizes(labels),
        region_boxes(labels),
        region_histograms(labels, colours, COLOUR_BINS),
        region_histograms(labels, slopes, TEXTURE_BINS),
        labels.numel(),
    )


def region_sizes(labels: Tensor) -> Array:
    """How many pixels each region has: (H, W) labels -> (R,) int64."""
    return np.bincount(labels.numpy().ravel())


def region_boxes(labels: Tensor) -> Array:
    """The tight box around each region: (H, W) labels -> (R, 4) float xyxy."""
    height, width = labels.shape
    count = int(labels.max()) + 1
    low = torch.full((2, count), max(height, width))
    high = torch.zeros((2, count), dtype=torch.int64)
    flat = labels.flatten()
    y = torch.arange(height).repeat_interleave(width)
    x = torch.arange(width).repeat(height)
    for axis, place in enumerate((x, y)):
        low[axis].scatter_reduce_(0, flat, place, "amin")
        high[axis].scatter_reduce_(0, flat, place + 1, "amax")
    return torch.cat([low, high]).T.double().numpy()


def colour_bins(image: Tensor) -> Tensor:
    """The bin of each value: (C, H, W) in [0, 1] -> (C, H, W) int32 from 0 to 24."""
    return (image * COLOUR_BINS).int().clamp_(0, COLOUR_BINS - 1)


def texture_bins(image: Tensor) -> Tensor:
    """The bin of each slope: (C, H, W) in [0, 1] -> (C * 8, H, W) int32 from 0 to 9.

    A slope is that of the image smoothed with sigma 1, in one of 8 directions 45
    degrees apart; falling counts as 0.
    """
    right, down = gaussian_slopes(image, sigma=1.0)  # (C, H, W) each
    turns = torch.arange(ORIENTATIONS // 2) * (2 * math.pi / ORIENTATIONS)
    cosines, sines = turns.cos()[:, None, None], turns.sin()[:, None, None]
    slopes = cosines * right[:, None] + sines * down[:, None]  # (C, 4, H, W)
    # Towards 0, so that a slope and its opposite get the same bin, one of them 0.
    bins = (slopes * (TEXTURE_BINS / STEEP)).int()
    both = torch.cat([bins, -bins], dim=1)  # (C, 8, H, W), half a turn further
    return both.clamp_(0, TEXTURE_BINS - 1).flatten(0, 1)


def region_histograms(labels: Tensor, bins: Tensor, count: int) -> Array:
    """How often each bin of each channel occurs in each region, as shares.

    (H, W) labels and (C, H, W) bins below `count` -> (R, C * count), rows of sum 1.
    """
    regions = int(labels.max()) + 1
    places = labels.int() * count + bins  # (C, H, W)
    channels = [
        torch.bincount(channel.flatten(), minlength=regions * count)
        for channel in places
    ]
    counts = torch.stack(channels).view(-1, regions, count)  # (C, R, count)
    shares = counts.movedim(0, 1).flatten(1).float()
    return (shares / shares.sum(dim=1, keepdim=True)).numpy()


def neighbouring_regions(labels: Tensor) -> Array:
    """Pairs of regions that touch, by a side or a corner of two pixels.

    (H, W) labels -> (P, 2) int64, each pair once, the smaller number first, sorted.
    """
    count = int(labels.max()) + 1
    sides = [
        (labels[:, :-1], labels[:, 1:]),
        (labels[:-1], labels[1:]),
        (labels[:-1, :-1], labels[1:, 1:]),
        (labels[:-1, 1:], labels[1:, :-1]),
    ]
    first = torch.cat([a.flatten() for a, _ in sides])
    second = torch.cat([b.flatten() for _, b in sides])
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    codes = np.unique((low * count + high)[low != high].numpy())
    return np.stack([codes // count, codes % count], axis=1)


Rows = Array | int  # which regions: one, or several at once


def colour_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of colours that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.colour[a], regions.colour[b])
    share: Array = common.sum(axis=-1)
    return share


def texture_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of slopes that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.texture[a], regions.texture[b])
    share: Array = common.sum(axis=-1)
    return share


def size_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of the image outside of both: (P,) in [0, 1], near 1 for small ones."""
    outside: Array = 1 - (regions.size[a] + regions.size[b]) / regions.image_size
    return outside


def fill_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """How well two regions fill their common box: (P,) in [0, 1], 1 without a gap."""
    x1, y1, x2, y2 = joint_box(regions.box[a], regions.box[b]).T
    gap: Array = (x2 - x1) * (y2 - y1) - regions.size[a] - regions.size[b]
    return 1 - gap / regions.image_size


def joint_box(a: Array, b: Array) -> Array:
    """The tight box around two boxes: (..., 4) and (..., 4) -> (..., 4) xyxy."""
    low = np.minimum(a[..., :2], b[..., :2])
    return np.concatenate([low, np.maximum(a[..., 2:], b[..., 2:])], axis=-1)


MEASURES: dict[str, Callable[[Regions, Rows, Rows], Array]] = {
    "colour": colour_similarity,
    "texture": texture_similarity,
    "size": size_similarity,
    "fill": fill_similarity,
}


def similarity(
    regions: Regions, a: Rows, b: Rows, *, measures: Sequence[str] = tuple(MEASURES)
) -> Array:
    """The sum of the chosen similarities of regions `a` and `b`: (P,)."""
    total: Array = np.sum([MEASURES[name](regions, a, b) for name in measures], axis=0)
    return total


def check_measures(measures: Sequence[str]) -> None:
    """Raises ValueError unless at least one is named, and each is in MEASURES."""
    if isinstance(measures, str) or not measures or set(measures) - set(MEASURES):
        raise ValueError(
            f"measures are {measures!r}, but a tuple of names out of "
            f'{tuple(MEASURES)} was expected, such as ("size", "fill")'
        )
