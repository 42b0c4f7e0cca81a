"""Answers to whitened_targets, and its oracle beside torchvision and scikit-learn."""

import math

import cheats
import numpy as np
import torch
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler
from torchvision.models.detection._utils import BoxCoder

from course_utils.checks.rcnn.whitened_targets import (
    random_pairs,
    slow_whitened_targets,
)


def in_a_loop(proposals, objects, labels, *, num_classes):
    raw = []
    for p, g in zip(proposals.tolist(), objects.tolist(), strict=True):
        w, h = p[2] - p[0], p[3] - p[1]
        raw.append(
            [
                (g[0] + g[2] - p[0] - p[2]) / (2 * w),
                (g[1] + g[3] - p[1] - p[3]) / (2 * h),
                math.log(g[2] - g[0]) - math.log(w),
                math.log(g[3] - g[1]) - math.log(h),
            ]
        )
    values = np.array(raw).reshape(-1, 4)
    means, spreads = np.zeros((num_classes, 4)), np.ones((num_classes, 4))
    for c in range(num_classes):
        rows = values[labels.numpy() == c]
        if len(rows):
            means[c], spreads[c] = rows.mean(0), rows.std(0)
    spreads[spreads < 0.001] = 1
    names = labels.numpy()
    white = (values - means[names]) / spreads[names]
    return [torch.from_numpy(part) for part in (white, means, spreads)]


def by_sums(proposals, objects, labels, *, num_classes):
    """One matrix that averages the examples of each class."""
    p, g = proposals.double(), objects.double()
    sides = p[:, 2:] - p[:, :2]
    # The mean of both corners' shifts is the centre's.
    shift = (g - p).unflatten(1, (2, 2)).mean(1) / sides
    raw = torch.cat([shift, torch.log(g[:, 2:] - g[:, :2]) - sides.log()], 1)
    is_of = (labels == torch.arange(num_classes)[:, None]).double()  # (K, N)
    average = is_of / is_of.sum(1, keepdim=True).clamp(min=1)
    means = average @ raw
    centred = raw - means[labels]
    spreads = (average @ centred**2).sqrt()
    spreads = torch.where(spreads < 0.001, torch.ones(()).double(), spreads)
    return centred / spreads[labels], means, spreads


def raw_targets(p, g, log=torch.log):
    pw, gw = p[:, 2:] - p[:, :2], g[:, 2:] - g[:, :2]
    shift = (g[:, :2] + g[:, 2:] - p[:, :2] - p[:, 2:]) / 2 / pw
    return torch.cat([shift, log(gw / pw)], 1)


def whiten(raw, labels, num_classes, least=0.001):
    means, spreads = torch.zeros(num_classes, 4), torch.ones(num_classes, 4)
    for c in labels.unique():
        rows = raw[labels == c]
        means[c], spreads[c] = rows.mean(0), rows.std(0, correction=0)
    spreads[spreads < least] = 1
    return (raw - means[labels]) / spreads[labels], means, spreads


def answer(raw=raw_targets, least=0.001, change=lambda raw, y, *parts: parts):
    """A few lines of torch, as most learners write them, and what they return."""

    def targets(p, g, y, *, num_classes):
        rows = raw(p, g)
        return change(rows, y, *whiten(rows, y, num_classes, least))

    return targets


def inclusive(p, g):
    ends = torch.tensor([0.0, 0, 1, 1])
    return raw_targets(p + ends, g + ends)


def by_torchvision(p, g):
    return BoxCoder((1.0, 1.0, 1.0, 1.0)).encode_single(g, p)


def without_the_background(p, g, y, *, num_classes):
    return whiten(raw_targets(p, g), y - 1, num_classes - 1)


def spread_at_least(raw, y, white, means, spreads):
    """Makes a deviation that is too small 0.001, not 1."""
    spreads = spreads.clamp(min=0.001)
    return (raw - means[y]) / spreads[y], means, spreads


def spread_added(raw, y, white, means, spreads):
    return (raw - means[y]) / (spreads[y] + 0.001), means, spreads


def sorted_by_class(raw, y, white, means, spreads):
    return white[y.argsort(stable=True)], means, spreads


def empty_classes_are_nan(raw, y, white, means, spreads):
    means = torch.stack([raw[y == c].mean(0) for c in range(len(means))])
    return white, means, spreads


def one_deviation(raw, y, white, means, spreads):
    """Takes the mean of each class, and the deviation of all."""
    if len(raw):
        spreads = whiten(raw, torch.zeros_like(y), 1)[2].expand_as(means)
    return (raw - means[y]) / spreads[y], means, spreads


RIGHT = [in_a_loop, by_sums]
WRONG = [
    (answer(lambda p, g: raw_targets(p, g, torch.log1p)), "means"),
    (answer(inclusive), "means"),
    (without_the_background, "expected shape (3, 4), received (2, 4)"),
    (answer(least=0), "deviations"),
    (answer(least=0.05), "deviations"),
    (answer(least=0, change=spread_at_least), "deviations"),
    (answer(change=spread_added), "targets"),
    (answer(change=sorted_by_class), "targets"),
    (answer(change=empty_classes_are_nan), "means"),
    (answer(change=one_deviation), "each class has its own deviation"),
    (answer(by_torchvision), "is switched off"),
    (answer(change=lambda raw, y, w, m, s: (w, s, m)), "means"),
    (cheats.returns(None), "is there a `return`?"),
    (cheats.returns((cheats.EqualToAll(),) * 3), "an object of type EqualToAll"),
]


def test_targets_agree_with_torchvision():
    generator = torch.Generator().manual_seed(11)
    proposals, objects, labels = random_pairs(40, 4, generator)
    raw = by_torchvision(proposals, objects)
    white, means, deviations = slow_whitened_targets(
        proposals, objects, labels, num_classes=4
    )
    found = white * deviations[labels] + means[labels]
    torch.testing.assert_close(found, raw, atol=1e-5, rtol=1e-5)
    for label in range(1, 4):
        scaler = StandardScaler().fit(raw[labels == label])
        right = scaler.transform(raw[labels == label])
        assert_allclose(white[labels == label], right, atol=1e-4)
        assert_allclose(means[label], scaler.mean_, atol=1e-5)
        assert_allclose(deviations[label], scaler.scale_, atol=1e-5)
