"""Answers to the task decode_proposals, right ones first."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert, clip_boxes_to_image

Pair = tuple[int, int]
MOST = math.log(1000 / 16)


def decode_in_a_loop(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> tuple[Tensor, Tensor]:
    boxes, rows = [], []
    pairs = zip(deltas.tolist(), anchors.tolist(), strict=True)
    for row, ((dx, dy, dw, dh), (left, top, across, down)) in enumerate(pairs):
        cx, cy = left + dx * across, top + dy * down
        width = across * (math.exp(dw) if dw < MOST else 1000 / 16)
        height = down * (math.exp(dh) if dh < MOST else 1000 / 16)
        x1 = min(max(cx - width / 2, 0), image_size[1]) / scale
        x2 = min(max(cx + width / 2, 0), image_size[1]) / scale
        y1 = min(max(cy - height / 2, 0), image_size[0]) / scale
        y2 = min(max(cy + height / 2, 0), image_size[0]) / scale
        if x2 - x1 >= min_side and y2 - y1 >= min_side:
            boxes.append([x1, y1, x2, y2])
            rows.append(row)
    return torch.tensor(boxes).reshape(-1, 4), torch.tensor(rows).long()


def decode_by_numpy(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> tuple[Tensor, Tensor]:
    """Clamps the factor instead of its logarithm; limits are the photograph's."""
    t, a = deltas.double().numpy(), anchors.double().numpy()
    with np.errstate(over="ignore"):
        size = a[:, 2:] * np.minimum(np.exp(t[:, 2:]), 62.5)
    centre = a[:, :2] + t[:, :2] * a[:, 2:]
    limit = np.array(image_size[::-1]) / scale
    low = np.clip((centre - size / 2) / scale, 0, limit)
    high = np.clip((centre + size / 2) / scale, 0, limit)
    rows = np.flatnonzero(((high - low) >= min_side).all(axis=1))
    boxes = np.concatenate([low, high], axis=1)[rows]
    return torch.from_numpy(boxes), torch.from_numpy(rows)


def decode_column_by_column(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> list[Tensor]:
    dx, dy, dw, dh = deltas.double().T
    cx, cy, width, height = anchors.double().T
    cx, cy = cx + width * dx, cy + height * dy
    width = width * torch.minimum(dw, torch.tensor(MOST)).exp()
    height = height * torch.minimum(dh, torch.tensor(MOST)).exp()
    x1, x2 = ((cx + sign * width / 2).clamp(0, image_size[1]) for sign in (-1, 1))
    y1, y2 = ((cy + sign * height / 2).clamp(0, image_size[0]) for sign in (-1, 1))
    least = min_side * scale
    stays = (x2 - x1 >= least) & (y2 - y1 >= least)
    boxes = torch.stack([x1, y1, x2, y2], dim=1) / scale
    return [boxes[stays], torch.where(stays)[0]]


def decoded(
    deltas: Tensor, anchors: Tensor, *, most: float = MOST, least: float = -math.inf
) -> Tensor:
    """(N, 4) boxes of the network's image, not clipped."""
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    half = anchors[:, 2:] * deltas[:, 2:].clamp(least, most).exp() / 2
    return torch.cat([centre - half, centre + half], dim=1)


def clipped(boxes: Tensor, image_size: Pair) -> Tensor:
    limit = torch.tensor([image_size[1], image_size[0]] * 2)
    return boxes.clamp(min=0).minimum(limit)


def filtered(boxes: Tensor, min_side: float) -> tuple[Tensor, Tensor]:
    rows = (boxes[:, 2:] - boxes[:, :2] >= min_side).all(1).nonzero().squeeze(1)
    return boxes[rows], rows


def with_clamp(most: float, least: float = -math.inf) -> Any:
    def answer(
        deltas: Tensor,
        anchors: Tensor,
        image_size: Pair,
        *,
        scale: float,
        min_side: float,
    ) -> Any:
        boxes = decoded(deltas, anchors, most=most, least=least)
        return filtered(clipped(boxes, image_size) / scale, min_side)

    return answer


def with_decoding(decode: Any) -> Any:
    """An answer whose first step alone is another."""

    def answer(
        deltas: Tensor,
        anchors: Tensor,
        image_size: Pair,
        *,
        scale: float,
        min_side: float,
    ) -> Any:
        return filtered(clipped(decode(deltas, anchors), image_size) / scale, min_side)

    answer.__name__ = decode.__name__
    return answer


def two_corners(deltas: Tensor, anchors: Tensor) -> Tensor:
    return decoded(deltas, box_convert_by_hand(anchors))


def box_convert_by_hand(boxes: Tensor) -> Tensor:
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low], dim=1)


def swapped_moves(deltas: Tensor, anchors: Tensor) -> Tensor:
    wrong = deltas.clone()
    wrong[:, :2] *= anchors[:, [3, 2]] / anchors[:, 2:]
    return decoded(wrong, anchors)


def plain_moves(deltas: Tensor, anchors: Tensor) -> Tensor:
    wrong = torch.cat([deltas[:, :2] / anchors[:, 2:], deltas[:, 2:]], dim=1)
    return decoded(wrong, anchors)


def moved_corners(deltas: Tensor, anchors: Tensor) -> Tensor:
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST).exp()
    low = anchors[:, :2] + (deltas[:, :2] - 0.5) * anchors[:, 2:]
    return torch.cat([low, low + size], dim=1)


def without_exponential(deltas: Tensor, anchors: Tensor) -> Tensor:
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    half = anchors[:, 2:] * (1 + deltas[:, 2:].clamp(max=MOST)) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def times_deltas(deltas: Tensor, anchors: Tensor) -> Tensor:
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    half = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def added_deltas(deltas: Tensor, anchors: Tensor) -> Tensor:
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    half = (anchors[:, 2:] + deltas[:, 2:].clamp(max=MOST)) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def all_deltas_clamped(deltas: Tensor, anchors: Tensor) -> Tensor:
    return decoded(deltas.clamp(max=MOST), anchors)


