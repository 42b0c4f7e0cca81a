"""Answers to inside_anchors, and its oracle beside torchvision."""

import itertools
import math

import cheats
import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import clip_boxes_to_image

from course_utils.checks.faster_rcnn.inside_anchors import CASES, slow_inside_anchors


def in_loops(image_size, map_size, *, side, ratios, strides):
    """One anchor after the other, in float64."""
    boxes, numbers = [], []
    places = itertools.product(range(map_size[0]), range(map_size[1]), ratios)
    for number, (row, column, ratio) in enumerate(places):
        height = math.sqrt(side * side / ratio)
        width = side * side / height
        top = row * strides[0] + strides[0] / 2 - height / 2
        left = column * strides[1] + strides[1] / 2 - width / 2
        box = [left, top, left + width, top + height]
        if min(box) >= 0 and box[2] <= image_size[1] and box[3] <= image_size[0]:
            boxes.append(torch.tensor(box, dtype=torch.float64))
            numbers.append(number)
    anchors = torch.stack(boxes) if boxes else torch.zeros(0, 4).double()
    return anchors, torch.tensor(numbers, dtype=torch.int64)


def by_numpy(image_size, map_size, *, side, ratios, strides):
    """Places from the numbers of the anchors, by division with remainder."""
    count = len(ratios)
    number = np.arange(map_size[0] * map_size[1] * count)
    place, ratio = number // count, np.array(ratios)[number % count]
    row, column = np.divmod(place, map_size[1])
    half = np.stack([side * ratio**0.5, side * ratio**-0.5], axis=1) / 2
    centre = np.stack([column + 0.5, row + 0.5], axis=1) * np.array(strides[::-1])
    low, high = centre - half, centre + half
    stays = ((low >= 0) & (high <= np.array(image_size[::-1]))).all(axis=1)
    boxes = np.concatenate([low, high], axis=1)[stays]
    return torch.from_numpy(boxes).float(), torch.from_numpy(number[stays])


def grid(map_size, *, side, ratios, strides, indexing="ij"):
    """(H, W, A, 4) anchors, as most learners make them."""
    root = torch.tensor(ratios).float().sqrt()
    half = torch.stack([side * root, side / root], dim=1) / 2
    y = (torch.arange(map_size[0]) + 0.5) * strides[0]
    x = (torch.arange(map_size[1]) + 0.5) * strides[1]
    y, x = torch.meshgrid(y, x, indexing=indexing)
    centre = torch.stack([x, y], dim=-1)[:, :, None]
    return torch.cat([centre - half, centre + half], dim=-1)


def inside(boxes, image_size):
    boxes = boxes.reshape(-1, 4)
    limit = torch.tensor([image_size[1], image_size[0]])
    stays = ((boxes[:, :2] >= 0) & (boxes[:, 2:] <= limit)).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def broadcast(image_size, map_size, **settings):
    return inside(grid(map_size, **settings), image_size)


def columns_first(image_size, map_size, **settings):
    return inside(grid(map_size, **settings, indexing="xy"), image_size)


def centre_inside(image_size, map_size, **settings):
    boxes = grid(map_size, **settings).reshape(-1, 4)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    stays = (centre <= torch.tensor([image_size[1], image_size[0]])).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def numbered_by_cell(image_size, map_size, *, ratios, **settings):
    boxes, index = broadcast(image_size, map_size, ratios=ratios, **settings)
    return boxes, index // len(ratios)


def stride_from_sizes(image_size, map_size, *, strides, **settings):
    """Trusts the sizes instead of the strides it was given."""
    own = (image_size[0] // map_size[0], image_size[1] // map_size[1])
    return broadcast(image_size, map_size, strides=own, **settings)


def anchors_alone(image_size, map_size, **settings):
    return broadcast(image_size, map_size, **settings)[0]


def mask_for_numbers(image_size, map_size, **settings):
    boxes, index = broadcast(image_size, map_size, **settings)
    mask = torch.zeros(grid(map_size, **settings)[..., 0].numel())
    mask[index] = 1
    return boxes, mask.bool()


def nonzero_in_two_dimensions(image_size, map_size, **settings):
    boxes, index = broadcast(image_size, map_size, **settings)
    return boxes, index[:, None]


def by_torchvision(image_size, map_size, *, side, ratios, strides):
    generator = AnchorGenerator(((side,),), (tuple(1 / ratio for ratio in ratios),))
    steps = [[torch.tensor(stride) for stride in strides]]
    (boxes,) = generator.grid_anchors([list(map_size)], steps)
    return inside(boxes + torch.tensor([strides[1], strides[0]] * 2) / 2, image_size)


EXAMPLE = torch.tensor(
    [[0.0, 0, 16, 16], [16, 0, 32, 16], [8, 4, 40, 12], [32, 0, 48, 16]]
)
RIGHT = [in_loops, by_numpy, broadcast]
WRONG = [
    (columns_first, "rows outside, columns inside"),
    (centre_inside, "anchors that cross the border go"),
    (numbered_by_cell, "the example"),
    (stride_from_sizes, "a map that reaches beyond the image"),
    (anchors_alone, "expected a tuple of 2"),
    (mask_for_numbers, "expected shape"),
    (nonzero_in_two_dimensions, "expected shape"),
    (by_torchvision, "grid_anchors is switched off"),
    (cheats.returns((EXAMPLE, torch.tensor([0, 2, 3, 4]))), "one square anchor"),
    (cheats.returns(None), "expected a tuple of 2"),
    (cheats.lying, "expected a tuple of 2"),
]


@pytest.mark.parametrize("case", CASES)
def test_anchors_agree_with_torchvision_moved_to_the_middle(case):
    (image_size, map_size), settings = CASES[case].arguments, CASES[case].settings
    side, ratios, strides = settings.values()
    root = torch.tensor(ratios).sqrt()
    shapes = torch.stack([-root, -1 / root, root, 1 / root], dim=1) * side / 2
    generator = AnchorGenerator(((side,),), (tuple(ratios),))
    generator.cell_anchors = [shapes]  # its own are rounded
    steps = [[torch.tensor(stride) for stride in strides]]
    (all_anchors,) = generator.grid_anchors([list(map_size)], steps)
    all_anchors = all_anchors + torch.tensor([strides[1], strides[0]] * 2) / 2
    anchors, index = slow_inside_anchors(image_size, map_size, **settings)
    torch.testing.assert_close(anchors, all_anchors[index])
    inside_image = clip_boxes_to_image(all_anchors, image_size)
    stays = (inside_image == all_anchors).all(1)
    assert torch.equal(index, stays.nonzero().squeeze(1))
