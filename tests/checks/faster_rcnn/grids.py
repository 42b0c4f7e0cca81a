"""Answers to the task inside_anchors, right ones first."""

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator

Pair = tuple[int, int]


def anchors_in_loops(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> tuple[Tensor, Tensor]:
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


def anchors_by_numpy(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> tuple[Tensor, Tensor]:
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


def anchors_by_repeating(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> list[Tensor]:
    """Columns of numbers, each repeated as often as it is needed."""
    (rows, columns), count = map_size, len(ratios)
    x = (strides[1] * (torch.arange(columns) + 0.5)).repeat_interleave(count)
    y = (strides[0] * (torch.arange(rows) + 0.5)).repeat_interleave(count * columns)
    x, width = (
        x.repeat(rows),
        (side * torch.tensor(ratios) ** 0.5).repeat(rows * columns),
    )
    height = (side / torch.tensor(ratios) ** 0.5).repeat(rows * columns)
    boxes = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    x1, y1, x2, y2 = boxes
    stays = (x1 >= 0) & (y1 >= 0) & (x2 <= image_size[1]) & (y2 <= image_size[0])
    return [boxes.T[stays], torch.arange(len(x))[stays]]


def grid(
    image_size: Pair,
    map_size: Pair,
    *,
    side: float,
    ratios: list[float],
    strides: Pair,
    offset: float | None = None,
    indexing: str = "ij",
    turned: bool = False,
) -> Tensor:
    """(H, W, A, 4) anchors, with some mistakes to choose from."""
    root = torch.tensor(ratios).float().sqrt()
    half = torch.stack([side * root, side / root], dim=1) / 2
    if turned:
        half = half.flip(1)
    halves = [0.5 * stride if offset is None else offset for stride in strides]
    y = torch.arange(map_size[0]) * strides[0] + halves[0]
    x = torch.arange(map_size[1]) * strides[1] + halves[1]
    y, x = torch.meshgrid(y, x, indexing=indexing)
    centre = torch.stack([x, y], dim=-1)[:, :, None]
    return torch.cat([centre - half, centre + half], dim=-1)


def inside(boxes: Tensor, image_size: Pair) -> tuple[Tensor, Tensor]:
    boxes = boxes.reshape(-1, 4)
    limit = torch.tensor([image_size[1], image_size[0]])
    stays = ((boxes[:, :2] >= 0) & (boxes[:, 2:] <= limit)).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def about_corners(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings, offset=0), image_size)


def half_a_pixel(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings, offset=0.5), image_size)


def height_over_width(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings, turned=True), image_size)


def columns_first(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings, indexing="xy"), image_size)


