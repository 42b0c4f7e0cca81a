"""Answers to the task covering_windows, right ones first."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Sizes = list[tuple[int, int]]


def covering_by_search(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    """Goes over every pixel and asks whether a window starts there."""
    found = []
    for h, w in sizes:
        for y, x in itertools.product(range(height - h + 1), range(width - w + 1)):
            in_row = y % stride == 0 or y == height - h
            if in_row and (x % stride == 0 or x == width - w):
                found.append(torch.tensor([x, y, x + w, y + h]).double())
    return torch.stack(found) if found else torch.empty(0, 4, dtype=torch.float64)


def covering_by_grids(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    """One meshgrid a size; the last start is clamped to the border."""
    blocks = [torch.zeros(0, 4)]
    for h, w in sizes:
        if h <= height and w <= width:
            rows = math.ceil((height - h) / stride) + 1
            columns = -(-(width - w) // stride) + 1
            y = (torch.arange(rows) * stride).clamp(max=height - h)
            x = (torch.arange(columns) * stride).clamp(max=width - w)
            y, x = torch.meshgrid(y, x, indexing="ij")
            blocks.append(torch.stack([x, y, x + w, y + h], -1).reshape(-1, 4).float())
    return torch.cat(blocks)


def covering(
    height: int,
    width: int,
    sizes: Sizes,
    stride: int,
    starts: Callable[[int, int, int], list[int]],
    *,
    columns_first: bool = False,
) -> Tensor:
    rows = []
    for h, w in sizes:
        pairs = itertools.product(starts(height, h, stride), starts(width, w, stride))
        if columns_first:
            xs, ys = starts(width, w, stride), starts(height, h, stride)
            pairs = ((y, x) for x in xs for y in ys)
        rows += [[x, y, x + w, y + h] for y, x in pairs]
    return torch.tensor(rows).float().reshape(-1, 4)


def right_starts(length: int, size: int, stride: int) -> list[int]:
    if size > length:
        return []
    return [*range(0, length - size, stride), length - size]


def plain_grid(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    return covering(
        height, width, sizes, stride, lambda n, k, s: list(range(0, n - k + 1, s))
    )


def over_the_edge(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    def starts(length: int, size: int, step: int) -> list[int]:
        return [
            i * step for i in range(math.ceil((length - size) / step) + 1) if i >= 0
        ]

    return covering(height, width, sizes, stride, starts)


def border_twice(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    def starts(length: int, size: int, step: int) -> list[int]:
        if size > length:
            return []
        return [*range(0, length - size + 1, step), length - size]

    return covering(height, width, sizes, stride, starts)


def without_the_last(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    return covering(
        height, width, sizes, stride, lambda n, k, s: list(range(0, n - k, s))
    )


def columns_first(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    return covering(height, width, sizes, stride, right_starts, columns_first=True)


def width_first(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    swapped = [(w, h) for h, w in sizes]
    return covering(height, width, swapped, stride, right_starts)


def rows_first_in_boxes(
    height: int, width: int, sizes: Sizes, *, stride: int
) -> Tensor:
    return covering(height, width, sizes, stride, right_starts)[:, [1, 0, 3, 2]]


def inclusive_windows(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    windows = covering(height, width, sizes, stride, right_starts)
    return windows - torch.tensor([0.0, 0, 1, 1])


def corners_and_sizes(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    boxes = covering(height, width, sizes, stride, right_starts)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def integer_windows(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    return covering(height, width, sizes, stride, right_starts).long()


def too_large_ones_too(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    def starts(length: int, size: int, step: int) -> list[int]:
        return [*range(0, length - size, step), max(length - size, 0)]

    return covering(height, width, sizes, stride, starts)


def no_sizes_no_shape(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    windows = covering(height, width, sizes, stride, right_starts)
    return windows if len(windows) else torch.tensor([])


def first_size_only(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    return covering(height, width, sizes[:1], stride, right_starts)


def only_rows_moved(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    def starts(length: int, size: int, step: int) -> list[int]:
        if length == width:
            return list(range(0, length - size + 1, step))
        return right_starts(length, size, step)

    return covering(height, width, sizes, stride, starts)


def list_of_windows(height: int, width: int, sizes: Sizes, *, stride: int) -> Any:
    return covering(height, width, sizes, stride, right_starts).tolist()


def evenly_spread(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    def starts(length: int, size: int, step: int) -> list[int]:
        if size > length:
            return []
        count = math.ceil((length - size) / step) + 1
        places = torch.linspace(0, length - size, count).round().int()
        return [int(place) for place in places]

    return covering(height, width, sizes, stride, starts)


def larger_first(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    largest = sorted(sizes, key=math.prod, reverse=True)
    return covering(height, width, largest, stride, right_starts)


def each_size_once(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    once = list(dict.fromkeys(sizes))
    return covering(height, width, once, stride, right_starts)


def clipped_to_image(height: int, width: int, sizes: Sizes, *, stride: int) -> Tensor:
    fitting = [(min(h, height), min(w, width)) for h, w in sizes]
    return covering(height, width, fitting, stride, right_starts)
