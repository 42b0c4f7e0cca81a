"""Answers to the task boxes_of_map, right ones first."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.ops import box_convert

from course_utils.ops.default_boxes import map_default_boxes

Pair = tuple[int, int]


def boxes_in_loops(
    map_size: Pair,
    image_size: Pair,
    *,
    scale: float,
    next_scale: float,
    ratios: list[float],
) -> Tensor:
    height, width = image_size
    short = min(height, width)
    found = []
    for i in range(map_size[0]):
        for j in range(map_size[1]):
            x, y = (j + 0.5) * width / map_size[1], (i + 0.5) * height / map_size[0]
            for ratio in ratios:
                sides = [(scale * short * ratio**0.5, scale * short / ratio**0.5)]
                if ratio == 1:
                    sides.append((short * (scale * next_scale) ** 0.5,) * 2)
                for w, h in sides:
                    x1, x2 = max(x - w / 2, 0), min(x + w / 2, width)
                    y1, y2 = max(y - h / 2, 0), min(y + h / 2, height)
                    middle = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
                    found.append([*middle, (x2 - x1) / width, (y2 - y1) / height])
    return torch.tensor(found)


def boxes_by_numpy(
    map_size: Pair,
    image_size: Pair,
    *,
    scale: float,
    next_scale: float,
    ratios: list[float],
) -> Tensor:
    """Pixels in float64, clipped, and divided at the end."""
    height, width = image_size
    widths = np.array([[a, 1.0] if a == 1 else [a, 0.0] for a in ratios])
    wide = scale * np.sqrt(widths[:, 0])
    second = np.where(widths[:, 1] > 0, math.sqrt(scale * next_scale), np.nan)
    w = np.stack([wide, second], axis=1).ravel()
    h = np.stack([scale**2 / wide, second], axis=1).ravel()
    is_box = ~np.isnan(w)
    w, h = w[is_box] * min(image_size), h[is_box] * min(image_size)
    i, j, a = np.indices((*map_size, len(w))).reshape(3, -1)
    x, y = (j + 0.5) / map_size[1] * width, (i + 0.5) / map_size[0] * height
    x1, x2 = np.clip([x - w[a] / 2, x + w[a] / 2], 0, width)
    y1, y2 = np.clip([y - h[a] / 2, y + h[a] / 2], 0, height)
    boxes = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    return torch.from_numpy(boxes / [width, height, width, height])


def boxes_by_repeating(
    map_size: Pair,
    image_size: Pair,
    *,
    scale: float,
    next_scale: float,
    ratios: list[float],
) -> Tensor:
    rows, columns = map_size
    chain: list[tuple[float, float]] = []
    for ratio in ratios:
        chain += [(scale, ratio)]
        chain += [(math.sqrt(scale * next_scale), 1)] if ratio == 1 else []
    s, a = torch.tensor(chain).T
    short = min(image_size)
    w, h = s * a.sqrt() * short / image_size[1], s / a.sqrt() * short / image_size[0]
    x = torch.linspace(0.5, columns - 0.5, columns) / columns
    y = torch.linspace(0.5, rows - 0.5, rows) / rows
    x = x.repeat(rows).repeat_interleave(len(chain))
    y = y.repeat_interleave(columns * len(chain))
    w, h = w.repeat(rows * columns), h.repeat(rows * columns)
    left, right = (x - w / 2).relu(), 1 - (1 - x - w / 2).relu()
    top, bottom = (y - h / 2).relu(), 1 - (1 - y - h / 2).relu()
    return torch.stack([left + right, top + bottom, 0 * w, 0 * w], 1) / 2 + torch.stack(
        [0 * w, 0 * w, right - left, bottom - top], 1
    )


def clip(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return low.clamp(min=0), high.clamp(max=1)


def centred(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return torch.cat([(low + high) / 2, high - low], -1)


def middles(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    return (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns


def usual(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    shapes = []
    for a in ratios:
        shapes += [[s * a**0.5, s / a**0.5]]
        shapes += [[(s * t) ** 0.5] * 2] if a == 1 else []
    return shapes


def shorter(width: int, height: int) -> list[float]:
    return [min(width, height) / width, min(width, height) / height]


def made(
    *,
    shapes: Any = usual,
    unit: Any = shorter,
    centres: Any = middles,
    grid: Any = None,
    clipped: Any = clip,
    written: Any = centred,
    finish: Any = None,
) -> Callable[..., Any]:
    """An answer of these steps, one of which is wrong."""

    def answer(
        map_size: Pair,
        image_size: Pair,
        *,
        scale: float,
        next_scale: float,
        ratios: list[float],
    ) -> Any:
        height, width = image_size
        sides = torch.tensor(shapes(scale, next_scale, ratios)).float()
        half = sides * torch.tensor(unit(width, height)).float() / 2
        y, x = torch.meshgrid(*centres(*map_size), indexing="ij")
        middle = torch.stack([x, y], -1)[:, :, None]
        middle = grid(middle) if grid else middle
        low, high = clipped(middle - half, middle + half)
        boxes = written(low, high, middle)
        if finish:
            return finish(boxes, image_size)
        return boxes.reshape(-1, 4)

    return answer


def corners(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    return torch.arange(rows) / rows, torch.arange(columns) / columns


def edges(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    return torch.linspace(0, 1, rows), torch.linspace(0, 1, columns)


def pixel_middles(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    return torch.arange(rows) / rows + 0.005, torch.arange(columns) / columns + 0.005


def counts_swapped(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    return (torch.arange(rows) + 0.5) / columns, (torch.arange(columns) + 0.5) / rows


def turned_grid(middle: Tensor) -> Tensor:
    return middle.flip(-1)


def with_shapes(shape: Any, second: Any = None) -> Any:
    def shapes(s: float, t: float, ratios: list[float]) -> list[list[float]]:
        found = []
        for a in ratios:
            found += [list(shape(s, a))]
            if a == 1:
                found += [[second(s, t) if second else (s * t) ** 0.5] * 2]
        return found

    return made(shapes=shapes)


def right_shape(s: float, a: float) -> list[float]:
    return [s * a**0.5, s / a**0.5]


def second_last(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    found = [right_shape(s, a) for a in ratios]
    return found + [[(s * t) ** 0.5] * 2] * (1 in ratios)


def second_first(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    return [[(s * t) ** 0.5] * 2] * (1 in ratios) + [right_shape(s, a) for a in ratios]


def second_always(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    return [right_shape(s, a) for a in ratios] + [[(s * t) ** 0.5] * 2]


def no_second(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    return [right_shape(s, a) for a in ratios]


def as_the_lesson(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    """Two squares, then each ratio and its inverse."""
    found = [[s, s], [(s * t) ** 0.5] * 2]
    for a in ratios:
        found += [right_shape(s, a), right_shape(s, 1 / a)] if a > 1 else []
    return found


def second_of_a_ratio(s: float, t: float, ratios: list[float]) -> list[list[float]]:
    """A second box for every ratio, as some later detectors have."""
    return [
        shape for a in ratios for shape in (right_shape(s, a), [(s * t) ** 0.5] * 2)
    ]


def sizes_clipped(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    middle, half = (low + high) / 2, ((high - low) / 2).clamp(max=0.5)
    return middle - half, middle + half


def not_clipped(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return low, high


def clipped_low(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return low.clamp(min=0), high


def clipped_high(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return low, high.clamp(max=1)


def centre_kept(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return torch.cat([middle.expand_as(low), high - low], -1)


def as_corners(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return torch.cat([low, high], -1)


def corner_and_size(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return torch.cat([low, high - low], -1)


def y_first(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return centred(low, high, middle)[..., [1, 0, 3, 2]]


def half_sizes(low: Tensor, high: Tensor, middle: Tensor) -> Tensor:
    return torch.cat([(low + high) / 2, (high - low) / 2], -1)


def columns_first(boxes: Tensor, size: Pair) -> Tensor:
    return boxes.transpose(0, 1).reshape(-1, 4)


def shapes_first(boxes: Tensor, size: Pair) -> Tensor:
    return boxes.permute(2, 0, 1, 3).reshape(-1, 4)


def in_pixels(boxes: Tensor, size: Pair) -> Tensor:
    return boxes.reshape(-1, 4) * torch.tensor([size[1], size[0]] * 2)


def as_a_grid(boxes: Tensor, size: Pair) -> Tensor:
    return boxes


def as_a_list(boxes: Tensor, size: Pair) -> Any:
    return boxes.reshape(-1, 4).tolist()


def as_integers(boxes: Tensor, size: Pair) -> Tensor:
    return in_pixels(boxes, size).long()


def inside_alone(boxes: Tensor, size: Pair) -> Tensor:
    """Leaves out what touches the border."""
    flat = boxes.reshape(-1, 4)
    half = flat[:, 2:] / 2
    inside = (flat[:, :2] - half > 0).all(1) & (flat[:, :2] + half < 1).all(1)
    return flat[inside]


def by_torchvision(map_size: Pair, image_size: Pair, **settings: Any) -> Tensor:
    maker = DefaultBoxGenerator([[2]], scales=[0.1, 0.2])
    return maker._grid_default_boxes([list(map_size)], list(image_size))


def by_convert(map_size: Pair, image_size: Pair, **settings: Any) -> Tensor:
    made(written=as_corners)(map_size, image_size, **settings)
    return box_convert(torch.zeros(2, 4), "xyxy", "cxcywh")


def by_library(map_size: Pair, image_size: Pair, **settings: Any) -> Tensor:
    shapes = torch.tensor(usual(0.1, 0.2, [1]))
    return map_default_boxes(shapes, map_size=map_size, image_size=image_size)
