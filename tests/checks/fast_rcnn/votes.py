"""Answers to the task position_sensitive_pool, right ones first."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import Tensor
from torch.nn import functional as F


def votes_by_adaptive_pooling(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """Pools every map into all bins, then keeps the bin that the map is for."""
    classes = features.shape[1] // bins**2
    answer = features.new_zeros(len(rois), classes, bins, bins)
    for place, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        crop = features[image, :, y1:y2, x1:x2]
        pooled = F.adaptive_avg_pool2d(crop, bins).reshape(classes, *[bins] * 4)
        answer[place] = torch.einsum("cijij->cij", pooled)
    return answer


def votes_by_masks(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """Every bin as a row mask times a column mask, in float64."""
    count, _, height, width = features.shape
    maps = features.double().reshape(count, -1, bins, bins, height, width)
    steps = torch.arange(bins + 1)

    def masks(low: Tensor, high: Tensor, length: int) -> Tensor:
        size = (high - low)[:, None]
        start = torch.div(steps[:-1] * size, bins, rounding_mode="floor")
        end = torch.div(steps[1:] * size + bins - 1, bins, rounding_mode="floor")
        cells = torch.arange(length)
        start, end = start[..., None] + low[:, None, None], end[..., None]
        inside = (cells >= start) & (cells < end + low[:, None, None])
        return inside / inside.sum(-1, keepdim=True).double()

    image, x1, y1, x2, y2 = rois.unbind(1)
    rows, columns = masks(y1, y2, height), masks(x1, x2, width)
    return torch.einsum("rcijhw,rih,rjw->rcij", maps[image], rows, columns)


def votes_in_lists(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    answer = []
    for image, x1, y1, x2, y2 in rois.tolist():
        for channel, cells in enumerate(features[image]):
            row, column = channel // bins % bins, channel % bins
            top = y1 + math.floor(row * (y2 - y1) / bins)
            below = y1 + math.ceil((row + 1) * (y2 - y1) / bins)
            left = x1 + math.floor(column * (x2 - x1) / bins)
            right = x1 + math.ceil((column + 1) * (x2 - x1) / bins)
            answer.append(cells[top:below, left:right].mean().item())
    classes = features.shape[1] // bins**2
    return torch.tensor(answer).reshape(len(rois), classes, bins, bins)


def floor(i: int, size: int, k: int) -> int:
    return i * size // k


def ceiling(i: int, size: int, k: int) -> int:
    return -(-(i + 1) * size // k)


def votes(
    features: Tensor,
    rois: Tensor,
    *,
    bins: int,
    start: Callable[[int, int, int], int] = floor,
    end: Callable[[int, int, int], int] = ceiling,
    order: str = "cij",
    reduce: Callable[[Tensor], Tensor] = lambda cells: cells.mean(dim=(1, 2)),
    extra: int = 0,
    first_image: bool = False,
    moves: bool = True,
) -> Tensor:
    sizes = {"c": features.shape[1] // bins**2, "i": bins, "j": bins}
    maps = features.unflatten(1, [sizes[name] for name in order])
    maps = maps.permute(0, *(order.index(name) + 1 for name in "cij"), 4, 5)
    answer = features.new_zeros(len(rois), sizes["c"], bins, bins)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        height, width = y2 - y1 + extra, x2 - x1 + extra
        if not moves:
            x1 = y1 = 0  # noqa: PLW2901
        for i in range(bins):
            rows = slice(y1 + start(i, height, bins), y1 + end(i, height, bins))
            for j in range(bins):
                columns = slice(x1 + start(j, width, bins), x1 + end(j, width, bins))
                cells = maps[0 if first_image else image, :, i, j, rows, columns]
                answer[r, :, i, j] = reduce(cells)
    return answer


def maxima(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, reduce=lambda c: c.amax(dim=(1, 2)))


def sums(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, reduce=lambda c: c.sum(dim=(1, 2)))


def medians(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(
        features, rois, bins=bins, reduce=lambda c: c.flatten(1).median(dim=1).values
    )


def bin_first(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, order="ijc")


def column_first(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, order="cji")


def one_map_a_class(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """Takes the first maps, as RoI pooling would."""
    classes = features.shape[1] // bins**2
    repeated = features[:, :classes].repeat_interleave(bins**2, dim=1)
    return votes(repeated, rois, bins=bins)


def of_the_first_image(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, first_image=True)


def bins_apart(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, end=lambda i, s, k: (i + 1) * s // k)


def bins_at_least_one_cell(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """Cuts bins apart, but never lets one be empty."""
    return votes(
        features,
        rois,
        bins=bins,
        end=lambda i, s, k: max((i + 1) * s // k, i * s // k + 1),
    )


def bins_of_one_size(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(
        features,
        rois,
        bins=bins,
        start=lambda i, s, k: i * (s // k),
        end=lambda i, s, k: (i + 1) * (s // k),
    )


def rounded_starts(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(
        features,
        rois,
        bins=bins,
        start=lambda i, s, k: min(math.ceil(i * s / k), s - 1),
    )


def with_the_end(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, extra=1)


def at_the_corner(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins, moves=False)


def of_swapped_corners(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois[:, [0, 2, 1, 4, 3]], bins=bins)


def bins_turned(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins).transpose(2, 3)


def voted(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins).mean(dim=(2, 3))


def of_two_by_two(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=2)


def crashes_on_none(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return torch.cat([votes(features, roi[None], bins=bins) for roi in rois])


def by_torchvision(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return torchvision.ops.ps_roi_pool(features, rois.float(), bins)


def by_operator(features: Tensor, rois: Tensor, *, bins: int) -> Any:
    call = torch.ops.torchvision.ps_roi_pool
    return call(features, rois.float(), 1.0, bins, bins)[0]


def never_negative(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    return votes(features, rois, bins=bins).clamp(min=0)


def less_the_border(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """As a kernel that clamps ends to H - 1 and W - 1, and divides by the rest."""
    answer = votes(features, rois, bins=bins)
    height, width = features.shape[2:]
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        x2, y2 = min(x2, width - 1), min(y2, height - 1)  # noqa: PLW2901
        if x2 > x1 and y2 > y1:
            roi = torch.tensor([[image, x1, y1, x2, y2]])
            answer[r] = votes(features, roi, bins=bins)[0]
    return answer
