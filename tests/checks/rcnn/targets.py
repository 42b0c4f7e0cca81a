"""Answers to the task whitened_targets, right ones first."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

Targets = tuple[Tensor, Tensor, Tensor]


def targets_in_a_loop(
    proposals: Tensor, objects: Tensor, labels: Tensor, *, num_classes: int
) -> list[Tensor]:
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


def targets_by_sums(
    proposals: Tensor, objects: Tensor, labels: Tensor, *, num_classes: int
) -> Targets:
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


def raw_targets(
    proposals: Tensor,
    objects: Tensor,
    *,
    corner: bool = False,
    swapped: bool = False,
    by_object: bool = False,
    scaled: bool = True,
    log: Any = torch.log,
) -> Tensor:
    p, g = proposals, objects
    pw, gw = p[:, 2:] - p[:, :2], g[:, 2:] - g[:, :2]
    pc, gc = (p[:, :2] + p[:, 2:]) / 2, (g[:, :2] + g[:, 2:]) / 2
    shift = g[:, :2] - p[:, :2] if corner else gc - pc
    by = gw if by_object else pw
    if scaled:
        shift = shift / (by.flip(1) if swapped else by)
    return torch.cat([shift, log(gw / pw)], 1)


def whiten(
    raw: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    correction: int = 0,
    least: float = 0.001,
    power: float = 1,
) -> Targets:
    means, spreads = torch.zeros(num_classes, 4), torch.ones(num_classes, 4)
    for c in labels.unique():
        rows = raw[labels == c]
        means[c] = rows.mean(0)
        if len(rows) > correction:
            spreads[c] = rows.std(0, correction=correction) ** power
    spreads[spreads < least] = 1
    return (raw - means[labels]) / spreads[labels], means, spreads


def between_corners(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, corner=True), y, num_classes)


def roles_swapped(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(g, p), y, num_classes)


def by_the_object(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, by_object=True), y, num_classes)


def sides_swapped(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, swapped=True), y, num_classes)


def in_pixels(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, scaled=False), y, num_classes)


def by_log10(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, log=torch.log10), y, num_classes)


def without_log(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, log=lambda ratio: ratio), y, num_classes)


def with_log1p(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g, log=torch.log1p), y, num_classes)


def inclusive(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    ends = torch.tensor([0.0, 0, 1, 1])
    return whiten(raw_targets(p + ends, g + ends), y, num_classes)


def all_together(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    if not len(y):
        return whiten(raw, y, num_classes)
    white, means, spreads = whiten(raw, torch.zeros_like(y), num_classes)
    return white, means[:1].repeat(num_classes, 1), spreads[:1].repeat(num_classes, 1)


def row_of_label_less_one(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y - 1, num_classes)


def without_the_background(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y - 1, num_classes - 1)


def divides_by_n_less_one(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y, num_classes, correction=1)


def variance(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y, num_classes, power=2)


def no_spread_stays(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y, num_classes, least=0)


def small_spread_lost(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    return whiten(raw_targets(p, g), y, num_classes, least=0.05)


def spread_at_least(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes, least=0)
    spreads = spreads.clamp(min=0.001)
    return (raw - means[y]) / spreads[y], means, spreads


def spread_added(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    return (raw - means[y]) / (spreads[y] + 0.001), means, spreads


def not_whitened(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    return raw, *whiten(raw, y, num_classes)[1:]


def mean_only(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    return raw - means[y], means, spreads


def spread_only(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    return raw / spreads[y], means, spreads


def multiplied(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    return (raw - means[y]) * spreads[y], means, spreads


def divided_first(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    return raw / spreads[y] - means[y], means, spreads


def sorted_by_class(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    white, means, spreads = whiten(raw_targets(p, g), y, num_classes)
    return white[y.argsort(stable=True)], means, spreads


def empty_classes_are_nan(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    white, _, spreads = whiten(raw, y, num_classes)
    means = torch.stack([raw[y == c].mean(0) for c in range(num_classes)])
    return white, means, spreads


def by_torchvision(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = BoxCoder((1.0, 1.0, 1.0, 1.0)).encode_single(g, p)
    return whiten(raw, y, num_classes)


def means_last(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    white, means, spreads = whiten(raw_targets(p, g), y, num_classes)
    return white, spreads, means


def divided_twice(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    white, means, spreads = whiten(raw_targets(p, g), y, num_classes)
    return white / spreads[y], means, spreads


def one_spread(p: Tensor, g: Tensor, y: Tensor, *, num_classes: int) -> Any:
    raw = raw_targets(p, g)
    _, means, spreads = whiten(raw, y, num_classes)
    if len(y):
        _, _, together = whiten(raw, torch.zeros_like(y), num_classes)
        spreads = together[:1].repeat(num_classes, 1)
    return (raw - means[y]) / spreads[y], means, spreads
