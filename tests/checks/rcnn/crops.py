"""Answers to the task filled_parts, right ones first."""

from typing import Any

import torch
from torch import Tensor


def parts_in_a_loop(
    boxes: Tensor, *, height: int, width: int, size: int, context: int
) -> Tensor:
    """The box with its context in the image, clipped there, then scaled."""
    rows = torch.zeros(len(boxes), 4, dtype=torch.float64)
    for row, (x1, y1, x2, y2) in zip(rows, boxes.double().tolist(), strict=True):
        for i, (low, high, limit) in enumerate(((x1, x2, width), (y1, y2, height))):
            pixel = (high - low) / (size - 2 * context)  # in the image, of the crop
            begin, end = low - context * pixel, high + context * pixel
            row[i] = (min(max(0, begin), end) - begin) / pixel
            row[i + 2] = (max(min(limit, end), begin) - begin) / pixel
    return rows


def parts_by_matrices(
    boxes: Tensor, *, height: int, width: int, size: int, context: int
) -> Tensor:
    """The map from image to crop as one product, for both corners at once."""
    x1, y1, x2, y2 = boxes.T
    zero, one = torch.zeros_like(x1), torch.ones_like(x1)
    across = (size - 2 * context) / (x2 - x1)
    down = (size - 2 * context) / (y2 - y1)
    rows = [
        torch.stack([across, zero, context - x1 * across], -1),
        torch.stack([zero, down, context - y1 * down], -1),
        torch.stack([zero, zero, one], -1),
    ]
    corners = torch.tensor([[0.0, width], [0, height], [1, 1]])
    mapped = torch.stack(rows, 1) @ corners  # (N, 3, 2)
    return mapped[:, :2].transpose(1, 2).reshape(-1, 4).clip(0, size)


def parts(
    boxes: Tensor,
    height: int,
    width: int,
    size: int,
    context: int,
    *,
    inner: int | None = None,
    offset: float | None = None,
    one_scale: Any = None,
    clips: bool = True,
) -> Tensor:
    inner = size - 2 * context if inner is None else inner
    offset = context if offset is None else offset
    sides = boxes[:, 2:] - boxes[:, :2]
    if one_scale is not None:
        sides = one_scale(sides)
    scale = inner / sides
    start = offset - boxes[:, :2] * scale
    end = start + torch.tensor([width, height]) * scale
    found = torch.cat([start, end], 1)
    return found.clamp(0, size) if clips else found


def without_context(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return parts(b, height, width, size, 0)


def context_on_one_side(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return parts(b, height, width, size, context, inner=size - context)


def scaled_to_the_crop(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return parts(b, height, width, size, context, inner=size)


def starts_at_zero(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return parts(b, height, width, size, context, offset=0)


def context_in_the_image(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    grown = b + torch.tensor([-1, -1, 1, 1]) * context
    return parts(grown, height, width, size, 0)


def one_scale(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(
        b,
        height,
        width,
        size,
        context,
        one_scale=lambda sides: sides.amax(1, keepdim=True).expand(-1, 2),
    )


def scale_of_height(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return parts(b, height, width, size, context, one_scale=lambda sides: sides.flip(1))


def divides_by_scale(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    scale = (b[:, 2:] - b[:, :2]) / (size - 2 * context)
    start = context - b[:, :2] * scale
    end = context + (torch.tensor([width, height]) - b[:, :2]) * scale
    return torch.cat([start, end], 1).clamp(0, size)


def unclipped(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(b, height, width, size, context, clips=False)


def height_first(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(b, width, height, size, context)


def rows_first(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(b, height, width, size, context)[:, [1, 0, 3, 2]]


def corner_and_size(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    found = parts(b, height, width, size, context)
    return torch.cat([found[:, :2], found[:, 2:] - found[:, :2]], 1)


def in_image_pixels(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    """The dilated box, clipped to the image, and not yet scaled."""
    border = (b[:, 2:] - b[:, :2]) * context / (size - 2 * context)
    grown = torch.cat([b[:, :2] - border, b[:, 2:] + border], 1)
    limits = torch.tensor([width, height, width, height])
    return grown.clamp(min=0).minimum(limits)


def rounded(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(b, height, width, size, context).round()


def whole_pixels(b: Tensor, *, height: int, width: int, size: int, context: int) -> Any:
    return parts(b, height, width, size, context).long()


def border_of_the_box_only(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    """Shows only where the box is, without its context."""
    return parts(b, height, width, size, context).clamp(context, size - context)


def sticking_out_only(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    """Clips the box at the image first, and so changes the scale."""
    limits = torch.tensor([width, height, width, height])
    return parts(b.clamp(min=0).minimum(limits), height, width, size, context)


def zeros_outside(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    """Gives a box outside the image a rectangle of zeros."""
    found = parts(b, height, width, size, context)
    is_empty = (found[:, 2:] <= found[:, :2]).any(1, keepdim=True)
    return found.masked_fill(is_empty, 0)


def boxes_in_place(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    right = parts(b, height, width, size, context)
    b[:, 2:] -= b[:, :2]
    return right


def all_of_the_crop(
    b: Tensor, *, height: int, width: int, size: int, context: int
) -> Any:
    return torch.tensor([0.0, 0, size, size]).expand(len(b), 4)
