"""What selective search knows of a region: size, box, colours, texture, neighbours.

These are NumPy arrays: grouping takes thousands of tiny steps, for which tensors are
several times slower.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.ops.smoothing import gaussian_slopes

COLOUR_BINS = 25
ORIENTATIONS, TEXTURE_BINS = 8, 10
Array = NDArray[Any]


class Regions(NamedTuple):
    """One row a region. Histograms of a region sum to 1."""

    size: Array  # (R,) pixels
    box: Array  # (R, 4) xyxy, half-open
    colour: Array  # (R, C * 25)
    texture: Array  # (R, C * 80)


def describe_regions(labels: Tensor, image: Tensor) -> Regions:
    """Size, box and histograms of every region.

    (H, W) int64 labels from 0 to R - 1 and a (C, H, W) float image in [0, 1] -> R rows.
    """
    return Regions(
        region_sizes(labels),
        region_boxes(labels),
        region_histograms(labels, colour_bins(image), COLOUR_BINS),
        region_histograms(labels, texture_bins(image), TEXTURE_BINS),
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
    """The bin of each value: (C, H, W) in [0, 1] -> (C, H, W) int64 from 0 to 24."""
    return (image * COLOUR_BINS).long().clamp(0, COLOUR_BINS - 1)


def texture_bins(image: Tensor) -> Tensor:
    """The bin of each slope: (C, H, W) float -> (C * 8, H, W) int64 from 0 to 9.

    A slope is that of the image smoothed with sigma 1, in one of 8 directions 45
    degrees apart; falling counts as 0. Bins go up to a channel's steepest slope.
    """
    right, down = gaussian_slopes(image, sigma=1.0)  # (C, H, W) each
    turns = torch.arange(ORIENTATIONS) * (2 * math.pi / ORIENTATIONS)
    cosines, sines = turns.cos()[:, None, None], turns.sin()[:, None, None]
    slopes = cosines * right[:, None] + sines * down[:, None]  # (C, 8, H, W)
    steepest = slopes.amax(dim=(1, 2, 3), keepdim=True)
    scale = TEXTURE_BINS / steepest.where(steepest > 0, 1)
    bins = (slopes * scale).long().clamp(0, TEXTURE_BINS - 1)
    return bins.flatten(0, 1)


def region_histograms(labels: Tensor, bins: Tensor, count: int) -> Array:
    """How often each bin of each channel occurs in each region, as shares.

    (H, W) labels and (C, H, W) bins below `count` -> (R, C * count), rows of sum 1.
    """
    regions = int(labels.max()) + 1
    places = labels * count + bins  # (C, H, W)
    channels = [
        torch.bincount(channel.flatten(), minlength=regions * count)
        for channel in places
    ]
    counts = torch.stack(channels).view(-1, regions, count).movedim(0, 1).flatten(1)
    counts = counts.float()
    return (counts / counts.sum(dim=1, keepdim=True)).numpy()


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