def move_by_width_delta(deltas: Tensor, anchors: Tensor) -> Tensor:
    """The slip b_x = p_x + p_w t_w."""
    return decoded(deltas[:, [2, 3, 2, 3]], anchors)


def doubled_sides(deltas: Tensor, anchors: Tensor) -> Tensor:
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST).exp()
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    return torch.cat([centre - size, centre + size], dim=1)


def weighted(deltas: Tensor, anchors: Tensor) -> Tensor:
    return decoded(deltas / torch.tensor([10.0, 10, 5, 5]), anchors)


def moved_by_new_size(deltas: Tensor, anchors: Tensor) -> Tensor:
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST).exp()
    centre = anchors[:, :2] + deltas[:, :2] * size
    return torch.cat([centre - size / 2, centre + size / 2], dim=1)


def not_clipped(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes = decoded(deltas, anchors) / settings["scale"]
    return filtered(boxes, settings["min_side"])


def clipped_turned(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    return with_clamp(MOST)(deltas, anchors, image_size[::-1], **settings)


def clipped_inclusive(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    smaller = (image_size[0] - 1, image_size[1] - 1)
    return with_clamp(MOST)(deltas, anchors, smaller, **settings)


def clipped_after_dividing(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors) / scale, image_size)
    return filtered(boxes, min_side)


def clipped_below_alone(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    return filtered(decoded(deltas, anchors).clamp(min=0) / scale, min_side)


def crossing_ones_dropped(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = decoded(deltas, anchors)
    inside = (boxes == clipped(boxes, image_size)).all(1)
    found, rows = filtered(boxes / scale, min_side)
    return found[inside[rows]], rows[inside[rows]]


def measured_before_clipping(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = decoded(deltas, anchors)
    _, rows = filtered(boxes / scale, min_side)
    return clipped(boxes, image_size)[rows] / scale, rows


def measured_before_dividing(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes, rows = filtered(clipped(decoded(deltas, anchors), image_size), min_side)
    return boxes / scale, rows


def strictly_larger(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    least = math.nextafter(min_side, math.inf) + 1e-5
    return with_clamp(MOST)(deltas, anchors, image_size, scale=scale, min_side=least)


def one_long_side(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors), image_size) / scale
    rows = (boxes[:, 2:] - boxes[:, :2] >= min_side).any(1).nonzero().squeeze(1)
    return boxes[rows], rows


def large_area(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors), image_size) / scale
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    rows = (area >= min_side**2).nonzero().squeeze(1)
    return boxes[rows], rows


def all_stay(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors), image_size) / scale
    return boxes, torch.arange(len(boxes))


def in_the_network(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes, rows = with_clamp(MOST)(deltas, anchors, image_size, **settings)
    return boxes * settings["scale"], rows


def multiplied(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes, rows = with_clamp(MOST)(deltas, anchors, image_size, **settings)
    return boxes * settings["scale"] ** 2, rows


def numbered_anew(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes, rows = with_clamp(MOST)(deltas, anchors, image_size, **settings)
    return boxes, torch.arange(len(rows))


def boxes_alone(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    return with_clamp(MOST)(deltas, anchors, image_size, **settings)[0]


def corner_and_size(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes, rows = with_clamp(MOST)(deltas, anchors, image_size, **settings)
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1), rows


def clamp_in_place(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    deltas[:, 2:].clamp_(max=0.5)
    return with_clamp(MOST)(deltas, anchors, image_size, **settings)


def anchors_given_back(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    return anchors, torch.arange(len(anchors))


def by_coder(deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any) -> Any:
    centre, half = anchors[:, :2], anchors[:, 2:] / 2
    corners = torch.cat([centre - half, centre + half], dim=1)
    boxes = BoxCoder((1, 1, 1, 1)).decode_single(deltas, corners)
    return filtered(
        clipped(boxes, image_size) / settings["scale"], settings["min_side"]
    )


def by_torchvision(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    box_convert(anchors, "cxcywh", "xyxy")
    return filtered(decoded(deltas, anchors), settings["min_side"])


def clipped_by_torchvision(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    boxes = clip_boxes_to_image(decoded(deltas, anchors), image_size)
    return filtered(boxes / settings["scale"], settings["min_side"])


def clipped_to_the_photograph(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    """Takes image_size for that of the photograph enlarged again."""
    limit = torch.tensor([image_size[1], image_size[0]] * 2) / scale
    boxes = decoded(deltas, anchors).clamp(min=0).minimum(limit)
    return filtered(boxes / scale, min_side)


def clipped_above_alone(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    limit = torch.tensor([image_size[1], image_size[0]] * 2)
    return filtered(decoded(deltas, anchors).minimum(limit) / scale, min_side)


def wide_ones(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors), image_size) / scale
    rows = (boxes[:, 2] - boxes[:, 0] >= min_side).nonzero().squeeze(1)
    return boxes[rows], rows


def high_ones(
    deltas: Tensor, anchors: Tensor, image_size: Pair, *, scale: float, min_side: float
) -> Any:
    boxes = clipped(decoded(deltas, anchors), image_size) / scale
    rows = (boxes[:, 3] - boxes[:, 1] >= min_side).nonzero().squeeze(1)
    return boxes[rows], rows


def rows_first(
    deltas: Tensor, anchors: Tensor, image_size: Pair, **settings: Any
) -> Any:
    return with_clamp(MOST)(deltas, anchors, image_size, **settings)[::-1]
