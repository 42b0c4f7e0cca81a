"""The inputs of assignment 03's checks, by the names that a learner reads."""

import torch
from torch import Tensor

from course_utils.checks.fast_rcnn.oracles import side_bins

Pair = tuple[int, int]
Bins = tuple[list[float], Pair, Pair, Pair]
Votes = tuple[Tensor, Tensor, int]
WayBack = tuple[Tensor, Tensor, Tensor, Tensor]

BINS: dict[str, Bins] = {
    "the example": ([10, 9, 30, 40], (8, 4), (2, 3), (6, 8)),
    "ends on the grid, no bins overlap": ([32, 8, 112, 40], (4, 8), (3, 11), (12, 16)),
    "halves of even and odd cells": ([10, 12, 22, 68], (8, 4), (3, 2), (11, 7)),
    "a half left of and above the image": ([-12, -10, 41, 30], (4, 8), (2, 4), (9, 7)),
    "a part of a cell outside": ([-6, -3, 41, 30], (4, 8), (2, 4), (9, 7)),
    "just beside a half": ([3.9, 2.1, 51.9, 18.1], (4, 8), (3, 2), (8, 9)),
    "a shift that is rounded away": ([10.3, 9.3, 30.3, 40.3], (8, 4), (2, 3), (6, 9)),
    "one bin": ([10, 3, 37, 22], (2, 4), (1, 1), (13, 11)),
    "more bins than cells": ([9, 17, 20, 18], (4, 8), (3, 5), (6, 7)),
    "a RoI smaller than a cell": ([33, 18, 34, 19], (8, 16), (2, 3), (4, 6)),
    "a RoI without area": ([24, 40, 24, 40], (8, 4), (2, 1), (7, 9)),
    "x2 below x1": ([60, 10, 20, 50], (4, 8), (2, 3), (15, 10)),
    "y2 above y1": ([10, 60, 50, 20], (8, 4), (3, 2), (10, 15)),
    "over the right border": ([30, 5, 200, 41], (16, 8), (2, 5), (4, 7)),
    "over the lower border": ([5, 30, 41, 200], (8, 16), (5, 2), (7, 4)),
    "over the upper left corner": ([-70, -55, 20, 30], (8, 16), (4, 3), (9, 5)),
    "wholly outside": ([200, -90, 260, -30], (8, 4), (2, 3), (6, 9)),
    "a stride of 1": ([2.5, 1.5, 7.5, 3.5], (1, 2), (2, 4), (6, 10)),
}


def random_bins(number: int, generator: torch.Generator) -> Bins:
    """A RoI with many halves, in an unequal grid of bins, on a map of unequal sides."""
    strides = ((2, 4), (4, 2), (8, 16), (4, 16))[number % 4]
    sides = torch.randint(3, 12, (2,), generator=generator).tolist()
    sizes = torch.randint(1, 7, (2,), generator=generator).tolist()
    ends = torch.rand(4, generator=generator) * 1.5 - 0.25
    ends = ends * torch.tensor([sides[1], sides[0], sides[1], sides[0]])
    ends = (ends * 2).round() / 2  # every end on a cell's border or middle
    if number % 3 == 2:
        ends = ends + torch.rand(4, generator=generator)
    ends = ends * torch.tensor([strides[1], strides[0], strides[1], strides[0]])
    x1, y1, x2, y2 = ends.tolist()
    roi = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
    return roi, strides, (sizes[0], sizes[1]), (sides[0], sides[1] + 9)


def eighths(
    *shape: int, generator: torch.Generator, lowest: int = -90, highest: int = 160
) -> Tensor:
    """Random eighths in this shape, whose sums float32 holds exactly."""
    return torch.randint(lowest, highest, shape, generator=generator).float() / 8


def votes_case(
    shape: tuple[int, int, int, int],
    rois: list[list[int]],
    bins: int,
    generator: torch.Generator,
) -> Votes:
    """(B, classes, H, W) for the features, with one map a class and bin."""
    count, classes, height, width = shape
    features = eighths(count, classes * bins**2, height, width, generator=generator)
    return features, torch.tensor(rois, dtype=torch.int64).reshape(-1, 5), bins


