"""group_similarities: the four similarities of selective search, of whole groups.

The oracle works on Python numbers, group by group, so that it shares no step with a
good answer.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from course_utils.checking.check import Ask
from course_utils.checking.compare_with import (
    Cases,
    Inputs,
    Mistakes,
    compare_with,
    inputs,
)
from course_utils.checks.rcnn.tables import Box, Rows, columns_of, rows_of

Pair = tuple[int, int]


def histograms(count: int, bins: int, generator: torch.Generator) -> Tensor:
    """(count, bins) with the sum 1 a row, many of them 0."""
    values = torch.rand(count, bins, generator=generator)
    values = values * (torch.rand(count, bins, generator=generator) < 0.7) + 1e-3
    return values / values.sum(dim=1, keepdim=True)


def case(
    colours: Rows, textures: Rows, boxes: Rows, sizes: list[int], groups: Rows
) -> Inputs:
    """Regions of an image of 8 x 12 by hand; three colour bins, two texture bins."""
    regions = {
        "colours": rows_of(colours, 3),
        "textures": rows_of(textures, 2),
        "sizes": torch.tensor(sizes, dtype=torch.int64),
        "boxes": rows_of(boxes, 4),
    }
    members = max(map(len, groups), default=3)
    return inputs(regions, rows_of(groups, members).long(), (8, 12))


FOUR: tuple[Rows, Rows, Rows, list[int]] = (
    [[0.5, 0.5, 0], [0.25, 0.25, 0.5], [0.5, 0.1, 0.4], [0, 0, 1]],
    [[1, 0], [0.75, 0.25], [0.25, 0.75], [0.5, 0.5]],
    [[0, 0, 2, 4], [2, 0, 4, 3], [1, 2, 9, 7], [11, 6, 12, 8]],
    [8, 6, 30, 2],
)

CASES = {
    "the example": case(*FOUR, [[0, 1, 2]]),
    "two pairs": case(*FOUR, [[2, 0], [1, 3]]),
    "groups that share regions": case(*FOUR, [[3, 1, 0], [2, 3, 0], [0, 1, 2]]),
    "all four regions": case(*FOUR, [[3, 0, 2, 1]]),
    "one region alone": case(*FOUR, [[2], [0]]),
    "no groups": case(*FOUR, []),
    "two halves that share no colour": case(
        [[1, 0, 0], [0, 0.5, 0.5]],
        [[1, 0], [0, 1]],
        [[0, 0, 4, 8], [4, 0, 12, 8]],
        [32, 64],
        [[0, 1]],
    ),
    "a ring, and two regions inside it": case(
        [[0.5, 0.25, 0.25], [0.125, 0.375, 0.5], [0.25, 0.25, 0.5]],
        [[0.5, 0.5], [0.25, 0.75], [0, 1]],
        [[1, 0, 8, 6], [3, 2, 5, 5], [5, 2, 6, 5]],
        [20, 6, 3],
        [[1, 0, 2]],
    ),
}


def random_regions(
    count: int, groups: int, members: int, generator: torch.Generator
) -> tuple[dict[str, Tensor], Tensor, Pair]:
    """Regions that fill an image of 26 x 34, and groups of different ones of them."""
    height, width = 26, 34
    centres = torch.rand(count, 2, generator=generator) * torch.tensor([height, width])
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([y, x], dim=-1).reshape(-1, 1, 2)
    nearest = (pixels - centres).square().sum(dim=-1).argmin(dim=1)
    boxes, sizes = [], []
    for label in range(count):
        rows, columns = (nearest == label).reshape(height, width).nonzero().unbind(1)
        if len(rows) == 0:
            continue
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        boxes.append([int(corner) for corner in corners])
        sizes.append(len(rows))
    regions = {
        "colours": histograms(len(sizes), 5, generator),
        "textures": histograms(len(sizes), 7, generator),
        "sizes": torch.tensor(sizes),
        "boxes": torch.tensor(boxes, dtype=torch.float32),
    }
    order = torch.rand(groups, len(sizes), generator=generator).argsort(dim=1)
    return regions, order[:, :members], (height, width)


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """More regions and fewer groups from case to case."""
    return inputs(*random_regions(6 + i, 7 - i, 2 + i % 3, generator))


def size_similarity(pixels: Sequence[int], image: int) -> float:
    """How small regions are together: what they leave of the image."""
    return 1 - sum(pixels) / image


def area_around(boxes: Sequence[Box]) -> float:
    """The area of the smallest box around others."""
    x1, y1, x2, y2 = columns_of(boxes)
    return (max(x2) - min(x1)) * (max(y2) - min(y1))


def area_shared(boxes: Sequence[Box]) -> float:
    """The product of the sides of what boxes share, where they share nothing, too."""
    x1, y1, x2, y2 = columns_of(boxes)
    return (min(x2) - max(x1)) * (min(y2) - max(y1))


def fill_similarity(pixels: float, boxes: Sequence[Box], image: int) -> float:
    """How little of the box around regions they leave empty."""
    return 1 - (area_around(boxes) - pixels) / image


def slow_group_similarities(
    regions: Mapping[str, Tensor],
    groups: Tensor,
    image_size: Pair,
    *,
    shared: Callable[[Sequence[float]], float] = min,
    size: Callable[[Sequence[int], int], float] = size_similarity,
    fill: Callable[[float, Sequence[Box], int], float] = fill_similarity,
) -> Tensor:
    """(G, 4) similarities, group by group; `shared` is what a bin has in common."""
    image = image_size[0] * image_size[1]
    rows = []
    for group in groups.tolist():
        colours, textures, boxes = (
            [regions[name][r].tolist() for r in group]
            for name in ("colours", "textures", "boxes")
        )
        pixels = [int(regions["sizes"][r]) for r in group]
        row = [sum(map(shared, columns_of(bins))) for bins in (colours, textures)]
        rows.append([*row, size(pixels, image), fill(sum(pixels), boxes, image)])
    return torch.tensor(rows).reshape(-1, 4)


def mean_of_pairs(
    right: Tensor, regions: Mapping[str, Tensor], groups: Tensor, image_size: Pair
) -> Tensor:
    """(G, 4) similarities of two members, in the mean over all pairs of a group."""
    pairs = list(itertools.combinations(range(groups.shape[1]), 2)) or [(0, 0)]
    values = [
        slow_group_similarities(regions, groups[:, pair], image_size) for pair in pairs
    ]
    return torch.stack(values).mean(dim=0)


MISTAKES: Mistakes = {
    "a group is a row, with four numbers": lambda right, *given: right.T,
    "colour comes first, texture second": lambda right, *given: right[:, [1, 0, 2, 3]],
    "all members count, not the first two": lambda right, regions, groups, image_size: (
        slow_group_similarities(regions, groups[:, :2], image_size)
    ),
    "the smallest counts in each bin, not the largest": {"shared": max},
    "the smallest counts in each bin, not the product": {"shared": math.prod},
    "the smallest counts in each bin, not the mean": {
        "shared": lambda bins: sum(bins) / len(bins)
    },
    "this is how much the histograms differ": {
        "shared": lambda bins: max(bins) - min(bins)
    },
    "add the bins up; this is their mean": lambda right, regions, *given: (
        right
        / torch.tensor(
            [regions["colours"].shape[1], regions["textures"].shape[1], 1, 1]
        )
    ),
    "small regions are similar: 1 - the share of the image": {
        "size": lambda pixels, image: sum(pixels) / image
    },
    "the pixels of all members count, not those of the first": {
        "size": lambda pixels, image: 1 - pixels[0] / image
    },
    "add the sizes up; this is their mean": {
        "size": lambda pixels, image: 1 - sum(pixels) / len(pixels) / image
    },
    "the box around the regions, not what their boxes share": {
        "fill": lambda pixels, boxes, image: 1 - (area_shared(boxes) - pixels) / image
    },
    "take away the pixels of the regions, not the areas of their boxes": {
        "fill": lambda pixels, boxes, image: fill_similarity(
            sum(map(area_around, [[box] for box in boxes])), boxes, image
        )
    },
    "the pixels of the regions are taken away from the box": {
        "fill": lambda pixels, boxes, image: 1 - area_around(boxes) / image
    },
    "divide by the image, not by the box": {
        "fill": lambda pixels, boxes, image: pixels / area_around(boxes)
    },
    "well filled is similar: 1 - the empty share": {
        "fill": lambda pixels, boxes, image: (area_around(boxes) - pixels) / image
    },
    "size is the third, fill the fourth": lambda right, *given: right[:, [0, 1, 3, 2]],
    "all members count at once; this is the mean over their pairs": mean_of_pairs,
}


def count_steps(ask: Ask, cases: Cases) -> None:
    """Refuse a loop over groups."""
    regions, groups, image_size = random_regions(12, 95, 3, ask.generator)
    few, many = ((regions, groups[:n], image_size) for n in (5, 95))
    ask.expect_no_loop("groups", few, many, 90)


# The oracle has the loop that is refused, so that it is no right answer.
check_group_similarities = replace(
    compare_with(
        slow_group_similarities,
        "group_similarities",
        cases=CASES,
        draw=random_case,
        draws=4,
        mistakes=MISTAKES,
        parts=("colour", "texture", "size", "fill"),
        then=count_steps,
    ),
    right=None,
)
