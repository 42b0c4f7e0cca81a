"""Answers to position_sensitive_pool, and its oracle beside torch and torchvision."""

import math

import cheats
import numpy as np
import pytest
import torch
import torchvision
from torch.nn import functional as F

from course_utils.checks.fast_rcnn.position_sensitive_pool import (
    named_cases,
    random_case,
    slow_position_sensitive_pool,
)


def by_adaptive_pooling(features, rois, *, bins):
    """Pools every map into all bins, then keeps the bin that the map is for."""
    classes = features.shape[1] // bins**2
    answer = features.new_zeros(len(rois), classes, bins, bins)
    for place, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        crop = features[image, :, y1:y2, x1:x2]
        pooled = F.adaptive_avg_pool2d(crop, bins).reshape(classes, *[bins] * 4)
        answer[place] = torch.einsum("cijij->cij", pooled)
    return answer


def by_masks(features, rois, *, bins):
    """Every bin as a row mask times a column mask, in float64."""
    count, _, height, width = features.shape
    maps = features.double().reshape(count, -1, bins, bins, height, width)
    steps = torch.arange(bins + 1)

    def masks(low, high, length):
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


def floor(i, size, k):
    return math.floor(i * size / k)


def ceiling(i, size, k):
    return math.ceil((i + 1) * size / k)


def in_loops(
    start=floor,
    end=ceiling,
    reduce=lambda cells: cells.mean(dim=(1, 2)),
    finish=lambda answer: answer,
):
    """An answer as most learners write it."""

    def answer(features, rois, *, bins):
        classes = features.shape[1] // bins**2
        found = features.new_zeros(len(rois), classes, bins, bins)
        for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
            h, w = y2 - y1, x2 - x1
            for i in range(bins):
                top, below = y1 + start(i, h, bins), y1 + end(i, h, bins)
                for j in range(bins):
                    left, right = x1 + start(j, w, bins), x1 + end(j, w, bins)
                    maps = features[image, i * bins + j :: bins**2]
                    found[r, :, i, j] = reduce(maps[:, top:below, left:right])
        return finish(found)

    return answer


def at_least_one_cell(i, size, k):
    """Cuts bins apart, but never lets one be empty."""
    return max((i + 1) * size // k, i * size // k + 1)


def rounded_up(i, size, k):
    return min(math.ceil(i * size / k), size - 1)


def of_two_by_two(features, rois, *, bins):
    return in_loops()(features, rois, bins=2)


def crashes_on_none(features, rois, *, bins):
    return torch.cat([in_loops()(features, roi[None], bins=bins) for roi in rois])


def less_the_border(features, rois, *, bins):
    """As a kernel that clamps ends to H - 1 and W - 1, and divides by the rest."""
    answer = in_loops()(features, rois, bins=bins)
    height, width = features.shape[2:]
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        x2, y2 = min(x2, width - 1), min(y2, height - 1)  # noqa: PLW2901
        if x2 > x1 and y2 > y1:
            roi = torch.tensor([[image, x1, y1, x2, y2]])
            answer[r] = in_loops()(features, roi, bins=bins)[0]
    return answer


def by_torchvision(features, rois, *, bins):
    return torchvision.ops.ps_roi_pool(features, rois.float(), bins)


def by_operator(features, rois, *, bins):
    call = torch.ops.torchvision.ps_roi_pool
    return call(features, rois.float(), 1.0, bins, bins)[0]


RIGHT = [by_adaptive_pooling, by_masks, in_loops()]
WRONG = [
    (in_loops(reduce=lambda c: c.flatten(1).median(dim=1).values), "the example"),
    (in_loops(reduce=lambda c: c.amax(dim=(1, 2))), "this is the maximum"),
    (in_loops(end=at_least_one_cell), "bins may overlap"),
    (in_loops(start=rounded_up), "the example"),
    (
        in_loops(finish=lambda found: found.mean(dim=(2, 3))),
        "expected shape (1, 1, 2, 2), received (1, 1)",
    ),
    (
        in_loops(finish=lambda found: found.clamp(min=0)),
        "position_sensitive_pool, case",
    ),
    (of_two_by_two, "one bin"),
    (crashes_on_none, "no RoIs"),
    (less_the_border, "the example"),
    (by_torchvision, "ps_roi_pool is switched off"),
    (by_operator, "torchvision"),
    (cheats.returns_argument(0), "expected shape"),
    (cheats.lying, "an object of type LyingTensor"),
]

DRAW = torch.Generator().manual_seed(31)
CASES = named_cases(DRAW) | {f"random {i}": random_case(i, DRAW) for i in range(4)}


@pytest.mark.parametrize("case", CASES)
def test_position_sensitive_means_agree_with_adaptive_pooling(case):
    (features, rois), k = CASES[case].arguments, CASES[case].settings["bins"]
    found = slow_position_sensitive_pool(features, rois, bins=k)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        pooled = F.adaptive_avg_pool2d(features[image, :, y1:y2, x1:x2], k)
        for c, i, j in np.ndindex(*found.shape[1:]):
            right = pooled[(c * k + i) * k + j, i, j].item()
            assert found[r, c, i, j] == pytest.approx(right, abs=1e-5)


def test_position_sensitive_means_agree_with_torchvision_inside_the_map():
    (features, _), settings = CASES["random 1"].arguments, CASES["random 1"].settings
    rois = torch.tensor([[2, 1, 1, 6, 5], [0, 3, 2, 5, 4], [1, 0, 0, 7, 3]])
    right = torchvision.ops.ps_roi_pool(features, rois.float(), settings["bins"])
    found = slow_position_sensitive_pool(features, rois, **settings)
    torch.testing.assert_close(found, right)
