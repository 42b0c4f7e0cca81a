"""Answers to the task bins_in_image, right ones first."""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import torch
from torch import Tensor

Pair = tuple[int, int]


def bins_by_broadcast(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    """All corners at once, in float64."""
    scale = torch.tensor([strides[1], strides[0]]).double()
    ends = roi.double().reshape(2, 2) / scale
    cells = ends.sign() * (ends.abs() + 0.5).floor()
    first, size = cells[0], (cells[1] - cells[0] + 1).clamp(min=1)
    edges = []
    for axis in (0, 1):
        count = output_size[1 - axis]
        steps = torch.arange(count + 1) * size[axis] / count + first[axis]
        pair = torch.stack([steps[:-1].floor(), steps[1:].ceil()])
        edges.append(pair.clamp(0, map_size[1 - axis]) * scale[axis])
    (left, right), (top, below) = edges
    rows, columns = output_size
    grid = [left[None], top[:, None], right[None], below[:, None]]
    return torch.stack([part.expand(rows, columns) for part in grid], dim=-1)


def bins_in_decimals(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    """Python's decimals round halves away from zero by themselves."""

    def cell(value: float, stride: int) -> int:
        place = Decimal(value) / stride
        return int(place.quantize(Decimal(1), rounding=ROUND_HALF_UP))

    answer = np.zeros((*output_size, 4), dtype=np.float32)
    ends = [(roi[1], roi[3]), (roi[0], roi[2])]
    for axis in (0, 1):
        first, last = (cell(float(end), strides[axis]) for end in ends[axis])
        size = max(last - first + 1, 1)
        for i in range(output_size[axis]):
            numbers = (i * size, (i + 1) * size + output_size[axis] - 1)
            for side, number in enumerate(numbers):
                place = np.clip(number // output_size[axis] + first, 0, map_size[axis])
                index: list[Any] = [slice(None), slice(None), 2 * side + 1 - axis]
                index[axis] = i
                answer[tuple(index)] = place * strides[axis]
    return torch.from_numpy(answer)


def away(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def bins(
    roi: Tensor,
    *,
    strides: Pair,
    output_size: Pair,
    map_size: Pair,
    nearest: Callable[[float], int] = away,
    extra: int = 1,
    smallest: int = 1,
    end: Callable[[int, int, int], int] = lambda i, size, n: -(-(i + 1) * size // n),
    start: Callable[[int, int, int], int] = lambda i, size, n: i * size // n,
    lowest: int = 0,
    less: int = 0,
    clips: bool = True,
    moves: bool = True,
) -> Tensor:
    x1, y1, x2, y2 = roi.tolist()
    sides = []
    for axis, (low, high) in enumerate([(y1, y2), (x1, x2)]):
        n, limit = output_size[axis], map_size[axis] - less if clips else 10**6
        first, last = (nearest(value / strides[axis]) for value in (low, high))
        size = max(last - first + extra, smallest)
        shift = first if moves else 0
        edges = [(start(i, size, n) + shift, end(i, size, n) + shift) for i in range(n)]
        sides.append(
            [
                tuple(min(max(e, lowest), limit) * strides[axis] for e in edge)
                for edge in edges
            ]
        )
    rows, columns = sides
    boxes = [[(x[0], y[0], x[1], y[1]) for x in columns] for y in rows]
    return torch.tensor(boxes, dtype=torch.float32)


def bins_to_even(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=round)


def bins_by_torch_round(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=lambda value: int(torch.tensor(value).round()))


def bins_half_up(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=lambda value: math.floor(value + 0.5))


def bins_signed_too_late(roi: Tensor, **settings: Any) -> Tensor:
    """Takes the sign from the whole cells, which are 0 just outside of the map."""

    def nearest(value: float) -> int:
        whole = math.floor(abs(value) + 0.5)
        return -whole if int(value) < 0 else whole

    return bins(roi, **settings, nearest=nearest)


def bins_cut_off(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=int)


def bins_rounded_down(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=math.floor)


def bins_rounded_up(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, nearest=math.ceil)


def bins_without_one(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, extra=0)


def bins_may_be_empty(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, smallest=-1000)


def bins_of_no_cell(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, smallest=0)


def bins_of_two_cells(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, smallest=2)


def bins_apart(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, end=lambda i, size, n: (i + 1) * size // n)


def bins_of_one_size(roi: Tensor, **settings: Any) -> Tensor:
    return bins(
        roi,
        **settings,
        start=lambda i, size, n: i * (size // n),
        end=lambda i, size, n: (i + 1) * (size // n),
    )


def bins_one_longer(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, end=lambda i, size, n: (i + 1) * size // n + 1)


def bins_at_the_corner(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, moves=False)


def bins_not_clipped(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, clips=False, lowest=-(10**6))


def bins_clipped_below_only(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, clips=False)


def bins_clipped_above_only(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, lowest=-(10**6))


def bins_less_the_last(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings, less=1)


def bins_clipped_across(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    settings = {"strides": strides, "output_size": output_size}
    return bins(roi, map_size=map_size[::-1], **settings)


def bins_in_cells(roi: Tensor, **settings: Any) -> Tensor:
    down, right = settings["strides"]
    return bins(roi, **settings) / torch.tensor([right, down, right, down])


def bins_projected_twice(roi: Tensor, **settings: Any) -> Tensor:
    down, right = settings["strides"]
    return bins(roi / torch.tensor([right, down, right, down]), **settings)


def bins_of_one_stride(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    settings = {"output_size": output_size, "map_size": map_size}
    return bins(roi, strides=(strides[1], strides[1]), **settings)


def bins_of_swapped_strides(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    settings = {"output_size": output_size, "map_size": map_size}
    return bins(roi, strides=strides[::-1], **settings)


def bins_of_swapped_roi(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi[[1, 0, 3, 2]], **settings)


def bins_of_swapped_output(
    roi: Tensor, *, strides: Pair, output_size: Pair, map_size: Pair
) -> Tensor:
    settings = {"strides": strides, "map_size": map_size}
    return bins(roi, output_size=output_size[::-1], **settings)


def columns_before_rows(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings).transpose(0, 1)


def y_before_x(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings)[..., [1, 0, 3, 2]]


def one_list_of_bins(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings).flatten(0, 1)


def bins_of_whole_numbers(roi: Tensor, **settings: Any) -> Tensor:
    return bins(roi, **settings).long()


def without_empty_bins(roi: Tensor, **settings: Any) -> Tensor:
    """A bin outside the map becomes four zeros."""
    boxes = bins(roi, **settings)
    solid = (boxes[..., 2:] > boxes[..., :2]).all(dim=-1, keepdim=True)
    return boxes * solid


def roi_clipped_first(roi: Tensor, **settings: Any) -> Tensor:
    """Clips the RoI to the map before it cuts it into bins."""
    down, right = settings["strides"]
    height, width = settings["map_size"]
    limits = torch.tensor([width * right, height * down] * 2).float()
    return bins(roi.clamp(min=0).minimum(limits), **settings)


def exact_bins(roi: Tensor, **settings: Any) -> Tensor:
    """Cuts the RoI itself, without any cells, as RoIAlign does."""
    rows, columns = settings["output_size"]
    x = torch.linspace(float(roi[0]), float(roi[2]), columns + 1)
    y = torch.linspace(float(roi[1]), float(roi[3]), rows + 1)
    grid = [x[None, :-1], y[:-1, None], x[None, 1:], y[1:, None]]
    return torch.stack([part.expand(rows, columns) for part in grid], dim=-1)
