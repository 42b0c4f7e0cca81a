"""Answers to covering_windows, and what its oracle covers."""

import itertools
import math

import cheats
import pytest
import torch

from course_utils.checks.sliding_windows.covering_windows import (
    CASES,
    slow_covering_windows,
)


def by_search(height, width, sizes, *, stride):
    """Goes over every pixel and asks whether a window starts there."""
    found = []
    for h, w in sizes:
        for y, x in itertools.product(range(height - h + 1), range(width - w + 1)):
            in_row = y % stride == 0 or y == height - h
            if in_row and (x % stride == 0 or x == width - w):
                found.append(torch.tensor([x, y, x + w, y + h]).double())
    return torch.stack(found) if found else torch.empty(0, 4, dtype=torch.float64)


def by_grids(height, width, sizes, *, stride):
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


def right_starts(length, size, stride):
    return [*range(0, length - size, stride), length - size] if size <= length else []


def from_lists(
    rows=right_starts, columns=right_starts, chosen=list, finish=torch.Tensor.float
):
    """An answer of a few lines, as most learners write it."""

    def answer(height, width, sizes, *, stride):
        windows = [
            [x, y, x + w, y + h]
            for h, w in chosen(sizes)
            for y in rows(height, h, stride)
            for x in columns(width, w, stride)
        ]
        return finish(torch.tensor(windows).reshape(-1, 4))

    return answer


def plain_starts(length, size, stride):
    return list(range(0, length - size + 1, stride))


def clamped_starts(length, size, stride):
    return [*range(0, length - size, stride), max(length - size, 0)]


def even_starts(length, size, stride):
    if size > length:
        return []
    count = math.ceil((length - size) / stride) + 1
    return torch.linspace(0, length - size, count).round().int().tolist()


def larger_first(sizes):
    return sorted(sizes, key=math.prod, reverse=True)


def clipped_to_image(height, width, sizes, *, stride):
    fitting = [(min(h, height), min(w, width)) for h, w in sizes]
    return from_lists()(height, width, fitting, stride=stride)


def no_sizes_no_shape(windows):
    return windows.float() if len(windows) else torch.tensor([])


RIGHT = [by_search, by_grids]
WRONG = [
    (from_lists(columns=plain_starts), "expected shape"),
    (from_lists(clamped_starts, clamped_starts), "a window that is too high"),
    (from_lists(even_starts, even_starts), "the example"),
    (from_lists(chosen=lambda sizes: sizes[:1]), "several sizes"),
    (from_lists(chosen=larger_first), "several sizes"),
    (from_lists(chosen=dict.fromkeys), "the same size twice"),
    (from_lists(finish=torch.Tensor.long), "expected values of torch.float32"),
    (from_lists(finish=torch.Tensor.tolist), "expected a tensor, received [["),
    (from_lists(finish=no_sizes_no_shape), "expected shape (0, 4), received (0,)"),
    (clipped_to_image, "a window that is too high"),
    (cheats.returns(torch.zeros(0, 4)), "expected shape (3, 4)"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]


def painted(height, width, windows):
    """(height, width) how many windows hold each pixel."""
    count = torch.zeros(height, width)
    for x1, y1, x2, y2 in windows.int().tolist():
        count[y1:y2, x1:x2] += 1
    return count


@pytest.mark.parametrize("case", CASES)
def test_windows_stay_inside_and_cover_where_the_stride_allows(case):
    height, width, sizes = CASES[case].arguments
    stride = CASES[case].settings["stride"]
    for h, w in sizes:
        windows = slow_covering_windows(height, width, [(h, w)], stride=stride)
        count = painted(height, width, windows)
        assert count.sum() == len(windows) * h * w
        if stride <= min(h, w) and h <= height and w <= width:
            assert count.min() >= 1
        assert len(windows.unique(dim=0)) == len(windows)