def ratios_first(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(
        grid(image_size, map_size, **settings).permute(2, 0, 1, 3), image_size
    )


def swapped_strides(
    image_size: Pair, map_size: Pair, *, strides: Pair, **settings: Any
) -> Any:
    boxes = grid(image_size, map_size, strides=strides[::-1], **settings)
    return inside(boxes, image_size)


def swapped_axes(
    image_size: Pair, map_size: Pair, *, strides: Pair, **settings: Any
) -> Any:
    """x moves with rows, y with columns."""
    shapes = grid(image_size, (1, 1), strides=(0, 0), **settings)
    places = grid(image_size, map_size[::-1], strides=strides, **settings)
    flipped = places.transpose(0, 1)  # (H, W), but x counts rows
    return inside(flipped + 0 * shapes, image_size)


def y_first(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes, index = inside(grid(image_size, map_size, **settings), image_size)
    return boxes[:, [1, 0, 3, 2]], index


def strictly_inside(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes = grid(image_size, map_size, **settings).reshape(-1, 4)
    limit = torch.tensor([image_size[1], image_size[0]])
    stays = ((boxes[:, :2] > 0) & (boxes[:, 2:] < limit)).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def all_stay(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes = grid(image_size, map_size, **settings).reshape(-1, 4)
    return boxes, torch.arange(len(boxes))


def clipped(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes, index = all_stay(image_size, map_size, **settings)
    limit = torch.tensor([image_size[1], image_size[0]] * 2)
    return boxes.clamp(min=0).minimum(limit), index


def inside_at_top_left(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings), (10**6, 10**6))


def inside_turned_image(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings), image_size[::-1])


def centre_inside(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes = grid(image_size, map_size, **settings).reshape(-1, 4)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    stays = (centre <= torch.tensor([image_size[1], image_size[0]])).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def numbered_anew(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes, _ = inside(grid(image_size, map_size, **settings), image_size)
    return boxes, torch.arange(len(boxes))


def numbered_by_cell(
    image_size: Pair, map_size: Pair, *, ratios: list[float], **settings: Any
) -> Any:
    boxes, index = inside(
        grid(image_size, map_size, ratios=ratios, **settings), image_size
    )
    return boxes, index // len(ratios)


def rounded(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings).round(), image_size)


def no_root(
    image_size: Pair, map_size: Pair, *, ratios: list[float], **settings: Any
) -> Any:
    squared = [ratio**2 for ratio in ratios]
    return inside(grid(image_size, map_size, ratios=squared, **settings), image_size)


def whole_sides_each_way(
    image_size: Pair, map_size: Pair, *, side: float, **settings: Any
) -> Any:
    return inside(grid(image_size, map_size, side=2 * side, **settings), image_size)


def stride_from_sizes(
    image_size: Pair, map_size: Pair, *, strides: Pair, **settings: Any
) -> Any:
    """Trusts the sizes instead of the strides it was given."""
    own = (image_size[0] // map_size[0], image_size[1] // map_size[1])
    return inside(grid(image_size, map_size, strides=own, **settings), image_size)


def sorted_ratios(
    image_size: Pair, map_size: Pair, *, ratios: list[float], **settings: Any
) -> Any:
    boxes = grid(image_size, map_size, ratios=sorted(ratios), **settings)
    return inside(boxes, image_size)


def anchors_alone(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings), image_size)[0]


def mask_for_numbers(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes, index = inside(grid(image_size, map_size, **settings), image_size)
    mask = torch.zeros(grid(image_size, map_size, **settings)[..., 0].numel())
    mask[index] = 1
    return boxes, mask.bool()


def nonzero_in_two_dimensions(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes, index = inside(grid(image_size, map_size, **settings), image_size)
    return boxes, index[:, None]


def by_torchvision(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> Any:
    generator = AnchorGenerator(((side,),), (tuple(1 / ratio for ratio in ratios),))
    steps = [[torch.tensor(stride) for stride in strides]]
    (boxes,) = generator.grid_anchors([list(map_size)], steps)
    move = torch.tensor([strides[1], strides[0]] * 2) / 2
    return inside(boxes + move, image_size)


def of_shapes(
    image_size: Pair,
    map_size: Pair,
    strides: Pair,
    shapes: list[tuple[float, float]],
) -> Any:
    """Anchors of these widths and heights about every cell."""
    one = {"side": 1.0, "ratios": [1.0]}
    centre = grid(image_size, map_size, strides=strides, **one).unflatten(-1, (2, 2))
    half = torch.tensor(shapes) / 2
    centre = centre.mean(dim=-2)
    return inside(torch.cat([centre - half, centre + half], dim=-1), image_size)


def only_width_scaled(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> Any:
    shapes = [(side * ratio, float(side)) for ratio in ratios]
    return of_shapes(image_size, map_size, strides, shapes)


def only_height_scaled(
    image_size: Pair, map_size: Pair, *, side: float, ratios: list[float], strides: Pair
) -> Any:
    shapes = [(float(side), side / ratio) for ratio in ratios]
    return of_shapes(image_size, map_size, strides, shapes)


def inside_at_bottom_right(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes = grid(image_size, map_size, **settings).reshape(-1, 4)
    limit = torch.tensor([image_size[1], image_size[0]])
    stays = (boxes[:, 2:] <= limit).all(1)
    return boxes[stays], stays.nonzero().squeeze(1)


def inside_in_x_alone(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    boxes = grid(image_size, map_size, **settings).reshape(-1, 4)
    stays = (boxes[:, 0] >= 0) & (boxes[:, 2] <= image_size[1])
    return boxes[stays], stays.nonzero().squeeze(1)


def numbers_first(image_size: Pair, map_size: Pair, **settings: Any) -> Any:
    return inside(grid(image_size, map_size, **settings), image_size)[::-1]
