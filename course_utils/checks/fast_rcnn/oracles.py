"""Slow answers to assignment 03's tasks on pooling, cell by cell, and their mistakes.

Every function works on Python numbers, so that it shares no step with a good answer.
Its keyword settings turn single mistakes on.
"""

import math
from typing import TypeVar

import torch
from torch import Tensor

Cells = tuple[int, int]
T = TypeVar("T", int, float)


def slow_bins(
    roi: Tensor,
    strides: Cells,
    output_size: Cells,
    map_size: Cells,
    *,
    axes: str = "x first",
    **mistakes: str,
) -> Tensor:
    """(rows, columns, 4) the pixels under each bin; `mistakes` as in `side_bins`."""
    x1, y1, x2, y2 = swapped(roi.tolist()) if axes == "swapped" else roi.tolist()
    down, right = strides
    rows = side_bins(y1, y2, down, output_size[0], map_size[0], **mistakes)
    columns = side_bins(x1, x2, right, output_size[1], map_size[1], **mistakes)
    boxes = [
        [(x[0] * right, y[0] * down, x[1] * right, y[1] * down) for x in columns]
        for y in rows
    ]
    return torch.tensor(boxes, dtype=torch.float32)


def side_bins(
    low: float,
    high: float,
    stride: int,
    bins: int,
    length: int,
    *,
    rounding: str = "away",
    size: str = "both ends",
    edges: str = "overlapping",
    clip: str = "clipped",
) -> list[Cells]:
    """First cell, and the one after the last, of each bin along one side."""
    first, last = (rounded_cell(end / stride, rounding) for end in (low, high))
    extra = 0 if size == "without + 1" else 1
    smallest = -100 if size == "may be empty" else 1
    width = max(last - first + extra, smallest)
    limit = {"clipped": length, "last cell lost": length - 1}.get(clip, 10**6)
    lowest = 0 if clip != "none" else -limit
    found = []
    for i in range(bins):
        cells = whole_bin(first, first + width, i, bins, edges)
        start, end = (min(max(e, lowest), limit) for e in (cells.start, cells.stop))
        found.append((start, end))
    return found


def rounded_cell(place: float, rounding: str) -> int:
    """The nearest whole number, halves away from zero; else by a mistaken rule."""
    if rounding == "to even":
        return round(place)
    if rounding == "down":
        return math.floor(place)
    if rounding == "half up":
        return math.floor(place + 0.5)
    if rounding == "up":
        return math.ceil(place)
    whole = math.floor(abs(place) + 0.5)
    return whole if place >= 0 else -whole


def slow_position_sensitive_pool(
    features: Tensor,
    rois: Tensor,
    bins: int,
    *,
    channel: str = "class first",
    images: str = "own",
    edges: str = "overlapping",
    pooled: str = "mean",
    axes: str = "x first",
) -> Tensor:
    """(R, C, k, k) means, bin by bin; each setting but its first value is a mistake."""
    classes = features.shape[1] // bins**2
    answer = torch.zeros(len(rois), classes, bins, bins)
    for r, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = swapped(corners) if axes == "swapped" else corners
        maps = features[image if images == "own" else 0].tolist()
        for c in range(classes):
            for i in range(bins):
                for j in range(bins):
                    rows = whole_bin(y1, y2, i, bins, edges)
                    columns = whole_bin(x1, x2, j, bins, edges)
                    cells = maps[channel_of((c, i, j), classes, bins, channel)]
                    values = [
                        cells[y][x]
                        for y in rows
                        for x in columns
                        if y < features.shape[2] and x < features.shape[3]
                    ]
                    answer[r, c, i, j] = reduced(values, pooled)
    return answer


def swapped(corners: list[T]) -> list[T]:
    """The corners with y first."""
    return [corners[place] for place in (1, 0, 3, 2)]


def whole_bin(low: int, high: int, place: int, bins: int, edges: str) -> range:
    """The cells of one bin along a side from `low` to `high`, which is outside."""
    cells = high - low + (edges == "plus one")
    start, end = place * cells // bins, -(-(place + 1) * cells // bins)
    if edges == "apart":
        end = (place + 1) * cells // bins
    if edges == "one size":
        start, end = place * (cells // bins), (place + 1) * (cells // bins)
    offset = 0 if edges == "at the corner" else low
    return range(start + offset, end + offset)


def channel_of(place: tuple[int, int, int], classes: int, bins: int, order: str) -> int:
    """The channel for this class, row and column of bins."""
    c, i, j = place
    return {
        "class first": (c * bins + i) * bins + j,
        "bin first": (i * bins + j) * classes + c,
        "turned": (c * bins + j) * bins + i,
        "by class alone": c,
    }[order]


def reduced(values: list[float], how: str) -> float:
    """The mean of the cells, or what a mistake makes of them."""
    if how == "max":
        return max(values, default=0.0)
    return (
        math.fsum(values) / (len(values) or 1) if how == "mean" else math.fsum(values)
    )


def slow_roi_pool_gradient(
    features: Tensor,
    images: Tensor,
    bins: Tensor,
    upstream: Tensor,
    *,
    ties: str = "first",
    adds: str = "yes",
    image: str = "own",
    channel: str = "own",
    axes: str = "x first",
) -> Tensor:
    """(B, C, H, W) gradient, bin by bin; each setting but its first is a mistake."""
    gradient = torch.zeros_like(features)
    height, width = features.shape[2:]
    for r, c, i, j in torch.cartesian_prod(*map(torch.arange, upstream.shape)).tolist():
        b = int(images[r]) if image == "own" else 0
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        cells = [(y, x) for y in range(y1, y2) for x in range(x1, x2)]
        if axes == "swapped":
            cells = sorted((x, y) for y, x in cells if x < height and y < width)
        seen = features[b, c if channel == "own" else 0].tolist()
        for y, x, share in winners(cells, seen, ties):
            added = share * float(upstream[r, c, i, j])
            gradient[b, c, y, x] = added + gradient[b, c, y, x] * (adds == "yes")
    return gradient


def winners(
    cells: list[Cells], seen: list[list[float]], ties: str
) -> list[tuple[int, int, float]]:
    """Row, column and share of each cell that a bin sends its gradient to."""
    if not cells:
        return []
    best = max(seen[y][x] for y, x in cells)
    strongest = [(y, x) for y, x in cells if seen[y][x] == best]
    if ties == "mean":
        return [(y, x, 1 / len(cells)) for y, x in cells]
    if ties == "shared":
        return [(y, x, 1 / len(strongest)) for y, x in strongest]
    if ties == "all":
        return [(y, x, 1.0) for y, x in strongest]
    if ties == "by column":
        strongest.sort(key=lambda cell: cell[::-1])
    y, x = strongest[-1 if ties == "last" else 0]
    return [(y, x, best if ties == "times the value" else 1.0)]
