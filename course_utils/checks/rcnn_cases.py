"""The inputs of tasks 1 to 4 of assignment 02, by the names that a learner reads."""

import torch
from torch import Tensor

from course_utils.checks.check import random_boxes

# Colours, textures, sizes and boxes of regions, and (height, width) of the image.
Regions = tuple[Tensor, Tensor, Tensor, Tensor, tuple[int, int]]
# Histograms, sizes, boxes, groups, and the number of groups.
Merge = tuple[Tensor, Tensor, Tensor, Tensor, int]
# Overlaps and labels of each image, the number of proposals, and thresholds.
Proposals = tuple[list[Tensor], list[Tensor], int, list[float]]
# Boxes, height and width of the image, size of the crop and its context.
Crops = tuple[Tensor, int, int, int, int]
Rows = list[list[float]]


def rows_of(rows: Rows, columns: int) -> Tensor:
    """(N, columns) floats, also of no rows."""
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, columns)


def histograms(count: int, bins: int, generator: torch.Generator) -> Tensor:
    """(count, bins) with the sum 1 a row, many of them 0."""
    values = torch.rand(count, bins, generator=generator)
    values = values * (torch.rand(count, bins, generator=generator) < 0.7) + 1e-3
    return values / values.sum(dim=1, keepdim=True)


def regions_case(
    colours: Rows, textures: Rows, boxes: Rows, sizes: list[int], image: tuple[int, int]
) -> Regions:
    """Regions by hand; three colour bins and two texture bins."""
    counts = torch.tensor(sizes, dtype=torch.int64)
    return rows_of(colours, 3), rows_of(textures, 2), counts, rows_of(boxes, 4), image


def random_regions(
    count: int, height: int, width: int, generator: torch.Generator
) -> Regions:
    """At most `count` regions that fill an image: the pixels nearest to drawn ones."""
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
    colours = histograms(len(sizes), 5, generator)
    textures = histograms(len(sizes), 7, generator)
    tight = torch.tensor(boxes, dtype=torch.float32)
    return colours, textures, torch.tensor(sizes), tight, (height, width)


