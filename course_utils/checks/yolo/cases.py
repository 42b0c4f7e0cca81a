"""The inputs of assignment 05's checks of the grid's targets, by their names."""

import torch
from torch import Tensor

Pair = tuple[int, int]
Objects = list[tuple[float, float, float, float, int]]  # x1, y1, x2, y2, label
Encoding = tuple[Tensor, Tensor, Pair, Pair, int]
NAN = float("nan")
MANY: Objects = [(17, 1, 31, 13, 3)]
NOTHING = (NAN, NAN, NAN, NAN, 0)


def encoding(
    images: list[Objects], image_size: Pair, grid: Pair, num_classes: int
) -> Encoding:
    """A batch of images, each filled up with rows of nan and label 0."""
    most = max(map(len, images), default=0)
    rows = [objects + [NOTHING] * (most - len(objects)) for objects in images]
    values = torch.tensor(rows, dtype=torch.float32).reshape(len(images), most, 5)
    labels = values[..., 4].to(torch.int64)
    return values[..., :4].clone(), labels, image_size, grid, num_classes


# Cells of 16 x 16 in an image of height 32 and width 64, if nothing else is said.
ENCODINGS: dict[str, Encoding] = {
    "the example": encoding(
        [[(0, 0, 16, 24, 1), (4, 10, 20, 18, 3), NOTHING]], (32, 64), (2, 4), 4
    ),
    "one object": encoding([[(18, 6, 26, 24, 2)]], (32, 64), (2, 4), 4),
    "an object in each corner of the image": encoding(
        [[(1, 2, 5, 8, 1), (50, 3, 62, 9, 2), (2, 20, 10, 31, 3), (52, 22, 58, 30, 4)]],
        (32, 64),
        (2, 4),
        5,
    ),
    "cells that are not square": encoding(
        [[(21, 8, 39, 24, 1), (45, 50, 53, 56, 2)]], (60, 56), (3, 7), 3
    ),
    "an image that is higher than wide": encoding(
        [[(3, 50, 11, 60, 2), (18, 9, 30, 12, 1)]], (64, 32), (4, 2), 3
    ),
    "two images": encoding(
        [[(18, 6, 26, 24, 2)], [(34, 18, 46, 28, 1), (2, 3, 8, 9, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "two images with an object in the same cell": encoding(
        [[(20, 4, 28, 14, 1)], [(18, 2, 26, 6, 2)], [(17, 1, 31, 13, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "no objects in one image": encoding(
        [[], [(34, 18, 46, 28, 1)], []], (32, 64), (2, 4), 3
    ),
    "no objects at all": encoding([[NOTHING], [NOTHING]], (32, 64), (2, 4), 3),
    "no rows": encoding([[], []], (32, 64), (2, 4), 3),
    "padding before an object": encoding(
        [[NOTHING, (18, 6, 26, 24, 2), NOTHING, (50, 20, 58, 28, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "padding that looks like a box": encoding(
        [[(18, 6, 26, 24, 2), (36, 4, 44, 12, 0), (20, 6, 24, 10, 0)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "the smaller of two comes first": encoding(
        [[(2, 2, 8, 8, 1), (1, 1, 13, 13, 2)]], (32, 64), (2, 4), 3
    ),
    "the smaller of two comes last": encoding(
        [[(1, 1, 13, 13, 2), (2, 2, 8, 8, 1)]], (32, 64), (2, 4), 3
    ),
    "the smallest of three is in the middle": encoding(
        [[(2, 2, 12, 12, 1), (3, 6, 9, 10, 3), (1, 4, 9, 12, 2)]], (32, 64), (2, 4), 4
    ),
    "two of the same area in one cell": encoding(
        [[(20, 4, 28, 8, 2), (22, 3, 26, 11, 1), (17, 1, 31, 13, 3)]],
        (32, 64),
        (2, 4),
        4,
    ),
    "many of the same area in one cell": encoding(
        [MANY * 20 + [(20, 4, 28, 8, 2)] + [(22, 3, 26, 11, 1)] * 20],
        (32, 64),
        (2, 4),
        4,
    ),
    "the narrower one has the larger area": encoding(
        [[(7, 0, 9, 30, 1), (4, 10, 12, 16, 2)]], (32, 64), (2, 4), 3
    ),
    "a centre between two cells": encoding(
        [[(28, 2, 36, 8, 1), (2, 10, 8, 22, 2)]], (32, 64), (2, 4), 3
    ),
    "a centre on the right and on the bottom border": encoding(
        [[(60, 2, 68, 8, 1), (20, 28, 26, 36, 2)], [(56, 30, 72, 34, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "a centre on the left and on the top border": encoding(
        [[(-4, 18, 4, 24, 1), (40, -6, 44, 6, 2)]], (32, 64), (2, 4), 3
    ),
    "a box without width": encoding(
        [[(20, 4, 20, 10, 1), (36, 2, 46, 12, 2)]], (32, 64), (2, 4), 3
    ),
    "a line and an object in one cell": encoding(
        [[(18, 5, 30, 5, 1), (20, 2, 28, 12, 2), (24, 8, 24, 8, 1)]],
        (32, 64),
        (2, 4),
        3,
    ),
    "an object larger than the image": encoding(
        [[(-8, -10, 80, 50, 1)]], (32, 64), (2, 4), 2
    ),
    "a grid of one cell": encoding(
        [[(8, 2, 24, 10, 2), (30, 6, 50, 30, 1)]], (32, 64), (1, 1), 3
    ),
    "a single class": encoding([[(18, 6, 26, 24, 1)]], (32, 64), (2, 4), 2),
    "twenty classes": encoding(
        [[(18, 6, 26, 24, 20), (36, 6, 46, 24, 13)]], (32, 64), (2, 4), 21
    ),
}


def random_encoding(i: int, generator: torch.Generator) -> Encoding:
    """Many objects in few cells; areas are equal only where shapes are, too."""
    grid, count, batch = (2 + i % 2, 3 + i % 3), 7, 2 + i % 2
    image_size = (24 * grid[0], 20 * grid[1])
    widths, heights = torch.tensor([3.0, 5, 7, 11]), torch.tensor([17.0, 13, 19])
    # A centre lies at least half a pixel from any border between cells.
    x = torch.randint(0, image_size[1], (batch, count), generator=generator) + 0.5
    y = torch.randint(0, image_size[0], (batch, count), generator=generator) + 0.5
    w = widths[torch.randint(0, 4, (batch, count), generator=generator)]
    h = heights[torch.randint(0, 3, (batch, count), generator=generator)]
    boxes = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
    labels = torch.randint(0, 4, (batch, count), generator=generator)
    if i % 2:
        boxes[labels == 0] = NAN
    return boxes, labels, image_size, grid, 4
