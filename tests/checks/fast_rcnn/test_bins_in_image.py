"""Answers to bins_in_image, and its oracle beside torchvision."""

import math
from decimal import ROUND_HALF_UP, Decimal

import cheats
import numpy as np
import pytest
import torch
import torchvision

from course_utils.checks.fast_rcnn.bins_in_image import (
    CASES,
    random_case,
    slow_bins_in_image,
)


def by_broadcast(roi, *, strides, output_size, map_size):
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
    grid = [left[None], top[:, None], right[None], below[:, None]]
    return torch.stack([part.expand(*output_size) for part in grid], dim=-1)


def in_decimals(roi, *, strides, output_size, map_size):
    """Python's decimals round halves away from zero by themselves."""

    def cell(value, stride):
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
                index = [slice(None), slice(None), 2 * side + 1 - axis]
                index[axis] = i
                answer[tuple(index)] = place * strides[axis]
    return torch.from_numpy(answer)


def away(value):
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def sign_too_late(value):
    """Takes the sign from the whole cells, which are 0 just outside of the map."""
    whole = math.floor(abs(value) + 0.5)
    return -whole if int(value) < 0 else whole


def in_loops(nearest=away, smallest=1, longer=0, lowest=0, finish=lambda boxes: boxes):
    """An answer as most learners write it."""

    def answer(roi, *, strides, output_size, map_size):
        x1, y1, x2, y2 = roi.tolist()
        sides = []
        for low, high, stride, n, limit in (
            (y1, y2, strides[0], output_size[0], map_size[0]),
            (x1, x2, strides[1], output_size[1], map_size[1]),
        ):
            first, last = nearest(low / stride), nearest(high / stride)
            size = max(last - first + 1, smallest)
            starts = [first + math.floor(i * size / n) for i in range(n)]
            ends = [first + math.ceil((i + 1) * size / n) + longer for i in range(n)]
            edges = zip(starts, ends, strict=True)
            sides.append(
                [[min(max(e, lowest), limit) * stride for e in p] for p in edges]
            )
        rows, columns = sides
        boxes = [[(x[0], y[0], x[1], y[1]) for x in columns] for y in rows]
        return finish(torch.tensor(boxes, dtype=torch.float32))

    return answer


def projected_twice(roi, *, strides, **settings):
    down, right = strides
    in_cells = roi / torch.tensor([right, down, right, down])
    return in_loops()(in_cells, strides=strides, **settings)


def of_one_stride(roi, *, strides, **settings):
    return in_loops()(roi, strides=(strides[1], strides[1]), **settings)


def clipped_first(roi, *, strides, output_size, map_size):
    """Clips the RoI to the map before it cuts it into bins."""
    limits = torch.tensor([map_size[1] * strides[1], map_size[0] * strides[0]] * 2)
    roi = roi.clamp(min=0).minimum(limits.float())
    return in_loops()(roi, strides=strides, output_size=output_size, map_size=map_size)


def without_empty_bins(boxes):
    """A bin outside the map becomes four zeros."""
    return boxes * (boxes[..., 2:] > boxes[..., :2]).all(dim=-1, keepdim=True)


def exact_bins(roi, *, strides, output_size, map_size):
    """Cuts the RoI itself, without any cells, as RoIAlign does."""
    rows, columns = output_size
    x = torch.linspace(float(roi[0]), float(roi[2]), columns + 1)
    y = torch.linspace(float(roi[1]), float(roi[3]), rows + 1)
    grid = [x[None, :-1], y[:-1, None], x[None, 1:], y[1:, None]]
    return torch.stack([part.expand(rows, columns) for part in grid], dim=-1)


RIGHT = [by_broadcast, in_decimals, in_loops()]
WRONG = [
    (in_loops(lambda v: int(torch.tensor(v).round())), "to the even neighbour"),
    (in_loops(int), "to the nearest cell, not down"),
    (in_loops(sign_too_late), "a part of a cell outside"),
    (in_loops(smallest=0), "x2 below x1"),
    (in_loops(smallest=2), "a RoI smaller than a cell"),
    (in_loops(longer=1), "the example"),
    (in_loops(lowest=-(10**6)), "bins_in_image, case 'a half left of"),
    (in_loops(finish=without_empty_bins), "above the image"),
    (in_loops(finish=lambda b: b.flatten(0, 1)), "expected shape (2, 3, 4), received"),
    (in_loops(finish=lambda b: b.long()), "expected values of torch.float32"),
    (projected_twice, "the example"),
    (of_one_stride, "the example"),
    (clipped_first, "bins_in_image, case"),
    (exact_bins, "the example"),
    (cheats.returns_argument(0), "expected shape (2, 3, 4), received (4,)"),
    (cheats.returns(torch.zeros(2, 3, 4)), "the example"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]


def seen_by_torchvision(roi, *, strides, output_size, map_size):
    """(rows, columns, H, W) bool: the cells that each bin of roi_pool looks at."""
    height, width = map_size
    # Each channel shows a single cell, so that a maximum of 1 says that it was seen.
    one_cell = torch.eye(height * width).reshape(1, -1, height, width)
    in_cells = roi / torch.tensor([strides[1], strides[0]] * 2)
    rois = torch.cat([torch.zeros(1), in_cells])[None]
    pooled = torchvision.ops.roi_pool(one_cell, rois, output_size)[0]
    return pooled.permute(1, 2, 0).reshape(*output_size, height, width) > 0


def painted(boxes, strides, map_size):
    """(rows, columns, H, W) bool: the cells inside each box of pixels."""
    y, x = (
        torch.arange(side) * step for side, step in zip(map_size, strides, strict=True)
    )
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)
    columns, rows = (x >= x1) & (x < x2), (y >= y1) & (y < y2)
    return rows[..., :, None] & columns[..., None, :]


DRAW = torch.Generator().manual_seed(31)
RANDOM = {f"random {i}": random_case(i, DRAW) for i in range(60)}


@pytest.mark.parametrize("case", CASES | RANDOM)
def test_bins_agree_with_torchvision(case):
    given = (CASES | RANDOM)[case]
    found = slow_bins_in_image(*given.arguments, **given.settings)
    cells = painted(found, given.settings["strides"], given.settings["map_size"])
    assert torch.equal(cells, seen_by_torchvision(*given.arguments, **given.settings))
