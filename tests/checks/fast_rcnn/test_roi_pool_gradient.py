"""Answers to roi_pool_gradient, and its oracle beside torchvision."""

import cheats
import numpy as np
import torch
import torchvision
from torch.nn import functional as F

from course_utils.checks.fast_rcnn.bins_in_image import slow_bins_in_image
from course_utils.checks.fast_rcnn.roi_pool_gradient import (
    named_cases,
    random_case,
    slow_roi_pool_gradient,
)


def by_masks(features, images, bins, upstream):
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


def by_max_pool(features, images, bins, upstream):
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


def in_loops(
    find=np.argmax, width=lambda cells: cells.shape[1], moves=True, empty=True
):
    """An answer cell by cell, in NumPy."""

    def answer(features, images, bins, upstream):
        maps, gradient = features.numpy(), np.zeros(features.shape)
        for r, c, i, j in np.ndindex(*upstream.shape):
            x1, y1, x2, y2 = bins[r, i, j].tolist()
            cells = maps[images[r], c, y1:y2, x1:x2]
            if empty and cells.size == 0:
                continue
            y, x = divmod(int(find(cells)), width(cells))
            y, x = (y + y1, x + x1) if moves else (y, x)
            gradient[images[r], c, y, x] += float(upstream[r, c, i, j])
        return torch.from_numpy(gradient)

    return answer


right_in_loops = in_loops()


def absolute_maxima(cells):
    return np.abs(cells).argmax()


def from_zero(features, images, bins, upstream):
    """Searches from 0 up, so that a bin of negative cells has no maximum."""
    answer = torch.zeros_like(features)
    for r, c, i, j in np.ndindex(*upstream.shape):
        best, where = 0.0, None
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        for y, x in np.ndindex(y2 - y1, x2 - x1):
            value = float(features[images[r], c, y1 + y, x1 + x])
            if value > best:
                best, where = value, (y1 + y, x1 + x)
        if where:
            answer[images[r], c, where[0], where[1]] += upstream[r, c, i, j]
    return answer


def overwrites(features, images, bins, upstream):
    """`=` in place of `+=`."""
    answer = torch.zeros_like(features)
    channels = torch.arange(features.shape[1])
    for r, i, j in np.ndindex(*bins.shape[:3]):
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        cells = features[images[r], :, y1:y2, x1:x2]
        if cells.numel():
            place = cells.flatten(1).argmax(1)
            y, x = y1 + place // (x2 - x1), x1 + place % (x2 - x1)
            answer[images[r], channels, y, x] = upstream[r, :, i, j]
    return answer


def mean_of_gradients(features, images, bins, upstream):
    count = right_in_loops(features, images, bins, torch.ones_like(upstream))
    return right_in_loops(features, images, bins, upstream) / count.clamp(min=1)


def of_the_first_roi(features, images, bins, upstream):
    return right_in_loops(features, images[:1], bins[:1], upstream[:1])


def only_positive(features, images, bins, upstream):
    return right_in_loops(features, images, bins, upstream.clamp(min=0))


def ones(features, images, bins, upstream):
    return right_in_loops(features, images, bins, torch.ones_like(upstream))


def pooled(features, images, bins):
    """The maximum of each bin that is not empty, and its place in the loop."""
    found = []
    for r, c, i, j in np.ndindex(len(bins), features.shape[1], *bins.shape[1:3]):
        x1, y1, x2, y2 = bins[r, i, j].tolist()
        cells = features[images[r], c, y1:y2, x1:x2].flatten()
        found.append(cells.max(0).values if cells.numel() else features.sum() * 0)
    return torch.stack(found)


def by_backward(features, images, bins, upstream):
    features = features.clone().requires_grad_()
    (pooled(features, images, bins) * upstream.flatten()).sum().backward()
    return features.grad


def by_autograd(features, images, bins, upstream):
    features = features.clone().requires_grad_()
    total = (pooled(features, images, bins) * upstream.flatten()).sum()
    return torch.autograd.grad(total, features)[0]


def by_functional_grad(features, images, bins, upstream):
    def total(features):
        return (pooled(features, images, bins) * upstream.flatten()).sum()

    return torch.func.grad(total)(features)


def in_place(features, images, bins, upstream):
    answer = right_in_loops(features, images, bins, upstream)
    return features.zero_() + answer


RIGHT = [by_masks, by_max_pool, in_loops()]
WRONG = [
    (overwrites, "gets the sum of their gradients"),
    (in_loops(find=np.argmin), "the example"),
    (in_loops(find=absolute_maxima), "roi_pool_gradient, case"),
    (in_loops(width=len), "roi_pool_gradient, case"),
    (in_loops(moves=False), "the example"),
    (in_loops(empty=False), "case 'empty bins': your code raised"),
    (from_zero, "negative features"),
    (mean_of_gradients, "the example"),
    (of_the_first_roi, "RoIs that overlap"),
    (only_positive, "roi_pool_gradient, case"),
    (ones, "the example"),
    (by_backward, "backward is switched off"),
    (by_autograd, "torch.autograd.grad is switched off"),
    (by_functional_grad, "switched off"),
    (in_place, "changed its input in place"),
    (cheats.returns_argument(0), "the example"),
    (cheats.returns(torch.zeros(1, 1, 2, 3)), "the example"),
    (cheats.lying, "an object of type LyingTensor"),
]


def test_the_way_back_agrees_with_torchvision():
    draw = torch.Generator().manual_seed(31)
    for _ in range(20):
        features = torch.randint(-6, 9, (2, 3, 6, 9), generator=draw) / 8
        ends = torch.rand(4, 4, generator=draw) * 12 - 2
        low, high = ends[:, :2].minimum(ends[:, 2:]), ends[:, :2].maximum(ends[:, 2:])
        images = torch.randint(0, 2, (4,), generator=draw)
        rois = torch.cat([images[:, None], low, high], dim=1)
        leaf = features.clone().requires_grad_()
        pooled = torchvision.ops.roi_pool(leaf, rois, (3, 2))
        upstream = torch.randint(-9, 9, pooled.shape, generator=draw).float()
        (right,) = torch.autograd.grad(pooled, leaf, upstream)
        sizes = {"strides": (1, 1), "output_size": (3, 2), "map_size": (6, 9)}
        bins = torch.stack([slow_bins_in_image(roi[1:], **sizes) for roi in rois])
        found = slow_roi_pool_gradient(features, images, bins.long(), upstream)
        assert torch.equal(found, right)


def test_bins_of_the_way_back_lie_inside_the_map():
    draw = torch.Generator().manual_seed(31)
    for given in [*named_cases(draw).values(), random_case(2, draw)]:
        features, images, bins, upstream = given.arguments
        height, width = features.shape[2:]
        assert bins.shape[:3] == (len(images), *upstream.shape[2:])
        assert bool((bins >= 0).all() and (bins[..., 2] <= width).all())
        assert bool((bins[..., 3] <= height).all())
        assert bool((bins[..., 2:] >= bins[..., :2]).all())
