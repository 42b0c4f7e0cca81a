"""The inputs of tasks 1 and 2 of assignment 02, by the names that a learner reads."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes

# Colours, textures, sizes and boxes of regions, groups, and the size of the image.
Regions = tuple[dict[str, Tensor], Tensor, tuple[int, int]]
# Histograms, sizes, boxes, groups, and the number of groups.
Merge = tuple[Tensor, Tensor, Tensor, Tensor, int]
Rows = Sequence[Sequence[float]]


def rows_of(rows: Rows, columns: int) -> Tensor:
    """(N, columns) floats, also of no rows."""
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, columns)


def histograms(count: int, bins: int, generator: torch.Generator) -> Tensor:
    """(count, bins) with the sum 1 a row, many of them 0."""
    values = torch.rand(count, bins, generator=generator)
    values = values * (torch.rand(count, bins, generator=generator) < 0.7) + 1e-3
    return values / values.sum(dim=1, keepdim=True)


def regions_case(
    colours: Rows, textures: Rows, boxes: Rows, sizes: list[int], groups: Rows
) -> Regions:
    """Regions of an image of 8 x 12 by hand; three colour bins, two texture bins."""
    regions = {
        "colours": rows_of(colours, 3),
        "textures": rows_of(textures, 2),
        "sizes": torch.tensor(sizes, dtype=torch.int64),
        "boxes": rows_of(boxes, 4),
    }
    members = max(map(len, groups), default=3)
    return regions, rows_of(groups, members).long(), (8, 12)


def random_regions(
    count: int, groups: int, members: int, generator: torch.Generator
) -> Regions:
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


FOUR: tuple[Rows, Rows, Rows, list[int]] = (
    [[0.5, 0.5, 0], [0.25, 0.25, 0.5], [0.5, 0.1, 0.4], [0, 0, 1]],
    [[1, 0], [0.75, 0.25], [0.25, 0.75], [0.5, 0.5]],
    [[0, 0, 2, 4], [2, 0, 4, 3], [1, 2, 9, 7], [11, 6, 12, 8]],
    [8, 6, 30, 2],
)

REGIONS: dict[str, Regions] = {
    "the example": regions_case(*FOUR, [[0, 1, 2]]),
    "two pairs": regions_case(*FOUR, [[2, 0], [1, 3]]),
    "groups that share regions": regions_case(*FOUR, [[3, 1, 0], [2, 3, 0], [0, 1, 2]]),
    "all four regions": regions_case(*FOUR, [[3, 0, 2, 1]]),
    "one region alone": regions_case(*FOUR, [[2], [0]]),
    "no groups": regions_case(*FOUR, []),
    "two halves that share no colour": regions_case(
        [[1, 0, 0], [0, 0.5, 0.5]],
        [[1, 0], [0, 1]],
        [[0, 0, 4, 8], [4, 0, 12, 8]],
        [32, 64],
        [[0, 1]],
    ),
    "a ring, and two regions inside it": regions_case(
        [[0.5, 0.25, 0.25], [0.125, 0.375, 0.5], [0.25, 0.25, 0.5]],
        [[0.5, 0.5], [0.25, 0.75], [0, 1]],
        [[1, 0, 8, 6], [3, 2, 5, 5], [5, 2, 6, 5]],
        [20, 6, 3],
        [[1, 0, 2]],
    ),
}


def merge_case(
    bins: Rows, sizes: list[int], boxes: Rows, groups: list[int], num_groups: int
) -> Merge:
    """Regions of two bins and their groups."""
    counts, names = (torch.tensor(v, dtype=torch.int64) for v in (sizes, groups))
    return rows_of(bins, 2), counts, rows_of(boxes, 4), names, num_groups


THREE: tuple[Rows, list[int], Rows] = (
    [[1.0, 0], [0.2, 0.8], [0.5, 0.5]],
    [30, 10, 60],
    [[0.0, 2, 9, 8], [7, 0, 12, 3], [3, 4, 14, 11]],
)

MERGES: dict[str, Merge] = {
    "the example": merge_case(*THREE, [0, 0, 1], 2),
    "all in one group": merge_case(*THREE, [0, 0, 0], 1),
    "every region for itself": merge_case(*THREE, [0, 1, 2], 3),
    "every region for itself, in another order": merge_case(*THREE, [2, 0, 1], 3),
    "groups that are not next to each other": merge_case(*THREE, [1, 0, 1], 2),
    "no regions, no groups": merge_case([], [], [], [], 0),
    "a small region inside a large one": merge_case(
        [[0.25, 0.75], [1, 0]], [5000, 4], [[1, 2, 90, 80], [5, 7, 7, 9]], [0, 0], 1
    ),
    "one pixel each": merge_case(
        [[1, 0], [0, 1]], [1, 1], [[3, 5, 4, 6], [4, 5, 5, 6]], [0, 0], 1
    ),
}


def random_merge(count: int, num_groups: int, generator: torch.Generator) -> Merge:
    """Regions of six bins, and groups each of which has a member."""
    rest = torch.randint(0, num_groups, (count - num_groups,), generator=generator)
    groups = torch.cat([torch.arange(num_groups), rest])
    groups = groups[torch.randperm(count, generator=generator)]
    sizes = torch.randint(1, 400, (count,), generator=generator)
    bins = histograms(count, 6, generator)
    return bins, sizes, random_boxes(count, generator=generator), groups, num_groups