REGIONS: dict[str, Regions] = {
    "the example": regions_case(
        [[0.5, 0.5, 0], [0.25, 0.25, 0.5]],
        [[1, 0], [0.75, 0.25]],
        [[0, 0, 2, 4], [2, 0, 4, 3]],
        [8, 6],
        (4, 6),
    ),
    "no regions": regions_case([], [], [], [], (4, 6)),
    "one region, the whole image": regions_case(
        [[0.25, 0.75, 0]], [[0.5, 0.5]], [[0, 0, 9, 5]], [45], (5, 9)
    ),
    "two halves that share no colour": regions_case(
        [[1, 0, 0], [0, 0.5, 0.5]],
        [[1, 0], [0, 1]],
        [[0, 0, 3, 5], [3, 0, 9, 5]],
        [15, 30],
        (5, 9),
    ),
    "a ring and what is inside it": regions_case(
        [[0.5, 0.25, 0.25], [0.125, 0.375, 0.5]],
        [[0.5, 0.5], [0.25, 0.75]],
        [[1, 0, 8, 6], [3, 2, 5, 5]],
        [20, 6],
        (7, 10),
    ),
    "three regions, two of them far apart": regions_case(
        [[0.5, 0.5, 0], [0.5, 0.25, 0.25], [0, 0, 1]],
        [[1, 0], [0.5, 0.5], [0.25, 0.75]],
        [[0, 0, 2, 1], [1, 1, 9, 4], [11, 6, 12, 8]],
        [2, 13, 2],
        (8, 12),
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


def proposals_case(
    images: list[tuple[Rows, list[int]]], most: int, thresholds: list[float]
) -> Proposals:
    """Overlaps as rows, and the labels of their columns."""
    overlaps = [
        torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(labels))
        for rows, labels in images
    ]
    names = [torch.tensor(labels, dtype=torch.int64) for _, labels in images]
    return overlaps, names, most, thresholds


TWO_IMAGES: list[tuple[Rows, list[int]]] = [
    ([[0.2, 0.7], [0.8, 0.1], [0.9, 0.3]], [1, 4]),
    ([[0.4]], [1]),
]

PROPOSALS: dict[str, Proposals] = {
    "the example": proposals_case(TWO_IMAGES, 2, [0.5, 0.75]),
    "only the first proposal": proposals_case(TWO_IMAGES, 1, [0.3, 0.5, 0.6]),
    "more allowed than there are": proposals_case(TWO_IMAGES, 50, [0.85]),
    "an overlap equal to the threshold": proposals_case(
        [([[0.5, 0.25, 0.75]], [1, 1, 2])], 5, [0.5, 0.25, 0.75]
    ),
    "an image without proposals": proposals_case(
        [*TWO_IMAGES, ([], [2, 4])], 3, [0.5, 0.1]
    ),
    "an image without objects": proposals_case(
        [([[], []], []), *TWO_IMAGES], 3, [0.5, 0.1]
    ),
    "no image has an object": proposals_case([([[], []], []), ([], [])], 3, [0.5, 0.1]),
    "no images": proposals_case([], 4, [0.5]),
    "no proposals allowed": proposals_case(TWO_IMAGES, 0, [0.5, 0.1]),
    "many objects in one image, one in another": proposals_case(
        [([[0.9, 0.8, 0.6, 0.7]], [3, 3, 3, 3]), ([[0.1], [0.2]], [7])], 2, [0.5]
    ),
    "a single object": proposals_case([([[0.75], [0.5]], [1])], 2, [0.5, 0.8]),
    "no thresholds": proposals_case(TWO_IMAGES, 2, []),
}


def random_proposals(images: int, most: int, generator: torch.Generator) -> Proposals:
    """Images with 0 to 7 proposals and 0 to 4 objects of 6 classes."""
    overlaps, labels = [], []
    for _ in range(images):
        count, objects = torch.randint(0, 5, (2,), generator=generator).tolist()
        shape = (count * 2, objects)
        # Eighths, so that some are equal to a threshold in any precision.
        overlap = torch.randint(0, 9, shape, generator=generator) / 8
        overlaps.append(overlap)
        labels.append(torch.randint(1, 7, (objects,), generator=generator))
    return overlaps, labels, most, [0.25, 0.5, 0.625, 0.75]


CROPS: dict[str, Crops] = {
    "the example": (
        rows_of([[1, 50, 41, 70]], 4),
        60,
        100,
        28,
        4,
    ),
    "two boxes": (rows_of([[10, 10, 50, 30], [1, 50, 41, 70]], 4), 60, 100, 28, 4),
    "no boxes": (torch.zeros(0, 4), 60, 100, 28, 4),
    "a box far from the edges": (rows_of([[40, 20, 60, 40]], 4), 60, 100, 24, 2),
    "a box in the first corner": (rows_of([[0, 0, 20, 10]], 4), 60, 100, 32, 6),
    "a box in the last corner": (rows_of([[80, 50, 100, 60]], 4), 60, 100, 32, 6),
    "a wide box near the left and lower edges": (
        rows_of([[3, 52, 63, 58]], 4),
        60,
        100,
        36,
        6,
    ),
    "no context": (rows_of([[0, 0, 20, 10], [5, 5, 25, 35]], 4), 40, 30, 16, 0),
    "a box that sticks out": (
        rows_of([[-10, 20, 30, 50], [70, -8, 120, 72]], 4),
        60,
        100,
        28,
        4,
    ),
    "boxes outside the image": (
        rows_of([[200, 10, 220, 30], [-90, 5, -60, 35], [20, 300, 30, 320]], 4),
        60,
        100,
        28,
        4,
    ),
    "the whole image": (rows_of([[0, 0, 100, 60]], 4), 60, 100, 227, 16),
    "a crop larger than the image": (rows_of([[2, 1, 7, 5]], 4), 6, 9, 227, 16),
}


def random_crops(count: int, generator: torch.Generator) -> Crops:
    """Boxes of which many are near an edge of their image."""
    boxes = random_boxes(count, generator=generator)
    size = 20 + int(torch.randint(0, 40, (), generator=generator))
    return boxes - torch.tensor([9.0, 6.0, 9.0, 6.0]), 70, 120, size, size // 7
