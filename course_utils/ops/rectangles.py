"""Maxima over rectangles of cells of a feature map, with their gradient."""

from collections.abc import Iterator

import torch
from torch import Tensor

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
        # Ten times as fast as torch.where, whose branches no processor foresees.
        last_rise = last_rise.maximum((values > best).int() * step)
        best = best.maximum(values)
    return torch.stack(places, dim=1).gather(1, last_rise.long())


def highest_values(cells: Tensor, rectangles: Tensor, *, row: int) -> Tensor:
    """The highest value of each rectangle, (U, C), where no gradient is asked for."""
    best = cells.index_select(0, rectangles[:, 0])
    for place in walk(rectangles, row=row):
        best = best.maximum(cells.index_select(0, place))
    return best


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
    image, top, left, bottom, right = rectangles.unbind(dim=1)
    height, width = bottom - top, right - left
    first = (image * rows + top) * row + left
    # One number a rectangle. Sorting puts the large ones together, in few blocks.
    code = (height * (row + 1) + width) * len(cells) + first
    code, inverse = torch.unique(code.where(height * width > 0, 0), return_inverse=True)
    size, first = code // len(cells), code % len(cells)
    different = torch.stack(
        [first, (size // (row + 1)).clamp(min=1), (size % (row + 1)).clamp(min=1)],
        dim=1,
    )
    blocks = torch.split(different, BLOCK)
    if cells.requires_grad:
        with torch.no_grad():
            where = torch.cat([first_maxima(cells, one, row=row) for one in blocks])
        maxima = cells.gather(0, where)  # (U, C)
    else:
        maxima = torch.cat([highest_values(cells, one, row=row) for one in blocks])
    if code[0] == 0:  # the empty ones: in their stead, some cell was looked up
        maxima[0] = 0
    return maxima.index_select(0, inverse)
