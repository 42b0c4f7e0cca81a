"""Regions of interest (RoIs): features of any box, in a grid of a fixed size.

A RoI is five numbers: the index of its image in the batch, then xyxy in pixels of the
image. All pooling here takes the maximum over rectangles of cells of the feature map,
which `max_of_rectangles` finds, with its gradient.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.boxes import as_boxes
from course_utils.ops.validators import check_above_zero, check_at_least

BLOCK = 512  # rectangles to search at once: more of them no longer fit into a cache


def walk(rectangles: Tensor, *, row: int) -> Iterator[Tensor]:
    """The cells of all rectangles, step by step: (U,) int64 indices of cells each.

    All are walked through together, row by row; one that has ended stays at the last
    cell of its row or column, until the largest has ended too.

    (U, 3) int64 of first cell, height and width, at least 1 each; `row` is the number
    of cells from one row of a map to the next.
    """
    first, height, width = rectangles.unbind(dim=1)
    for y in range(int(height.max())):
        for x in range(int(width.max())):
            yield first + (height - 1).clamp(max=y) * row + (width - 1).clamp(max=x)


def first_maxima(cells: Tensor, rectangles: Tensor, *, row: int) -> Tensor:
    """Which cell of each rectangle has the highest value, in each channel.

    What counts is the last step at which the maximum rose. Only a higher value raises
    it, so the first cell wins ties.

    Args:
        cells: (N, C), the cells of all maps, row after row.
        rectangles: (U, 3) int64; see `walk`, as for `row`.
        row: cells from one row of a map to the next.

    Returns (U, C) int64 indices of cells.
    """
    places = list(walk(rectangles, row=row))
    best = cells.index_select(0, places[0])  # (U, C)
    last_rise = torch.zeros_like(best, dtype=torch.int32)
    for step, place in enumerate(places):
        values = cells.index_select(0, place)
        # Faster than torch.where, whose branches no processor foresees.
        last_rise = last_rise.maximum((values > best).int() * step)
        best = best.maximum(values)
    return torch.stack(places, dim=1).gather(1, last_rise.long())


def highest_values(cells: Tensor, rectangles: Tensor, *, row: int) -> Tensor:
    """The highest value of each rectangle, (U, C), where no gradient is asked for."""
    best = cells.index_select(0, rectangles[:, 0])
    for place in walk(rectangles, row=row):
        best = best.maximum(cells.index_select(0, place))
    return best


def rectangle_codes(rectangles: Tensor, *, rows: int, row: int, cells: int) -> Tensor:
    """One number per rectangle, the same for the same one, and 0 for an empty one.

    Larger rectangles have higher numbers. (M, 5) int64 of image, top, left, bottom,
    right, on maps of `rows` x `row` cells, `cells` in all -> (M,) int64.
    """
    image, top, left, bottom, right = rectangles.unbind(dim=1)
    height, width = bottom - top, right - left
    first = (image * rows + top) * row + left  # its first cell
    code = (height * (row + 1) + width) * cells + first
    return code.where(height * width > 0, 0)


def decode_rectangles(codes: Tensor, *, row: int, cells: int) -> Tensor:
    """The rectangles of these codes: (U, 3) of first cell, height and width.

    The sides are at least 1, also those of an empty one.
    """
    size, first = codes // cells, codes % cells
    height, width = size // (row + 1), size % (row + 1)
    return torch.stack([first, height.clamp(min=1), width.clamp(min=1)], dim=1)


def search_maxima(cells: Tensor, rectangles: Tensor, *, row: int) -> Tensor:
    """The highest value of each rectangle in each channel, (U, C), with its gradient.

    (N, C) cells and (U, 3) rectangles; see `walk`. Where a gradient is asked for, the
    search finds the place of the maximum, and the value is looked up there.
    """
    blocks = torch.split(rectangles, BLOCK)
    if not cells.requires_grad:
        return torch.cat([highest_values(cells, block, row=row) for block in blocks])
    with torch.no_grad():
        where = torch.cat([first_maxima(cells, block, row=row) for block in blocks])
    return cells.gather(0, where)


def max_of_rectangles(features: Tensor, rectangles: Tensor) -> Tensor:
    """The maximum of the features over each rectangle of cells, with its gradient.

    RoIs share many rectangles, so each different one is searched only once. The
    gradient goes to the first highest cell in row-major order. An empty rectangle has
    the value 0 and passes no gradient on.

    Args:
        features: (B, C, H, W).
        rectangles: (M, 5) int64 of image, top, left, bottom, right, half-open.

    Returns (M, C).
    """
    _, channels, rows, row = features.shape
    cells = features.permute(0, 2, 3, 1).reshape(-1, channels)  # (B * H * W, C)
    if len(rectangles) == 0:
        return cells[:0]
    codes = rectangle_codes(rectangles, rows=rows, row=row, cells=len(cells))
    # Sorted, so that rectangles of about the same size are searched together.
    different, inverse = torch.unique(codes, return_inverse=True)
    shapes = decode_rectangles(different, row=row, cells=len(cells))
    maxima = search_maxima(cells, shapes, row=row)
    if different[0] == 0:  # the empty ones: in their stead, some cell was looked up
        maxima[0] = 0
    return maxima.index_select(0, inverse)


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
        spatial_scale: cells of the map per pixel, 1 / 8 after a stride of 8.

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
    check_at_least(1, output_size=output_size)
    if not rois.isfinite().all():
        raise ValueError(
            f"roi {first_row(~rois.isfinite().all(dim=1))} is not finite: "
            "look for boxes without width or height where the RoIs were made"
        )
    has_image = (rois[:, 0] >= 0) & (rois[:, 0] < len(features))
    if not has_image.all():
        row = first_row(~has_image)
        raise ValueError(
            f"roi {row} is of image {rois[row, 0]:g}, but there are {len(features)} "
            "images, counted from 0"
        )


def first_row(is_wrong: Tensor) -> int:
    """The index of the first True in (R,) bool."""
    return int(is_wrong.nonzero()[0])


def as_rois(boxes: Sequence[Tensor]) -> Tensor:
    """RoIs of a batch: the boxes (N, 4) of each image -> (R, 5), image after image."""
    rows = [
        F.pad(as_boxes(of_image), (1, 0), value=float(index))
        for index, of_image in enumerate(boxes)
    ]
    return torch.cat(rows) if rows else torch.zeros(0, 5)


def pyramid_bins(length: int, bins: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """First cell of each bin, and the first cell after it, when `length` cells are cut.

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
    check_above_zero(levels=levels)
    image = torch.arange(batch, device=features.device)
    pooled = []
    for bins in levels:
        top, bottom = pyramid_bins(height, bins, features.device)
        left, right = pyramid_bins(width, bins, features.device)
        edges = [edge.expand(batch, -1) for edge in (top, left, bottom, right)]
        level = max_of_rectangles(features, grid_rectangles(image, *edges))
        pooled.append(level.reshape(batch, bins * bins, channels).transpose(1, 2))
    return torch.cat([level.flatten(1) for level in pooled], dim=1)
