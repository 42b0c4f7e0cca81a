"""Regions of interest (RoIs): features of any box, in a grid of a fixed size.

A RoI is five numbers: the index of its image in the batch, then xyxy in pixels of the
image. All pooling here takes the maximum over rectangles of cells of the feature map.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.boxes import as_boxes
from course_utils.ops.rectangles import max_of_rectangles


def round_half_away(x: Tensor) -> Tensor:
    """The nearest whole numbers, halves away from zero, as C's `round()`.

    `torch.round` and Python's take halves to the even neighbour: 2.5 becomes 2.
    """
    whole = x.trunc()
    # Not floor(x + 0.5): in float32 the sum itself may be rounded up.
    return whole + ((x - whole).abs() >= 0.5) * x.sign()


def roi_bins(
    low: Tensor, high: Tensor, *, output_size: int, limit: int
) -> tuple[Tensor, Tensor]:
    """First cell of each bin along one axis, and the first cell after it.

    The cells round(low) to round(high), both included, are cut into `output_size` bins
    that may share a cell at their ends; then all are clipped to the map.

    Args:
        low: (R,) float where the RoIs start, in cells of the map.
        high: (R,) float where they end.
        output_size: bins of a RoI.
        limit: cells of the map along this axis.

    Returns two (R, output_size) int64. A bin is empty where they are equal.
    """
    first, last = round_half_away(low), round_half_away(high)
    size = (last - first + 1).clamp(min=1)[:, None] / output_size  # cells a bin
    steps = torch.arange(output_size + 1, dtype=low.dtype, device=low.device)
    start = (steps[:-1] * size).floor() + first[:, None]
    end = (steps[1:] * size).ceil() + first[:, None]
    return start.clamp(0, limit).long(), end.clamp(0, limit).long()


def roi_pool_one(
    features: Tensor, box: Tensor, *, output_size: int, spatial_scale: float
) -> Tensor:
    """The maximum of each bin of one box, bin by bin: the definition, and slow.

    (C, H, W) features and a (4,) box in pixels of the image -> (C, P, P).
    """
    channels, height, width = features.shape
    x1, y1, x2, y2 = (box * spatial_scale)[:, None]  # (1,) each
    left, right = roi_bins(x1, x2, output_size=output_size, limit=width)
    top, bottom = roi_bins(y1, y2, output_size=output_size, limit=height)
    pooled = features.new_zeros(channels, output_size, output_size)
    for i in range(output_size):
        for j in range(output_size):
            cells = features[:, top[0, i] : bottom[0, i], left[0, j] : right[0, j]]
            if cells.numel() > 0:
                pooled[:, i, j] = cells.amax(dim=(1, 2))
    return pooled


def grid_rectangles(
    image: Tensor, top: Tensor, left: Tensor, bottom: Tensor, right: Tensor
) -> Tensor:
    """The rectangles that rows and columns of bins make: (R * P * P, 5), row by row.

    (R,) index of the image, and (R, P) starts and ends of the bins along each axis.
    """
    size = (len(image), top.shape[1], left.shape[1])
    parts = [image[:, None, None], top[:, :, None], left[:, None, :]]
    parts += [bottom[:, :, None], right[:, None, :]]
    return torch.stack([part.expand(size) for part in parts], dim=-1).flatten(0, -2)


def roi_pool(
    features: Tensor, rois: Tensor, *, output_size: int, spatial_scale: float
) -> Tensor:
    """The features of each RoI as a grid of P x P cells, each the maximum of a bin.

    Girshick 2015, section 2.1, rounded like `torchvision.ops.roi_pool`. No gradient
    reaches the RoIs: a rounded number does not change with what it was rounded from.

    Args:
        features: (B, C, H, W).
        rois: (R, 5) of batch index, then xyxy in pixels of the image.
        output_size: P.
        spatial_scale: cells of the map a pixel, 1 / 8 after a stride of 8.

    Returns (R, C, P, P). Raises ValueError if the shapes do not fit, or a RoI is of an
    image that is not there, or not finite.
    """
    check_rois(features, rois, output_size)
    x1, y1, x2, y2 = (as_boxes(rois[:, 1:].detach()) * spatial_scale).unbind(dim=1)
    settings = {"output_size": output_size}
    top, bottom = roi_bins(y1, y2, limit=features.shape[2], **settings)
    left, right = roi_bins(x1, x2, limit=features.shape[3], **settings)
    image = rois[:, 0].long()
    rectangles = grid_rectangles(image, top, left, bottom, right)
    pooled = max_of_rectangles(features, rectangles)  # (R * P * P, C)
    grid = pooled.reshape(len(rois), output_size, output_size, features.shape[1])
    return grid.permute(0, 3, 1, 2)


def check_rois(features: Tensor, rois: Tensor, output_size: int) -> None:
    """Raises ValueError unless these RoIs can be pooled from these features."""
    if features.ndim != 4 or rois.ndim != 2 or rois.shape[1] != 5:
        raise ValueError(
            f"features have shape {tuple(features.shape)} and rois "
            f"{tuple(rois.shape)}, but (B, C, H, W) and (R, 5) were expected: put the "
            "index of its image before each box, as `as_rois` does"
        )
    if output_size < 1:
        raise ValueError(f"output_size is {output_size}, but at least 1 was expected")
    if not rois.isfinite().all():
        raise ValueError(
            f"roi {first_row(~rois.isfinite().all(dim=1))} is not finite: "
            "look for boxes without width or height where the RoIs were made"
        )
    is_known = (rois[:, 0] >= 0) & (rois[:, 0] < len(features))
    if not is_known.all():
        row = first_row(~is_known)
        raise ValueError(
            f"roi {row} is of image {rois[row, 0]:g}, but there are {len(features)} "
            "images, counted from 0"
        )


def first_row(is_wrong: Tensor) -> int:
    """The index of the first True in (R,) bool."""
    return int(is_wrong.nonzero()[0])


def as_rois(boxes: Sequence[Tensor]) -> Tensor:
    """RoIs of a batch: the boxes (N, 4) of each image -> (R, 5), image after image."""
    each = [as_boxes(one) for one in boxes]
    rows = [F.pad(one, (1, 0), value=float(i)) for i, one in enumerate(each)]
    return torch.cat(rows) if rows else torch.zeros(0, 5)


def pyramid_bins(length: int, bins: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """First cell of each bin, and the first after it, when `length` cells are cut.

    Two (bins,) int64. Bins share cells where the length is no multiple of `bins`.
    """
    steps = torch.arange(bins + 1, device=device) * length
    return steps[:-1] // bins, -(-steps[1:] // bins)  # floor, ceil


def spatial_pyramid_pool(
    features: Tensor, *, levels: Sequence[int] = (1, 2, 3, 6)
) -> Tensor:
    """Maxima over ever finer grids: as many numbers for a map of any size.

    He et al. 2014: level n cuts the map into n x n bins.

    (B, C, H, W) features -> (B, C * sum of n * n): level after level, in each all bins
    of the first channel, then of the second. Raises ValueError if a level is below 1.
    """
    batch, channels, height, width = features.shape
    if min(levels, default=0) < 1:
        raise ValueError(f"levels is {levels}, but numbers from 1 on were expected")
    image = torch.arange(batch, device=features.device)
    pooled = []
    for bins in levels:
        top, bottom = pyramid_bins(height, bins, features.device)
        left, right = pyramid_bins(width, bins, features.device)
        edges = [edge.expand(batch, -1) for edge in (top, left, bottom, right)]
        level = max_of_rectangles(features, grid_rectangles(image, *edges))
        pooled.append(level.reshape(batch, bins * bins, channels).transpose(1, 2))
    return torch.cat([level.flatten(1) for level in pooled], dim=1)
