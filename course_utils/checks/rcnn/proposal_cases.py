"""The inputs of tasks 3 and 4 of assignment 02, by the names that a learner reads."""

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checks.rcnn.cases import Rows, rows_of
from course_utils.checks.rcnn.oracles import Proposals

# Boxes, height and width of the image, size of the crop and its context.
Crops = tuple[Tensor, int, int, int, int]
# Scores, overlaps and labels of one image.
Image = tuple[list[float], Rows, list[int]]


def proposals_case(
    images: list[Image],
    budget: int,
    thresholds: list[float],
) -> Proposals:
    """Scores, overlaps as rows, and the labels of their columns, for each image."""
    overlaps = [
        torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(labels))
        for _, rows, labels in images
    ]
    scores = [torch.tensor(score, dtype=torch.float32) for score, _, _ in images]
    names = [torch.tensor(labels, dtype=torch.int64) for _, _, labels in images]
    return scores, overlaps, names, budget, thresholds


TWO: list[Image] = [
    (
        [0.9, 0.3, 0.6, 0.1],
        [[0.2, 0.65], [0.9, 0.3], [0.8, 0.1], [0.3, 0.9]],
        [1, 4],
    ),
    ([0.5, 0.7], [[0.1], [0.6]], [1]),
]
NO_OBJECT: Image = ([0.95, 0.2], [[], []], [])

PROPOSALS: dict[str, Proposals] = {
    "the example": proposals_case(TWO, 3, [0.5, 0.75]),
    "a single proposal": proposals_case(TWO, 1, [0.1, 0.5, 0.6]),
    "a budget for all proposals and more": proposals_case(TWO, 50, [0.85]),
    "an overlap equal to the threshold": proposals_case(
        [([0.5, 0.4], [[0.5, 0.25, 0.75], [0, 0, 0]], [1, 1, 2])], 5, [0.5, 0.25, 0.75]
    ),
    "an image without proposals": proposals_case(
        [*TWO, ([], [], [2, 4])], 3, [0.5, 0.1]
    ),
    "an image without objects, whose proposals use the budget": proposals_case(
        [NO_OBJECT, *TWO], 3, [0.5, 0.1]
    ),
    "no image has an object": proposals_case([NO_OBJECT, ([], [], [])], 3, [0.5, 0.1]),
    "no images": proposals_case([], 4, [0.5]),
    "no budget": proposals_case(TWO, 0, [0.5, 0.1]),
    "equal scores": proposals_case(
        [([0.5, 0.5], [[0.25], [0.75]], [1]), ([0.5, 0.5], [[0.5], [0.875]], [2])],
        1,
        [0.2, 0.75],
    ),
    "equal scores in two images": proposals_case(
        [([0.5, 0.5], [[0.25], [0.75]], [1]), ([0.5, 0.5], [[0.5], [0.875]], [2])],
        3,
        [0.75],
    ),
    "many equal scores": proposals_case(
        [
            ([0.5, 0.25] * 12, [[row / 32] for row in range(24)], [label])
            for label in (1, 2, 3)
        ],
        18,
        [0.5],
    ),
    "many objects in one image, one in another": proposals_case(
        [
            ([0.9], [[0.9, 0.8, 0.6, 0.7]], [3, 3, 3, 3]),
            ([0.8, 0.7], [[0.1], [0.2]], [7]),
        ],
        2,
        [0.5],
    ),
    "a single object": proposals_case(
        [([0.1, 0.2], [[0.75], [0.5]], [1])], 2, [0.5, 0.8]
    ),
    "negative scores": proposals_case([([-2.0, -1], [[0.75], [0.5]], [1])], 1, [0.6]),
    "no thresholds": proposals_case(TWO, 2, []),
}


def random_proposals(images: int, budget: int, generator: torch.Generator) -> Proposals:
    """Images with 0 to 8 proposals, many of equal score, and 0 to 4 objects."""
    scores, overlaps, labels = [], [], []
    for _ in range(images):
        count, objects = torch.randint(0, 5, (2,), generator=generator).tolist()
        scores.append(torch.randint(0, 9, (count * 2,), generator=generator) / 8)
        # Eighths, so that some are equal to a threshold in any precision.
        shape = (count * 2, objects)
        overlaps.append(torch.randint(0, 9, shape, generator=generator) / 8)
        labels.append(torch.randint(1, 7, (objects,), generator=generator))
    return scores, overlaps, labels, budget, [0.25, 0.5, 0.625, 0.75]


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