def votes_cases(draw: torch.Generator) -> dict[str, Votes]:
    """Features, RoIs in cells, and the bins along a side."""
    tens = torch.arange(4)[:, None, None] * 10
    example = (torch.tensor([[1.0, 2, 3], [4, 5, 6]]) + tens)[None]
    cases = {
        "the example": (example, torch.tensor([[0, 0, 0, 3, 2]]), 2),
        "no RoIs": votes_case((2, 3, 5, 7), [], 2, draw),
        "one bin": votes_case((1, 3, 5, 7), [[0, 1, 2, 6, 4]], 1, draw),
        "two classes": votes_case((1, 2, 4, 6), [[0, 0, 0, 6, 4]], 2, draw),
        "three bins a side": votes_case((1, 2, 7, 8), [[0, 1, 0, 7, 6]], 3, draw),
        "a RoI away from the corner": votes_case(
            (1, 2, 9, 8), [[0, 3, 4, 7, 8]], 2, draw
        ),
        "bins overlap": votes_case((1, 3, 8, 9), [[0, 2, 1, 7, 8]], 3, draw),
        "one cell": votes_case((1, 2, 5, 4), [[0, 3, 2, 4, 3]], 2, draw),
        "fewer cells than bins": votes_case((1, 2, 5, 7), [[0, 2, 1, 7, 3]], 3, draw),
        "at the last row and column": votes_case(
            (1, 2, 6, 9), [[0, 5, 2, 9, 6]], 2, draw
        ),
        "two images": votes_case(
            (2, 3, 5, 6), [[1, 1, 0, 5, 4], [0, 1, 0, 5, 4], [1, 2, 2, 6, 5]], 2, draw
        ),
    }
    cases["negative features"] = (-example - 1, torch.tensor([[0, 0, 0, 3, 2]]), 2)
    for i in range(4):
        height, width, bins = 6 + i, 11 - i, 2 + i % 2
        x, y = (distinct_ends(5, side, draw) for side in (width, height))
        image = torch.randint(0, 3, (5,), generator=draw)
        rois = torch.stack([image, x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)
        cases[f"random {i}"] = votes_case(
            (3, 2 + i % 3, height, width), rois.tolist(), bins, draw
        )
    return cases


def distinct_ends(count: int, length: int, generator: torch.Generator) -> Tensor:
    """(count, 2) int64, rising, between 0 and `length`."""
    start = torch.randint(0, length, (count,), generator=generator)
    room = (torch.rand(count, generator=generator) * (length - start)).long()
    return torch.stack([start, start + 1 + room], dim=1)


def way_back(
    features: Tensor,
    rois: list[tuple[int, list[float]]],
    output_size: tuple[int, int],
    draw: torch.Generator,
) -> WayBack:
    """The bins of these (image, RoI in cells), and a random gradient for each."""
    height, width = features.shape[2:]
    bins = [
        [
            [(left, top, right, below) for left, right in columns]
            for top, below in side_bins(y1, y2, 1, output_size[0], height)
        ]
        for _, (x1, y1, x2, y2) in rois
        for columns in [side_bins(x1, x2, 1, output_size[1], width)]
    ]
    images = torch.tensor([image for image, _ in rois], dtype=torch.int64)
    boxes = torch.tensor(bins, dtype=torch.int64).reshape(-1, *output_size, 4)
    upstream = eighths(len(rois), features.shape[1], *output_size, generator=draw)
    return features, images, boxes, upstream


def way_back_cases(draw: torch.Generator) -> dict[str, WayBack]:
    """Features, images of the RoIs, bins in cells, and the upstream gradient."""
    plain = torch.randperm(54, generator=draw).reshape(1, 1, 6, 9) / 4
    fives = torch.tensor([[1.0, 5, 2], [5, 5, 3]])[None, None]
    two_bins = torch.tensor([[[[0, 0, 2, 2], [1, 0, 3, 2]]]])
    upstream = torch.tensor([[[[10.0, 1.0]]]])
    one = torch.tensor([0])
    return {
        "the example": (fives, one, two_bins, upstream),
        "one bin of many cells": way_back(plain, [(0, [2, 1, 6, 4])], (1, 1), draw),
        "bins that overlap": way_back(plain, [(0, [1, 0, 7, 4])], (3, 4), draw),
        "RoIs that overlap": way_back(
            plain,
            [(0, [1, 1, 5, 4]), (0, [2, 0, 6, 5]), (0, [1, 1, 5, 4])],
            (2, 2),
            draw,
        ),
        "negative features": way_back(-plain - 1, [(0, [1, 1, 7, 5])], (2, 3), draw),
        "each channel has its own maximum": way_back(
            eighths(1, 4, 5, 7, generator=draw), [(0, [1, 0, 6, 4])], (2, 3), draw
        ),
        "a flat map: all cells are equal": way_back(
            torch.full((1, 2, 5, 6), 0.5), [(0, [1, 1, 4, 3])], (2, 3), draw
        ),
        "equal maxima": way_back(
            eighths(1, 3, 6, 8, lowest=0, highest=3, generator=draw),
            [(0, [0, 0, 7, 5]), (0, [2, 1, 6, 4])],
            (2, 2),
            draw,
        ),
        "the second image": way_back(
            eighths(3, 2, 5, 7, generator=draw), [(1, [0, 1, 5, 4])], (2, 3), draw
        ),
        "empty bins": way_back(plain, [(0, [5, -4, 13, 2])], (4, 3), draw),
        "a bin of no width, and one of no height": (
            fives,
            one,
            torch.tensor([[[[2, 0, 2, 2]], [[0, 1, 3, 1]], [[2, 0, 3, 2]]]]),
            torch.tensor([[[[4.0], [2.0], [1.0]]]]),
        ),
        "no RoIs": way_back(eighths(2, 3, 4, 5, generator=draw), [], (2, 3), draw),
        "a gradient of 0 and negative ones": (
            fives,
            one,
            two_bins,
            torch.tensor([[[[-3.0, 0.0]]]]),
        ),
    }


def random_way_back(number: int, draw: torch.Generator) -> WayBack:
    """Some RoIs of three images, on maps with equal cells."""
    height, width = 5 + number, 9 - number
    features = eighths(
        3, 2 + number, height, width, lowest=-6, highest=9, generator=draw
    )
    ends = torch.rand(5, 4, generator=draw) * 1.4 - 0.2
    ends = ends * torch.tensor([width, height, width, height])
    images = torch.randint(0, 3, (5,), generator=draw).tolist()
    rois = [(image, roi) for image, roi in zip(images, ends.tolist(), strict=True)]
    return way_back(features, rois, (3, 2 + number % 3), draw)
