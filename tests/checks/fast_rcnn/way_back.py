"""Answers to the task roi_pool_gradient, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def gradient_by_masks(
    features: Tensor, images: Tensor, bins: Tensor, upstream: Tensor
) -> Tensor:
    """All bins at once: lowers what is outside, then counts the winners, in float64."""
    _, channels, height, width = features.shape
    x1, y1, x2, y2 = bins[..., None].unbind(-2)  # (R, P, Q, 1)
    x, y = torch.arange(width), torch.arange(height)
    columns, rows = (x >= x1) & (x < x2), (y >= y1) & (y < y2)
    inside = (rows[..., :, None] & columns[..., None, :]).flatten(3)  # (R, P, Q, HW)
    seen = features[images].flatten(2)[:, :, None, None]  # (R, C, 1, 1, HW)
    place = seen.masked_fill(~inside[:, None], -torch.inf).argmax(dim=-1)
    passed = upstream.double() * inside.any(dim=-1)[:, None]
    answer = torch.zeros(len(features), channels, height * width).double()
    image = images[:, None, None, None].expand_as(place)
    channel = torch.arange(channels)[:, None, None].expand_as(place)
    answer.index_put_((image, channel, place), passed, accumulate=True)
    return answer.reshape(features.shape)


def gradient_in_numpy(
    features: Tensor, images: Tensor, bins: Tensor, upstream: Tensor
) -> Tensor:
    maps, answer = features.numpy(), np.zeros(features.shape)
    for r, c, i, j in np.ndindex(*upstream.shape):
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        cells = maps[images[r], c, y1:y2, x1:x2]
        if cells.size:
            y, x = np.unravel_index(cells.argmax(), cells.shape)
            answer[images[r], c, y + y1, x + x1] += float(upstream[r, c, i, j])
    return torch.from_numpy(answer)


def gradient_by_max_pool(
    features: Tensor, images: Tensor, bins: Tensor, upstream: Tensor
) -> Tensor:
    """Pools a bin as large as its kernel; the pooling says where the maximum was."""
    answer = torch.zeros_like(features)
    for r, image in enumerate(images.tolist()):
        for i, row in enumerate(bins[r]):
            for j, (x1, y1, x2, y2) in enumerate(row.tolist()):
                cells = features[image, :, y1:y2, x1:x2]
                if cells.numel() == 0:
                    continue
                size = tuple(cells.shape[1:])
                _, place = F.max_pool2d(cells[None], size, return_indices=True)
                part = torch.zeros_like(cells).flatten(1)
                part.scatter_(1, place[0, :, 0], upstream[r, :, i, j, None])
                answer[image, :, y1:y2, x1:x2] += part.reshape(cells.shape)
    return answer


def way_back(
    features: Tensor,
    images: Tensor,
    bins: Tensor,
    upstream: Tensor,
    *,
    mode: str = "first",
) -> Tensor:
    answer = torch.zeros_like(features)
    channels = torch.arange(features.shape[1])
    for r, i, j in np.ndindex(*bins.shape[:3]):
        image = 0 if mode == "first image" else images[r]
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        cells = features[image, :, y1:y2, x1:x2]
        if cells.numel() == 0:
            continue
        given = upstream[r, :, i, j, None, None]
        is_best = cells == cells.amax(dim=(1, 2), keepdim=True)
        spread = {
            "mean": torch.ones_like(cells) / cells[0].numel(),
            "shared": is_best / is_best.sum(dim=(1, 2), keepdim=True),
            "all": is_best.float(),
        }
        if mode in spread:
            answer[image, :, y1:y2, x1:x2] += spread[mode] * given
            continue
        flat = cells.flatten(1)
        if mode == "last":
            place = flat.shape[1] - 1 - flat.flip(1).argmax(1)
        elif mode == "by column":
            turned = cells.transpose(1, 2).flatten(1).argmax(1)
            place = turned % (y2 - y1) * (x2 - x1) + turned // (y2 - y1)
        elif mode == "minimum":
            place = flat.argmin(1)
        elif mode == "one channel":
            place = flat.argmax(1)[:1].expand(len(flat))
        else:
            place = flat.argmax(1)
        side = y2 - y1 if mode == "rows of height" else x2 - x1
        y, x = y1 + place // side, x1 + place % side
        if mode == "set":
            answer[image, channels, y, x] = given.flatten()
        elif mode == "value":
            answer[image, channels, y, x] += given.flatten() * flat.amax(1)
        elif mode == "inside the bin":
            answer[image, channels, y - y1, x - x1] += given.flatten()
        else:
            answer[image, channels, y, x] += given.flatten()
    return answer


def overwrites(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="set")


def to_every_cell(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="mean")


def shared_by_equals(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="shared")


def all_equals(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="all")


def last_of_equals(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="last")


def column_by_column(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="by column")


def to_the_minimum(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="minimum")


def times_the_value(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="value")


def first_image_only(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="first image")


def first_channel_decides(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="one channel")


def at_the_corner(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="inside the bin")


def divides_by_height(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g, mode="rows of height")


def swapped_bins(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b[..., [1, 0, 3, 2]], g)


def absolute_maxima(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f.abs(), images, b, g)


def from_zero(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """Searches from 0 up, so that a bin of negative cells has no maximum."""
    answer = torch.zeros_like(f)
    for r, c, i, j in np.ndindex(*g.shape):
        best, where = 0.0, None
        x1, y1, x2, y2 = b[r, i, j].tolist()
        for y, x in np.ndindex(y2 - y1, x2 - x1):
            value = float(f[images[r], c, y1 + y, x1 + x])
            if value > best:
                best, where = value, (y1 + y, x1 + x)
        if where:
            answer[images[r], c, where[0], where[1]] += g[r, c, i, j]
    return answer


def crashes_on_empty(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    answer = torch.zeros_like(f)
    for r, i, j in np.ndindex(*b.shape[:3]):
        x1, y1, x2, y2 = b[r, i, j].tolist()
        cells = f[images[r], :, y1:y2, x1:x2]
        place = cells.flatten(1).argmax(1)
        y, x = y1 + place // (x2 - x1), x1 + place % (x2 - x1)
        answer[images[r], torch.arange(len(cells)), y, x] += g[r, :, i, j]
    return answer


def minus_the_gradient(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return -way_back(f, images, b, g)


def mean_of_gradients(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    count = way_back(f, images, b, torch.ones_like(g))
    return way_back(f, images, b, g) / count.clamp(min=1)


def of_the_first_roi(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images[:1], b[:1], g[:1])


def only_positive(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, g.clamp(min=0))


def ones(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    return way_back(f, images, b, torch.ones_like(g))


def pooled(f: Tensor, images: Tensor, b: Tensor) -> list[Tensor]:
    """The maximum of each bin that is not empty, and its place in the loop."""
    found = []
    for r, c, i, j in np.ndindex(len(b), f.shape[1], *b.shape[1:3]):
        x1, y1, x2, y2 = b[r, i, j].tolist()
        cells = f[images[r], c, y1:y2, x1:x2].flatten()
        found.append(cells.max(0).values if cells.numel() else f.sum() * 0)
    return found


def by_backward(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Any:
    f = f.clone().requires_grad_()
    (torch.stack(pooled(f, images, b)) * g.flatten()).sum().backward()
    return f.grad


def by_autograd(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Any:
    f = f.clone().requires_grad_()
    total = (torch.stack(pooled(f, images, b)) * g.flatten()).sum()
    return torch.autograd.grad(total, f)[0]


def by_functional_grad(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Any:
    def total(features: Tensor) -> Tensor:
        return (torch.stack(pooled(features, images, b)) * g.flatten()).sum()

    return torch.func.grad(total)(f)


def in_place(f: Tensor, images: Tensor, b: Tensor, g: Tensor) -> Tensor:
    answer = way_back(f, images, b, g)
    return f.zero_() + answer
